"""A strategy of gates that stand in a file: nothing is searched, every tube gets the same gates."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import replace

from immunerecon.gating.exchange.gating_document import GatingDocument
from immunerecon.gating.gated_tube import PlacedGate
from immunerecon.gating.geometry.dimensions import Dimension
from immunerecon.gating.geometry.exact_scale import ExactScale
from immunerecon.gating.geometry.gate_kinds import EllipsoidGate
from immunerecon.gating.geometry.gates import Gate, PolygonGate, RectangleGate
from immunerecon.gating.geometry.rescaled_gates import rescaled
from immunerecon.gating.strategy import PopulationRule, Strategy


def fixed_strategy(document: GatingDocument) -> Strategy:
    """Return the strategy that gives every tube the gates of a document.

    Parameters
    ----------
    document
        All of whose gates could be taken over.

    Returns
    -------
    Strategy
        Each population with its `fixed` gate; `dimensions` and `matrices` say what the gates are
        drawn on. Linear dimensions are divided by a power of two, so that they fit on a display
        and lose no bit. The version is a digest of the gates.

    Raises
    ------
    StrategyError
        When the document has gates that could not be taken over.
    """
    document = document.whole()
    tops = {
        name: _top(name, document.gates)
        for name, dimension in document.dimensions.items()
        if dimension.scale is None
    }
    populations = {
        gate.population: PopulationRule(
            parent=gate.parent,
            without=gate.without,
            fixed=None if gate.gate is None else rescaled(gate.gate, tops),
        )
        for gate in document.gates
    }
    told = repr(
        (populations, sorted(document.dimensions.items()), sorted(document.matrices.items()))
    )
    return Strategy(
        name=document.name,
        version=f"sha256:{hashlib.sha256(told.encode()).hexdigest()[:16]}",
        title=f"The gates of {document.name}",
        boundaries={},
        populations=populations,
        dimensions=_shown(document.dimensions, tops),
        matrices=dict(document.matrices),
        remarks=document.flags,
    )


def _shown(dimensions: Mapping[str, Dimension], tops: Mapping[str, float]) -> dict[str, Dimension]:
    """Return dimensions that all have a display scale."""
    return {
        name: dimension
        if dimension.scale is not None
        else replace(dimension, scale=ExactScale("flin", tops[name]))
        for name, dimension in dimensions.items()
    }


def _top(name: str, gates: tuple[PlacedGate, ...]) -> float:
    """Return a power of two that is well above all that gates say of a dimension."""
    largest = max((_reach(g.gate, name) for g in gates if g.gate), default=0.0)
    return 2.0 ** math.ceil(math.log2(1.25 * largest)) if largest > 0 else 1.0


def _reach(gate: Gate, name: str) -> float:
    """Return the largest absolute value that a gate names on a dimension."""
    if name not in gate.dimensions:
        return 0.0
    at = gate.dimensions.index(name)
    if isinstance(gate, RectangleGate):
        ends = (gate.ranges[name].low, gate.ranges[name].high)
        return max((abs(end) for end in ends if math.isfinite(end)), default=0.0)
    if isinstance(gate, PolygonGate):
        return max(abs(point[at]) for point in gate.vertices)
    assert isinstance(gate, EllipsoidGate)  # boolean gates have no dimension
    return abs(gate.mean[at]) + math.sqrt(abs(gate.covariance[at][at] * gate.distance_square))
