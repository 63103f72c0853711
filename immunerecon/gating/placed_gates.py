"""The gates of one tube before they are applied: where data put them, what a person may move."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from immunerecon.errors import StrategyError
from immunerecon.gating.boundaries import Boundary
from immunerecon.gating.gate_order import needs
from immunerecon.gating.gated_tube import GatedTube, Indices, PlacedGate
from immunerecon.gating.geometry.dimensions import Events
from immunerecon.gating.geometry.edges import inside_and_near_edge
from immunerecon.gating.geometry.gate_kinds import BooleanGate
from immunerecon.gating.geometry.gates import Gate, Range, RectangleGate
from immunerecon.gating.strategy import Signed

Columns = Mapping[str, NDArray[np.float32]]
Picked = dict[tuple[str, str], NDArray[np.float32]]

LOW_CONFIDENCE = 0.5


@dataclass(frozen=True)
class PlacedGates:
    """Where the gates of one tube lie.

    Parameters
    ----------
    gates
        One for each population that could be gated, parents first.
    boundaries
        Those that the tube's data or its neighbours placed, by name.
    counted
        Row numbers of the events of each population that the model counts event by event, and no
        gate does.
    found
        Row numbers of the events of gates that had to be applied before others could be placed.
    expected, clarity, dropped
        As in `GatedTube`.
    flags
        What a person should look at, whatever becomes of the gates.
    """

    gates: tuple[PlacedGate, ...]
    boundaries: Mapping[str, Boundary] = field(default_factory=dict)
    counted: Mapping[str, Indices] = field(default_factory=dict)
    found: Mapping[str, Indices] = field(default_factory=dict)
    expected: Mapping[str, float] = field(default_factory=dict)
    clarity: Mapping[str, float] = field(default_factory=dict)
    dropped: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()

    def gate_of(self, population: str) -> PlacedGate:
        """Return a population's gate.

        Raises
        ------
        StrategyError
            When no such population was gated.
        """
        for placed in self.gates:
            if placed.population == population:
                return placed
        known = ", ".join(placed.population for placed in self.gates)
        raise StrategyError(f"{population!r} is not gated in this tube; gated are {known}")

    def moved(self, population: str, gate: Gate) -> "PlacedGates":
        """Return the gates with one of them where a person wants it.

        Parameters
        ----------
        population
            Whose gate.
        gate
            The new geometry on the display scale.

        Returns
        -------
        PlacedGates
            The gate's source is ``override``, its confidence 1. The population and all that lies
            in it are counted by gates alone (an outline of the model becomes a ``borrowed`` gate);
            all other gates stay where they are.

        Raises
        ------
        StrategyError
            When no such population was gated.
        """
        old = self.gate_of(population)
        new = replace(
            old, gate=gate, without="", source="override", confidence=1.0, standard_error=0.0
        )
        below = self.below(population)
        released = below & self.counted.keys()
        gates = (
            new
            if placed is old
            else replace(placed, source="borrowed")
            if placed.population in released
            else placed
            for placed in self.gates
        )
        counted, found = (
            {name: rows for name, rows in known.items() if name not in below}
            for known in (self.counted, self.found)
        )
        return replace(self, gates=tuple(gates), counted=counted, found=found)

    def below(self, population: str) -> frozenset[str]:
        """Return a population and all populations that lie in it, or are what is left of it."""
        found = {population}
        for placed in self.gates:
            if placed.parent in found or placed.without in found:
                found.add(placed.population)
        return frozenset(found)


def apply_gates(placed: PlacedGates, columns: Columns, exact: Events | None = None) -> GatedTube:
    """Find the events of every population, by geometry alone.

    Parameters
    ----------
    placed
        Where the gates lie.
    columns
        Display values of each dimension (float32, shape (n_events,)), at least one.
    exact
        The same events in full precision, for those so near to an edge that single precision
        cannot place them; without it they may be counted on its other side.

    Returns
    -------
    GatedTube

    Examples
    --------
    >>> from immunerecon.gating.geometry.gates import Range, RectangleGate
    >>> gates = (
    ...     PlacedGate("T", "", RectangleGate({"CD3": Range(low=0.5)})),
    ...     PlacedGate("others", "", None, without="T"),
    ... )
    >>> gated = apply_gates(PlacedGates(gates), {"CD3": np.float32([0.2, 0.7, 0.6])})
    >>> gated.members["T"].tolist(), gated.members["others"].tolist()
    ([1, 2], [0])
    """
    n_events = len(next(iter(columns.values())))
    members: dict[str, Indices] = {"": np.arange(n_events)}
    known = {**placed.found, **placed.counted}
    picked: Picked = {}
    for gate in placed.gates:
        name = gate.population
        if name in known:
            members[name] = known[name]
        else:
            members[name] = events_inside(gate, columns, members, exact, picked)
    nested = _by_geometry(placed, columns, members, exact)
    del members[""]
    return GatedTube(
        n_events=n_events,
        columns=columns,
        members=members,
        gates=placed.gates,
        dropped=placed.dropped,
        flags=(*_low_confidence(placed.gates), *placed.flags),
        expected=placed.expected,
        clarity=placed.clarity,
        gate_counts={gate.population: nested[gate.population].size for gate in placed.gates},
    )


def _by_geometry(
    placed: PlacedGates,
    columns: Columns,
    members: Mapping[str, Indices],
    exact: Events | None,
) -> Mapping[str, Indices]:
    """Return the members that the gates' geometry finds, whatever a model counts."""
    if not placed.counted:
        return dict(members)
    found: dict[str, Indices] = {"": members[""]}
    for gate in placed.gates:
        name = gate.population
        same = all(found[other] is members[other] for other in needs(gate))
        if same and name not in placed.counted:
            found[name] = members[name]
        else:
            found[name] = events_inside(gate, columns, found, exact)
    return found


def events_inside(
    placed: PlacedGate,
    columns: Columns,
    members: Mapping[str, Indices],
    exact: Events | None = None,
    picked: Picked | None = None,
) -> Indices:
    """Return the row numbers of the parent's events inside a gate.

    Parameters
    ----------
    placed
        The gate.
    columns
        Display values of each dimension, shape (n_events,).
    members
        Row numbers of the events of all populations before it, and of all events under "".
    exact
        As in `apply_gates`.
    picked
        Values of a parent's events in a dimension that were picked out before; more are added.
    """
    events = members[placed.parent]
    if placed.gate is None:
        return np.setdiff1d(events, members[placed.without], assume_unique=True)
    if isinstance(placed.gate, BooleanGate):
        return events[placed.gate.select(members, len(members[""]))[events]]
    values = {name: columns[name] for name in placed.gate.dimensions}
    if len(events) < len(members[""]):  # else nothing to pick out
        picked = {} if picked is None else picked
        for name, column in values.items():
            if (place := (placed.parent, name)) not in picked:
                picked[place] = column.take(events)
            values[name] = picked[place]
    if exact is None:
        return events.take(np.flatnonzero(placed.gate.contains(values)))
    inside, near = inside_and_near_edge(placed.gate, values, exact.margins)
    inside[near] = placed.gate.contains(exact.columns(placed.gate.dimensions, events[near]))
    return events.take(np.flatnonzero(inside))  # six times as fast as events[inside]


def between_boundaries(
    sides: Sequence[Signed], boundaries: Mapping[str, Boundary]
) -> RectangleGate:
    """Return the gate between boundaries.

    Parameters
    ----------
    sides
        Which side of which boundary.
    boundaries
        By name; all that `sides` names.

    Examples
    --------
    >>> from immunerecon.gating.strategy import parse_sides
    >>> found = {"CD3": Boundary("CD3", "CD3", 0.5), "CD56": Boundary("CD56", "CD56", 0.4)}
    >>> between_boundaries(parse_sides("CD3- CD56+"), found).parameters()
    {'CD3': {'high': 0.5}, 'CD56': {'low': 0.4}}
    """
    ranges: dict[str, Range] = {}
    for side in sides:
        boundary = boundaries[side.boundary]
        bounds = ranges.get(boundary.marker, Range())
        ranges[boundary.marker] = (
            Range(max(bounds.low, boundary.value), bounds.high)
            if side.positive
            else Range(bounds.low, min(bounds.high, boundary.value))
        )
    return RectangleGate(ranges)


def _low_confidence(gates: tuple[PlacedGate, ...]) -> tuple[str, ...]:
    doubtful = [gate.population for gate in gates if gate.confidence < LOW_CONFIDENCE]
    return (f"low confidence in the gates of {', '.join(doubtful)}",) if doubtful else ()
