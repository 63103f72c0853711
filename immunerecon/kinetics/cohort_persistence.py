"""Persistence of donor cells in a whole cohort."""

from typing import Any

import numpy as np
import pandas as pd

from immunerecon.kinetics.columns import require_columns
from immunerecon.kinetics.estimators.interval_censoring import turnbull

QUANTITIES = ("c_max", "t_max", "auc_0_28", "half_life")


def summarise_persistence(persistence: pd.DataFrame) -> pd.DataFrame:
    """Give geometric means of a cohort's persistence with their intervals.

    Parameters
    ----------
    persistence
        As made by `immunerecon.kinetics.persistence.persistence_table`; only first courses count.

    Returns
    -------
    DataFrame
        One row a population, measure and quantity (`c_max, t_max, auc_0_28, half_life`):
        `population, measure, quantity, n, n_not_evaluable, geometric_mean, low, high, median,
        minimum, maximum`.

    Raises
    ------
    StudyError
        When a column is missing.

    Notes
    -----
    Student's 95 % interval of the mean logarithm, NaN for a single patient. A half-life is
    evaluable only where cells were seen long enough, so this mean is too long when many are not:
    use `immunerecon.kinetics.decline.fit_cohort_decline` then.

    Examples
    --------
    >>> table = pd.DataFrame({"population": "NK", "measure": "fraction", "c_max": [0.1, 0.4],
    ...     "t_max": [7.0, 14], "auc_0_28": [1.0, 4], "half_life": [5.0, np.nan]})
    >>> summary = summarise_persistence(table).set_index("quantity")
    >>> summary.loc[["c_max", "half_life"], ["n", "n_not_evaluable", "geometric_mean"]]
               n  n_not_evaluable  geometric_mean
    quantity
    c_max      2                0             0.2
    half_life  1                1             5.0
    """
    require_columns(persistence, "persistence", ("population", "measure", *QUANTITIES))
    first = persistence
    if "course" in persistence.columns:
        first = persistence[persistence["course"] == 1]
    rows = [
        {"population": population, "measure": measure, "quantity": quantity}
        | _summary(group[quantity].to_numpy(dtype=float))
        for (population, measure), group in first.groupby(["population", "measure"])
        for quantity in QUANTITIES
    ]
    return pd.DataFrame(rows, columns=_COLUMNS)


_COLUMNS = [
    "population",
    "measure",
    "quantity",
    "n",
    "n_not_evaluable",
    "geometric_mean",
    "low",
    "high",
    "median",
    "minimum",
    "maximum",
]


def _summary(values: "np.ndarray[Any, np.dtype[np.float64]]") -> dict[str, Any]:
    """Summarise the evaluable values of one quantity."""
    from scipy.special import stdtrit

    known = values[np.isfinite(values)]
    row: dict[str, Any] = {"n": known.size, "n_not_evaluable": values.size - known.size}
    if not known.size:
        return row
    logs = np.log(known)
    reach = np.nan
    if known.size > 1:
        reach = stdtrit(known.size - 1, 0.975) * logs.std(ddof=1) / np.sqrt(known.size)
    return row | {
        "geometric_mean": float(np.exp(logs.mean())),
        "low": float(np.exp(logs.mean() - reach)),
        "high": float(np.exp(logs.mean() + reach)),
        "median": float(np.median(known)),
        "minimum": float(known.min()),
        "maximum": float(known.max()),
    }


def persistence_distribution(
    persistence: pd.DataFrame, *, population: str = "NK", measure: str = "fraction"
) -> pd.DataFrame:
    """Estimate how long donor cells stay detectable in a cohort.

    Parameters
    ----------
    persistence
        As made by `immunerecon.kinetics.persistence.persistence_table`; only first courses count.
    population, measure
        Which rows.

    Returns
    -------
    DataFrame
        Turnbull's estimate of the duration, `left, right, mass, survival, at_risk`, as by
        `immunerecon.kinetics.estimators.interval_censoring.turnbull`.

    Raises
    ------
    StudyError
        When a column is missing.
    EstimationError
        When no patient is evaluable.

    Examples
    --------
    >>> table = pd.DataFrame({"population": "NK", "measure": "fraction",
    ...     "duration_low": [7.0, 14, 14], "duration_high": [14.0, 28, np.inf]})
    >>> persistence_distribution(table)[["left", "right", "survival"]]
       left  right  survival
    0   7.0   14.0  0.666667
    1  14.0   28.0  0.000000
    """
    columns = ("population", "measure", "duration_low", "duration_high")
    require_columns(persistence, "persistence", columns)
    own = persistence[
        (persistence["population"] == population) & (persistence["measure"] == measure)
    ]
    if "course" in own.columns:
        own = own[own["course"] == 1]
    known = own.dropna(subset=["duration_low", "duration_high"])
    return turnbull(
        known["duration_low"].to_numpy(dtype=float), known["duration_high"].to_numpy(dtype=float)
    )
