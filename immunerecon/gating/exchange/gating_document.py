"""Gates of another program as one value: geometry, what it is drawn on, what was left out."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from immunerecon.errors import StrategyError
from immunerecon.gating.gated_tube import PlacedGate
from immunerecon.gating.geometry.dimensions import Dimension, Events, SpectrumMatrix
from immunerecon.gating.geometry.gate_kinds import BooleanGate, Reference

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class GatingDocument:
    """The gates of a Gating-ML file, or of one sample of a FlowJo workspace.

    Parameters
    ----------
    name
        Of the file, for messages.
    gates
        Parents, and what boolean gates speak of, first.
    dimensions
        What each dimension of the gates is.
    matrices
        Compensation matrices that dimensions name.
    flags
        What a person should look at.
    refused
        Why further gates were not taken over, by name.
    """

    name: str
    gates: tuple[PlacedGate, ...]
    dimensions: Mapping[str, Dimension]
    matrices: Mapping[str, SpectrumMatrix] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)

    def whole(self) -> "GatingDocument":
        """Return the document, if all of it was taken over.

        Raises
        ------
        StrategyError
            When a gate was refused; names each with its reason.
        """
        if self.refused:
            told = "; ".join(f"gate {name!r} {reason}" for name, reason in self.refused.items())
            raise StrategyError(f"{self.name}: {told}")
        return self


def gate_all_events(document: GatingDocument, events: Events) -> dict[str, Mask]:
    """Return which events of a tube each gate of a document holds, in full precision.

    Parameters
    ----------
    document
        Its gates, `dimensions` and `matrices`.
    events
        The tube, with the document's dimensions and matrices.

    Returns
    -------
    dict of ndarray of bool, shape (n_events,)
        By population, each within its parent.

    Raises
    ------
    MarkerError, CompensationError
        When the tube lacks a channel or matrix that a gate needs.

    Notes
    -----
    Edges as Gating-ML 2.0 has them: ``low <= x < high``, edges of polygons and ellipsoids inside,
    crossing polygons by winding.
    """
    found: dict[str, Mask] = {}
    for placed in document.gates:
        gate = placed.gate or BooleanGate("not", (Reference(placed.without),))
        if isinstance(gate, BooleanGate):
            inside = gate.combine(found)
        else:
            inside = gate.contains(events.columns(gate.dimensions))
        found[placed.population] = inside & found[placed.parent] if placed.parent else inside
    return found
