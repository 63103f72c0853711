"""Which events lie so near to the edge of a gate that single precision cannot place them."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from immunerecon.gating.gates import Gate, PolygonGate, RectangleGate
from immunerecon.gating.polygon_cells import points_around_edges

Floats = NDArray[np.float32]
Rows = NDArray[np.intp]
Columns = Mapping[str, NDArray[Any]]


def near_edge(gate: Gate, columns: Columns, margins: Mapping[str, float]) -> Rows:
    """Return the events that must be looked at in full precision.

    Parameters
    ----------
    gate
        The gate.
    columns
        Display values in single precision of each of its dimensions, shape (n_events,).
    margins
        By how much they may be off.

    Returns
    -------
    ndarray of int
        Places in the columns, ascending. All events for an ellipsoid, which is rare.

    Examples
    --------
    >>> from immunerecon.gating.gates import Range
    >>> gate = RectangleGate({"CD3": Range(low=0.5)})
    >>> near_edge(gate, {"CD3": np.float32([0.2, 0.500001, 0.7])}, {"CD3": 1e-5}).tolist()
    [1]
    """
    if isinstance(gate, RectangleGate):
        near = [
            _within(columns[name], edge, margins[name] * max(1.0, abs(edge)))
            for name, bounds in gate.ranges.items()
            for edge in (bounds.low, bounds.high)
            if math.isfinite(edge)
        ]
        return np.flatnonzero(np.logical_or.reduce(near)) if near else np.empty(0, dtype=np.intp)
    if isinstance(gate, PolygonGate):
        return _near_polygon(gate, columns, margins)
    return np.arange(len(columns[gate.dimensions[0]]))


def _within(values: Floats, edge: float, margin: float) -> NDArray[np.bool_]:
    # The bounds in single precision, or the whole column would be widened.
    low, high = np.float32(edge - margin), np.float32(edge + margin)
    return np.asarray((values >= low) & (values <= high))


def _near_polygon(gate: PolygonGate, columns: Columns, margins: Mapping[str, float]) -> Rows:
    corners = np.array(gate.vertices)
    reach = np.maximum(1.0, np.abs(corners).max(axis=0))
    margin = np.array([margins[name] for name in gate.dimensions]) * reach
    x, y = (columns[name] for name in gate.dimensions)
    around = points_around_edges(x, y, gate.vertices, margin=(float(margin[0]), float(margin[1])))
    points = x[around], y[around]
    near = np.zeros(around.size, dtype=np.bool_)
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        near |= _near_side(points, start, end, margin)
    return around[near]


def _near_side(
    points: tuple[Floats, Floats],
    start: NDArray[np.float64],
    end: NDArray[np.float64],
    margin: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Return which points a side passes within the margin."""
    along = end - start
    # Distance from the side's line, in units of the side's length.
    across = points[0] * np.float32(along[1])
    across -= points[1] * np.float32(along[0])
    across -= np.float32(start[0] * along[1] - start[1] * along[0])
    np.abs(across, out=across)
    size = np.abs(along) @ np.abs(np.maximum(np.abs(start), np.abs(end)))[::-1]
    rounding = 8 * float(np.finfo(np.float32).eps) * size
    near = across <= np.float32(abs(along[1]) * margin[0] + abs(along[0]) * margin[1] + rounding)
    for values, one, other, far in zip(points, start, end, margin, strict=True):
        near &= values >= np.float32(min(one, other) - far)
        near &= values <= np.float32(max(one, other) + far)
    return np.asarray(near)
