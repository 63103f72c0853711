"""Agreement of two methods: Bland and Altman's limits and Deming's line, patient by patient."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from immunerecon.errors import EstimationError

Floats = NDArray[np.float64]
Interval = tuple[float, float]
FEWEST_PATIENTS = 3


@dataclass(frozen=True)
class Agreement:
    """How two methods agree on the same draws.

    Parameters
    ----------
    n_pairs, n_patients
        Pairs of measurements, and the patients they come from.
    bias, bias_interval
        Mean of second minus first.
    limits
        Bland and Altman's 95 % limits of agreement: bias -/+ 1.96 SD of the differences.
    lower_limit_interval, upper_limit_interval
        Of the two limits.
    slope, slope_interval, intercept, intercept_interval
        Of Deming's line, second on first.
    interval_method
        How intervals were found.
    """

    n_pairs: int
    n_patients: int
    bias: float
    bias_interval: Interval
    limits: Interval
    lower_limit_interval: Interval
    upper_limit_interval: Interval
    slope: float
    slope_interval: Interval
    intercept: float
    intercept_interval: Interval
    interval_method: str = "95 %, jackknife leaving out one patient at a time, Student's t"


def measure_agreement(
    first: ArrayLike, second: ArrayLike, patient: ArrayLike, *, error_ratio: float = 1.0
) -> Agreement:
    """Compare two methods on the same draws.

    Parameters
    ----------
    first, second : array_like, shape (n_pairs,)
        What the methods measured, in the same unit.
    patient : array_like, shape (n_pairs,)
        Whose draw each pair is.
    error_ratio
        Variance of the second method's errors over that of the first's, for Deming's line.

    Returns
    -------
    Agreement

    Raises
    ------
    EstimationError
        When there are fewer than three patients, or all values of a method are the same.

    Notes
    -----
    Draws of one patient are alike, so intervals rest on patients: leave-one-patient-out jackknife.

    References
    ----------
    Bland JM, Altman DG. Lancet 1986;327:307. doi:10.1016/S0140-6736(86)90837-8
    Linnet K. Clin Chem 1993;39:424. doi:10.1093/clinchem/39.3.424

    Examples
    --------
    >>> str_percent, flow_percent = [2.0, 15, 40, 63, 88], [3.0, 13, 42, 66, 87]
    >>> agreed = measure_agreement(str_percent, flow_percent, list("ABCDE"))
    >>> print(f"{agreed.bias:.1f} ({agreed.limits[0]:.1f} to {agreed.limits[1]:.1f})")
    0.6 (-3.5 to 4.7)
    """
    x, y = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    names, whose = np.unique(np.asarray(patient), return_inverse=True)
    if len(names) < FEWEST_PATIENTS or np.ptp(x) == 0 or np.ptp(y) == 0:
        raise EstimationError(
            f"agreement needs {FEWEST_PATIENTS} patients or more and values that differ, "
            f"found {len(names)} patient(s)"
        )

    def estimate(kept: NDArray[np.bool_]) -> Floats:
        low, high = _limits(y[kept] - x[kept])
        slope, intercept = _deming(x[kept], y[kept], error_ratio)
        return np.array([(low + high) / 2, low, high, slope, intercept])

    values, intervals = _jackknife(estimate, whose)
    bias, low, high, slope, intercept = values
    return Agreement(
        n_pairs=x.size,
        n_patients=len(names),
        bias=bias,
        bias_interval=intervals[0],
        limits=(low, high),
        lower_limit_interval=intervals[1],
        upper_limit_interval=intervals[2],
        slope=slope,
        slope_interval=intervals[3],
        intercept=intercept,
        intercept_interval=intervals[4],
    )


def _limits(difference: Floats) -> Interval:
    """Return the 95 % limits of agreement."""
    spread = 1.959964 * float(np.std(difference, ddof=1)) if difference.size > 1 else math.nan
    return float(difference.mean()) - spread, float(difference.mean()) + spread


def _deming(x: Floats, y: Floats, error_ratio: float) -> Interval:
    """Return slope and intercept of Deming's line; NaN where there is no covariance."""
    sxx, syy = float(np.var(x)), float(np.var(y))
    sxy = float(((x - x.mean()) * (y - y.mean())).mean())
    if sxy == 0:
        return math.nan, math.nan
    rest = syy - error_ratio * sxx
    slope = (rest + math.sqrt(rest**2 + 4 * error_ratio * sxy**2)) / (2 * sxy)
    return slope, float(y.mean()) - slope * float(x.mean())


def _jackknife(
    estimate: Callable[[NDArray[np.bool_]], Floats], whose: NDArray[np.int64]
) -> tuple[list[float], list[Interval]]:
    """Return estimates from all pairs, and intervals from leaving out one patient at a time."""
    from scipy.special import stdtrit

    n = int(whose.max()) + 1
    whole = estimate(np.ones(whose.size, dtype=bool))
    pseudo = n * whole - (n - 1) * np.array([estimate(whose != place) for place in range(n)])
    half = stdtrit(n - 1, 0.975) * pseudo.std(axis=0, ddof=1) / math.sqrt(n)
    bounds = zip((whole - half).tolist(), (whole + half).tolist(), strict=True)
    return whole.tolist(), list(bounds)
