"""What simple rules for draws below detection would have given."""

from typing import Any

import numpy as np
import pandas as pd

from immunerecon.errors import EstimationError
from immunerecon.kinetics.donor_course import DonorCourse, SecondInfusion, donor_courses
from immunerecon.kinetics.exposure import area_under_curve, fit_terminal_phase
from immunerecon.kinetics.persistence import AUC_UNTIL_DAY, check_coverage, persistence_table

#: Value that each rule puts in place of a draw below detection, as a share of its limit.
RULES = {"zero": 0.0, "half of LOD": 0.5, "LOD": 1.0, "dropped": float("nan")}


def sensitivity_table(
    donor_cells: pd.DataFrame,
    clinical_events: pd.DataFrame,
    *,
    second_infusion: SecondInfusion = "split",
) -> pd.DataFrame:
    """Set the censored estimates beside those of the simple rules.

    Parameters
    ----------
    donor_cells, clinical_events, second_infusion
        As in `immunerecon.kinetics.persistence.persistence_table`.

    Returns
    -------
    DataFrame
        One row a patient, population, measure, course and rule (``censored``, which is what
        `persistence_table` gives, ``zero``, ``half of LOD``, ``LOD``, ``dropped``): `patient,
        population, measure, course, rule, auc_0_28_linear, half_life, n_below_lod`.

    Raises
    ------
    StudyError
        As in `persistence_table`.

    Notes
    -----
    The rules replace every undetected draw whose limit is known, then treat it as measured. A zero
    has no logarithm and so no place in the half-life. The areas are linear, and stop where the
    draws stop when that is before day 28.

    Examples
    --------
    >>> draws = pd.DataFrame({
    ...     "patient": "P1", "population": "NK", "day": [7.0, 14, 21, 28, 35, 42],
    ...     "donor_fraction": [0.4, 0.1, 0.025, 0.00625, 0.0, 0.0], "lod": 0.005,
    ...     "call": ["detected"] * 4 + ["not_detected"] * 2})
    >>> events = pd.DataFrame({"patient": ["P1"], "day": [0.0], "event": ["infusion"]})
    >>> table = sensitivity_table(draws, events).query("measure == 'fraction'")
    >>> table.set_index("rule")["half_life"].round(2).to_dict()
    {'censored': 3.5, 'zero': 3.5, 'half of LOD': 5.01, 'LOD': 6.38, 'dropped': 3.5}
    """
    keys = ["patient", "population", "measure", "course"]
    censored = persistence_table(donor_cells, clinical_events, second_infusion=second_infusion)
    rows = [
        _row(course, rule, share)
        for course in donor_courses(donor_cells, clinical_events, second_infusion=second_infusion)
        for rule, share in RULES.items()
    ]
    columns = [*keys, "rule", "auc_0_28_linear", "half_life", "n_below_lod"]
    table = pd.concat(
        [censored.assign(rule="censored")[columns], pd.DataFrame(rows, columns=columns)],
        ignore_index=True,
    )
    order = pd.Categorical(table["rule"], ["censored", *RULES], ordered=True)
    return (
        table.assign(rule=order)
        .sort_values([*keys, "rule"], ignore_index=True)
        .astype({"rule": str})
    )


def _row(course: DonorCourse, rule: str, share: float) -> dict[str, Any]:
    """Area and half-life of one course under one rule."""
    value = np.where(course.below, share * course.lod, course.value)
    known = np.isfinite(value)
    day, value = course.day[known], value[known]
    row: dict[str, Any] = {
        "patient": course.patient,
        "population": course.population,
        "measure": course.measure,
        "course": course.course,
        "rule": rule,
        "n_below_lod": int((~course.detected).sum()),
    }
    try:
        check_coverage(course)
        until = min(AUC_UNTIL_DAY, float(day[-1]))
        row["auc_0_28_linear"] = area_under_curve(
            np.append(0.0, day), np.append(course.start, value), until, method="linear"
        )
    except EstimationError:
        row["auc_0_28_linear"] = np.nan
    positive = value > 0
    try:
        phase = fit_terminal_phase(
            day[positive], value[positive], np.zeros(int(positive.sum()), dtype=bool)
        )
        row["half_life"] = phase.half_life
    except EstimationError:
        row["half_life"] = np.nan
    return row
