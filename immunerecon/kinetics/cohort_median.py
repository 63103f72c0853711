"""The day by which half of a cohort has recovered."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from immunerecon.kinetics.cohort import RECOVERED, cohort_groups, recovery_times
from immunerecon.kinetics.columns import require_columns
from immunerecon.kinetics.estimators.competing_risks import aalen_johansen
from immunerecon.kinetics.estimators.interval_censoring import turnbull, turnbull_quantile

Floats = NDArray[np.float64]

#: Rounding in the products must not turn a level that is reached into one that is not.
_ROUNDING = 1e-12


def incidence_quantile(
    time: Floats, cause: NDArray[np.int64], *, probability: float = 0.5, level: float = 0.95
) -> tuple[float, float, float]:
    """Estimate the day by which a share of subjects had the event, with its interval.

    Parameters
    ----------
    time : ndarray of float, shape (n_subjects,)
        Day of the event or of censoring.
    cause : ndarray of int, shape (n_subjects,)
        0 censored, 1 the event, 2 ... competing events.
    probability
        Cumulative incidence wanted, 0.5 for the median.
    level
        Level of the interval.

    Returns
    -------
    estimate, low, high : float
        Infinite where the incidence (or a bound of it) does not rise that far.

    Notes
    -----
    The interval holds the days on which the incidence (Aalen-Johansen) does not differ from
    `probability`, with the variance that a binomial count of the effective number of subjects
    would have at `probability` (a score interval, as Wilson's). The effective number is the one
    that the variance of the incidence (delta method) implies where it reaches `probability`.
    In simulated cohorts of twelve, with and without deaths and losses, it covered 93 to 97 %.

    Examples
    --------
    >>> days = np.arange(1.0, 13.0) * 7
    >>> incidence_quantile(days, np.ones(12, dtype=int))
    (42.0, 21.0, 70.0)
    """
    from scipy.special import ndtri

    curve = aalen_johansen(time, cause, variance="delta")
    days = np.append(0.0, curve["time"].to_numpy(dtype=float))
    incidence = np.append(0.0, curve["cumulative_incidence"].to_numpy())
    variance = np.append(0.0, curve["variance"].to_numpy())
    reached = incidence >= probability - _ROUNDING
    at = int(np.argmax(reached)) if reached.any() else incidence.size - 1
    binomial = incidence[at] * (1 - incidence[at])
    effective = binomial / variance[at] if binomial > 0 and variance[at] > 0 else time.size
    reach = float(ndtri(0.5 + level / 2) * np.sqrt(probability * (1 - probability) / effective))
    return (
        _first(days, incidence, probability),
        _first(days, incidence + reach, probability),
        _first(days, incidence - reach, probability),
    )


def _first(day: Floats, curve: Floats, probability: float) -> float:
    """First day on which a curve reaches a probability, infinity if it never does."""
    reached = np.flatnonzero(curve >= probability - _ROUNDING)
    return float(day[reached[0]]) if reached.size else float("inf")


def median_recovery_table(
    recovery: pd.DataFrame, clinical_events: pd.DataFrame, patients: pd.DataFrame
) -> pd.DataFrame:
    """Give the median day of recovery in the cohort and at each dose level.

    Parameters
    ----------
    recovery, clinical_events, patients
        As in `immunerecon.kinetics.cohort.cohort_recovery_table`.

    Returns
    -------
    DataFrame
        One row a group, population and threshold: `group, population, threshold, n_at_risk,
        n_recovered, n_competing, median_day, low, high, turnbull_low, turnbull_high, method`.

    Raises
    ------
    StudyError
        As in `cohort_recovery_table`.

    Notes
    -----
    `median_day` is the day on which the cumulative incidence, with competing events, reaches one
    half, each recovery set to the middle of its interval (`time_low`, `time_high`]; infinite when
    it never does. Its 95 % interval is that of `incidence_quantile`. The median of Turnbull's
    estimate, which takes competing events for censoring and so answers "if nothing had competed",
    lies in (`turnbull_low`, `turnbull_high`].

    Examples
    --------
    >>> recovery = pd.DataFrame({
    ...     "patient": list("ABC"), "population": "NK", "threshold": 100.0, "status": "recovered",
    ...     "time_low": [7.0, 14, 28], "time_high": [14.0, 28, 56]})
    >>> events = pd.DataFrame({"patient": ["A"], "day": [0.0], "event": ["infusion"]})
    >>> table = median_recovery_table(recovery, events, recovery[["patient"]])
    >>> table[["median_day", "low", "high", "turnbull_low", "turnbull_high"]]
       median_day  low  high  turnbull_low  turnbull_high
    0        21.0  0.0   inf          14.0           28.0
    """
    require_columns(patients, "patients", ("patient",))
    times = recovery_times(recovery, clinical_events)
    rows = []
    for group, members in cohort_groups(patients, recovery):
        own = times[times["patient"].isin(members)]
        for (population, threshold), at_risk in own.groupby(["population", "threshold"]):
            rows.append(
                {"group": group, "population": population, "threshold": threshold}
                | _medians(at_risk)
            )
    return pd.DataFrame(rows, columns=_COLUMNS)


_COLUMNS = [
    "group",
    "population",
    "threshold",
    "n_at_risk",
    "n_recovered",
    "n_competing",
    "median_day",
    "low",
    "high",
    "turnbull_low",
    "turnbull_high",
    "method",
]

_METHOD = "Aalen-Johansen at interval midpoints, score interval (delta-method variance)"


def _medians(at_risk: pd.DataFrame) -> dict[str, Any]:
    """Medians of one group, population and threshold."""
    cause = at_risk["cause"].to_numpy(dtype=np.int64)
    time = at_risk["time"].to_numpy(dtype=float)
    left = np.minimum(at_risk["time_low"].to_numpy(dtype=float), time)
    recovered = cause == RECOVERED
    right = np.where(recovered, time, np.inf)
    middle = np.where(recovered, (left + time) / 2, time)
    median, low, high = incidence_quantile(middle, cause)
    turnbull_low, turnbull_high = turnbull_quantile(turnbull(left, right))
    return {
        "n_at_risk": len(at_risk),
        "n_recovered": int(recovered.sum()),
        "n_competing": int((cause > RECOVERED).sum()),
        "median_day": median,
        "low": low,
        "high": high,
        "turnbull_low": turnbull_low,
        "turnbull_high": turnbull_high,
        "method": _METHOD,
    }
