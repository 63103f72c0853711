"""The gating tree of one tube while it grows: boundaries, gates and members by population."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from immunerecon.gating.boundaries import Boundary, Evidence, place_boundary
from immunerecon.gating.gate_order import needs
from immunerecon.gating.gated_tube import Indices, PlacedGate
from immunerecon.gating.geometry.dimensions import Events
from immunerecon.gating.geometry.gates import Gate
from immunerecon.gating.geometry.scale import Scale
from immunerecon.gating.models.cell_types import cell_types
from immunerecon.gating.models.model_gates import ModelGate, gate_by_model, what_is_left
from immunerecon.gating.models.modelled import ModelledEvents, model_events
from immunerecon.gating.models.planes import gating_plane
from immunerecon.gating.placed_gates import between_boundaries, events_inside
from immunerecon.gating.placement import ALONE, Placement
from immunerecon.gating.shapes import bead_gate, singlet_gate
from immunerecon.gating.standard_errors import standard_error
from immunerecon.gating.strategy import BoundaryRule, PopulationRule, Selection, Signed, Strategy

Floats = NDArray[np.float32]

_ENOUGH_EVENTS = 100_000  # to place a boundary by; more would not move it
_ENOUGH_FOR_A_LINE = 25_000  # on which all single cells lie


@dataclass
class Tree:
    """The gating tree of one tube while it grows."""

    strategy: Strategy
    columns: Mapping[str, Floats]
    scales: Mapping[str, Scale]
    n_events: int
    members: dict[str, Indices]
    gates: dict[str, PlacedGate] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)
    boundaries: dict[str, Boundary | None] = field(default_factory=dict)
    placement: Placement = ALONE
    exact: Events | None = None
    model: ModelledEvents | None = None
    by_model: dict[str, ModelGate] = field(default_factory=dict)
    selected: dict[tuple[str, tuple[Signed, ...]], Indices] = field(default_factory=dict)

    def add(self, name: str, rule: PopulationRule) -> None:
        """Gate one population, or note why it is dropped."""
        parent = self.standing(rule.parent)
        if self.model is not None and self.model.kinds_in(name).any():
            self._add_modelled(self.model, name, parent)
            return
        placed = self._placed(name, rule, parent)
        if isinstance(placed, str):
            self.dropped[name] = placed
        else:
            self.gates[name] = placed
        if self.strategy.model is not None and name == self.strategy.model.within:
            events = self.events(self.standing(name))
            kinds = cell_types(self.strategy, self.columns)
            self.model = model_events(self.columns, events, self.placement, kinds)

    def _add_modelled(self, model: ModelledEvents, name: str, parent: str) -> None:
        """Gate a population where the model parts it from the rest of its parent."""
        rule = self.strategy.populations[name]
        inside = self.by_model[parent].inside if parent in self.by_model else None
        if rule.without in self.by_model:
            found = what_is_left(model, name, parent, self.by_model[rule.without], inside)
        else:
            plane = gating_plane(name, self.strategy, mixture=model.mixture, kinds=model.kinds)
            found = gate_by_model(model, name, parent, plane, self.columns, inside)
        if found.placed.source == "model" and found.placed.gate is not None:
            rows, inside = model.likeliest(self.columns, self.events(parent), name)
            found, self.members[name] = replace(found, inside=inside), rows
        sides = next((s for s in rule.gate if self._can(s)), ())
        self.gates[name] = replace(found.placed, sides=sides)
        self.by_model[name] = found

    def _can(self, sides: tuple[Signed, ...]) -> bool:
        return all(self.strategy.boundaries[s.boundary].marker in self.columns for s in sides)

    def counted(self) -> dict[str, Indices]:
        """Return the events of each population that the model counts event by event."""
        return {
            name: self.events(name) for name, gate in self.gates.items() if gate.source == "model"
        }

    def expected(self) -> dict[str, float]:
        """Return the expected number of events of each population that the model tells."""
        return {name: self.model.expected(name) for name in self.by_model} if self.model else {}

    def clarity(self) -> dict[str, float]:
        """Return how clearly the model tells each population from the rest of its parent."""
        if self.model is None:
            return {}
        parents = {name: self.gates[name].parent for name in self.by_model}
        return {
            name: self.model.clarity(name, parent if parent in self.by_model else "")
            for name, parent in parents.items()
        }

    def standing(self, population: str) -> str:
        """Return the population, or its nearest ancestor that was not dropped."""
        while population and population in self.dropped:
            population = self.strategy.populations[population].parent
        return population

    def events(self, population: str) -> Indices:
        """Return the row numbers of a population's events, found when they are first asked for."""
        if population not in self.members:
            gate = self.gates[population]
            for other in needs(gate):
                self.events(other)
            self.members[population] = events_inside(gate, self.columns, self.members, self.exact)
        return self.members[population]

    def _placed(self, name: str, rule: PopulationRule, parent: str) -> PlacedGate | str:
        if rule.without:
            if rule.without in self.dropped:
                return f"no {rule.without} to leave out"
            other = self.gates[rule.without]
            error = other.standard_error
            return PlacedGate(
                name, parent, None, rule.without, other.source, other.confidence, (), error
            )
        if rule.fixed is not None:
            return PlacedGate(name, parent, rule.fixed, "", "fixed", 1.0)
        if rule.beads or rule.singlets:
            return self._shaped(name, rule, parent)
        for sides in rule.gate:
            if self._can(sides):
                return self._bounded(name, parent, sides)
        markers = {self.strategy.boundaries[s.boundary].marker for s in rule.gate[-1]}
        return f"the panel has no {', '.join(sorted(markers - set(self.columns)))}"

    def _shaped(self, name: str, rule: PopulationRule, parent: str) -> PlacedGate | str:
        """Place a gate whose shape is its own: beads, singlets."""
        events = self.events(parent)
        found: tuple[Gate, float] | None = None
        if rule.beads is not None:
            values = dict(self.columns)
            if parent:
                values = {key: column[events] for key, column in values.items()}
            if set(rule.beads) <= set(values):
                found = bead_gate(values, rule.beads)
            reason = "no cluster of counting beads in the tube"
        else:
            pair = next((pair for pair in rule.singlets if set(pair) <= set(self.columns)), None)
            if pair:
                some = _spread(events, _ENOUGH_FOR_A_LINE)
                found = singlet_gate({key: self.columns[key].take(some) for key in pair}, pair)
            reason = "the tube has no area and height of one scatter signal"
        return reason if found is None else PlacedGate(name, parent, found[0], "", "data", found[1])

    def _bounded(self, name: str, parent: str, sides: tuple[Signed, ...]) -> PlacedGate | str:
        """Place a gate between boundaries."""
        used: dict[str, Boundary] = {}
        for side in sides:
            boundary = self.boundary(side.boundary)
            if boundary is None:
                return f"no events to place the boundary {side.boundary} by"
            used[side.boundary] = boundary
        gate = between_boundaries(sides, used)
        if any(bounds.low >= bounds.high for bounds in gate.ranges.values()):
            return f"nothing lies between the boundaries {' and '.join(used)}"
        sources = {boundary.source for boundary in used.values()}
        source = (
            sources.pop() if len(sources) == 1 else "borrowed" if "borrowed" in sources else "data"
        )
        confidence = min(boundary.confidence for boundary in used.values())
        error = max(boundary.standard_error for boundary in used.values())
        return PlacedGate(name, parent, gate, "", source, confidence, sides, error)

    def boundary(self, name: str) -> Boundary | None:
        """Return a boundary, placed when it is first asked for; None where nothing places it."""
        if name not in self.boundaries:
            self.boundaries[name] = self._find(name, self.strategy.boundaries[name])
        return self.boundaries[name]

    def _find(self, name: str, rule: BoundaryRule) -> Boundary | None:
        scale = self.scales[rule.marker]
        if rule.fixed is not None and name not in self.placement.boundaries:
            value = float(scale.apply(np.array([rule.fixed], dtype=np.float32))[0])
            return Boundary(name, rule.marker, value, "fixed", 1.0, "fixed", 0.0)
        limits = self._limits(rule)
        found = self.placement.boundaries.get(name) or self._by_data(name, rule, limits)
        if found is None or found.source == "fixed" or limits[0] < found.value < limits[1]:
            return found
        return replace(found, value=float(np.clip(found.value, *limits)), confidence=0.0)

    def _limits(self, rule: BoundaryRule) -> tuple[float, float]:
        """Return the boundaries of the same marker between which the events lie."""
        low, high = -math.inf, math.inf
        for side in rule.within.sides if rule.within else ():
            if self.strategy.boundaries[side.boundary].marker != rule.marker:
                continue
            other = self.boundary(side.boundary)
            if other is not None and side.positive:
                low = max(low, other.value)
            elif other is not None:
                high = min(high, other.value)
        return low, high

    def _by_data(
        self, name: str, rule: BoundaryRule, limits: tuple[float, float]
    ) -> Boundary | None:
        assert rule.within is not None  # the strategy file's check: found by data or fixed
        low, high = (
            self._values(selection, rule.marker) if selection else None
            for selection in (rule.low, rule.high)
        )
        window = _window(rule.fold, high if high is not None else low, self.scales[rule.marker])
        if math.isfinite(window[0]):
            window = (float(np.clip(window[0], *limits)), float(np.clip(window[1], *limits)))
        evidence = Evidence(
            values=self._values(rule.within, rule.marker),
            low=low,
            high=high,
            window=window,
            tallest=rule.tallest,
        )
        value, confidence, method = place_boundary(evidence)
        if math.isnan(value):
            return None
        error = standard_error(evidence, value, method)
        return Boundary(name, rule.marker, value, "data", confidence, method, error)

    def _values(self, selection: Selection, marker: str) -> Floats:
        return self.columns[marker].take(_spread(self.select(selection)))

    def select(self, selection: Selection) -> Indices:
        """Return the events of a selection; sides that the tube cannot tell are left out."""
        name = self.standing(selection.population)
        events = self.events(name)
        for number, side in enumerate(selection.sides, start=1):
            key = name, selection.sides[:number]  # many selections begin alike
            if key not in self.selected:
                self.selected[key] = self._on_side(events, side)
            events = self.selected[key]
        return events

    def _on_side(self, events: Indices, side: Signed) -> Indices:
        """Return the events on a side of a boundary, all of them where the tube cannot tell it."""
        marker = self.strategy.boundaries[side.boundary].marker
        boundary = self.boundary(side.boundary) if marker in self.columns else None
        if boundary is None:
            return events
        above = self.columns[marker].take(events) >= np.float32(boundary.value)
        return events.take(np.flatnonzero(above == side.positive))


def _spread(events: Indices, most: int = _ENOUGH_EVENTS) -> Indices:
    """Return at most so many of the events, evenly spread."""
    if events.size <= most:
        return events
    return events[np.linspace(0, events.size - 1, most).astype(np.intp)]


def grow_tree(
    columns: Mapping[str, Floats],
    strategy: Strategy,
    *,
    scales: Mapping[str, Scale],
    placement: Placement = ALONE,
    exact: Events | None = None,
) -> Tree:
    """Gate every population of a strategy on a tube's display values."""
    n_events = len(next(iter(columns.values())))
    everything = {"": np.arange(n_events)}
    tree = Tree(strategy, columns, scales, n_events, everything, placement=placement, exact=exact)
    for name, rule in strategy.populations.items():
        tree.add(name, rule)
    # Boundaries that the model made needless are placed too: a person may move a gate to them.
    for placed in tree.gates.values():
        for side in placed.sides:
            tree.boundary(side.boundary)
    return tree


def _window(
    fold: tuple[float, float] | None, reference: Floats | None, scale: Scale
) -> tuple[float, float]:
    """Return the display bounds that a fold of the reference's median spans."""
    if fold is None or reference is None or reference.size == 0:
        return -math.inf, math.inf
    median = float(scale.inverse(np.array([np.median(reference)], dtype=np.float32))[0])
    low, high = scale.apply(np.array([fold[0] * median, fold[1] * median], dtype=np.float32))
    return (float(low), float(high)) if low < high else (-math.inf, math.inf)
