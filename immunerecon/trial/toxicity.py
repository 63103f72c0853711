"""Adverse events by patient and term: worst CTCAE grade, and how many had it."""

import math
from collections.abc import Sequence

import pandas as pd

from immunerecon.enumeration.proportions import clopper_pearson
from immunerecon.kinetics.infusions import check_clinical_events

GRADES = (1, 2, 3, 4, 5)
UNNAMED = "not named"


def worst_grades(
    clinical_events: pd.DataFrame, *, first_day: float = 0.0, last_day: float = math.inf
) -> pd.DataFrame:
    """Return each patient's worst grade of each adverse event.

    Parameters
    ----------
    clinical_events
        One row an event: `patient, day, event` and, for adverse events, `term` and `grade`. The
        events ``adverse_event`` and ``dlt`` count, the same one given as both once.
    first_day, last_day
        Days of the window, both included. Toxicity of the infusion itself: days 0 to 1.

    Returns
    -------
    DataFrame
        One row a patient and term: `patient, term, worst_grade, worst_day, onset_day,
        baseline_grade, dlt`. `worst_grade` is NaN where no grade was given; `baseline_grade` is
        the worst before day 0, NaN where there was none.

    Raises
    ------
    StudyError
        When a column is missing or an event is unknown.

    References
    ----------
    National Cancer Institute, Common Terminology Criteria for Adverse Events 5.0, 2017.

    Examples
    --------
    >>> events = pd.DataFrame({"patient": "P1", "day": [0, 1], "event": "adverse_event",
    ...                        "term": "Fever", "grade": [1, 3]})
    >>> worst_grades(events)[["term", "worst_grade", "worst_day"]].to_numpy().tolist()
    [['Fever', 3.0, 1.0]]
    """
    check_clinical_events(clinical_events)
    events = _adverse_events(clinical_events)
    within = events[events["day"].between(first_day, last_day)]
    keys = ["patient", "term"]
    worst = within.sort_values(["grade", "day"], ascending=[False, True], kind="stable")
    table = worst.drop_duplicates(keys).rename(columns={"grade": "worst_grade", "day": "worst_day"})
    before = events[events["day"] < 0].groupby(keys)["grade"].max().rename("baseline_grade")
    onset = within.groupby(keys)["day"].min().rename("onset_day")
    dlt = within.groupby(keys)["dlt"].any()
    table = table.drop(columns="dlt").join(before, on=keys).join(onset, on=keys).join(dlt, on=keys)
    columns = ("worst_grade", "worst_day", "onset_day", "baseline_grade", "dlt")
    return table[[*keys, *columns]].sort_values(keys, ignore_index=True)


def toxicity_table(
    worst: pd.DataFrame, treated: Sequence[str], *, level: float = 0.95
) -> pd.DataFrame:
    """Count patients by worst grade of each adverse event.

    Parameters
    ----------
    worst
        From `worst_grades`.
    treated
        The patients at risk, usually all who were infused; others are left out.
    level
        Coverage of the interval, 0-1.

    Returns
    -------
    DataFrame
        One row a term, the most frequent first, under a row ``any``: `term, n_patients, grade_1`
        to `grade_5, not_graded, any_grade, grade_3_or_more`, all patients; and
        `percent_grade_3_or_more` with its Clopper-Pearson bounds `percent_low, percent_high`
        (0-100).

    References
    ----------
    Clopper CJ, Pearson ES. Biometrika 1934;26:404. doi:10.1093/biomet/26.4.404

    Examples
    --------
    >>> worst = pd.DataFrame({"patient": ["P1"], "term": ["Fever"], "worst_grade": [3.0]})
    >>> table = toxicity_table(worst, ["P1", "P2", "P3"])
    >>> table[["term", "grade_3", "percent_low", "percent_high"]].round(1).to_numpy().tolist()
    [['any', 1, 0.8, 90.6], ['Fever', 1, 0.8, 90.6]]
    """
    counted = worst[worst["patient"].isin(list(treated))]
    any_term = counted.sort_values("worst_grade", ascending=False).drop_duplicates("patient")
    rows = [_count("any", any_term["worst_grade"])]
    rows += [_count(str(term), group["worst_grade"]) for term, group in counted.groupby("term")]
    head, *terms = rows
    table = pd.DataFrame([head, *sorted(terms, key=lambda row: -int(row["any_grade"]))])
    n = len(set(treated))
    low, high = clopper_pearson(table["grade_3_or_more"], n, level=level)
    table.insert(1, "n_patients", n)
    table["percent_grade_3_or_more"] = 100 * table["grade_3_or_more"] / (n or math.nan)
    return table.assign(percent_low=100 * low, percent_high=100 * high)


def _adverse_events(clinical_events: pd.DataFrame) -> pd.DataFrame:
    """Return `patient, term, day, grade, dlt` of the adverse events."""
    rows = clinical_events[clinical_events["event"].isin(["adverse_event", "dlt"])]
    absent = pd.Series(index=rows.index, dtype=object)
    term = rows.get("term", absent).fillna("").astype(str).str.strip()
    return pd.DataFrame(
        {
            "patient": rows["patient"],
            "term": term.mask(term == "", UNNAMED),
            "day": rows["day"].astype(float),
            "grade": pd.to_numeric(rows.get("grade", absent)).astype(float),
            "dlt": rows["event"] == "dlt",
        }
    )


def _count(term: str, grades: pd.Series) -> dict[str, str | int]:
    """Count patients of one term by worst grade."""
    by_grade = {f"grade_{grade}": int((grades == grade).sum()) for grade in GRADES}
    return {
        "term": term,
        **by_grade,
        "not_graded": int(grades.isna().sum()),
        "any_grade": len(grades),
        "grade_3_or_more": int((grades >= 3).sum()),
    }
