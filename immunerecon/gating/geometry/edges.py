"""Which events a gate holds, and which lie so near to its edge that full precision must tell."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from immunerecon.gating.geometry.gate_kinds import EllipsoidGate
from immunerecon.gating.geometry.gates import PolygonGate, RectangleGate
from immunerecon.gating.geometry.polygon_cells import points_inside_and_near

Floats = NDArray[np.float32]
Rows = NDArray[np.intp]
Columns = Mapping[str, NDArray[Any]]


def inside_and_near_edge(
    gate: RectangleGate | PolygonGate | EllipsoidGate,
    columns: Columns,
    margins: Mapping[str, float],
) -> tuple[NDArray[np.bool_], Rows]:
    """Return which events a gate holds, and those that must be looked at in full precision.

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
    inside : ndarray of bool, shape (n_events,)
        By single precision.
    near : ndarray of int
        Places in the columns, ascending. All events for an ellipsoid, which is rare.

    Examples
    --------
    >>> from immunerecon.gating.geometry.gates import Range
    >>> gate, columns = RectangleGate({"CD3": Range(low=0.5)}), np.float32([0.2, 0.500001, 0.7])
    >>> inside, near = inside_and_near_edge(gate, {"CD3": columns}, {"CD3": 1e-5})
    >>> inside.tolist(), near.tolist()
    ([False, True, True], [1])
    """
    if isinstance(gate, PolygonGate):
        reach = np.maximum(1.0, np.abs(np.array(gate.vertices)).max(axis=0))
        across, up = (margins[name] * far for name, far in zip(gate.dimensions, reach, strict=True))
        x, y = (columns[name] for name in gate.dimensions)
        return points_inside_and_near(x, y, gate.vertices, margin=(float(across), float(up)))
    inside = gate.contains(columns)
    if not isinstance(gate, RectangleGate):
        return inside, np.arange(inside.size)
    near = [
        _within(columns[name], edge, margins[name] * max(1.0, abs(edge)))
        for name, bounds in gate.ranges.items()
        for edge in (bounds.low, bounds.high)
        if math.isfinite(edge)
    ]
    if not near:
        return inside, np.empty(0, dtype=np.intp)
    return inside, np.flatnonzero(np.logical_or.reduce(near))


def _within(values: Floats, edge: float, margin: float) -> NDArray[np.bool_]:
    # The bounds in single precision, or the whole column would be widened.
    low, high = np.float32(edge - margin), np.float32(edge + margin)
    return np.asarray((values >= low) & (values <= high))
