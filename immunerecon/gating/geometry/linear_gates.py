"""Gates of another program on the linear scale, where overrides have theirs."""

import math
from collections.abc import Mapping

import numpy as np

from immunerecon.errors import StrategyError
from immunerecon.gating.geometry.dimensions import Dimension
from immunerecon.gating.geometry.gate_kinds import EllipsoidGate
from immunerecon.gating.geometry.gates import Gate, PolygonGate, Range, RectangleGate

_PIECES = 8  # a side that is straight on one scale is bent on another
_DIGITS = 9

Corners = tuple[tuple[float, float], ...]


def linear_gate(
    gate: Gate | None, dimensions: Mapping[str, Dimension], names: Mapping[str, str]
) -> RectangleGate | PolygonGate:
    """Return a gate with linear values, and other names of its dimensions.

    Parameters
    ----------
    gate
        On the display of its document.
    dimensions
        Of the document.
    names
        The marker of each dimension.

    Returns
    -------
    RectangleGate or PolygonGate
        Sides of polygons on a curved scale are cut in 8 pieces, an ellipse becomes a polygon of 64
        corners.

    Raises
    ------
    StrategyError
        When the gate has no geometry of its own, or more than two dimensions and is no rectangle.

    Examples
    --------
    >>> from immunerecon.gating.geometry.exact_scale import ExactScale
    >>> dimensions = {"FITC-A": Dimension("FITC-A", "FCS", ExactScale("flog", 1000.0, m=3.0))}
    >>> gate = RectangleGate({"FITC-A": Range(low=1 / 3)})
    >>> round(linear_gate(gate, dimensions, {"FITC-A": "CD3"}).ranges["CD3"].low, 6)
    10.0
    """
    if isinstance(gate, RectangleGate):
        return RectangleGate(
            {
                names[name]: Range(
                    _linear(bounds.low, dimensions[name]), _linear(bounds.high, dimensions[name])
                )
                for name, bounds in gate.ranges.items()
            }
        )
    if isinstance(gate, EllipsoidGate) and len(gate.dimensions) == 2 and gate.is_ellipsoid:
        corners: Corners = tuple((float(x), float(y)) for x, y in gate.outline(*gate.dimensions))
    elif isinstance(gate, PolygonGate):
        curved = any(not _is_straight(dimensions[name]) for name in gate.dimensions)
        corners = _cut(gate.vertices) if curved else gate.vertices
    else:
        raise StrategyError(
            "has no outline that can be moved: it joins other gates, or has three dimensions"
        )
    x, y = (dimensions[name] for name in gate.dimensions)
    points = tuple((_linear(p, x), _linear(q, y)) for p, q in corners)
    if not all(map(math.isfinite, np.ravel(points))):
        raise StrategyError("reaches beyond the end of its scale")
    return PolygonGate((names[gate.dimensions[0]], names[gate.dimensions[1]]), points)


def _is_straight(dimension: Dimension) -> bool:
    return dimension.scale is None or dimension.scale.kind == "flin"


def _linear(value: float, dimension: Dimension) -> float:
    if math.isinf(value) or dimension.scale is None:
        return value
    return float(f"{float(dimension.scale.inverse(value)):.{_DIGITS}g}")


def _cut(corners: Corners) -> Corners:
    """Return the corners of a polygon with more of them along its sides."""
    starts = np.array(corners)
    ends = np.roll(starts, -1, axis=0)
    steps = np.arange(_PIECES)[:, np.newaxis] / _PIECES
    points = [start + steps * (end - start) for start, end in zip(starts, ends, strict=True)]
    return tuple((float(x), float(y)) for x, y in np.concatenate(points))
