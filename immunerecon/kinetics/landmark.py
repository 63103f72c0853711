"""Response and survival by donor-cell persistence at a landmark day."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from immunerecon.enumeration.differences import miettinen_nurminen_difference
from immunerecon.kinetics.columns import require_columns
from immunerecon.kinetics.comparison import adjust_p_values
from immunerecon.kinetics.donor_course import donor_courses
from immunerecon.kinetics.infusions import first_day

RESPONSES = ("CR", "PR")
WINDOW_DAYS = 3.0


def landmark_cohort(
    donor_cells: pd.DataFrame,
    clinical_events: pd.DataFrame,
    *,
    landmark_day: float,
    population: str = "NK",
    window_days: float = WINDOW_DAYS,
) -> pd.DataFrame:
    """Say of each patient whether donor cells persisted at a landmark and what came after.

    Parameters
    ----------
    donor_cells
        As in `immunerecon.kinetics.persistence.persistence_table`.
    clinical_events
        One row an event: `patient, day, event, value`; responses are ``CR`` or ``PR``.
    landmark_day
        Day at which persistence is judged.
    population
        Which donor cells.
    window_days
        Draws within so many days of the landmark judge it, the nearest first.

    Returns
    -------
    DataFrame
        One row a patient of `donor_cells`: `patient, included, reason, draw_day, persistent,
        responded, time, died`. `time` counts from the end of the window to death or, without it,
        to the last day known.

    Raises
    ------
    StudyError
        When a table lacks a column, or a call or event is not one of those accepted.

    Notes
    -----
    Cells that persist can only be found in patients who live to be drawn. So those who died,
    progressed or were lost before the window ended, who responded before it began, or without an
    evaluable draw in it are left out (`reason`), and only later outcomes count.

    References
    ----------
    Anderson, Cain & Gelber, J Clin Oncol 1983;1:710, doi 10.1200/JCO.1983.1.11.710.

    Examples
    --------
    >>> cells = pd.DataFrame({"patient": ["A", "B"], "population": "NK", "day": [14.0, 13.0],
    ...     "donor_fraction": [0.2, 0.0], "lod": 0.002, "call": ["detected", "not_detected"]})
    >>> events = pd.DataFrame({"patient": ["A", "A", "B"], "day": [28.0, 90, 60],
    ...     "event": ["response", "last_follow_up", "death"], "value": ["CR", None, None]})
    >>> landmark_cohort(cells, events, landmark_day=14)[["patient", "persistent", "responded",
    ...                                                  "time", "died"]]
      patient  persistent  responded  time   died
    0       A        True       True  73.0  False
    1       B       False      False  43.0   True
    """
    require_columns(clinical_events, "clinical_events", ("patient", "day", "event", "value"))
    responses = clinical_events[
        (clinical_events["event"] == "response") & clinical_events["value"].isin(RESPONSES)
    ]
    rows = []
    for course in donor_courses(donor_cells, clinical_events, second_infusion="split"):
        if course.population != population or course.measure != "fraction" or course.course > 1:
            continue
        end = landmark_day + window_days
        distance = np.abs(course.day - landmark_day)
        row = _outcome(course.patient, clinical_events, responses, end, course.day)
        row["draw_day"] = np.nan
        if distance.size and distance.min() <= window_days:
            nearest = int(np.argmin(distance))
            row |= {
                "draw_day": float(course.day[nearest]),
                "persistent": bool(course.detected[nearest]),
            }
        row["reason"] = _left_out(row, landmark_day - window_days, end)
        rows.append(row | {"included": not row["reason"]})
    return pd.DataFrame(rows, columns=_COHORT_COLUMNS)


_COHORT_COLUMNS = [
    "patient",
    "included",
    "reason",
    "draw_day",
    "persistent",
    "responded",
    "time",
    "died",
]


def landmark_table(
    donor_cells: pd.DataFrame,
    clinical_events: pd.DataFrame,
    *,
    landmark_days: Sequence[float] = (14.0, 28.0),
    population: str = "NK",
) -> pd.DataFrame:
    """Compare response between patients with and without donor cells at landmark days.

    Parameters
    ----------
    donor_cells, clinical_events, population
        As in `landmark_cohort`.
    landmark_days
        Days at which persistence is judged, each a planned comparison.

    Returns
    -------
    DataFrame
        One row a landmark: `landmark_day, n_persistent, responders_persistent, n_lost,
        responders_lost, difference, low, high, p_fisher, p_barnard, p_adjusted, n_left_out,
        reason`.

    Raises
    ------
    StudyError
        As in `landmark_cohort`.

    Notes
    -----
    `difference` of the response rates with Miettinen and Nurminen's 95 % interval.
    Barnard's exact test, like Fisher's, never exceeds its level and wastes less of it in small
    cohorts; `p_adjusted` is Holm's of Barnard's p values over the landmarks.

    References
    ----------
    Barnard, Biometrika 1947;34:123, doi 10.1093/biomet/34.1-2.123.

    Examples
    --------
    >>> cells = pd.DataFrame({"patient": list("ABCDEF"), "population": "NK", "day": 14.0,
    ...     "donor_fraction": 0.1, "lod": 0.002,
    ...     "call": ["detected"] * 3 + ["not_detected"] * 3})
    >>> events = pd.DataFrame({"patient": list("ABC"), "day": 28.0, "event": "response",
    ...                        "value": "PR"})
    >>> table = landmark_table(cells, events, landmark_days=[14])
    >>> table[["responders_persistent", "responders_lost", "p_fisher", "p_barnard"]].round(3)
       responders_persistent  responders_lost  p_fisher  p_barnard
    0                      3                0       0.1      0.031
    """
    rows = [
        {"landmark_day": float(day)}
        | _response(
            landmark_cohort(donor_cells, clinical_events, landmark_day=day, population=population)
        )
        for day in landmark_days
    ]
    table = pd.DataFrame(rows, columns=_TABLE_COLUMNS)
    return table.assign(p_adjusted=adjust_p_values(table["p_barnard"].tolist(), family="planned"))


_TABLE_COLUMNS = [
    "landmark_day",
    "n_persistent",
    "responders_persistent",
    "n_lost",
    "responders_lost",
    "difference",
    "low",
    "high",
    "p_fisher",
    "p_barnard",
    "p_adjusted",
    "n_left_out",
    "reason",
]


def _outcome(
    patient: str,
    clinical_events: pd.DataFrame,
    responses: pd.DataFrame,
    end: float,
    draw_days: "np.ndarray[Any, np.dtype[np.float64]]",
) -> dict[str, Any]:
    """Outcomes of one patient after a landmark's window."""
    own_days = clinical_events.loc[clinical_events["patient"] == patient, "day"].dropna()
    last_known = max([*own_days, *draw_days], default=float("nan"))
    death = first_day(clinical_events, patient, "death")
    response = first_day(responses, patient, "response")
    return {
        "patient": patient,
        "responded": bool(np.isfinite(response)),
        "response_day": response,
        "ended_day": min(death, first_day(clinical_events, patient, "progression")),
        "last_known_day": min(death, float(last_known)),
        "time": min(death, float(last_known)) - end,
        "died": bool(np.isfinite(death)),
    }


def _left_out(row: dict[str, Any], begin: float, end: float) -> str:
    """Why a patient cannot be judged at a landmark; empty when nothing speaks against it."""
    if row["ended_day"] <= end:
        return f"died or progressed on day {row['ended_day']:g}"
    if row["response_day"] < begin:
        return f"responded on day {row['response_day']:g}"
    if not np.isfinite(row["draw_day"]):
        return "no evaluable draw in the window"
    return ""


def _response(cohort: pd.DataFrame) -> dict[str, Any]:
    """Response by persistence of the patients included."""
    included = cohort[cohort["included"].astype(bool)]
    persistent = included["persistent"].astype(bool)
    responded = included["responded"].astype(bool)
    counts = [
        (int((responded & group).sum()), int(group.sum())) for group in (persistent, ~persistent)
    ]
    (yes, n_yes), (no, n_no) = counts
    row: dict[str, Any] = {
        "n_persistent": n_yes,
        "responders_persistent": yes,
        "n_lost": n_no,
        "responders_lost": no,
        "n_left_out": int((~cohort["included"].astype(bool)).sum()),
        "reason": "",
    }
    if not n_yes or not n_no:
        return row | {"reason": "all patients are in one group"}
    low, high = miettinen_nurminen_difference((yes, n_yes), (no, n_no))
    row |= {"difference": yes / n_yes - no / n_no, "low": low, "high": high}
    if yes + no in (0, n_yes + n_no):
        return row | {"reason": "all patients responded alike"}
    from scipy.stats import barnard_exact, fisher_exact

    table = np.array([[yes, no], [n_yes - yes, n_no - no]])
    return row | {
        "p_fisher": float(fisher_exact(table)[1]),
        "p_barnard": float(barnard_exact(table).pvalue),
    }
