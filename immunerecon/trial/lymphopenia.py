"""Lymphopenia graded from the counts, beside the grade before lymphodepletion."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from immunerecon.errors import Problem, StudyError
from immunerecon.kinetics.columns import require_columns
from immunerecon.kinetics.recovery import one_count_a_draw

Floats = NDArray[np.float64]

# Population -> CTCAE term and the counts (cells/µL) below which grades 2, 3 and 4 begin.
CTCAE_COUNTS: Mapping[str, tuple[str, tuple[float, float, float]]] = {
    "Lymphocytes": ("Lymphocyte count decreased", (800.0, 500.0, 200.0)),
    "CD4_T": ("CD4 lymphocytes decreased", (500.0, 200.0, 50.0)),
}


def ctcae_grade(
    cells_per_ul: ArrayLike, population: str, *, lower_limit_of_normal: float
) -> Floats:
    """Grade counts by CTCAE version 5.

    Parameters
    ----------
    cells_per_ul : array_like
        Counts.
    population
        ``Lymphocytes`` or ``CD4_T``.
    lower_limit_of_normal
        Cells/µL at or above which a count is grade 0.

    Returns
    -------
    ndarray
        0 to 4; NaN where the count is.

    Notes
    -----
    Lymphocytes: grade 2 below 800, 3 below 500, 4 below 200 per µL; CD4 T cells: below 500, 200
    and 50. A normal count is grade 0 even where the laboratory's lower limit lies below the bound
    of grade 2, as it does for CD4 T cells in some populations.

    References
    ----------
    National Cancer Institute, Common Terminology Criteria for Adverse Events 5.0, 2017.

    Examples
    --------
    >>> counts = [1500, 900, 800, 799, 200, 199]
    >>> ctcae_grade(counts, "Lymphocytes", lower_limit_of_normal=1100).tolist()
    [0.0, 1.0, 1.0, 2.0, 3.0, 4.0]
    """
    counts = np.asarray(cells_per_ul, dtype=float)
    _, bounds = CTCAE_COUNTS[population]
    grade = 1.0 + sum((counts < bound).astype(float) for bound in bounds)
    graded = np.where(counts < lower_limit_of_normal, grade, 0.0)
    return np.where(np.isnan(counts), np.nan, graded)[()]


def lymphopenia_table(
    counts: pd.DataFrame,
    reference_ranges: pd.DataFrame,
    *,
    before_day: float = 0.0,
    last_day: float = math.inf,
) -> pd.DataFrame:
    """Return each patient's worst lymphopenia after infusion beside that before.

    Parameters
    ----------
    counts
        One row a draw and population: `patient, day, population, cells_per_ul`, such as the table
        `populations` or `lymphocyte_counts`.
    reference_ranges
        One row a population: `population`, `low` (cells/µL).
    before_day
        The baseline is the last draw with a number before this day: set it to the first day of
        lymphodepletion when draws were taken between that and the infusion.
    last_day
        Last day, included, that counts after the infusion.

    Returns
    -------
    DataFrame
        One row a patient and graded population: `patient, term, population, lower_limit,
        baseline_day, baseline_grade, n_draws, worst_day, worst_cells_per_ul, worst_grade,
        worsened, reason`. Lymphodepletion is meant to cause it, hence the baseline. Grades are NaN,
        and `worsened` is NA, where there is no draw, which `reason` says.

    Raises
    ------
    StudyError
        When a column, or the reference range of a counted population, is missing.

    Examples
    --------
    >>> counts = pd.DataFrame({"patient": "P1", "day": [-7, 3], "population": "CD4_T",
    ...                        "cells_per_ul": [600.0, 40.0]})
    >>> ranges = pd.DataFrame({"population": ["CD4_T"], "low": [396.0]})
    >>> row = lymphopenia_table(counts, ranges).iloc[0]
    >>> print(row["term"], row["baseline_grade"], row["worst_grade"])
    CD4 lymphocytes decreased 0.0 4.0
    """
    require_columns(counts, "counts", ("patient", "day", "population", "cells_per_ul"))
    require_columns(reference_ranges, "reference_ranges", ("population", "low"))
    drawn = one_count_a_draw(counts[counts["population"].isin(list(CTCAE_COUNTS))], "cells_per_ul")
    limits = reference_ranges.set_index("population")["low"]
    _refuse_missing_limits(drawn, limits)
    by_course: dict[tuple[str, str], list[tuple[float, float]]] = {}
    columns = (drawn[name] for name in ("patient", "population", "day", "cells_per_ul"))
    for patient, population, day, count in zip(*columns, strict=True):
        by_course.setdefault((patient, population), []).append((float(day), float(count)))
    rows = [
        {"patient": patient, "population": population}
        | _course(
            [(day, count) for day, count in draws if not math.isnan(count)],
            str(population),
            float(limits.loc[str(population)]),
            (before_day, last_day),
        )
        for (patient, population), draws in sorted(by_course.items())
    ]
    return pd.DataFrame(rows, columns=_COLUMNS).astype({"worsened": "boolean"})


_COLUMNS = [
    *("patient", "term", "population", "lower_limit", "baseline_day", "baseline_grade", "n_draws"),
    *("worst_day", "worst_cells_per_ul", "worst_grade", "worsened", "reason"),
]


def lymphocyte_counts(blood_counts: pd.DataFrame) -> pd.DataFrame:
    """Return the lymphocytes of blood counts as rows that `lymphopenia_table` takes.

    Parameters
    ----------
    blood_counts
        One row a draw: `patient, day` and `alc`, or `wbc` (10^9/L) and `lymphocytes_percent`.

    Returns
    -------
    DataFrame
        `patient, day, population` (``Lymphocytes``) and `cells_per_ul`, NaN where neither is given.

    Examples
    --------
    >>> counts = pd.DataFrame({"patient": ["P1"], "day": [7], "wbc": [2.0],
    ...                        "lymphocytes_percent": [15.0]})
    >>> lymphocyte_counts(counts)["cells_per_ul"].tolist()
    [300.0]
    """
    require_columns(blood_counts, "blood_counts", ("patient", "day"))
    absent = pd.Series(np.nan, index=blood_counts.index)
    alc, wbc, percent = (
        pd.to_numeric(blood_counts.get(column, absent)).astype(float)
        for column in ("alc", "wbc", "lymphocytes_percent")
    )
    per_ul = 1000 * alc.fillna(wbc * percent / 100)
    return blood_counts[["patient", "day"]].assign(population="Lymphocytes", cells_per_ul=per_ul)


def _refuse_missing_limits(drawn: pd.DataFrame, limits: pd.Series) -> None:
    missing = sorted(set(drawn["population"]) - set(limits.index))
    if missing:
        raise StudyError([Problem("reference_ranges", f"no range of {name}") for name in missing])


def _course(
    draws: Sequence[tuple[float, float]], population: str, limit: float, days: tuple[float, float]
) -> dict[str, object]:
    """Grade one patient's draws of one population, day and cells/µL, before and after infusion."""
    before = [draw for draw in draws if draw[0] < days[0]][-1:]
    after = [draw for draw in draws if 0 <= draw[0] <= days[1]]
    worst = [min(after, key=lambda draw: draw[1])] if after else []
    (baseline_day, baseline), (worst_day, lowest) = (
        group[0] if group else (math.nan, math.nan) for group in (before, worst)
    )
    baseline_grade, worst_grade = (
        float(ctcae_grade(count, population, lower_limit_of_normal=limit))
        for count in (baseline, lowest)
    )
    reasons = ["no draw before lymphodepletion"] * (not before)
    reasons += ["no draw after infusion"] * (not worst)
    return {
        "term": CTCAE_COUNTS[population][0],
        "lower_limit": limit,
        "baseline_day": baseline_day,
        "baseline_grade": baseline_grade,
        "n_draws": len(after),
        "worst_day": worst_day,
        "worst_cells_per_ul": lowest,
        "worst_grade": worst_grade,
        "worsened": pd.NA if reasons else worst_grade > baseline_grade,
        "reason": "; ".join(reasons),
    }
