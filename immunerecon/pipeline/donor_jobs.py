"""One estimate of donor cells: which tubes it is made from, and how it is made in a worker."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from immunerecon.enumeration.donor import estimate_against, fit_donor_parts
from immunerecon.enumeration.donor_given import Given, hold_controls
from immunerecon.enumeration.donor_results import DonorSettings, FittedParts
from immunerecon.errors import EstimationError
from immunerecon.pipeline.records import Record, read_arrays

Floats = NDArray[np.float32]

_KEPT = 4  # sets of control tubes: those of a patient's populations


@dataclass(frozen=True)
class MarkerValues:
    """Display values of markers on one population of a tube, read where they are needed.

    Parameters
    ----------
    digests
        Of the values of each marker; they tell whether two are the same.
    names
        Of the arrays of the tube's record.
    arrays
        Those of the record.
    """

    digests: tuple[str, ...]
    names: tuple[str, ...] = field(compare=False)
    arrays: Mapping[str, NDArray[Any]] = field(compare=False, repr=False)

    def load(self) -> Floats:
        """Return the values, shape (events,) of one marker, (events, markers) of several."""
        columns = read_arrays(self.arrays, self.names)
        return columns[0] if len(columns) == 1 else np.column_stack(columns)


@dataclass(frozen=True)
class Controls:
    """What an estimate is held against; all draws of a patient share one.

    Parameters
    ----------
    recipient, donor
        Of a tube each.
    blanks
        The same of other recipients who share the recipient's side of the markers.
    """

    recipient: tuple[MarkerValues, ...]
    donor: tuple[MarkerValues, ...]
    blanks: tuple[MarkerValues, ...]


@dataclass(frozen=True)
class DonorJob:
    """One estimate to make.

    Parameters
    ----------
    index
        Position among the estimates of the study.
    draw
        Values of the marker, or of several, on the population.
    controls
        What it is held against.
    donor_positive
        For each marker, whether donor cells are the brighter ones.
    seed
        Of the study.
    is_control
        Whether only the distribution is wanted, to be shown beside the draws.
    """

    index: int
    draw: MarkerValues
    controls: Controls
    donor_positive: tuple[bool, ...]
    seed: int = 0
    is_control: bool = False

    def inputs(self) -> list[object]:
        """Return what the estimate depends on, JSON-ready; its position plays no part."""
        groups = (self.controls.recipient, self.controls.donor, self.controls.blanks)
        held = [[values.digests for values in group] for group in groups]
        return [self.draw.digests, held, self.donor_positive, self.seed, self.is_control]


def estimate_to_record(job: DonorJob) -> Record:
    """Estimate donor cells and keep numbers and fitted parts; only these of a control."""
    try:
        given = _held(job.controls, job.donor_positive, job.seed)
        values = job.draw.load()
        if job.is_control:
            return Record({}, _arrays(fit_donor_parts(given, values)))
        estimate = estimate_against(given, values)
    except EstimationError as error:
        return Record({"call": "not_evaluable", "reason": str(error), "flags": []})
    facts: dict[str, Any] = {
        one.name: getattr(estimate, one.name) for one in fields(estimate) if one.name != "parts"
    }
    return Record({**facts, "flags": list(estimate.flags)}, _arrays(estimate.parts))


@lru_cache(maxsize=_KEPT)
def _held(controls: Controls, donor_positive: tuple[bool, ...], seed: int) -> Given:
    """Return what all draws with these control tubes are held against."""
    groups = (controls.recipient, controls.donor, controls.blanks)
    recipient, donor, blanks = ([values.load() for values in group] for group in groups)
    return hold_controls(
        recipient=recipient,
        donor=donor,
        blanks=blanks,
        donor_positive=donor_positive,
        settings=DonorSettings(seed=seed),
    )


def _arrays(parts: FittedParts | None) -> Mapping[str, NDArray[Any]]:
    return {} if parts is None else asdict(parts)
