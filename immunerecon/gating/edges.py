"""Which events lie so near to the edge of a gate that single precision cannot place them."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from immunerecon.gating.gates import Gate, PolygonGate, RectangleGate
from immunerecon.gating.polygon_cells import points_near_edges

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
    reach = np.maximum(1.0, np.abs(np.array(gate.vertices)).max(axis=0))
    across, up = (margins[name] * far for name, far in zip(gate.dimensions, reach, strict=True))
    x, y = (columns[name] for name in gate.dimensions)
    return points_near_edges(x, y, gate.vertices, margin=(float(across), float(up)))
