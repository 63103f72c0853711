"""The interval of a product of two estimates, such as donor fraction times cells per µL."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Bounded = tuple[ArrayLike, ArrayLike, ArrayLike]


def product_interval(first: Bounded, second: Bounded) -> tuple[Floats, Floats, Floats]:
    """Return the product of two independent, non-negative estimates with its interval.

    Parameters
    ----------
    first, second : tuple of array_like
        Estimate, lower and upper bound of each at the same level; they broadcast.

    Returns
    -------
    value, low, high : ndarray
        NaN where an estimate or bound is.

    Notes
    -----
    The distances of the bounds from the estimates add in squares on the log scale (method of
    variance estimates recovery [1]_). Where an estimate is 0 the upper bound is the product of
    the upper bounds, and where a lower bound is 0 so is the product's.

    References
    ----------
    .. [1] Zou GY, Donner A. Stat Med 2008;27:1693-1702. doi:10.1002/sim.3095

    Examples
    --------
    >>> value, low, high = product_interval((0.5, 0.4, 0.6), (200.0, 150.0, 260.0))
    >>> print(f"{value:.0f} ({low:.0f}-{high:.0f})")
    100 (69-138)
    """
    (p, p_low, p_high), (q, q_low, q_high) = (
        [np.asarray(part, dtype=float) for part in bounded] for bounded in (first, second)
    )
    value = p * q
    with np.errstate(divide="ignore", invalid="ignore"):
        down = np.hypot(np.log(p / p_low), np.log(q / q_low))
        up = np.hypot(np.log(p_high / p), np.log(q_high / q))
        low = np.where((p_low == 0) | (q_low == 0), 0.0, value * np.exp(-down))
        high = np.where(value == 0, p_high * q_high, value * np.exp(up))
    known = ~np.isnan(value + p_low + p_high + q_low + q_high)
    return value, np.where(known, low, np.nan)[()], np.where(known, high, np.nan)[()]
