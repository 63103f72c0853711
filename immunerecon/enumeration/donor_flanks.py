"""The recipient's peak beyond its end: how its flank falls on, and what lies above it."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FLATTEST = 0.5  # of its events a flank keeps over one SD, at the most


def extend_flank(peak: Floats, grid: Floats, end: float) -> Floats:
    """Return the events that a peak is expected to have beyond its end.

    Parameters
    ----------
    peak : ndarray, shape (cells,)
        Events of the peak; those beyond `end` are not looked at.
    grid : ndarray, shape (cells + 1,)
        Edges of the cells, in SD of the peak.
    end
        Where the peak ends.

    Returns
    -------
    ndarray, shape (cells,)
        The logarithm falls on along the parabola through the last three SD before the end, or
        along a line where it has begun to level. A normal flank is overstated by some 15 %.

    Examples
    --------
    >>> from scipy.special import ndtr
    >>> grid = np.linspace(-4, 8, 121)
    >>> events = 1e6 * np.diff(ndtr(grid))
    >>> flank = extend_flank(np.where(grid[:-1] < 3, events, 0.0), grid, 3.0)
    >>> print(f"{flank.sum():.0f} of {events[grid[:-1] >= 3].sum():.0f}")
    1579 of 1350
    """
    middle = (grid[1:] + grid[:-1]) / 2
    far, near, last = (
        float(peak[(middle >= end - k - 1) & (middle < end - k)].sum()) for k in (2, 1, 0)
    )
    slope = min(np.log((last + 0.5) / (near + 0.5)), np.log(FLATTEST))
    bend = min(np.log((far + 0.5) * (last + 0.5) / (near + 0.5) ** 2), 0.0)
    steep = (slope + bend / 2) / 2  # half the fall over the last SD, at whose middle we start
    start = last * steep / np.sinh(steep)
    beyond = np.maximum(middle - end, 0.0) + 0.5  # SD from there
    fallen = np.exp(beyond * slope + beyond * (beyond + 1) / 2 * bend)
    return np.where(middle >= end, start * fallen * (grid[1] - grid[0]), 0.0)


def above_flank(tail: Floats, flank: Floats) -> Floats:
    """Return which share of the events beyond a peak's end is not its flank.

    Parameters
    ----------
    tail : ndarray, shape (cells,)
        Events there, smoothed.
    flank : ndarray, shape (cells,)
        Of them, those that the peak's flank explains.
    """
    return np.clip(1 - flank / np.maximum(tail, 1e-12), 0.0, 1.0)
