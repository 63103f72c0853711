"""Kaplan-Meier curves and quantiles of times that are known exactly or censored."""

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from immunerecon.kinetics.estimators.competing_risks import count_events, log_log_interval

Floats = NDArray[np.float64]


def kaplan_meier(time: Floats, seen: NDArray[np.bool_], *, level: float = 0.95) -> pd.DataFrame:
    """Estimate survival by Kaplan and Meier.

    Parameters
    ----------
    time : ndarray of float, shape (n_subjects,)
        Day of the event or of censoring.
    seen : ndarray of bool, shape (n_subjects,)
        Whether the event was seen; otherwise the subject is censored at `time`.
    level
        Level of the pointwise interval.

    Returns
    -------
    DataFrame
        One row a distinct time: `time, at_risk, events, survival, variance, low, high`. The
        variance is Greenwood's, the interval symmetric on the log(-log) scale and undefined (NaN)
        where survival is 0 or 1.

    References
    ----------
    Kaplan & Meier, J Am Stat Assoc 1958;53:457, doi 10.1080/01621459.1958.10501452.

    Examples
    --------
    >>> days, seen = np.array([9.0, 13.0, 13.0, 18.0]), np.array([True, True, False, True])
    >>> kaplan_meier(days, seen)[["time", "at_risk", "survival"]]
       time  at_risk  survival
    0   9.0        4      0.75
    1  13.0        3      0.50
    2  18.0        1      0.00
    """
    counts = count_events(time, seen.astype(np.int64))
    n, events = counts.at_risk, counts.events[0]
    survival = counts.survival
    terms = np.where(n > events, events / (n * np.maximum(n - events, 1)), 0.0)
    variance = survival**2 * np.cumsum(terms)
    low, high = log_log_interval(survival, variance, level)
    return pd.DataFrame(
        {
            "time": counts.time,
            "at_risk": n,
            "events": events,
            "survival": survival,
            "variance": variance,
            "low": low,
            "high": high,
        }
    )


def survival_quantile(
    curve: pd.DataFrame, probability: float = 0.5, *, bound: Literal["survival", "low", "high"]
) -> float:
    """Read the time by which a share of subjects had the event.

    Parameters
    ----------
    curve
        As made by `kaplan_meier`.
    probability
        Share with the event, 0.5 for the median.
    bound
        ``survival`` for the estimate; ``low`` and ``high`` for the ends of its interval (Brookmeyer
        and Crowley's, from the pointwise interval of the curve).

    Returns
    -------
    float
        Days; infinity when the curve does not come down that far. Where the curve is flat at
        exactly that level, the middle of the step, as R's survfit.

    References
    ----------
    Brookmeyer & Crowley, Biometrics 1982;38:29, doi 10.2307/2530286.

    Examples
    --------
    >>> curve = kaplan_meier(np.array([9.0, 13.0, 18.0]), np.array([True, True, True]))
    >>> survival_quantile(curve, bound="survival")
    13.0
    """
    left = curve[bound].to_numpy(dtype=float)
    time = curve["time"].to_numpy(dtype=float)
    target = 1 - probability
    # Rounding in the product must not turn a level that is reached into one that is not.
    reached = np.flatnonzero(left <= target + 1e-12)
    if not reached.size:
        return float("inf")
    first = int(reached[0])
    beyond = np.flatnonzero(left < target - 1e-12)
    if bound == "survival" and abs(left[first] - target) <= 1e-12 and beyond.size:
        return float((time[first] + time[beyond[0]]) / 2)
    return float(time[first])
