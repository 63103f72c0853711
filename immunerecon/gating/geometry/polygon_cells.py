"""Which events lie in a polygon: most are told by a coarse map, those near an edge exactly.

The exact test takes a pass over the events for every edge. The map takes one pass in all: each of
its cells lies wholly inside, wholly outside, or is touched by an edge.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Doubles = NDArray[np.float64]
Mask = NDArray[np.bool_]
Rows = NDArray[np.intp]
Vertices = tuple[tuple[float, float], ...]

CELLS = 96  # along each side; with more, fewer events are near an edge, and the map is made slower
_MANY_EVENTS = 20_000
_BLOCK = 40_000  # pairs of a point and a side that are looked at together
_MARGIN = 0.01  # of the polygon's extent; beyond it a point is outside without a look
_ROUNDING = 0.5  # of a cell, by which an event's place may be off
_FARTHEST = 16  # cells; with a margin beyond it a map tells nothing
_OUTSIDE, _INSIDE, _TOUCHED = 0, 1, 2
_SEVERAL = -1  # instead of the number of the one side that touches a cell


def points_inside(x: Floats, y: Floats, vertices: Vertices) -> Mask:
    """Return which points lie in a polygon.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
        Points; one that is not a number lies outside.
    vertices
        Of the polygon; where it crosses itself, what it winds around is inside.

    Returns
    -------
    ndarray of bool, shape (n,)
        As `flowutils.gating.points_in_polygon` finds them.

    Examples
    --------
    >>> square = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    >>> points_inside(np.float32([0.5, 0.0, 1.1]), np.float32([0.5, 0.2, 0.5]), square)
    array([ True,  True, False])
    """
    cells = _map_cells(vertices) if x.size >= _MANY_EVENTS else None
    if cells is None:
        return _exactly_inside(x, y, vertices)
    return _inside_and_touched(x, y, vertices, cells)[0]


def points_inside_and_near(
    x: Floats, y: Floats, vertices: Vertices, *, margin: tuple[float, float]
) -> tuple[Mask, Rows]:
    """Return which points lie in a polygon, and which of them near an edge.

    Parameters
    ----------
    x, y, vertices
        As for `points_inside`.
    margin
        How near, along either axis.

    Returns
    -------
    inside : ndarray of bool, shape (n,)
    near : ndarray of int
        Ascending; all that lie near, and some a little farther off.

    Examples
    --------
    >>> square = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    >>> x, y = np.float32([0.5, 1.001, 1.1]), np.float32([0.5, 0.2, 0.5])
    >>> inside, near = points_inside_and_near(x, y, square, margin=(0.01, 0.01))
    >>> inside.tolist(), near.tolist()
    ([True, False, False], [1])
    """
    cells = _map_cells(vertices) if x.size >= _MANY_EVENTS else None
    if cells is not None and (far := float((np.array(margin) * cells.steps).max())) > _ROUNDING / 2:
        cells = _map_cells(vertices, math.ceil(far)) if far <= _FARTHEST else None
    if cells is None:
        corners = np.asarray(vertices, dtype=np.float64)
        low, high = corners.min(axis=0) - margin, corners.max(axis=0) + margin
        around = np.flatnonzero((x >= low[0]) & (x <= high[0]) & (y >= low[1]) & (y <= high[1]))
        inside, sides = points_inside(x, y, vertices), np.full(around.size, _SEVERAL)
    else:
        inside, around, sides = _inside_and_touched(x, y, vertices, cells)
    near = _near_sides(np.stack([x[around], y[around]]), sides, vertices, np.array(margin))
    return inside, around[near]


def _near_sides(points: Floats, sides: NDArray[Any], vertices: Vertices, margin: Doubles) -> Mask:
    """Return which points, shape (2, n), lie near the side that touches their cell, or any."""
    starts = np.asarray(vertices, dtype=np.float64).T
    ends = np.roll(starts, -1, axis=1)
    lines = _lines(starts, ends, margin)
    one, several = np.flatnonzero(sides != _SEVERAL), np.flatnonzero(sides == _SEVERAL)
    side = sides[one].astype(np.intp)
    close = _near_lines(points.take(one, axis=1), lines.take(side, axis=1))
    pairs = [(one[close], side[close])]
    step = max(1, _BLOCK // len(vertices))
    for first in range(0, several.size, step):
        some = several[first : first + step]  # a column each, a row a side
        rows, columns = np.nonzero(_near_lines(points[:, None, some], lines[:, :, None]))
        pairs.append((some[columns], rows))
    # Near the line that a side is a part of; few pairs are left to be looked at closely.
    point, side = (np.concatenate(part) for part in zip(*pairs, strict=True))
    x, y = points.take(point, axis=1)
    within = np.ones(point.size, dtype=np.bool_)
    for values, begin, end, far in zip((x, y), starts[:, side], ends[:, side], margin, strict=True):
        within &= (values >= np.minimum(begin, end) - far) & (
            values <= np.maximum(begin, end) + far
        )
    near = np.zeros(sides.size, dtype=np.bool_)
    near[point[within]] = True
    return near


def _lines(starts: Doubles, ends: Doubles, margin: Doubles) -> Doubles:
    """Return the line of each side, shape (4, s): its normal, its offset, how far is near."""
    wide, tall = ends - starts
    far = np.abs(tall) * margin[0] + np.abs(wide) * margin[1]
    return np.stack([tall, -wide, starts[1] * wide - starts[0] * tall, far])


def _near_lines(points: Floats, lines: Doubles) -> Mask:
    """Return which points, coordinates first, lie near lines; they broadcast."""
    across, up, offset, far = lines
    apart = points[0] * across
    apart += points[1] * up
    apart += offset
    return np.asarray(np.abs(apart, out=apart) <= far)


def _inside_and_touched(
    x: Floats, y: Floats, vertices: Vertices, cells: "_Cells"
) -> tuple[Mask, Rows, NDArray[np.int16]]:
    """Return which points lie inside, those in cells that a side touches, and which side it is."""
    place = _places(x, y, cells)
    kinds = cells.kinds.take(place, mode="clip")
    inside: Mask = kinds == _INSIDE
    touched = np.flatnonzero(kinds == _TOUCHED)
    inside[touched] = _exactly_inside(x[touched], y[touched], vertices)
    return inside, touched, cells.sides.take(place[touched], mode="clip")


def _places(x: Floats, y: Floats, cells: "_Cells") -> NDArray[np.int32]:
    """Return the place in the map of the cell that each point falls into; outside for no number."""
    place = _steps(x, cells.low[0], cells.steps[0])
    place *= CELLS + 2
    place += _steps(y, cells.low[1], cells.steps[1])
    return place


def _steps(values: Floats, low: np.float32, steps: np.float32) -> NDArray[np.int32]:
    """Return the row of the map that each value falls into; 0 and the last are beyond it."""
    place = values - low
    place *= steps
    place += np.float32(1)
    np.clip(place, np.float32(0), np.float32(CELLS + 1), out=place)
    # What is no number becomes 0 or the least integer, and either way a cell in row 0.
    with np.errstate(invalid="ignore"):
        return place.astype(np.int32)


def _exactly_inside(x: Floats, y: Floats, vertices: Vertices) -> Mask:
    from flowutils.gating import points_in_polygon

    corners = np.asarray(vertices, dtype=np.float64)
    low, high = corners.min(axis=0), corners.max(axis=0)
    inside: Mask = (x >= low[0]) & (x <= high[0]) & (y >= low[1]) & (y <= high[1])
    candidates = np.flatnonzero(inside)
    points = np.column_stack([x[candidates], y[candidates]]).astype(np.float64)
    inside[candidates] = points_in_polygon(corners, points)
    return inside


@dataclass(frozen=True)
class _Cells:
    """A map of the plane around a polygon.

    Parameters
    ----------
    low, steps : ndarray, shape (2,)
        Where it begins, and cells to a unit.
    kinds : ndarray of uint8, shape ((CELLS + 2)**2,)
        Of each cell, one more on every side than the map has.
    sides : ndarray of int16, of that shape
        Number of the side that touches a cell, or that several do.
    """

    low: Floats
    steps: Floats
    kinds: NDArray[np.uint8]
    sides: NDArray[np.int16]


@lru_cache(maxsize=256)
def _map_cells(vertices: Vertices, around: int = 0) -> _Cells | None:
    """Make the map of a polygon; None for one that is a line, or has no bounds.

    A side touches what is so many cells `around` it, too.
    """
    corners = np.asarray(vertices, dtype=np.float64)
    extent = corners.max(axis=0) - corners.min(axis=0)
    if not (np.isfinite(extent).all() and (extent > 0).all()):
        return None
    beyond = _MARGIN + around / CELLS
    low = (corners.min(axis=0) - beyond * extent).astype(np.float32)
    steps = (CELLS / ((1 + 2 * beyond) * extent)).astype(np.float32)
    scaled = (corners - low) * steps  # in cells
    if np.abs(low * steps).max() * np.finfo(np.float32).eps > _ROUNDING / 4:
        return None  # so far from 0 that float32 does not tell the cells apart
    sides, touched = _touched(scaled, reach=0.5 + _ROUNDING + around)
    inner = _inner(corners, low, steps, touched)
    kinds = np.where(touched, _TOUCHED, np.where(inner, _INSIDE, _OUTSIDE)).astype(np.uint8)
    return _Cells(low, steps, np.pad(kinds, 1).ravel(), np.pad(sides, 1).ravel())


def _inner(corners: Doubles, low: Floats, steps: Floats, touched: Mask) -> Mask:
    """Return which cells lie inside, of those that no side touches; others mean nothing.

    No side runs between two neighbours that none touches, so one cell of each run is tested.
    """
    from flowutils.gating import points_in_polygon

    begins = ~touched
    begins[:, 1:] &= touched[:, :-1]
    begins[:, 0] = True  # of every row, touched or not
    first = np.argwhere(begins)
    found = np.asarray(points_in_polygon(corners, (first + 0.5) / steps + low), dtype=np.bool_)
    return np.asarray(found[np.cumsum(begins) - 1].reshape(touched.shape))


def _touched(corners: Doubles, *, reach: float) -> tuple[NDArray[np.int16], Mask]:
    """Return which side touches each cell, and which cells one touches.

    A side touches a cell, widened to so far from its middle as `reach` says, when the two are
    apart along no axis, nor along the side's normal.
    """
    sides = np.zeros((CELLS, CELLS), dtype=np.int16)
    number = np.zeros((CELLS, CELLS), dtype=np.int16)
    ends = np.roll(corners, -1, axis=0)
    alongs, middles = ends - corners, (corners + ends) / 2
    fars = reach + np.abs(alongs) / 2
    # Cells whose middles are no farther than that along either axis.
    firsts = np.ceil(middles - fars - 0.5).astype(int).clip(0, CELLS)
    lasts = (np.floor(middles + fars - 0.5).astype(int) + 1).clip(0, CELLS)
    limits = reach * np.abs(alongs).sum(axis=1)
    places = np.arange(CELLS) + 0.5
    for side, ((left, low), (right, high)) in enumerate(zip(firsts, lasts, strict=True)):
        (wide, tall), (x, y) = alongs[side], middles[side]
        across = ((places[left:right] - x) * tall)[:, None] - (places[low:high] - y) * wide
        touches = np.abs(across) <= limits[side]
        sides[left:right, low:high][touches] = side
        number[left:right, low:high] += touches
    sides[number > 1] = _SEVERAL
    return sides, number > 0
