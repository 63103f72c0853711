"""Counts of rare events: their intervals, ratios of two counts, and limits over a known blank."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from immunerecon.enumeration.proportions import clopper_pearson, normal_quantile

Floats = NDArray[np.float64]


def garwood(count: ArrayLike, *, level: float = 0.95) -> tuple[Floats, Floats]:
    """Return the exact interval of the mean behind a Poisson count.

    Parameters
    ----------
    count : array_like
        Events counted.
    level
        Coverage, 0-1.

    Returns
    -------
    low, high : ndarray
        Bounds in events.

    References
    ----------
    Garwood F. Biometrika 1936;28:437. doi:10.1093/biomet/28.3-4.437

    Examples
    --------
    >>> low, high = garwood(10)
    >>> print(f"{low:.4f} {high:.4f}")
    4.7954 18.3904
    """
    found = np.asarray(count, dtype=float)
    tail = (1 - level) / 2
    low = np.where(found > 0, _mean_where(np.maximum(found, 1e-300), tail), 0.0)
    return low[()], _mean_where(found + 1, 1 - tail)


def count_ratio(
    numerator: ArrayLike, denominator: ArrayLike, *, level: float = 0.95
) -> tuple[Floats, Floats]:
    """Return the log-normal interval of a ratio of two counts, e.g. cells to beads.

    Parameters
    ----------
    numerator, denominator : array_like
        Events counted; they broadcast.
    level
        Coverage, 0-1.

    Returns
    -------
    low, high : ndarray
        Bounds of the ratio; its log has the standard error sqrt(1/numerator + 1/denominator).
        Where the numerator is 0 the bounds are 0 and Garwood's upper bound, the logarithm of
        2/(1 - level), over the denominator; NaN where the denominator is 0.

    Examples
    --------
    >>> low, high = count_ratio(400, 10_000)
    >>> print(f"{low:.4f} {high:.4f}")
    0.0362 0.0442
    """
    above, below = np.broadcast_arrays(
        np.asarray(numerator, dtype=float), np.asarray(denominator, dtype=float)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.exp(normal_quantile(level) * np.sqrt(1 / above + 1 / below))
        low = np.where(above > 0, above / below / factor, 0.0)
        high = np.where(above > 0, above / below * factor, np.log(2 / (1 - level)) / below)
    return np.where(below > 0, low, np.nan)[()], np.where(below > 0, high, np.nan)[()]


def exact_rate_ratio(
    first: tuple[int, float], second: tuple[int, float], *, level: float = 0.95
) -> tuple[float, float, float]:
    """Compare two Poisson rates exactly, given their total count.

    Parameters
    ----------
    first, second
        (events counted, events or volume looked at) of each tube.
    level
        Coverage, 0-1.

    Returns
    -------
    low, high
        Bounds of the ratio of the first rate to the second.
    p_value
        One-sided, of the first rate being no higher than the second.

    Notes
    -----
    Given the total, the first count is binomial; its Clopper-Pearson bounds become ratios.

    References
    ----------
    Przyborowski J, Wilenski H. Biometrika 1940;31:313. doi:10.1093/biomet/31.3-4.313

    Examples
    --------
    >>> low, high, p_value = exact_rate_ratio((60, 100_000), (20, 80_000))
    >>> print(f"{low:.3f} {high:.3f} {p_value:.6f}")
    1.426 4.204 0.000255
    """
    from scipy.special import betainc

    (count1, size1), (count2, size2) = first, second
    with np.errstate(divide="ignore"):
        low, high = (
            float(share / (1 - share) * size2 / size1)
            for share in clopper_pearson(count1, count1 + count2, level=level)
        )
    null_share = size1 / (size1 + size2)
    p_value = float(betainc(count1, count2 + 1, null_share)) if count1 > 0 else 1.0
    return low, high, p_value


def blank_limit(background: ArrayLike, *, alpha: float = 0.05) -> Floats:
    """Return the limit of blank of a known Poisson background, in events.

    Parameters
    ----------
    background : array_like
        Expected events in a blank tube.
    alpha
        Share of blanks above the limit, at most.

    Returns
    -------
    ndarray
        The smallest count that at least 1 - `alpha` of blanks do not exceed.

    Examples
    --------
    >>> blank_limit([0, 1, 5]).tolist()
    [0.0, 3.0, 9.0]
    """
    from scipy.special import pdtr, pdtrik

    mean = np.asarray(background, dtype=float)
    guess = np.ceil(np.where(mean > 0, pdtrik(1 - alpha, np.maximum(mean, 1e-300)), 0.0))
    one_less = np.maximum(guess - 1, 0.0)
    limit: Floats = np.where(pdtr(one_less, mean) >= 1 - alpha, one_less, guess)
    return limit[()]


def detection_limit(background: ArrayLike, *, alpha: float = 0.05, beta: float = 0.05) -> Floats:
    """Return the limit of detection above a known Poisson background, in added events.

    Parameters
    ----------
    background : array_like
        Expected events in a blank tube.
    alpha
        Share of blanks above the limit of blank, at most.
    beta
        Share of tubes at the limit of detection that the limit of blank misses.

    Returns
    -------
    ndarray
        Expected events, on top of the background, that exceed the limit of blank
        with probability 1 - `beta`.

    Examples
    --------
    >>> print(detection_limit([0, 5, 20]).round(2).tolist())
    [3.0, 10.71, 18.39]
    """
    mean = np.asarray(background, dtype=float)
    limit: Floats = _mean_where(blank_limit(mean, alpha=alpha) + 1, 1 - beta) - mean
    return limit


def currie_limits(background: ArrayLike) -> tuple[Floats, Floats]:
    """Return Currie's critical level and detection limit for a paired blank, in net events.

    Parameters
    ----------
    background : array_like
        Events counted in a blank as large as the tube.

    Returns
    -------
    critical, detection : ndarray
        Net events above which a tube is positive, and that are found in 95 % of tubes.
        The constants 1.645 and 2.71 are Currie's.

    References
    ----------
    Currie LA. Anal Chem 1968;40:586. doi:10.1021/ac60259a007

    Examples
    --------
    >>> critical, detection = currie_limits(5)
    >>> print(f"{critical:.4f} {detection:.4f}")
    5.2019 13.1139
    """
    critical = 1.645 * np.sqrt(2 * np.asarray(background, dtype=float))
    return critical, 2.71 + 2 * critical


def _mean_where(count: Floats, probability: float) -> Floats:
    """Return the Poisson mean that reaches `count` events with this probability."""
    from scipy.special import gammaincinv

    mean: Floats = np.asarray(gammaincinv(count, probability), dtype=float)
    return mean[()]
