"""Whether dose levels recover differently, and p values of several tests together."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from immunerecon.errors import EstimationError
from immunerecon.kinetics.cohort import dose_levels, recovery_times
from immunerecon.kinetics.estimators.group_tests import gray_permutation_test, gray_test

Family = Literal["planned", "exploratory"]

_METHODS = {"planned": "holm", "exploratory": "fdr_bh"}


def adjust_p_values(p_values: Sequence[float], *, family: Family) -> NDArray[np.float64]:
    """Adjust the p values of several tests.

    Parameters
    ----------
    p_values
        One a test; NaN where a test could not be done.
    family
        ``planned``: Holm's, which bounds the chance of any false finding; ``exploratory``:
        Benjamini and Hochberg's, which bounds the expected share of false ones among the findings.

    Returns
    -------
    ndarray of float
        In the same order; NaN stays NaN and is not counted as a test.

    References
    ----------
    Holm, Scand J Stat 1979;6:65.
    Benjamini & Hochberg, J R Stat Soc B 1995;57:289, doi 10.1111/j.2517-6161.1995.tb02031.x.

    Examples
    --------
    >>> adjust_p_values([0.01, 0.04, float("nan"), 0.03], family="planned")
    array([0.03, 0.06,  nan, 0.06])
    """
    raw = np.asarray(p_values, dtype=float)
    adjusted = np.full(raw.shape, np.nan)
    done = np.isfinite(raw)
    if done.any():
        from statsmodels.stats.multitest import multipletests

        adjusted[done] = multipletests(raw[done], method=_METHODS[family])[1]
    return adjusted


def compare_dose_levels(
    recovery: pd.DataFrame,
    clinical_events: pd.DataFrame,
    patients: pd.DataFrame,
    *,
    family: Family,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Test whether dose levels differ in their cumulative incidence of recovery.

    Parameters
    ----------
    recovery, clinical_events, patients
        As in `immunerecon.kinetics.cohort.cohort_recovery_table`, with `dose_level`.
    family
        Whether the comparisons were ``planned`` (Holm) or are ``exploratory`` (Benjamini-Hochberg).
    rng
        Draws the permutations when there are too many to list.

    Returns
    -------
    DataFrame
        One row a population and threshold: `population, threshold, n_by_level, statistic,
        degrees_of_freedom, p_asymptotic, p_permutation, p_adjusted, method, reason`.
        `p_adjusted` is from `p_permutation`, the p value to report in small cohorts. NaN where a
        test cannot be done, for the cause in `reason`.

    Raises
    ------
    StudyError
        When a table lacks a column, or a status or an event is not one of those accepted.

    Examples
    --------
    >>> recovery = pd.DataFrame({
    ...     "patient": list("ABCDEF"), "population": "NK", "threshold": 100.0,
    ...     "status": "recovered", "time_low": [7.0] * 3 + [28] * 3,
    ...     "time_high": [14.0, 15, 16, 40, 42, 43]})
    >>> events = pd.DataFrame({"patient": ["A"], "day": [0.0], "event": ["infusion"]})
    >>> patients = pd.DataFrame({"patient": list("ABCDEF"), "dose_level": [1, 1, 1, 2, 2, 2]})
    >>> table = compare_dose_levels(recovery, events, patients, family="planned",
    ...                             rng=np.random.default_rng(0))
    >>> table[["n_by_level", "p_permutation"]]
             n_by_level  p_permutation
    0  level 1: 3, 2: 3            0.1
    """
    times = recovery_times(recovery, clinical_events)
    levels = times["patient"].map(dose_levels(patients))
    known = times.assign(level=levels).dropna(subset=["level"])
    rows = [
        {"population": population, "threshold": threshold} | _compare(group, rng)
        for (population, threshold), group in known.groupby(["population", "threshold"])
    ]
    table = pd.DataFrame(rows, columns=_COLUMNS)
    return table.assign(p_adjusted=adjust_p_values(table["p_permutation"].tolist(), family=family))


_COLUMNS = [
    "population",
    "threshold",
    "n_by_level",
    "statistic",
    "degrees_of_freedom",
    "p_asymptotic",
    "p_permutation",
    "p_adjusted",
    "method",
    "reason",
]


def _compare(group: pd.DataFrame, rng: np.random.Generator) -> dict[str, object]:
    """Test one population and threshold."""
    sizes = group["level"].value_counts().sort_index()
    row: dict[str, object] = {
        "n_by_level": "level " + ", ".join(f"{level}: {size}" for level, size in sizes.items()),
        "reason": "",
    }
    time = group["time"].to_numpy(dtype=float)
    cause = group["cause"].to_numpy(dtype=np.int64)
    level = group["level"].to_numpy(dtype=str)
    try:
        asymptotic = gray_test(time, cause, level)
        permuted = gray_permutation_test(time, cause, level, rng=rng)
    except EstimationError as error:
        return row | {"reason": str(error)}
    return row | {
        "statistic": asymptotic.statistic,
        "degrees_of_freedom": asymptotic.degrees_of_freedom,
        "p_asymptotic": asymptotic.p_value,
        "p_permutation": permuted.p_value,
        "method": permuted.method,
    }
