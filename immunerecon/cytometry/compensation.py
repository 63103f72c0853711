"""Compensation: events as the dyes gave them, without each other's light."""

from dataclasses import replace

import numpy as np

from immunerecon.cytometry.single_stains import spillover_from_controls
from immunerecon.cytometry.spillover import Spillover, read_spillover, spillover_from_keyword
from immunerecon.cytometry.tube import Tube
from immunerecon.errors import CompensationError

__all__ = [
    "UNCOMPENSATED",
    "Spillover",
    "compensate",
    "read_spillover",
    "spillover_from_controls",
    "spillover_from_keyword",
]

UNCOMPENSATED = "uncompensated"


def compensate(tube: Tube, spillover: Spillover | None) -> Tube:
    """Return the tube compensated, or flagged as uncompensated where there is no matrix.

    Parameters
    ----------
    tube
        Uncompensated events.
    spillover
        The matrix; None where the study has none for this tube.

    Returns
    -------
    Tube
        The channels of the matrix compensated, the others as they are.

    Raises
    ------
    CompensationError
        When the tube is compensated already (or has channels called ``Comp-...``), or lacks a
        channel of the matrix.

    Notes
    -----
    Detectors see ``events = dyes @ matrix``, so the dyes are ``events @ inverse(matrix)``.

    References
    ----------
    Bagwell & Adams 1993, Ann N Y Acad Sci 677:167, doi:10.1111/j.1749-6632.1993.tb38775.x.

    Examples
    --------
    >>> import numpy as np
    >>> from immunerecon.cytometry.tube import Channel, Tube
    >>> channels = (Channel("FITC-A", "CD3", 1e5), Channel("PE-A", "CD56", 1e5))
    >>> tube = Tube(np.array([[100, 70]], "f4"), channels)
    >>> matrix = np.array([[1, 0.2], [0, 1]])
    >>> compensate(tube, Spillover(("FITC-A", "PE-A"), matrix, "controls")).events
    array([[100.,  50.]], dtype=float32)
    """
    if spillover is None:
        return tube.flagged(UNCOMPENSATED)
    _refuse_double(tube)
    names = [channel.name for channel in tube.channels]
    unknown = [name for name in spillover.channels if name not in names]
    if unknown:
        raise CompensationError(
            f"the spillover matrix ({spillover.source}) names {', '.join(unknown)}, which the "
            f"tube does not have",
            remedy=f"It has {', '.join(names)}",
        )
    positions = [names.index(name) for name in spillover.channels]
    # The identity for all other channels lets one product do, each channel staying contiguous.
    unmixing = np.eye(len(names), dtype=np.float32)
    unmixing[np.ix_(positions, positions)] = np.linalg.inv(spillover.matrix)
    dyes = tube.with_events(unmixing.T @ tube.events.T)
    return replace(dyes, compensation=spillover.source)


def _refuse_double(tube: Tube) -> None:
    """Refuse a tube that was compensated before."""
    before = [c.name for c in tube.channels if c.name.lower().startswith("comp-")]
    if tube.compensation or before:
        found = f"by {tube.compensation}" if tube.compensation else f"(channel {before[0]})"
        raise CompensationError(
            f"the tube is compensated already {found}",
            remedy="Export the events uncompensated, or without the spillover keyword",
        )
