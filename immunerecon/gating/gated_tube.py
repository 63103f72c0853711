"""A tube with its populations: which events lie in each, by which gate, placed by what."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from immunerecon.gating.geometry.gates import Gate
from immunerecon.gating.strategy import Signed

if TYPE_CHECKING:
    import pandas as pd

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class PlacedGate:
    """One population's gate in one tube.

    Parameters
    ----------
    population, parent
        Names; `parent` is empty for all clean events.
    gate
        The geometry on the display scale, or None where `without` says it.
    without
        The population of the parent whose complement this is.
    source
        ``data`` where the tube's own events place it, alone or with the shapes that all tubes of a
        group share; ``borrowed`` where other tubes tell most of its place; ``fixed``;
        ``override``; ``model`` where no gate in two dimensions holds what the model of all tubes
        counts: the model counts, and the gate is its outline.
    confidence
        0-1, the lowest of the boundaries that the gate stands on, or how well the model's kinds
        of cells are placed.
    sides
        The sides of boundaries that the strategy gates it by, where it does.
    standard_error
        Of the place of its least certain edge, on the display scale; NaN where it is not known.
    """

    population: str
    parent: str
    gate: Gate | None
    without: str = ""
    source: str = "data"
    confidence: float = 1.0
    sides: tuple[Signed, ...] = ()
    standard_error: float = math.nan


@dataclass(frozen=True)
class GatedTube:
    """The populations of one tube.

    Parameters
    ----------
    n_events
        Clean events that were gated.
    columns
        Display values (float32, shape (n_events,)) of each dimension that was looked at.
    members
        Row numbers of the events of each population, ascending.
    gates
        One for each population that could be gated, parents first.
    dropped
        Why each other population of the strategy was not gated.
    flags
        What a person should look at.
    expected
        Expected number of events of each population that the model counts.
    clarity
        0-1 for each of these: a share of its parent is as uncertain as if only this part of the
        events had been counted, because kinds of cells overlap.
    gate_counts
        Number of events that the geometry of each gate holds within that of its parents, as
        another program counts them; another number than the count where a model counts.
    """

    n_events: int
    columns: Mapping[str, NDArray[np.float32]]
    members: Mapping[str, Indices]
    gates: tuple[PlacedGate, ...]
    dropped: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    expected: Mapping[str, float] = field(default_factory=dict)
    clarity: Mapping[str, float] = field(default_factory=dict)
    gate_counts: Mapping[str, int] = field(default_factory=dict)

    def gate_of(self, population: str) -> PlacedGate:
        """Return a population's gate."""
        return next(gate for gate in self.gates if gate.population == population)

    def count(self, population: str) -> int:
        """Return the number of events of a population; an empty name means all clean events."""
        return self.n_events if population == "" else int(self.members[population].size)

    def values(self, population: str, dimension: str) -> NDArray[np.float32]:
        """Return a population's display values on one dimension."""
        column = self.columns[dimension]
        return column if population == "" else column[self.members[population]]

    def to_frame(self, population: str = "") -> "pd.DataFrame":
        """Return a population's events as a table: a row an event, a column a dimension.

        Parameters
        ----------
        population
            Name; an empty one means all clean events.

        Returns
        -------
        DataFrame, shape (count of the population, n_dimensions)
            float32 on the display scale; the index numbers the clean events of the tube.
        """
        import pandas as pd

        rows = self.members[population] if population else np.arange(self.n_events)
        return pd.DataFrame({name: c[rows] for name, c in self.columns.items()}, index=rows)

    def __repr__(self) -> str:
        return f"<GatedTube of {self.n_events:,} events, {len(self.gates)} populations>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(gate.population)}</td><td>{escape(gate.parent or 'all')}</td>"
            f"<td>{self.count(gate.population):,}</td>"
            f"<td>{100 * self.count(gate.population) / max(self.count(gate.parent), 1):.2f}</td>"
            f"<td>{gate.confidence:.2f}</td></tr>"
            for gate in self.gates
        )
        return (
            "<table><tr><th>population</th><th>parent</th><th>count</th><th>% of parent</th>"
            f"<th>confidence</th></tr>{rows}</table>"
        )
