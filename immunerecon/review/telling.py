"""A gated tube in JSON-ready words: its tree, geometry, counts, and the ticks of its axes."""

import math
import re
from collections.abc import Mapping
from typing import Any

from immunerecon.cytometry.transforms import Scale
from immunerecon.figures.axes import display_ticks
from immunerecon.gating.gated_tube import GatedTube, PlacedGate
from immunerecon.gating.geometry.gate_kinds import BooleanGate
from immunerecon.gating.geometry.gates import Gate, PolygonGate, RectangleGate
from immunerecon.gating.pictures import shown_on
from immunerecon.gating.placed_gates import PlacedGates


def tell_gates(gated: GatedTube) -> list[dict[str, Any]]:
    """Return one entry a population, parents first.

    Parameters
    ----------
    gated
        The gated tube.

    Returns
    -------
    list of dict
        Name, parent, counts, source, confidence, the two dimensions that it is shown on, its
        geometry on the display scale (None for a complement) and the boundaries it stands on.
    """
    return [_tell_gate(placed, gated) for placed in gated.gates]


def _tell_gate(placed: PlacedGate, gated: GatedTube) -> dict[str, Any]:
    shown = gated.gate_of(placed.without) if placed.gate is None else placed
    x, y = tuple(gated.columns)[:2]
    if shown.gate is not None and shown.gate.dimensions:
        x, y = shown_on(shown.gate, gated.columns)
    return {
        "name": placed.population,
        "parent": placed.parent,
        "without": placed.without,
        "count": gated.count(placed.population),
        "parentCount": gated.count(placed.parent),
        "source": placed.source,
        "confidence": round(placed.confidence, 3),
        "x": x,
        "y": y,
        "gate": tell_geometry(placed.gate),
        "sides": [[side.boundary, side.positive] for side in placed.sides],
    }


def tell_geometry(gate: Gate | None) -> dict[str, Any] | None:
    """Return a gate's geometry as the page draws it, None where it looks at no dimension.

    Examples
    --------
    >>> from immunerecon.gating.geometry.gates import Range, RectangleGate
    >>> tell_geometry(RectangleGate({"CD3": Range(high=0.5)}))
    {'kind': 'rectangle', 'ranges': {'CD3': {'high': 0.5}}}
    """
    if gate is None or isinstance(gate, BooleanGate):
        return None
    if isinstance(gate, RectangleGate):
        return {"kind": "rectangle", "ranges": gate.parameters()}
    x, y = gate.dimensions[:2]
    corners = gate.vertices if isinstance(gate, PolygonGate) else gate.outline(x, y).tolist()
    return {"kind": "polygon", "dimensions": [x, y], "vertices": [list(c) for c in corners]}


def tell_boundaries(placed: PlacedGates) -> dict[str, dict[str, Any]]:
    """Return the boundaries that gates can stand on, with their place on the display."""
    return {
        name: {"marker": boundary.marker, "value": boundary.value, "source": boundary.source}
        for name, boundary in placed.boundaries.items()
        if math.isfinite(boundary.value)
    }


def tell_axes(scales: Mapping[str, Scale], dimensions: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ticks of each dimension: labelled ones with their place, and the others."""
    return {name: _tell_axis(scales[name]) for name in dimensions if name in scales}


def _tell_axis(scale: Scale) -> dict[str, Any]:
    major, minor = display_ticks(scale)
    return {
        "major": [[place, re.sub(r"[${}]", "", label)] for place, label in major.items()],
        "minor": minor,
    }
