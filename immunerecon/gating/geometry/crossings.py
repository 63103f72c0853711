"""Whether a polygon's outline crosses itself."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


def crosses_itself(vertices: Sequence[tuple[float, float]]) -> bool:
    """Return whether two sides of a polygon cross, those that share a corner left out.

    Parameters
    ----------
    vertices
        Corners in order; the last side leads back to the first.

    Examples
    --------
    >>> crosses_itself([(0, 0), (1, 1), (1, 0), (0, 1)])
    True
    >>> crosses_itself([(0, 0), (1, 0), (1, 1), (0, 1)])
    False
    """
    starts = np.array(vertices, dtype=np.float64)
    starts = starts[(starts != np.roll(starts, -1, axis=0)).any(axis=1)]
    ends = np.roll(starts, -1, axis=0)
    count = len(starts)
    with np.errstate(all="ignore"):  # corners as far out as numbers go cross nothing visible
        for side in range(count - 2):
            # The last side shares a corner with the first.
            others = slice(side + 2, count - 1 if side == 0 else count)
            if _cross(starts[side], ends[side], starts[others], ends[others]).any():
                return True
    return False


def _cross(start: Doubles, end: Doubles, starts: Doubles, ends: Doubles) -> NDArray[np.bool_]:
    """Return which of many sides cross one side."""
    apart = _turn(start, end, starts) * _turn(start, end, ends) < 0
    return np.asarray(apart & (_turn(starts, ends, start) * _turn(starts, ends, end) < 0))


def _turn(start: Doubles, end: Doubles, point: Doubles) -> Doubles:
    """Return the sign of the turn at `end` on the way from `start` to `point`."""
    way, on = end - start, point - start
    return np.sign(way[..., 0] * on[..., 1] - way[..., 1] * on[..., 0])
