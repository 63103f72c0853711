"""How exactly a boundary is known, on the display scale (0-1)."""

import math
from collections.abc import Sequence

import numpy as np

from immunerecon.gating.boundaries import (
    GRID,
    TAIL_WIDTHS,
    Boundary,
    Evidence,
    Method,
    kernel_density,
    robust_spread,
    root_noise,
)

_MEDIAN, _SPREAD = 1.571, 1.361  # variance of a normal sample's median and 1.4826 MAD, times n
_FEWEST = 20  # events below which a density says nothing


def standard_error(evidence: Evidence, value: float, method: Method) -> float:
    """Return the standard error of a boundary that one tube's events place.

    Parameters
    ----------
    evidence
        What it was placed by.
    value
        Where it lies.
    method
        How it was found.

    Returns
    -------
    float
        On the display scale; 0 for a fixed boundary, NaN where nothing placed it.

    Notes
    -----
    A valley may lie wherever the root of the density is no higher than at its floor by more than
    counting noise, which is the same for all counts: its error is that of a uniform
    distribution over this stretch. The middle of a wide gap without events is so told to be less
    certain than a narrow valley between large populations, though an event is hardly ever counted
    otherwise. A tail cut has the error of the median and of the spread that it is made of.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> values = np.concatenate([rng.normal(0.3, 0.05, 5000), rng.normal(0.55, 0.05, 5000)])
    >>> found = standard_error(Evidence(values.astype(np.float32)), 0.425, "valley")
    >>> 0.001 < found < 0.02
    True
    """
    if method == "fixed":
        return 0.0
    if method == "valley" and evidence.values.size >= _FEWEST:
        root = np.sqrt(kernel_density(evidence.values))
        at = int(np.clip(np.searchsorted(GRID, value), 0, GRID.size - 1))
        high = root > root[at] + root_noise(evidence.values.size)
        left, right = np.flatnonzero(high[:at]), np.flatnonzero(high[at:])
        first = int(left[-1]) + 1 if left.size else 0
        last = at + int(right[0]) - 1 if right.size else GRID.size - 1
        return float(max(GRID[last] - GRID[first], GRID[1] - GRID[0]) / math.sqrt(12))
    sides = (evidence.low, evidence.high, evidence.values)
    told = next((side for side in sides if side is not None and side.size >= 5), None)
    if method != "tail" or told is None:
        return math.nan
    spread = max(robust_spread(told)[1], float(GRID[1] - GRID[0]))
    return spread * math.sqrt((_MEDIAN + TAIL_WIDTHS**2 * _SPREAD) / told.size)


def borrowed_error(neighbours: Sequence[Boundary]) -> float:
    """Return the standard error of a boundary that is the median of its neighbours'.

    The spread between tubes stays, however many there are: this tube is another one.

    Examples
    --------
    >>> round(borrowed_error([Boundary("CD3", "CD3", value) for value in (0.40, 0.42, 0.44)]), 3)
    0.037
    """
    values = np.array([found.value for found in neighbours], dtype=np.float32)
    spread = robust_spread(values)[1]
    return spread * math.sqrt(1 + _MEDIAN / len(values))
