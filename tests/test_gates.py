"""Gates as geometry, on the display scale."""

import numpy as np
import pytest

from immunerecon.errors import StrategyError
from immunerecon.gating.geometry.gates import PolygonGate, Range, RectangleGate


def test_lower_bound_is_inside_and_upper_bound_is_not():
    below = np.nextafter(np.float32(0.2), np.float32(0))
    inside = Range(0.2, 0.8).holds(np.float32([0.2, 0.8, below]))
    assert inside.tolist() == [True, False, False]


def test_open_sides_hold_everything_beyond():
    values = np.float32([-9, 0.5, 9])
    assert Range(low=0.5).holds(values).tolist() == [False, True, True]
    assert Range(high=0.5).holds(values).tolist() == [True, False, False]


def test_rectangle_needs_every_dimension():
    gate = RectangleGate({"CD3": Range(high=0.5), "CD56": Range(low=0.5)})
    columns = {"CD3": np.float32([0.1, 0.1, 0.9]), "CD56": np.float32([0.9, 0.1, 0.9])}
    assert gate.contains(columns).tolist() == [True, False, False]
    assert gate.parameters() == {"CD3": {"high": 0.5}, "CD56": {"low": 0.5}}


def test_polygon_agrees_with_matplotlib_away_from_its_edge():
    from matplotlib.path import Path

    rng = np.random.default_rng(3)
    corners = ((0.1, 0.1), (0.9, 0.3), (0.5, 0.5), (0.8, 0.9), (0.2, 0.7))
    points = rng.random((5000, 2)).astype(np.float32)
    gate = PolygonGate(("x", "y"), corners)
    expected = Path(corners).contains_points(points)
    assert np.array_equal(gate.contains({"x": points[:, 0], "y": points[:, 1]}), expected)


def test_polygon_with_two_vertices_is_refused():
    with pytest.raises(StrategyError, match="at least 3"):
        PolygonGate(("x", "y"), ((0, 0), (1, 1)))
