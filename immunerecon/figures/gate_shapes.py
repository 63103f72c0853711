"""Gates as outlines on the display."""

import numpy as np
from matplotlib.patches import Patch, Polygon, Rectangle
from numpy.typing import NDArray

from immunerecon.gating.geometry.gate_kinds import BooleanGate, EllipsoidGate
from immunerecon.gating.geometry.gates import PolygonGate, Range, RectangleGate
from immunerecon.gating.pictures import HIGH, LOW, GatePicture


def gate_corners(picture: GatePicture) -> NDArray[np.float64]:
    """Return the corners of a picture's gate, shape (n, 2), those of a range cut to the display.

    Examples
    --------
    >>> from immunerecon.gating.geometry.gates import RectangleGate
    >>> counts = np.zeros((96, 96), dtype=np.uint32)
    >>> gate = RectangleGate({"CD3": Range(0.2, 0.5)})
    >>> gate_corners(GatePicture("T", "", "CD3", "SSC-A", counts, gate, 0, 0, "data", 1.0)).tolist()
    [[0.2, -0.05], [0.5, -0.05], [0.5, 1.05], [0.2, 1.05]]
    """
    gate = picture.gate
    if gate is None or isinstance(gate, BooleanGate):
        return np.empty((0, 2))
    if isinstance(gate, EllipsoidGate):
        return gate.outline(picture.x, picture.y)
    if isinstance(gate, PolygonGate):
        return _vertices(gate, picture.x)
    across, up = (gate.ranges.get(name, Range()) for name in (picture.x, picture.y))
    left, right, bottom, top = np.clip([across.low, across.high, up.low, up.high], LOW, HIGH)
    return np.array([[left, bottom], [right, bottom], [right, top], [left, top]])


def gate_patch(picture: GatePicture) -> Patch:
    """Return a gate as a patch; sides without a bound lie outside the axes."""
    gate = picture.gate
    if not isinstance(gate, RectangleGate):
        return Polygon(gate_corners(picture), closed=True)
    across, up = (gate.ranges.get(name, Range()) for name in (picture.x, picture.y))
    left, bottom = max(across.low, LOW - 1), max(up.low, LOW - 1)
    width, height = min(across.high, HIGH + 1) - left, min(up.high, HIGH + 1) - bottom
    return Rectangle((left, bottom), width, height)


def _vertices(gate: PolygonGate, x: str) -> NDArray[np.float64]:
    """Corners of a polygon with `x` as the first coordinate."""
    corners = np.array(gate.vertices, dtype=float)
    return corners if gate.dimensions[0] == x else corners[:, ::-1]
