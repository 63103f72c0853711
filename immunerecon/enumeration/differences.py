"""Intervals for the difference of two independent proportions."""

import numpy as np

from immunerecon.enumeration.proportions import Counted, normal_quantile, wilson


def newcombe_difference(
    first: Counted, second: Counted, *, level: float = 0.95
) -> tuple[float, float]:
    """Return Newcombe's hybrid score interval (his method 10) of `first` minus `second`.

    Parameters
    ----------
    first, second
        (events found, events looked at) of each tube.
    level
        Coverage, 0-1.

    Returns
    -------
    low, high
        Bounds of the difference of the two proportions, -1 to 1.

    References
    ----------
    Newcombe RG. Stat Med 1998;17:873.

    Examples
    --------
    >>> low, high = newcombe_difference((56, 70), (48, 80))
    >>> print(f"{low:.4f} {high:.4f}")
    0.0524 0.3339
    """
    shares = first[0] / first[1], second[0] / second[1]
    (low1, high1), (low2, high2) = wilson(*first, level=level), wilson(*second, level=level)
    difference = shares[0] - shares[1]
    low = difference - np.hypot(shares[0] - low1, high2 - shares[1])
    high = difference + np.hypot(high1 - shares[0], shares[1] - low2)
    return float(low), float(high)


def miettinen_nurminen_difference(
    first: Counted, second: Counted, *, level: float = 0.95
) -> tuple[float, float]:
    """Return Miettinen and Nurminen's score interval of `first` minus `second`.

    Parameters
    ----------
    first, second
        (events found, events looked at) of each tube.
    level
        Coverage, 0-1.

    Returns
    -------
    low, high
        Bounds of the difference of the two proportions, -1 to 1.

    Notes
    -----
    The bounds are the differences at which the score statistic, with both proportions
    fitted under that difference and the variance widened by N/(N-1), equals the normal quantile.

    References
    ----------
    Miettinen O, Nurminen M. Stat Med 1985;4:213. doi:10.1002/sim.4780040211

    Examples
    --------
    >>> low, high = miettinen_nurminen_difference((56, 70), (48, 80))
    >>> print(f"{low:.4f} {high:.4f}")
    0.0528 0.3382
    """
    from scipy.optimize import brentq

    observed = first[0] / first[1] - second[0] / second[1]
    z = normal_quantile(level)

    def bound(end: float) -> float:
        """Walk from the observed difference to where the score reaches the quantile."""
        if observed == end:
            return end
        return float(brentq(lambda d: abs(_score(first, second, d)) - z, observed, end))

    return bound(-1.0), bound(1.0)


def _score(first: Counted, second: Counted, difference: float) -> float:
    """Return the score statistic of a difference (Miettinen-Nurminen, eq. 8 to 10)."""
    (x1, n1), (x2, n2) = first, second
    n = n1 + n2
    a = n
    b = (n1 + 2 * n2) * difference - n - x1 - x2
    c = (n2 * difference - n - 2 * x2) * difference + x1 + x2
    d = x2 * difference * (1 - difference)
    v = (b / (3 * a)) ** 3 - b * c / (6 * a**2) + d / (2 * a)
    u = np.copysign(np.sqrt(max((b / (3 * a)) ** 2 - c / (3 * a), 0.0)), v)
    angle = (np.pi + np.arccos(np.clip(v / u**3 if u else 0.0, -1, 1))) / 3
    p2 = np.clip(2 * u * np.cos(angle) - b / (3 * a), 0.0, 1.0)
    p1 = np.clip(p2 + difference, 0.0, 1.0)
    variance = (p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2) * n / (n - 1)
    excess = x1 / n1 - x2 / n2 - difference
    if variance > 0:
        return float(excess / np.sqrt(variance))
    return 0.0 if excess == 0 else 1e9  # brentq wants it finite
