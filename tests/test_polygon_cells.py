"""The map of a polygon tells what the exact test tells, on its edges too."""

import numpy as np
import pytest
from flowutils.gating import points_in_polygon

from immunerecon.gating.geometry.polygon_cells import points_inside, points_inside_and_near

STAR = ((0.5, 1.0), (0.2, 0.1), (0.95, 0.65), (0.05, 0.65), (0.8, 0.1))  # crosses itself
SHAPES = {
    "triangle": ((0.0, 0.0), (1.1, 0.78), (1.1, 1.05)),
    "square": ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)),
    "star": STAR,
    "sliver": ((0.1, 0.1), (0.9, 0.9), (0.9, 0.9001), (0.1, 0.1001)),
    "line": ((0.1, 0.5), (0.9, 0.5), (0.5, 0.5)),
    "linear units": tuple((262144 * x, 1000 * y - 300) for x, y in STAR),
    "far from 0": tuple((1e6 + x, 1e6 + y) for x, y in STAR),
}


def points(vertices: tuple[tuple[float, float], ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return many points about a polygon, some of them on corners, edges, and nowhere."""
    rng = np.random.default_rng(0)
    corners = np.array(vertices)
    low, extent = corners.min(axis=0), np.ptp(corners, axis=0)
    anywhere = low + extent * rng.uniform(-0.2, 1.2, (60_000, 2))
    ends = np.roll(corners, -1, axis=0)
    share = rng.random((5_000, 1, 1))
    on_edges = (corners + share * (ends - corners)).reshape(-1, 2)
    odd = [[np.nan, 0.5], [0.5, np.nan], [np.inf, 0.5], [0.5, -np.inf], [1e30, -1e30]]
    return tuple(np.concatenate([anywhere, on_edges, corners, odd]).astype(np.float32).T)


@pytest.mark.parametrize("name", SHAPES)
def test_the_map_agrees_with_the_exact_test(name: str) -> None:
    vertices = SHAPES[name]
    x, y = points(vertices)
    exact = np.asarray(
        points_in_polygon(np.array(vertices), np.column_stack([x, y]).astype(np.float64))
    ).astype(bool)
    exact[-5:] = False  # what is no point lies nowhere
    found = points_inside(x, y, vertices)
    np.testing.assert_array_equal(found, exact)
    if name != "line":
        assert 0.0 < found.mean() < 1.0


def test_few_points_are_told_like_many() -> None:
    x, y = points(STAR)
    many = points_inside(x, y, STAR)
    few = np.concatenate(
        [points_inside(x[i : i + 99], y[i : i + 99], STAR) for i in range(0, len(x), 99)]
    )
    np.testing.assert_array_equal(few, many)


@pytest.mark.parametrize("share_of_extent", [2e-5, 5e-3, 0.05, 0.3])
@pytest.mark.parametrize("name", SHAPES)
def test_no_point_near_an_edge_is_missed(name: str, share_of_extent: float) -> None:
    vertices = np.array(SHAPES[name])
    extent = np.ptp(vertices, axis=0)
    if not (extent > 0).all():
        return
    margin = share_of_extent * extent
    start, end = vertices, np.roll(vertices, -1, axis=0)
    share = np.random.default_rng(1).random((4_000, 1, 1))
    on_edges = (start + share * (end - start)).reshape(-1, 2)
    sides = ([0, 0], [1, 1], [-1, 1], [1, -1])
    wanted = np.concatenate([on_edges + 0.4 * margin * side for side in sides])
    rounded = wanted.astype(np.float32)
    near = rounded[(np.abs(rounded - wanted) < 0.4 * margin).all(axis=1)]
    x, y = near.T
    inside, found = points_inside_and_near(x, y, SHAPES[name], margin=tuple(margin))
    np.testing.assert_array_equal(inside, points_inside(x, y, SHAPES[name]))
    assert found.size == x.size
    assert x.size > 10_000 or name == "far from 0"  # where single precision has no such places
    x, y = points(SHAPES[name])
    _, few = points_inside_and_near(x, y, SHAPES[name], margin=tuple(1e-6 * extent))
    assert few.size < 0.6 * x.size  # of which a third were put on edges
