"""Intervals for a proportion, seen directly or through an imperfect gate."""

from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Counted = tuple[int, int]


def wilson(count: ArrayLike, total: ArrayLike, *, level: float = 0.95) -> tuple[Floats, Floats]:
    """Return Wilson's score interval of a proportion; the default of every table.

    Parameters
    ----------
    count, total : array_like
        Events found and events looked at; they broadcast.
    level
        Coverage, 0-1.

    Returns
    -------
    low, high : ndarray
        Bounds, 0-1; NaN where `total` is 0.

    References
    ----------
    Wilson EB. J Am Stat Assoc 1927;22:209. doi:10.1080/01621459.1927.10502953

    Examples
    --------
    >>> low, high = wilson(15, 148)
    >>> print(f"{low:.4f} {high:.4f}")
    0.0624 0.1605
    """
    found, n = _counts(count, total)
    z2 = normal_quantile(level) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        share = found / n
        centre = (share + z2 / (2 * n)) / (1 + z2 / n)
        half = np.sqrt(z2 * share * (1 - share) / n + (z2 / (2 * n)) ** 2) / (1 + z2 / n)
    low, high = np.where(found == 0, 0.0, centre - half), np.where(found == n, 1.0, centre + half)
    return np.where(n > 0, low, np.nan)[()], np.where(n > 0, high, np.nan)[()]


def clopper_pearson(
    count: ArrayLike, total: ArrayLike, *, level: float = 0.95
) -> tuple[Floats, Floats]:
    """Return the exact (Clopper-Pearson) interval of a proportion; never covers too little.

    Parameters
    ----------
    count, total : array_like
        Events found and events looked at; they broadcast.
    level
        Coverage, 0-1.

    Returns
    -------
    low, high : ndarray
        Bounds, 0-1; NaN where `total` is 0.

    References
    ----------
    Clopper CJ, Pearson ES. Biometrika 1934;26:404. doi:10.1093/biomet/26.4.404

    Examples
    --------
    >>> low, high = clopper_pearson(0, 20)
    >>> print(f"{low:.4f} {high:.4f}")
    0.0000 0.1684
    """
    found, n = _counts(count, total)
    return _beta_interval(found, n, level, low_shape=(0.0, 1.0), high_shape=(1.0, 0.0))


def jeffreys(count: ArrayLike, total: ArrayLike, *, level: float = 0.95) -> tuple[Floats, Floats]:
    """Return Jeffreys' equal-tailed interval of a proportion.

    Parameters
    ----------
    count, total : array_like
        Events found and events looked at; they broadcast.
    level
        Coverage, 0-1.

    Returns
    -------
    low, high : ndarray
        Bounds, 0-1; NaN where `total` is 0. The lower bound is 0 where `count` is 0,
        the upper one 1 where `count` is `total`.

    References
    ----------
    Brown LD, Cai TT, DasGupta A. Stat Sci 2001;16:101. doi:10.1214/ss/1009213286

    Examples
    --------
    >>> low, high = jeffreys(1, 29)
    >>> print(f"{low:.4f} {high:.4f}")
    0.0037 0.1501
    """
    found, n = _counts(count, total)
    return _beta_interval(found, n, level, low_shape=(0.5, 0.5), high_shape=(0.5, 0.5))


def rogan_gladen(apparent: ArrayLike, *, sensitivity: float, specificity: float) -> Floats:
    """Return the true share behind an apparent one, given what the gate misses and lets in.

    Parameters
    ----------
    apparent : array_like
        Share of events inside the gate, 0-1; bounds of its interval may be given as well.
    sensitivity, specificity
        Share of true cells inside, and of other cells outside, the gate, 0-1.

    Returns
    -------
    ndarray
        True share, not truncated: it is negative where fewer events than the background
        predicts lie inside the gate. NaN where sensitivity + specificity is 1 or less.

    References
    ----------
    Rogan WJ, Gladen B. Am J Epidemiol 1978;107:71. doi:10.1093/oxfordjournals.aje.a112510

    Examples
    --------
    >>> print(f"{rogan_gladen(0.05, sensitivity=0.9, specificity=0.98):.4f}")
    0.0341
    """
    youden = sensitivity + specificity - 1
    return (np.asarray(apparent, dtype=float) + specificity - 1) / (
        youden if youden > 0 else np.nan
    )


def lang_reiczigel(
    draw: Counted, *, donor: Counted, recipient: Counted, level: float = 0.95
) -> tuple[float, float]:
    """Return the interval of the Rogan-Gladen share when both controls are counted tubes.

    Parameters
    ----------
    draw
        (events inside the gate, events) of the draw.
    donor, recipient
        (events on the right side of the gate, events) of the donor control, hence
        sensitivity, and of the recipient control, hence specificity.
    level
        Coverage, 0-1.

    Returns
    -------
    low, high
        Bounds of the true share, truncated to 0-1; NaN where the gate does not separate.

    References
    ----------
    Lang Z, Reiczigel J. Prev Vet Med 2014;113:13. doi:10.1016/j.prevetmed.2013.09.015

    Examples
    --------
    >>> low, high = lang_reiczigel((45, 150), donor=(90, 100), recipient=(160, 200))
    >>> print(f"{low:.3f} {high:.3f}")
    0.017 0.270
    """
    z = normal_quantile(level)
    n, n_donor, n_recipient = draw[1] + z**2, donor[1] + 2, recipient[1] + 2
    inside = (draw[0] + z**2 / 2) / n
    sensitivity, specificity = (donor[0] + 1) / n_donor, (recipient[0] + 1) / n_recipient
    share = float(rogan_gladen(inside, sensitivity=sensitivity, specificity=specificity))
    missed = sensitivity * (1 - sensitivity) / n_donor
    leaked = specificity * (1 - specificity) / n_recipient
    variance = inside * (1 - inside) / n + share**2 * missed + (1 - share) ** 2 * leaked
    centre = share + 2 * z**2 * (share * missed - (1 - share) * leaked)
    half = z * np.sqrt(variance) / (sensitivity + specificity - 1)
    low, high = np.clip((centre - half, centre + half), 0.0, 1.0)
    return float(low), float(high)


def _counts(count: ArrayLike, total: ArrayLike) -> tuple[Floats, Floats]:
    found, n = np.broadcast_arrays(np.asarray(count, dtype=float), np.asarray(total, dtype=float))
    return found, n


def normal_quantile(level: float) -> float:
    """Return the two-sided normal quantile of a level, e.g. 1.96 for 0.95."""
    # Not SciPy's: a worker needs nothing else of it, and its import takes as long as a tube.
    return NormalDist().inv_cdf(0.5 + level / 2)


def _beta_interval(
    found: Floats,
    n: Floats,
    level: float,
    *,
    low_shape: tuple[float, float],
    high_shape: tuple[float, float],
) -> tuple[Floats, Floats]:
    """Take both bounds as beta quantiles, the shapes being the counts plus these."""
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    missing = n - found
    low = betaincinv(found + low_shape[0], missing + low_shape[1], tail)
    high = betaincinv(found + high_shape[0], missing + high_shape[1], 1 - tail)
    low, high = np.where(found == 0, 0.0, low), np.where(missing == 0, 1.0, high)
    return np.where(n > 0, low, np.nan)[()], np.where(n > 0, high, np.nan)[()]
