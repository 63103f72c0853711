"""A population's outline in two dimensions: where it is likelier than the rest of its parent."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from immunerecon.gating.features import features, is_scatter
from immunerecon.gating.gates import PolygonGate
from immunerecon.gating.mixture import roots
from immunerecon.gating.modelled import ModelledEvents
from immunerecon.gating.strategy import PopulationRule, Strategy

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]
Indices = NDArray[np.intp]

_GRID = np.linspace(-0.1, 1.1, 73, dtype=np.float32)
_SCATTER_GRID = np.geomspace(4e-3, 1.1, 73, dtype=np.float32)  # as the model sees scatter
_FARTHEST = 5.0  # spreads; the outline ends there where nothing else lies
_MOST_VERTICES = 12
_FEWEST_POINTS = 30


def outline(
    model: ModelledEvents, population: str, parent: str, dimensions: tuple[str, str]
) -> PolygonGate:
    """Draw a population on its parent.

    Parameters
    ----------
    model
        The tube's events by the model.
    population, parent
        Names; an empty parent means all modelled events.
    dimensions
        The two to draw in.

    Returns
    -------
    PolygonGate
        Convex, of at most 12 vertices, on the display scale. Around the centre of its kinds where
        the population is nowhere likelier than the rest.
    """
    axes = [_SCATTER_GRID if is_scatter(name) else _GRID for name in dimensions]
    x, y = (axis.ravel() for axis in np.meshgrid(*axes, indexing="ij"))
    points = features({dimensions[0]: x, dimensions[1]: y}, dimensions)
    own = model.kinds_in(population)[:-1]
    kinds = np.flatnonzero(model.kinds_in(parent)[:-1] | own if parent else np.ones_like(own))
    density, squares = _densities(model, kinds, points, dimensions)
    own = own[kinds]
    ahead = density[:, own].sum(axis=1) > density[:, ~own].sum(axis=1)
    nearest = squares[:, own].min(axis=1)
    grid = np.column_stack([x, y]).astype(np.float64)
    corners = _hull(grid[ahead & (nearest < _FARTHEST**2)])
    if corners is None:
        corners = _hull(grid[nearest <= max(1.0, np.sort(nearest)[_FEWEST_POINTS])])
    assert corners is not None  # the nearest points of a grid do not lie on one line
    return PolygonGate(dimensions, corners)


def drawn_in(
    rule: PopulationRule, strategy: Strategy, dimensions: Sequence[str]
) -> tuple[str, str]:
    """Return the two dimensions that a population is drawn in.

    Parameters
    ----------
    rule
        The population's.
    strategy
        The whole, for its boundaries.
    dimensions
        Those of the model.

    Returns
    -------
    tuple of str
        The markers that its gate names, then those of its parent's, then side scatter.
    """
    if rule.without:
        rule = strategy.populations[rule.without]
    gates = [rule.gate]
    if rule.parent:
        gates.append(strategy.populations[rule.parent].gate)
    named = [
        strategy.boundaries[side.boundary].marker
        for gate in gates
        for sides in gate
        for side in sides
    ]
    preferred = [*named, "SSC-A", *dimensions]
    x, y, *_ = dict.fromkeys(name for name in preferred if name in dimensions)
    return x, y


def _densities(
    model: ModelledEvents, kinds: Indices, points: Floats, dimensions: tuple[str, str]
) -> tuple[Floats, Floats]:
    """Return each kind's density in two dimensions at the points, and their squared distances."""
    mixture = model.mixture
    at = [mixture.dimensions.index(name) for name in dimensions]
    _, whiten = roots(mixture.covariances[kinds][:, at][:, :, at])
    matrix = whiten.transpose(1, 0, 2).reshape(2, -1).astype(np.float32)
    centres = np.einsum("kd,kde->ke", model.means[kinds][:, at], whiten).ravel().astype(np.float32)
    squares = np.square(points @ matrix - centres).reshape(len(points), -1, 2)
    freedom = mixture.freedom[kinds].astype(np.float32)
    product = (1 + squares[:, :, 0] / freedom) * (1 + squares[:, :, 1] / freedom)
    height = model.shares[kinds] * np.linalg.det(whiten)
    density = np.exp(-(freedom + 1) / 2 * np.log(product)) * height.astype(np.float32)
    return density, squares.sum(axis=2)


def _hull(points: Doubles) -> tuple[tuple[float, float], ...] | None:
    """Return the convex hull of the points with few vertices."""
    from scipy.spatial import ConvexHull, QhullError

    if len(points) < 3:
        return None
    try:
        corners = points[ConvexHull(points).vertices]
    except QhullError:  # all on one line
        return None
    while len(corners) > _MOST_VERTICES:
        corners = np.delete(corners, int(np.argmin(_corner_areas(corners))), axis=0)
    return tuple((round(float(x), 4), round(float(y), 4)) for x, y in corners)


def _corner_areas(corners: Doubles) -> Doubles:
    """Return the area of the triangle that each corner makes with its neighbours."""
    before, after = np.roll(corners, 1, axis=0) - corners, np.roll(corners, -1, axis=0) - corners
    return np.abs(before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]) / 2
