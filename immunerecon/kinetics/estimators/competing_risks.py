"""Cumulative incidence of one event in the presence of others, at exact days with ties."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Variance = Literal["aalen", "delta"]

CENSORED = 0


@dataclass(frozen=True)
class EventCounts:
    """Subjects at risk and events at each distinct time of one group.

    Parameters
    ----------
    time : ndarray of float, shape (n_times,)
        Distinct times of events and censorings, rising.
    at_risk : ndarray of int, shape (n_times,)
        Subjects still under observation just before each time.
    events : ndarray of int, shape (n_causes, n_times)
        Events of each cause at each time, cause 1 first.
    """

    time: Floats
    at_risk: Integers
    events: Integers

    @property
    def survival(self) -> Floats:
        """Kaplan-Meier probability of no event of any cause, just after each time."""
        survival: Floats = np.cumprod(1 - self.events.sum(axis=0) / self.at_risk)
        return survival


def count_events(time: Floats, cause: Integers) -> EventCounts:
    """Count events and subjects at risk at each distinct time.

    Parameters
    ----------
    time : ndarray of float, shape (n_subjects,)
        Day of the event or of censoring.
    cause : ndarray of int, shape (n_subjects,)
        0 censored, 1, 2 ... the cause of the event.

    Returns
    -------
    EventCounts
        The counts; a subject censored on the day of an event is at risk for it.

    Examples
    --------
    >>> counts = count_events(np.array([7.0, 7.0, 14.0]), np.array([1, 0, 2]))
    >>> counts.at_risk.tolist(), counts.events.tolist()
    ([3, 1], [[1, 0], [0, 1]])
    """
    times, position = np.unique(time, return_inverse=True)
    at_risk = (time[:, None] >= times).sum(axis=0)
    n_causes = max(int(cause.max(initial=1)), 1)
    events = np.zeros((n_causes, times.size), dtype=np.int64)
    seen = cause != CENSORED
    np.add.at(events, (cause[seen] - 1, position[seen]), 1)
    return EventCounts(times, at_risk, events)


def aalen_johansen(
    time: Floats, cause: Integers, *, of: int = 1, variance: Variance = "aalen", level: float = 0.95
) -> pd.DataFrame:
    """Estimate the cumulative incidence of one cause.

    Parameters
    ----------
    time : ndarray of float, shape (n_subjects,)
        Day of the event or of censoring, exact; ties are allowed.
    cause : ndarray of int, shape (n_subjects,)
        0 censored, 1, 2 ... the cause of the event.
    of
        Cause whose incidence is wanted.
    variance
        ``aalen``: martingale variance with a correction for ties, as R's cmprsk; ``delta``: the
        delta method (Dinse and Larson), as R's survfit.
    level
        Level of the pointwise interval.

    Returns
    -------
    DataFrame
        One row a distinct time: `time, at_risk, events, competing, cumulative_incidence, variance,
        low, high`. The interval is on the scale ``log(-log(incidence))`` and undefined (NaN) while
        the incidence is 0 or 1.

    References
    ----------
    Aalen & Johansen, Scand J Stat 1978;5:141.
    Gray, Ann Stat 1988;16:1141, doi 10.1214/aos/1176350951.
    Dinse & Larson, Biometrika 1986;73:379, doi 10.1093/biomet/73.2.379.

    Examples
    --------
    >>> days, cause = np.array([7.0, 14.0, 14.0, 28.0]), np.array([1, 2, 1, 0])
    >>> aalen_johansen(days, cause)[["time", "at_risk", "cumulative_incidence"]]
       time  at_risk  cumulative_incidence
    0   7.0        4                  0.25
    1  14.0        3                  0.50
    2  28.0        1                  0.50
    """
    counts = count_events(time, cause)
    own = counts.events[of - 1] if of <= len(counts.events) else np.zeros_like(counts.at_risk)
    other = counts.events.sum(axis=0) - own
    before = np.concatenate([[1.0], counts.survival[:-1]])
    incidence = np.cumsum(before * own / counts.at_risk)
    spread = (_aalen_variance if variance == "aalen" else _delta_variance)(
        counts, own, other, incidence
    )
    low, high = log_log_interval(incidence, spread, level)
    return pd.DataFrame(
        {
            "time": counts.time,
            "at_risk": counts.at_risk,
            "events": own,
            "competing": other,
            "cumulative_incidence": incidence,
            "variance": spread,
            "low": low,
            "high": high,
        }
    )


def _rises(counts: EventCounts, incidence: Floats) -> tuple[Floats, Floats]:
    """Survival before each time, and the later rise of incidence per survivor of each time.

    The second has one row for each time of interest and one column for each event time, and is 0
    after the time of interest.
    """
    before = np.concatenate([[1.0], counts.survival[:-1]])
    rise = incidence[:, None] - incidence[None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        per_survivor = np.where(counts.survival > 0, rise / counts.survival, 0.0)
    return before, np.tril(per_survivor)


def _aalen_variance(
    counts: EventCounts, own: Integers, other: Integers, incidence: Floats
) -> Floats:
    """Sum the squared martingale increments, each cause's ties hypergeometric."""
    before, later = _rises(counts, incidence)
    n = counts.at_risk
    total = np.zeros_like(incidence)
    for events, weight in ((own, np.tril(1 - later)), (other, later)):
        ties = 1 - np.maximum(events - 1, 0) / np.maximum(n - 1, 1)
        total = total + (weight**2) @ (before**2 * ties * events / n**2)
    return total


def _delta_variance(
    counts: EventCounts, own: Integers, other: Integers, incidence: Floats
) -> Floats:
    """Delta method on binomial hazards, Greenwood's formula generalised."""
    before, later = _rises(counts, incidence)
    n, all_events = counts.at_risk, own + other
    # later * S(t) / S(t-) turned back into a rise per subject at risk before the events.
    left = np.where(n > all_events, all_events / (n * np.maximum(n - all_events, 1)), 0.0)
    rise = later * counts.survival
    past = np.tril(np.ones_like(later))
    return np.asarray(
        (rise**2) @ left
        + past @ (before**2 * own * (n - own) / n**3)
        - 2 * rise @ (before * own / n**2)
    )


def log_log_interval(probability: Floats, variance: Floats, level: float) -> tuple[Floats, Floats]:
    """Return a probability's pointwise interval, symmetric on the log(-log) scale.

    Parameters
    ----------
    probability : ndarray of float
        Estimated probabilities.
    variance : ndarray of float
        Their variances.
    level
        Level of the interval.

    Returns
    -------
    low, high : ndarray of float
        NaN where the probability is 0 or 1.

    Examples
    --------
    >>> low, high = log_log_interval(np.array([0.5]), np.array([0.01]), 0.95)
    >>> round(float(low[0]), 4), round(float(high[0]), 4)
    (0.2952, 0.6745)
    """
    from scipy.special import ndtri

    z = float(ndtri(0.5 + level / 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = z * np.sqrt(variance) / (probability * np.log(probability))
        low, high = probability ** np.exp(-reach), probability ** np.exp(reach)
    inside = (probability > 0) & (probability < 1)
    return np.where(inside, low, np.nan), np.where(inside, high, np.nan)
