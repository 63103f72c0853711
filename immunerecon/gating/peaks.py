"""Peaks of a curve that stand out from what surrounds them."""

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Indices = NDArray[np.intp]


def prominent_peaks(curve: Doubles, *, prominence: float) -> Indices:
    """Return the places of the peaks of a curve.

    Parameters
    ----------
    curve : ndarray, shape (n,)
        Values at even steps.
    prominence
        How far a peak must rise above the higher of the lowest points on either side, up to the
        next higher point or the end.

    Returns
    -------
    ndarray of int
        Ascending; the middle of a peak that is flat. The two ends are no peaks.

    Notes
    -----
    The same as ``scipy.signal.find_peaks``, whose module takes a second to load.

    Examples
    --------
    >>> prominent_peaks(np.array([0.0, 2, 1, 1.5, 0, 3, 3, 0]), prominence=1)
    array([1, 5])
    """
    if curve.size < 3:
        return np.empty(0, dtype=np.intp)
    starts = np.append(0, np.flatnonzero(np.diff(curve)) + 1)  # of stretches of one value
    ends = np.append(starts[1:], curve.size) - 1
    levels = curve[starts]
    tops = np.flatnonzero((levels[1:-1] > levels[:-2]) & (levels[1:-1] > levels[2:])) + 1
    peaks = (starts[tops] + ends[tops]) // 2
    stand = [_rise(curve, int(peak)) >= prominence for peak in peaks]
    return np.asarray(peaks[np.array(stand, dtype=bool)], dtype=np.intp)


def _rise(curve: Doubles, peak: int) -> float:
    """Return the prominence of a peak."""
    height = curve[peak]
    higher_before = np.flatnonzero(curve[:peak] > height)
    higher_after = np.flatnonzero(curve[peak:] > height)
    first = higher_before[-1] + 1 if higher_before.size else 0
    last = peak + higher_after[0] if higher_after.size else curve.size
    return float(height - max(curve[first : peak + 1].min(), curve[peak:last].min()))
