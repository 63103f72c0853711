"""What a gating strategy says: boundaries between negative and positive, populations on them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, model_validator

from immunerecon.errors import StrategyError
from immunerecon.gating.geometry.dimensions import Dimension, SpectrumMatrix
from immunerecon.gating.geometry.gates import Gate

_SIGNED = re.compile(r"\s*(\S.*?)([+-])(?=\s|$)")


@dataclass(frozen=True)
class Signed:
    """One side of one boundary, such as ``CD3+``."""

    boundary: str
    positive: bool

    def __str__(self) -> str:
        return f"{self.boundary}{'+' if self.positive else '-'}"


@dataclass(frozen=True)
class Selection:
    """Events of a population on given sides of boundaries, such as ``Lymphocytes CD3- CD19-``."""

    population: str
    sides: tuple[Signed, ...]

    def __str__(self) -> str:
        return " ".join([self.population, *map(str, self.sides)])


def parse_sides(text: str) -> tuple[Signed, ...]:
    """Read sides such as ``CD3- CD56+``; a boundary's name may hold spaces.

    Parameters
    ----------
    text
        Names, each followed by ``+`` or ``-`` and separated by spaces.

    Raises
    ------
    StrategyError
        When part of the text is not a name followed by a sign.

    Examples
    --------
    >>> [str(side) for side in parse_sides("lymphoid CD45+ SSC-A-")]
    ['lymphoid CD45+', 'SSC-A-']
    """
    sides = tuple(Signed(m[1], m[2] == "+") for m in _SIGNED.finditer(text))
    if _SIGNED.sub("", text).strip() or not sides:
        raise StrategyError(f"{text!r} is not a list of names followed by + or -")
    return sides


def parse_selection(text: str) -> Selection:
    """Read a selection such as ``Lymphocytes CD3- CD19-``.

    Parameters
    ----------
    text
        A population, then sides.

    Raises
    ------
    StrategyError
        When what follows the population is not a list of sides.

    Examples
    --------
    >>> str(parse_selection("Lymphocytes CD3- CD19-"))
    'Lymphocytes CD3- CD19-'
    """
    population, _, rest = text.strip().partition(" ")
    return Selection(population, parse_sides(rest) if rest else ())


def _selection(text: object) -> object:
    return parse_selection(text) if isinstance(text, str) else text


def _alternatives(gate: object) -> object:
    choices = [gate] if isinstance(gate, str) else gate
    if not isinstance(choices, list):
        return gate
    return tuple(parse_sides(choice) if isinstance(choice, str) else choice for choice in choices)


class _Rule(BaseModel, frozen=True, extra="forbid", arbitrary_types_allowed=True, defer_build=True):
    """What checks a rule is built when one is read: workers only unpickle them."""


Events = Annotated[Selection, BeforeValidator(_selection)]


class BoundaryRule(_Rule):
    """How one boundary is found.

    Parameters
    ----------
    marker
        Dimension that it parts; the boundary's own name when left out.
    within
        Events that are looked at.
    low, high
        Events known to lie below, above.
    fold
        The boundary lies between these multiples of the median of `high`, else of `low`.
    tallest
        The side on which the tallest peak lies.
    fixed
        A fixed position on the linear scale; nothing is searched.
    """

    marker: str
    within: Events | None = None
    low: Events | None = None
    high: Events | None = None
    fold: tuple[float, float] | None = None
    tallest: Literal["low", "high"] | None = None
    fixed: float | None = None


_WAYS = ("gate", "singlets", "beads", "without", "fixed")


class PopulationRule(_Rule):
    """How one population is gated, by exactly one of the five ways.

    Parameters
    ----------
    parent
        The population it lies in; all clean events when left out.
    gate
        Alternatives of sides of boundaries; the first that the panel can do is used.
    singlets
        Pairs of dimensions, of which the first that the tube has parts singlets from doublets.
    beads
        Two markers that no cell bears together; counting beads are bright in both.
    without
        A population of the parent; what is left of the parent is this one.
    fixed
        A geometry on the strategy's own `dimensions`, as another program wrote it.
    cell_ontology
        Identifier in the Cell Ontology.
    """

    parent: str = ""
    gate: Annotated[tuple[tuple[Signed, ...], ...], BeforeValidator(_alternatives)] = ()
    singlets: tuple[tuple[str, str], ...] = ()
    beads: tuple[str, str] | None = None
    without: str = ""
    fixed: Gate | None = None
    cell_ontology: str = ""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [key for key in _WAYS if getattr(self, key)]
        if len(ways) != 1:
            raise ValueError(f"needs one of {', '.join(_WAYS)}, and has {len(ways)}")
        return self


class CellRule(_Rule):
    """A kind of cell that the model tells apart from all others.

    Parameters
    ----------
    seed
        Events that are surely of this kind by the boundaries of their own tube.
    is_a
        The smallest populations it belongs to; their parents follow. Empty for what is no cell.
    like, but_for
        An earlier kind that it starts alike in everything but some markers.
    moves
        Markers that activation changes on it.
    needs
        Markers without which it cannot be told from others, and is left out.
    """

    seed: Events
    is_a: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    like: str = ""
    but_for: tuple[str, ...] = ()
    moves: tuple[str, ...] = ()


class ModelRule(_Rule):
    """The model of all kinds of cells that the tubes of a study share.

    Parameters
    ----------
    within
        Population whose events it describes.
    by
        Markers and scatter that tell the kinds apart; those that a tube lacks are left out.
    cells
        Kinds of cells by name.
    """

    within: str
    by: tuple[str, ...]
    cells: Mapping[str, CellRule]


class Strategy(_Rule):
    """A gating strategy.

    Parameters
    ----------
    name, version, title, description, sources
        What it is and where it comes from.
    required
        Markers without which the strategy fails a tube.
    boundaries, populations
        Rules by name; populations stand in the order in which they are gated.
    model
        Kinds of cells, where the strategy describes them; its populations are then counted by it.
    donor_markers
        Anti-HLA markers that donor cells are told by.
    dimensions, matrices
        What `fixed` gates are drawn on; empty for a strategy that is placed by data.
    remarks
        What a person should look at in every tube.
    """

    name: str
    version: str
    title: str
    description: str = ""
    sources: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    boundaries: Mapping[str, BoundaryRule]
    populations: Mapping[str, PopulationRule]
    model: ModelRule | None = None
    donor_markers: tuple[str, ...] = ()
    dimensions: Mapping[str, Dimension] = {}
    matrices: Mapping[str, SpectrumMatrix] = {}
    remarks: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _drawn_on_something(self) -> Self:
        if not self.dimensions and any(rule.fixed for rule in self.populations.values()):
            raise ValueError("fixed gates come from a Gating-ML document or a FlowJo workspace")
        return self

    @property
    def is_fixed(self) -> bool:
        """Whether the gates stand in a file, and nothing is placed by data."""
        return bool(self.dimensions)

    def markers(self) -> tuple[str, ...]:
        """Return every dimension that the strategy may look at."""
        named = [rule.marker for rule in self.boundaries.values()]
        for population in self.populations.values():
            named += [name for pair in population.singlets for name in pair]
        if self.model is not None:
            named += self.model.by
        return tuple(dict.fromkeys([*named, *self.donor_markers, *self.dimensions]))

    def __repr__(self) -> str:
        return f"<Strategy {self.name} {self.version}: {len(self.populations)} populations>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{escape(rule.parent or 'all events')}</td>"
            f"<td>{escape(describe_gate(rule))}</td><td>{escape(rule.cell_ontology)}</td></tr>"
            for name, rule in self.populations.items()
        )
        head = "<tr><th>population</th><th>parent</th><th>gate</th><th>Cell Ontology</th></tr>"
        name = f"<b>{escape(self.name)} {escape(self.version)}</b> {escape(self.title)}"
        return f"<p>{name}</p><table>{head}{rows}</table>"


def describe_gate(rule: PopulationRule) -> str:
    """Return a population's gate in words.

    Examples
    --------
    >>> describe_gate(PopulationRule(parent="Lymphocytes", gate="CD3- CD56+"))
    'CD3- CD56+'
    """
    if rule.singlets:
        return "singlets on " + " or ".join(" x ".join(pair) for pair in rule.singlets)
    if rule.beads:
        return "beads on " + " x ".join(rule.beads)
    if rule.without:
        return f"without {rule.without}"
    if rule.fixed is not None:
        return f"{rule.fixed.kind} {' x '.join(rule.fixed.dimensions)}".strip()
    return ", or ".join(" ".join(map(str, sides)) for sides in rule.gate)
