"""Run a strategy on one tube: place each boundary, gate each population on its parent."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from immunerecon.cytometry.tube import Tube
from immunerecon.errors import MarkerError
from immunerecon.gating.boundaries import Boundary, Evidence, place_boundary
from immunerecon.gating.gated_tube import GatedTube, Indices, PlacedGate
from immunerecon.gating.gates import Gate, Range, RectangleGate
from immunerecon.gating.shapes import bead_gate, singlet_gate
from immunerecon.gating.strategy import BoundaryRule, PopulationRule, Selection, Signed, Strategy

Floats = NDArray[np.float32]
LOW_CONFIDENCE = 0.5


class Scale(Protocol):
    """A display scale: linear instrument values to 0-1 and back."""

    def apply(self, values: Floats) -> Floats:
        """Return display values."""

    def inverse(self, display: Floats) -> Floats:
        """Return linear values."""


def gate_tube(
    tube: Tube, strategy: Strategy, *, markers: Mapping[str, str], scales: Mapping[str, Scale]
) -> GatedTube:
    """Gate one tube.

    Parameters
    ----------
    tube
        Clean, compensated events.
    strategy
        What to gate and how boundaries are found.
    markers
        The channel (``$PnN``) of each marker that the tube has.
    scales
        The display scale of each of these markers.

    Returns
    -------
    GatedTube

    Raises
    ------
    MarkerError
        When a marker that the strategy requires is not in the tube.
    """
    missing = [marker for marker in strategy.required if marker not in markers]
    if missing:
        raise MarkerError(
            f"strategy {strategy.name!r} needs {', '.join(missing)}, which the tube does not have",
            remedy=f"It has {', '.join(markers) or 'no known marker'}; name the channel under "
            "panels: markers in study.yaml if its label is wrong",
        )
    columns = {
        marker: scales[marker].apply(tube.values(markers[marker]))
        for marker in strategy.markers()
        if marker in markers
    }
    tree = _Tree(strategy, columns, scales, tube.n_events)
    for name, rule in strategy.populations.items():
        tree.add(name, rule)
    return GatedTube(
        n_events=tube.n_events,
        columns=columns,
        members=tree.members,
        gates=tuple(tree.gates.values()),
        dropped=tree.dropped,
        flags=_low_confidence(tree.gates),
    )


def _low_confidence(gates: Mapping[str, PlacedGate]) -> tuple[str, ...]:
    doubtful = [name for name, gate in gates.items() if gate.confidence < LOW_CONFIDENCE]
    return (f"low confidence in the gates of {', '.join(doubtful)}",) if doubtful else ()


@dataclass
class _Tree:
    """The gating tree of one tube while it grows."""

    strategy: Strategy
    columns: Mapping[str, Floats]
    scales: Mapping[str, Scale]
    n_events: int
    members: dict[str, Indices] = field(default_factory=dict)
    gates: dict[str, PlacedGate] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)
    boundaries: dict[str, Boundary | None] = field(default_factory=dict)

    def add(self, name: str, rule: PopulationRule) -> None:
        """Gate one population, or note why it is dropped."""
        parent = self.standing(rule.parent)
        placed = self._placed(name, rule, parent)
        if isinstance(placed, str):
            self.dropped[name] = placed
            return
        self.gates[name] = placed
        events = self.events(parent)
        if placed.gate is None:
            self.members[name] = np.setdiff1d(events, self.members[placed.without], True)
            return
        columns = {key: self.columns[key][events] for key in placed.gate.dimensions}
        self.members[name] = events[placed.gate.contains(columns)]

    def standing(self, population: str) -> str:
        """Return the population, or its nearest ancestor that was not dropped."""
        while population and population in self.dropped:
            population = self.strategy.populations[population].parent
        return population

    def events(self, population: str) -> Indices:
        """Return the row numbers of a population's events."""
        return self.members[population] if population else np.arange(self.n_events)

    def _placed(self, name: str, rule: PopulationRule, parent: str) -> PlacedGate | str:
        if rule.without:
            if rule.without in self.dropped:
                return f"no {rule.without} to leave out"
            other = self.gates[rule.without]
            return PlacedGate(name, parent, None, rule.without, other.source, other.confidence)
        if rule.beads or rule.singlets:
            return self._shaped(name, rule, parent)
        for sides in rule.gate:
            if all(self.strategy.boundaries[s.boundary].marker in self.columns for s in sides):
                return self._bounded(name, parent, sides)
        markers = {self.strategy.boundaries[s.boundary].marker for s in rule.gate[-1]}
        return f"the panel has no {', '.join(sorted(markers - set(self.columns)))}"

    def _shaped(self, name: str, rule: PopulationRule, parent: str) -> PlacedGate | str:
        """Place a gate whose shape is its own: beads, singlets."""
        events = self.events(parent)
        values = {key: column[events] for key, column in self.columns.items()}
        found: tuple[Gate, float] | None
        if rule.beads is not None:
            found = bead_gate(values, rule.beads) if set(rule.beads) <= set(values) else None
            reason = "no cluster of counting beads in the tube"
        else:
            pair = next((pair for pair in rule.singlets if set(pair) <= set(values)), None)
            found = singlet_gate(values, pair) if pair else None
            reason = "the tube has no area and height of one scatter signal"
        return reason if found is None else PlacedGate(name, parent, found[0], "", "data", found[1])

    def _bounded(self, name: str, parent: str, sides: tuple[Signed, ...]) -> PlacedGate | str:
        """Place a gate between boundaries."""
        ranges: dict[str, Range] = {}
        used: list[Boundary] = []
        for side in sides:
            boundary = self.boundary(side.boundary)
            if boundary is None:
                return f"no events to place the boundary {side.boundary} by"
            used.append(boundary)
            bounds = ranges.get(boundary.marker, Range())
            ranges[boundary.marker] = (
                Range(max(bounds.low, boundary.value), bounds.high)
                if side.positive
                else Range(bounds.low, min(bounds.high, boundary.value))
            )
        source = "fixed" if all(b.source == "fixed" for b in used) else "data"
        confidence = min(boundary.confidence for boundary in used)
        return PlacedGate(name, parent, RectangleGate(ranges), "", source, confidence)

    def boundary(self, name: str) -> Boundary | None:
        """Return a boundary, placed when it is first asked for; None where nothing places it."""
        if name not in self.boundaries:
            self.boundaries[name] = self._find(name, self.strategy.boundaries[name])
        return self.boundaries[name]

    def _find(self, name: str, rule: BoundaryRule) -> Boundary | None:
        scale = self.scales[rule.marker]
        if rule.fixed is not None:
            value = float(scale.apply(np.array([rule.fixed], dtype=np.float32))[0])
            return Boundary(name, rule.marker, value, "fixed", 1.0, "fixed")
        assert rule.within is not None  # the strategy file's check: found by data or fixed
        low, high = (
            self._values(selection, rule.marker) if selection else None
            for selection in (rule.low, rule.high)
        )
        evidence = Evidence(
            values=self._values(rule.within, rule.marker),
            low=low,
            high=high,
            window=_window(rule.fold, high if high is not None else low, scale),
            tallest=rule.tallest,
        )
        value, confidence, method = place_boundary(evidence)
        if math.isnan(value):
            return None
        return Boundary(name, rule.marker, value, "data", confidence, method)

    def _values(self, selection: Selection, marker: str) -> Floats:
        events = self.events(self.standing(selection.population))
        for side in selection.sides:
            other = self.strategy.boundaries[side.boundary].marker
            boundary = self.boundary(side.boundary) if other in self.columns else None
            if boundary is not None:
                above = self.columns[other][events] >= np.float32(boundary.value)
                events = events[above == side.positive]
        return self.columns[marker][events]


def _window(
    fold: tuple[float, float] | None, reference: Floats | None, scale: Scale
) -> tuple[float, float]:
    """Return the display bounds that a fold of the reference's median spans."""
    if fold is None or reference is None or reference.size == 0:
        return -math.inf, math.inf
    median = float(scale.inverse(np.array([np.median(reference)], dtype=np.float32))[0])
    low, high = scale.apply(np.array([fold[0] * median, fold[1] * median], dtype=np.float32))
    return (float(low), float(high)) if low < high else (-math.inf, math.inf)
