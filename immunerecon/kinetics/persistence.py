"""How long and how strongly donor cells were seen in each patient."""

from typing import Any

import numpy as np
import pandas as pd

from immunerecon.errors import EstimationError
from immunerecon.kinetics.donor_course import DonorCourse, SecondInfusion, donor_courses
from immunerecon.kinetics.exposure import (
    AreaMethod,
    TerminalPhase,
    area_under_curve,
    fit_terminal_phase,
)
from immunerecon.kinetics.undetected import LONGEST_CONTINUATION_DAYS, implied_course

AUC_UNTIL_DAY = 28.0
AUC_LARGEST_GAP_DAYS = 17.0
AUC_FEWEST_DRAWS = 3


def persistence_table(
    donor_cells: pd.DataFrame,
    clinical_events: pd.DataFrame,
    *,
    second_infusion: SecondInfusion = "split",
    auc_method: AreaMethod = "linear-up/log-down",
) -> pd.DataFrame:
    """Summarise each patient's donor cells over time.

    Parameters
    ----------
    donor_cells
        One row a draw and population: `patient`, `day`, `population`, `donor_fraction`, `lod`
        (a fraction), `call` and, where there are counts, `donor_cells_per_ul`. Where several rows
        give a population on one day, the first evaluable one in table order is used.
    clinical_events
        One row an event: `patient`, `day`, `event`; only infusions are read.
    second_infusion
        ``split``: a further infusion ends the course and begins another, one row each;
        ``reset``: only the course after the last infusion is given.
    auc_method
        ``linear-up/log-down`` or ``linear``, for `auc_0_28`; `auc_0_28_linear` is always given.

    Returns
    -------
    DataFrame
        One row a patient, population, measure (``fraction`` or ``cells_per_ul``) and course:
        `patient, population, measure, course, infusion_day, c_max, t_max, auc_0_28,
        auc_0_28_linear, auc_method, half_life, half_life_low, half_life_high, lambda_z,
        n_terminal, t_last_detected, t_first_undetected, duration_low, duration_high,
        persistence_status, n_draws, n_below_lod, reason`. Times are days from the course's
        infusion. NaN means not evaluable, for the cause in `reason`.

    Raises
    ------
    StudyError
        When a table lacks a column, or a call or event is not one of those accepted.

    Notes
    -----
    A draw on the day of an infusion counts as taken before it. Draws below detection are censored:
    they bound the duration, enter the half-life as "below the limit", and enter the area with
    the value their neighbours imply (`immunerecon.kinetics.undetected`). `not_evaluable` draws are
    missing.

    ``persisting``: the last draw was detected; ``lost``: it was not, but an earlier one was;
    ``never_detected``; ``not_evaluable``: no evaluable draw. The duration lies in
    (`duration_low`, `duration_high`]; the upper end is infinite while cells persist.

    The area needs three draws in (0, 28], no gap over 17 days between the infusion and these draws
    (one missed weekly visit, and visits up to three days off), and a draw on day 18 or later, or
    one after day 28 within 17 days of the last. Without a draw after day 28 the course goes on
    along its terminal phase for at most ten days.

    Examples
    --------
    >>> draws = pd.DataFrame({
    ...     "patient": "P1", "population": "NK", "day": [7.0, 14, 21, 28, 42],
    ...     "donor_fraction": [0.1, 0.4, 0.2, 0.1, 0.0], "lod": 0.002,
    ...     "call": ["detected"] * 4 + ["not_detected"]})
    >>> events = pd.DataFrame({"patient": ["P1"], "day": [0.0], "event": ["infusion"]})
    >>> columns = ["measure", "persistence_status", "t_last_detected", "t_first_undetected"]
    >>> persistence_table(draws, events)[columns].iloc[:1]
        measure persistence_status  t_last_detected  t_first_undetected
    0  fraction               lost             28.0                42.0
    """
    rows = [
        _row(course, auc_method)
        for course in donor_courses(donor_cells, clinical_events, second_infusion=second_infusion)
    ]
    return pd.DataFrame(rows, columns=_COLUMNS)


_COLUMNS = [
    "patient",
    "population",
    "measure",
    "course",
    "infusion_day",
    "c_max",
    "t_max",
    "auc_0_28",
    "auc_0_28_linear",
    "auc_method",
    "half_life",
    "half_life_low",
    "half_life_high",
    "lambda_z",
    "n_terminal",
    "t_last_detected",
    "t_first_undetected",
    "duration_low",
    "duration_high",
    "persistence_status",
    "n_draws",
    "n_below_lod",
    "reason",
]


def _row(course: DonorCourse, auc_method: AreaMethod) -> dict[str, Any]:
    """Summarise one course."""
    reasons: list[str] = []
    phase = _terminal_phase(course, reasons)
    row: dict[str, Any] = {
        "patient": course.patient,
        "population": course.population,
        "measure": course.measure,
        "course": course.course,
        "infusion_day": course.infusion_day,
        "auc_method": auc_method,
        "n_draws": course.day.size,
        "n_below_lod": int((~course.detected).sum()),
    }
    row |= _peak(course, reasons) | _duration(course)
    row |= _areas(course, phase, auc_method, reasons)
    if phase is not None:
        row |= {
            "half_life": phase.half_life,
            "half_life_low": phase.half_life_low,
            "half_life_high": phase.half_life_high,
            "lambda_z": phase.lambda_z,
        }
    row["n_terminal"] = phase.n_seen if phase else 0
    row["reason"] = "; ".join(dict.fromkeys(reasons))
    return row


def _terminal_phase(course: DonorCourse, reasons: list[str]) -> TerminalPhase | None:
    """Fit the terminal phase, or say why there is none."""
    used = course.measured | course.below
    limit_or_value = np.where(course.detected, course.value, course.lod)[used]
    try:
        return fit_terminal_phase(course.day[used], limit_or_value, ~course.detected[used])
    except EstimationError as error:
        reasons.append(f"half_life: {error}")
        return None


def _peak(course: DonorCourse, reasons: list[str]) -> dict[str, float]:
    """Find the highest draw."""
    if not course.measured.any():
        none = "no draw was detected" if course.day.size else "no evaluable draw"
        seen = f"no detected draw has a number of {course.measure}"
        reasons.append(f"c_max: {seen if course.detected.any() else none}")
        return {}
    highest = int(np.nanargmax(course.value))
    return {"c_max": float(course.value[highest]), "t_max": float(course.day[highest])}


def _duration(course: DonorCourse) -> dict[str, Any]:
    """Bound how long donor cells were detectable."""
    if not course.day.size:
        return {"persistence_status": "not_evaluable"}
    if not course.detected.any():
        return {
            "persistence_status": "never_detected",
            "duration_low": 0.0,
            "duration_high": float(course.day[0]),
        }
    last = int(np.flatnonzero(course.detected)[-1])
    row = {
        "t_last_detected": float(course.day[last]),
        "duration_low": float(course.day[last]),
        "duration_high": float("inf"),
        "persistence_status": "persisting",
    }
    if last + 1 < course.day.size:
        row["t_first_undetected"] = row["duration_high"] = float(course.day[last + 1])
        row["persistence_status"] = "lost"
    return row


def _areas(
    course: DonorCourse, phase: TerminalPhase | None, method: AreaMethod, reasons: list[str]
) -> dict[str, float]:
    """Integrate to day 28 both ways, or say why that cannot be done."""
    try:
        check_coverage(course)
        day, value = implied_course(course, phase, until=AUC_UNTIL_DAY)
        areas = {
            name: area_under_curve(day, value, AUC_UNTIL_DAY, method=name)
            for name in ("linear", "linear-up/log-down")
        }
    except EstimationError as error:
        reasons.append(f"auc_0_28: {error}")
        return {}
    return {"auc_0_28": areas[method], "auc_0_28_linear": areas["linear"]}


def check_coverage(course: DonorCourse) -> None:
    """Raise when the draws do not cover the 28 days of the area.

    Parameters
    ----------
    course
        The course to integrate.

    Raises
    ------
    EstimationError
        When donor cells were never measured, a detected draw has no number, fewer than three draws
        lie in (0, 28], or a gap is too long.
    """
    if not course.measured.any():
        raise EstimationError("no draw was measured above the limit of detection")
    usable = course.measured | course.below
    day = course.day[usable & (course.day <= AUC_UNTIL_DAY)]
    if day.size < AUC_FEWEST_DRAWS:
        raise EstimationError(f"{day.size} usable draws in (0, 28], {AUC_FEWEST_DRAWS} are needed")
    gaps = np.diff(day, prepend=0.0)
    if gaps.max() > AUC_LARGEST_GAP_DAYS:
        end = int(np.argmax(gaps))
        raise EstimationError(
            f"no usable draw between day {day[end] - gaps[end]:g} and {day[end]:g}, "
            f"a gap of more than {AUC_LARGEST_GAP_DAYS:g} days"
        )
    ahead = AUC_UNTIL_DAY - day[-1]
    following = course.day[usable & (course.day > AUC_UNTIL_DAY)] - day[-1]
    bridged = following.size and following[0] <= AUC_LARGEST_GAP_DAYS
    if ahead > LONGEST_CONTINUATION_DAYS and not bridged:
        raise EstimationError(f"the last usable draw before day 28 is on day {day[-1]:g}")
