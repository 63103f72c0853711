"""Kinds of cells that a model tells apart in one tube, and the populations each belongs to."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from immunerecon.gating.strategy import ModelRule, Selection, Strategy


@dataclass(frozen=True)
class CellType:
    """One kind of cell as far as a tube's markers can tell it.

    Parameters
    ----------
    name
        As in the strategy; kinds that the panel cannot tell apart are joined by ``/``.
    seed
        Events that are of this kind by the tube's own boundaries.
    populations
        Every population that such a cell belongs to.
    moves
        Markers that activation changes.
    like : int
        Position of the earlier kind that it starts alike; -1 for none.
    but_for
        Markers in which it differs from that.
    """

    name: str
    seed: Selection
    populations: frozenset[str]
    moves: frozenset[str]
    like: int
    but_for: frozenset[str]


def cell_types(strategy: Strategy, markers: Collection[str]) -> tuple[CellType, ...]:
    """Return the kinds of cells that a panel can tell apart.

    Parameters
    ----------
    strategy
        A strategy; without a model it has no kinds of cells.
    markers
        What the tube has.

    Returns
    -------
    tuple of CellType
        In the order of the strategy. Kinds whose seeds differ only in markers that the tube lacks
        become one, which belongs to the populations that all of them belong to. Kinds that
        need a marker that it lacks are left out, as are populations that cannot be gated.

    Examples
    --------
    >>> from immunerecon.gating.strategy_file import load_strategy
    >>> panel = ("SSC-A", "FSC-A", "CD45", "CD3", "CD19", "CD56", "CD16")
    >>> [cell.name for cell in cell_types(load_strategy("lineage"), panel)][:2]
    ['CD4 T / CD8 T / DN T', 'CD8 NKT / CD4 NKT / DN NKT']
    """
    if strategy.model is None:
        return ()
    alike: dict[Selection, list[str]] = {}
    for name, rule in strategy.model.cells.items():
        told = tuple(
            side for side in rule.seed.sides if strategy.boundaries[side.boundary].marker in markers
        )
        if set(rule.needs) <= set(markers):
            alike.setdefault(Selection(rule.seed.population, told), []).append(name)
    untold = _untold(strategy, markers)
    position = {name: at for at, names in enumerate(alike.values()) for name in names}
    kinds = (
        _cell_type(seed, names, strategy, strategy.model, position) for seed, names in alike.items()
    )
    return tuple(replace(kind, populations=kind.populations - untold) for kind in kinds)


def _cell_type(
    seed: Selection,
    names: list[str],
    strategy: Strategy,
    model: ModelRule,
    position: Mapping[str, int],
) -> CellType:
    first = model.cells[names[0]]
    belongs = [
        {place for name in model.cells[cell].is_a for place in _lineage(name, strategy)}
        for cell in names
    ]
    return CellType(
        name=" / ".join(names),
        seed=seed,
        populations=frozenset(set.intersection(*belongs)),
        moves=frozenset(marker for cell in names for marker in model.cells[cell].moves),
        like=position.get(first.like, -1),
        but_for=frozenset(first.but_for),
    )


def _untold(strategy: Strategy, markers: Collection[str]) -> set[str]:
    """Return the populations that have gates, none of which the tube's markers can draw."""
    untold: set[str] = set()
    for name, rule in strategy.populations.items():
        drawn = any(
            all(strategy.boundaries[side.boundary].marker in markers for side in sides)
            for sides in rule.gate
        )
        if (rule.gate and not drawn) or rule.without in untold:
            untold.add(name)
    return untold


def _lineage(population: str, strategy: Strategy) -> list[str]:
    """Return a population and all that it lies in."""
    found = []
    while population:
        found.append(population)
        population = strategy.populations[population].parent
    return found
