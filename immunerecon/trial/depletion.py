"""How many times fewer cells a depletion left, counted on absolute numbers."""

import math

import numpy as np

from immunerecon.enumeration.poisson import garwood

Bounded = tuple[float, float, float]


def counted_cells(events: int, cells_per_event: float) -> Bounded:
    """Return the cells that counted events stand for, with the exact Poisson interval.

    Parameters
    ----------
    events
        Events counted in the tube.
    cells_per_event
        Cells of the product for each of them.

    Returns
    -------
    value, low, high

    References
    ----------
    Garwood F. Biometrika 1936;28:437. doi:10.1093/biomet/28.3-4.437

    Examples
    --------
    >>> [round(cells) for cells in counted_cells(10, 1000.0)]
    [10000, 4795, 18390]
    """
    low, high = garwood(events)
    return events * cells_per_event, float(low) * cells_per_event, float(high) * cells_per_event


def log10_depletion(start: Bounded, end: Bounded) -> Bounded:
    """Return the log10 of how many times fewer cells there are, with its interval.

    Parameters
    ----------
    start, end
        Absolute number of cells before and after, each with its bounds (as `counted_cells` gives).

    Returns
    -------
    value, low, high
        Infinite, above a finite lower bound, where no cell was found at the end.

    Notes
    -----
    The distances of the bounds add in squares on the log scale.

    References
    ----------
    Zou GY, Donner A. Stat Med 2008;27:1693. doi:10.1002/sim.3095

    Examples
    --------
    >>> before, after = counted_cells(5000, 1e6), counted_cells(50, 1e5)
    >>> [round(logs, 2) for logs in log10_depletion(before, after)]
    [3.0, 2.88, 3.13]
    """
    if end[0] == 0:
        return math.inf, math.log10(start[1] / end[2]), math.inf
    with np.errstate(divide="ignore"):
        (first, first_low, first_high), (last, last_low, last_high) = np.log10(start), np.log10(end)
    value = float(first - last)
    low = value - float(np.hypot(first - first_low, last_high - last))
    return value, low, value + float(np.hypot(first_high - first, last - last_low))
