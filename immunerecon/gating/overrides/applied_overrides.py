"""Gates that a person moved, replaced or pinned: they win, and survive every further run.

A file of overrides is YAML, or JSON. Each entry says which gate, in which tubes, and who says so
when and why::

    schema_version: 1
    overrides:
      - action: replace
        file: fcs/P01/P01_day007_lineage.fcs
        population: NK
        gate: {kind: polygon, dimensions: [CD3, CD56], vertices: [[9, 900], [800, 900], [80, 9e4]]}
        who: AB
        when: 2026-11-25T10:00:00Z
        why: CD3-dim lot
      - action: move
        batch: lot 2
        panel: lineage
        threshold: CD56
        shift: {CD56: 0.05}
        who: AB
        when: 2026-11-25
        why: brighter conjugate

``action``
    ``replace`` puts another geometry in place of a gate, or another value in place of a threshold.
    ``pin`` says that a geometry is right as it is: it stays there whatever later tubes tell.
    ``move`` shifts it from where the data put it.
``file``, ``patient`` or ``batch``
    Which tubes: one of the three. ``file`` and ``patient`` as in samples.csv, ``batch`` as in the
    column of samples.csv or of the results. ``panel`` narrows patient and batch.
``population`` or ``threshold``
    The gate of one population; or one boundary of the strategy, with all gates that stand on it:
    whatever shape the data gave them, they become ranges between their boundaries.
``gate``
    ``{kind: polygon, dimensions: [CD3, CD56], vertices: [[x, y], ...]}`` or
    ``{kind: rectangle, ranges: {CD3: {high: 812}, CD56: {low: 1320.5}}}``, linear values after
    compensation, as the cytometer's own scale has them: display scales may change when tubes are
    added, these do not. A polygon's sides are straight on the display.
``value``
    Of a threshold, on the same scale.
``shift``
    By how much a gate or threshold moves along each dimension, as a part of the display (0-1).
``who``, ``when``, ``why``
    All three are needed, and stand in run.json, the audit trail and the report.

What is said of a file beats what is said of its patient, that beats its batch; a later entry beats
an earlier one. One entry is applied to a gate, never two: a shift is one from where the data put
the gate. A gate beats a threshold that it stands on.

Only what a person moved moves, and the counts below it follow: all other gates stay where the data
put them. A population that a model counted becomes a plain gate, and so do those within it.
The overrides of a run stay in force in its results folder until a file is given again, which then
says all; one with an empty list drops them. Gates of Gating-ML files and FlowJo workspaces become
entries by ``immunerecon import-gates``.

An entry that meets no tube, no population or no dimension stops the study before any work. One that
cannot be applied in a single tube, because the tube lacks a marker or the population was not gated
there, is told among the flags of that tube.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from immunerecon.gating.boundaries import Boundary
from immunerecon.gating.gated_tube import PlacedGate
from immunerecon.gating.geometry.exact_scale import exact_of
from immunerecon.gating.geometry.gate_kinds import EllipsoidGate
from immunerecon.gating.geometry.gates import Gate, PolygonGate, Range, RectangleGate
from immunerecon.gating.geometry.scale import Scale
from immunerecon.gating.overrides.override import SCOPES, Override
from immunerecon.gating.placed_gates import PlacedGates, between_boundaries


def overrides_for(
    overrides: Sequence[Override], *, file: str, patient: str, batch: str, panel: str
) -> tuple[Override, ...]:
    """Return the overrides that hold in one tube, one at the most for each gate and threshold.

    Parameters
    ----------
    overrides
        Of the study, in the order of their file.
    file, patient, batch, panel
        Of the tube.

    Returns
    -------
    tuple of Override
        Thresholds first, then populations, each by name.

    Examples
    --------
    >>> said = {"who": "AB", "when": "2026-11-25", "why": "lot", "threshold": "CD3"}
    >>> broad = Override("replace", **said, patient="P01", value=800.0)
    >>> narrow = Override("replace", **said, file="day7.fcs", value=900.0)
    >>> tube = {"file": "day7.fcs", "patient": "P01", "batch": "", "panel": "lineage"}
    >>> [override.value for override in overrides_for([narrow, broad], **tube)]
    [900.0]
    """
    own = {"file": file, "patient": patient, "batch": batch}
    held = [
        override
        for override in overrides
        if own[override.scope[0]] == override.scope[1] and override.panel in ("", panel)
    ]
    # Stable: of those with the same scope the last one stays.
    weakest_first = sorted(held, key=lambda override: -SCOPES.index(override.scope[0]))
    strongest = {(o.target_kind, o.target): o for o in weakest_first}
    return tuple(
        strongest[key] for key in sorted(strongest, key=lambda k: (k[0] != "threshold", k))
    )


def apply_overrides(
    placed: PlacedGates, overrides: Iterable[Override], scales: Mapping[str, Scale]
) -> PlacedGates:
    """Return the gates of one tube with those moved that a person moved.

    Parameters
    ----------
    placed
        Where data put the gates.
    overrides
        Those of the tube, as `overrides_for` returns them.
    scales
        Display scale of each dimension of the tube.

    Returns
    -------
    PlacedGates
        What could not be applied in this tube stands among its flags.
    """
    for override in overrides:
        fault = _obstacle(placed, override, scales)
        if fault:
            told = f"the override of {override.target} cannot be applied: {fault}"
            placed = replace(placed, flags=(*placed.flags, told))
        elif override.threshold:
            placed = _with_threshold(placed, override, scales)
        else:
            old = placed.gate_of(override.population).gate
            placed = placed.moved(override.population, _wanted(override, old, scales))
    return placed


def _obstacle(placed: PlacedGates, override: Override, scales: Mapping[str, Scale]) -> str:
    """Return why an override cannot be applied in this tube, empty where it can."""
    lacking = [name for name in override.dimensions if name not in scales]
    if lacking:
        return f"the tube has no {', '.join(lacking)}"
    if override.gate and not _is_shown(override.gate, scales):
        return "its geometry reaches beyond what the display scale can show"
    if override.threshold:
        return _threshold_obstacle(placed, override)
    gate = next((g for g in placed.gates if g.population == override.population), None)
    if gate is None:
        return placed.dropped.get(override.population, "the population is not gated in the tube")
    dimensions = gate.gate.dimensions if gate.gate else ()
    absent = [name for name in override.shift if name not in dimensions]
    return f"its gate does not look at {', '.join(absent)}" if absent else ""


def _is_shown(gate: RectangleGate | PolygonGate, scales: Mapping[str, Scale]) -> bool:
    """Return whether a geometry of linear values has a place on the display (a log scale ends)."""
    if isinstance(gate, RectangleGate):
        ends = [(b.low, name) for name, b in gate.ranges.items() if b.low > -math.inf]
        ends += [(b.high, name) for name, b in gate.ranges.items() if b.high < math.inf]
    else:
        ends = [
            pair for point in gate.vertices for pair in zip(point, gate.dimensions, strict=True)
        ]
    return all(math.isfinite(_display(value, scales[name])) for value, name in ends)


def _threshold_obstacle(placed: PlacedGates, override: Override) -> str:
    boundary = placed.boundaries.get(override.threshold)
    gates = _on(placed, override.threshold)
    if boundary is None or not gates:
        return "no gate of the tube stands on it"
    if override.shift and set(override.shift) != {boundary.marker}:
        return f"it lies along {boundary.marker}"
    missing = {s.boundary for gate in gates for s in gate.sides} - set(placed.boundaries)
    return f"no boundary {', '.join(sorted(missing))} was placed" if missing else ""


def _on(placed: PlacedGates, threshold: str) -> list[PlacedGate]:
    """Return the gates that stand on a threshold."""
    return [gate for gate in placed.gates if any(s.boundary == threshold for s in gate.sides)]


def _with_threshold(
    placed: PlacedGates, override: Override, scales: Mapping[str, Scale]
) -> PlacedGates:
    """Return the gates with one threshold moved, and all gates on it."""
    old = placed.boundaries[override.threshold]
    value = old.value + override.shift.get(old.marker, 0.0)
    if override.value is not None:
        value = float(_display(override.value, scales[old.marker]))
    new = Boundary(old.name, old.marker, value, "fixed", 1.0, "fixed")
    gates = _on(placed, override.threshold)
    placed = replace(placed, boundaries={**placed.boundaries, override.threshold: new})
    for gate in gates:
        placed = placed.moved(gate.population, between_boundaries(gate.sides, placed.boundaries))
    return placed


def _wanted(override: Override, old: Gate | None, scales: Mapping[str, Scale]) -> Gate:
    """Return the geometry that a person wants, on the display scale."""
    gate = override.gate
    if isinstance(gate, PolygonGate):
        x, y = (scales[name] for name in gate.dimensions)
        corners = tuple((float(_display(p, x)), float(_display(q, y))) for p, q in gate.vertices)
        return PolygonGate(gate.dimensions, corners)
    if gate is not None:
        return RectangleGate(
            {name: _shown(bounds, scales[name]) for name, bounds in gate.ranges.items()}
        )
    return _shifted(old, override.shift)


def _display(value: float, scale: Scale) -> np.float64:
    return np.float64(exact_of(scale).exact(value))


def _shown(bounds: Range, scale: Scale) -> Range:
    low, high = (
        float(_display(end, scale)) if math.isfinite(end) else end
        for end in (bounds.low, bounds.high)
    )
    return Range(low, high)


def _shifted(gate: Gate | None, shift: Mapping[str, float]) -> Gate:
    """Return a gate moved along some of its dimensions."""
    if isinstance(gate, RectangleGate):
        by = {name: shift.get(name, 0.0) for name in gate.ranges}
        return RectangleGate(
            {name: Range(b.low + by[name], b.high + by[name]) for name, b in gate.ranges.items()}
        )
    assert isinstance(gate, PolygonGate | EllipsoidGate)  # others look at no dimension
    steps = [shift.get(name, 0.0) for name in gate.dimensions]
    if isinstance(gate, PolygonGate):
        corners = tuple((x + steps[0], y + steps[1]) for x, y in gate.vertices)
        return PolygonGate(gate.dimensions, corners)
    mean = tuple(value + step for value, step in zip(gate.mean, steps, strict=True))
    return replace(gate, mean=mean)
