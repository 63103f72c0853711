"""What one tube tells the others: a sample of its events, and what each of them seems to be."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from immunerecon.gating.boundaries import Boundary
from immunerecon.gating.gated_tube import Indices
from immunerecon.gating.geometry.scale import Scale
from immunerecon.gating.models.cell_types import CellType, cell_types
from immunerecon.gating.models.features import features, gain_slopes
from immunerecon.gating.strategy import ModelRule
from immunerecon.gating.tree import Tree

Floats = NDArray[np.float32]

UNLABELLED = -1
_EVENTS_A_CELL_TYPE = 200
_EVENTS_UNLABELLED = 600


@dataclass(frozen=True)
class TubeEvidence:
    """A bounded sample of a tube's events.

    Parameters
    ----------
    cells : tuple of str, length k
        Kinds of cells that the tube's markers tell apart.
    dimensions : tuple of str, length d
        Markers and scatter.
    values : ndarray of float32, shape (n, d)
        Features of the sampled events.
    labels : ndarray of int8, shape (n,)
        Position in `cells` by the tube's own boundaries; -1 for none.
    weights : ndarray of float32, shape (n,)
        How many of the tube's events each stands for.
    confidence : ndarray of float32, shape (k,)
        0-1, of the boundaries behind each label.
    slopes : ndarray of float32, shape (d, 151)
        As `features.gain_slopes` returns them.
    likes : ndarray of int8, shape (k,)
        The earlier kind that each starts alike; -1 for none.
    differs : ndarray of bool, shape (k, d)
        Dimensions in which it starts otherwise.
    moves : tuple of frozenset of str, length k
        Markers that activation changes on each kind.
    boundaries
        What the tube alone says of each boundary.
    """

    cells: tuple[str, ...]
    dimensions: tuple[str, ...]
    values: Floats
    labels: NDArray[np.int8]
    weights: Floats
    confidence: Floats
    slopes: Floats
    likes: NDArray[np.int8]
    differs: NDArray[np.bool_]
    moves: tuple[frozenset[str], ...]
    boundaries: tuple[Boundary, ...]


def collect_evidence(
    tree: Tree, model: ModelRule | None, scales: Mapping[str, Scale]
) -> TubeEvidence:
    """Sample a tube that was gated by its own boundaries.

    Parameters
    ----------
    tree
        The tube's populations and boundaries.
    model
        What the strategy says of kinds of cells; without, only boundaries are collected.
    scales
        Display scale of each marker.

    Returns
    -------
    TubeEvidence
        At most 200 events of each kind and 600 others, spread evenly over the acquisition.
    """
    kinds = cell_types(tree.strategy, tree.columns)
    dimensions = tuple(name for name in model.by if name in tree.columns) if model else ()
    within = model.within if model else ""
    events = tree.events(tree.standing(within))
    labels = np.full(tree.n_events, UNLABELLED, dtype=np.int8)
    for number, kind in enumerate(kinds):
        labels[tree.select(kind.seed)] = number
    labels = labels[events]
    parts = [
        _spread(np.flatnonzero(labels == number), limit)
        for number, limit in [
            *((number, _EVENTS_A_CELL_TYPE) for number in range(len(kinds))),
            (UNLABELLED, _EVENTS_UNLABELLED),
        ]
    ]
    positions = np.concatenate([at for at, _ in parts])
    weights = np.concatenate([np.full(len(at), weight) for at, weight in parts])
    order = np.argsort(positions)
    chosen = positions[order]
    columns = {name: tree.columns[name][events[chosen]] for name in dimensions}
    return TubeEvidence(
        cells=tuple(kind.name for kind in kinds),
        dimensions=dimensions,
        values=features(columns, dimensions),
        labels=labels[chosen],
        weights=weights[order].astype(np.float32),
        confidence=np.array([_confidence(tree, kind, within) for kind in kinds], dtype=np.float32),
        slopes=gain_slopes(scales, dimensions),
        likes=np.array([kind.like for kind in kinds], dtype=np.int8),
        differs=np.array(
            [[kind.like < 0 or name in kind.but_for for name in dimensions] for kind in kinds]
        ).reshape(len(kinds), len(dimensions)),
        moves=tuple(kind.moves for kind in kinds),
        boundaries=tuple(found for found in tree.boundaries.values() if found is not None),
    )


def _spread(positions: Indices, limit: int) -> tuple[Indices, float]:
    """Return at most `limit` of the positions, evenly spread, and how many each stands for."""
    if positions.size <= limit:
        return positions, 1.0
    taken = positions[np.linspace(0, positions.size - 1, limit).astype(np.intp)]
    return taken, positions.size / limit


def _confidence(tree: Tree, kind: CellType, within: str) -> float:
    """Return the lowest confidence among all boundaries that a label stands on."""
    found = [
        boundary.confidence
        for side in kind.seed.sides
        if tree.strategy.boundaries[side.boundary].marker in tree.columns
        and (boundary := tree.boundary(side.boundary)) is not None
    ]
    population = tree.standing(kind.seed.population)
    while population not in ("", within):
        found.append(tree.gates[population].confidence)
        population = tree.gates[population].parent
    return min(found, default=0.0)
