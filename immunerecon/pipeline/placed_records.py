"""Where the data put a tube's gates, as a record keeps it: a review starts from there."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from immunerecon.gating.boundaries import Boundary
from immunerecon.gating.gated_tube import PlacedGate
from immunerecon.gating.geometry.gate_kinds import BooleanGate, EllipsoidGate, Reference
from immunerecon.gating.geometry.gates import Gate, PolygonGate, Range, RectangleGate
from immunerecon.gating.placed_gates import PlacedGates
from immunerecon.gating.strategy import Signed
from immunerecon.pipeline.records import Record

_COUNTED = "counted "


def placed_facts(placed: PlacedGates) -> dict[str, Any]:
    """Return placed gates as JSON-ready values, without the events that the model counts."""
    return {
        "gates": [
            {**gate_facts(gate), "sides": [[s.boundary, s.positive] for s in gate.sides]}
            for gate in placed.gates
        ],
        "boundaries": [asdict(boundary) for boundary in placed.boundaries.values()],
        "expected": dict(placed.expected),
        "clarity": dict(placed.clarity),
        "dropped": dict(placed.dropped),
        "flags": list(placed.flags),
    }


def counted_arrays(placed: PlacedGates, n_events: int) -> dict[str, NDArray[np.uint8]]:
    """Return which of a tube's events the model counts as each population, a bit an event."""
    arrays: dict[str, NDArray[np.uint8]] = {}
    for population, rows in placed.counted.items():
        inside = np.zeros(n_events, dtype=np.bool_)
        inside[rows] = True
        arrays[_COUNTED + population] = np.packbits(inside)
    return arrays


def placed_from(record: Record) -> PlacedGates:
    """Return the placed gates that a gated tube's record keeps."""
    facts, n_events = record.facts["placed"], record.facts["n_events_clean"]
    return PlacedGates(
        gates=tuple(_placed_gate(values) for values in facts["gates"]),
        boundaries={values["name"]: Boundary(**values) for values in facts["boundaries"]},
        counted={
            name.removeprefix(_COUNTED): np.flatnonzero(np.unpackbits(bits, count=n_events))
            for name, bits in record.arrays.items()
            if name.startswith(_COUNTED)
        },
        expected=facts["expected"],
        clarity=facts["clarity"],
        dropped=facts["dropped"],
        flags=tuple(facts["flags"]),
    )


def gate_facts(placed: PlacedGate) -> dict[str, Any]:
    """Return a gate as the `gates` table tells it."""
    gate = placed.gate
    x, y = (*(gate.dimensions if gate else ()), "", "")[:2]
    return {
        "population": placed.population,
        "parent": placed.parent,
        "dimension_x": x,
        "dimension_y": y,
        "kind": gate.kind if gate else "complement",
        "parameters": gate.parameters() if gate else {"without": placed.without},
        "source": placed.source,
        "confidence": placed.confidence,
        "standard_error": placed.standard_error,
    }


def gate_from(facts: Mapping[str, Any]) -> Gate | None:
    """Return the geometry that `gate_facts` tells, None for a complement."""
    parameters = facts["parameters"]
    if facts["kind"] == "complement":
        return None
    if facts["kind"] == "boolean":
        references = tuple(Reference(*reference) for reference in parameters["references"])
        return BooleanGate(parameters["operation"], references)
    if facts["kind"] == "ellipsoid":
        rows = tuple(tuple(row) for row in parameters["covariance"])
        axes, mean = tuple(parameters["dimensions"]), tuple(parameters["mean"])
        return EllipsoidGate(axes, mean, rows, parameters["distance_square"])
    if facts["kind"] == "polygon":
        corners = tuple((x, y) for x, y in parameters["vertices"])
        return PolygonGate((facts["dimension_x"], facts["dimension_y"]), corners)
    return RectangleGate({name: Range(**bounds) for name, bounds in parameters.items()})


def _placed_gate(facts: Mapping[str, Any]) -> PlacedGate:
    return PlacedGate(
        population=facts["population"],
        parent=facts["parent"],
        gate=gate_from(facts),
        without=facts["parameters"].get("without", "") if facts["kind"] == "complement" else "",
        source=facts["source"],
        confidence=facts["confidence"],
        sides=tuple(Signed(boundary, positive) for boundary, positive in facts["sides"]),
        standard_error=facts["standard_error"],
    )
