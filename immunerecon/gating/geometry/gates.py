"""Gates as plain geometry on the display scale: ranges, rectangles, polygons, complements.

Bounds are half-open everywhere, ``low <= x < high``, as in Gating-ML 2.0.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from immunerecon.errors import StrategyError
from immunerecon.gating.geometry.gate_kinds import BooleanGate, EllipsoidGate
from immunerecon.gating.geometry.polygon_cells import points_inside

Columns = Mapping[str, NDArray[Any]]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Range:
    """Bounds of one dimension.

    Parameters
    ----------
    low, high
        ``low <= x < high`` on the display scale; infinite where there is no bound.
    """

    low: float = -math.inf
    high: float = math.inf

    def holds(self, values: NDArray[Any]) -> Mask:
        """Return which values lie inside."""
        # Bounds in the precision of the values: an event that is stored on a bound must be judged
        # by the same bits here and by any program that reads the bound back.
        precision = values.dtype.type
        inside: Mask
        if self.low == -math.inf:
            inside = values < precision(self.high)
            return inside
        inside = values >= precision(self.low)
        if self.high != math.inf:
            inside &= values < precision(self.high)
        return inside


@dataclass(frozen=True)
class RectangleGate:
    """Bounds in one or more dimensions.

    Parameters
    ----------
    ranges
        One `Range` for each dimension (marker or scatter).

    Examples
    --------
    >>> gate = RectangleGate({"CD3": Range(high=0.5), "CD56": Range(low=0.4)})
    >>> gate.contains({"CD3": np.float32([0.2, 0.7]), "CD56": np.float32([0.4, 0.9])})
    array([ True, False])
    """

    ranges: Mapping[str, Range]
    kind = "rectangle"

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Names of the dimensions."""
        return tuple(self.ranges)

    def contains(self, columns: Columns) -> Mask:
        """Return which events lie inside; `columns` holds an array for each dimension."""
        masks = [bounds.holds(columns[name]) for name, bounds in self.ranges.items()]
        inside: Mask = np.logical_and.reduce(masks)
        return inside

    def parameters(self) -> dict[str, Any]:
        """Return the geometry as JSON-ready values."""
        return {
            name: {
                key: value
                for key, value in (("low", bounds.low), ("high", bounds.high))
                if math.isfinite(value)
            }
            for name, bounds in self.ranges.items()
        }


@dataclass(frozen=True)
class PolygonGate:
    """A polygon in two dimensions; points on its edge are inside, crossings wind (Gating-ML 2.0).

    Parameters
    ----------
    dimensions
        The two dimensions.
    vertices
        At least three (x, y) points on the display scale.

    Raises
    ------
    StrategyError
        With fewer than three vertices.

    Examples
    --------
    >>> gate = PolygonGate(("FSC-A", "SSC-A"), ((0, 0), (1, 0), (0, 1)))
    >>> gate.contains({"FSC-A": np.float32([0.2, 0.9]), "SSC-A": np.float32([0.2, 0.9])})
    array([ True, False])
    """

    dimensions: tuple[str, str]
    vertices: tuple[tuple[float, float], ...]
    kind = "polygon"

    def __post_init__(self) -> None:
        if len(self.vertices) < 3:
            raise StrategyError(
                f"a polygon on {' x '.join(self.dimensions)} has {len(self.vertices)} vertices; "
                "it needs at least 3"
            )

    def contains(self, columns: Columns) -> Mask:
        """Return which events lie inside; `columns` holds an array for each dimension."""
        x, y = (columns[name] for name in self.dimensions)
        return points_inside(x, y, self.vertices)

    def parameters(self) -> dict[str, Any]:
        """Return the geometry as JSON-ready values."""
        return {"vertices": [list(point) for point in self.vertices]}


Gate = RectangleGate | PolygonGate | EllipsoidGate | BooleanGate
