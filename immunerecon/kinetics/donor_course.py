"""The donor cells of one patient after one infusion, draw by draw."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from immunerecon.kinetics.columns import require_columns, require_values
from immunerecon.kinetics.infusions import check_clinical_events, infusion_days

CALLS = ("detected", "detected_below_loq", "not_detected", "not_evaluable")
MEASURES = {"fraction": "donor_fraction", "cells_per_ul": "donor_cells_per_ul"}

SecondInfusion = Literal["split", "reset"]


@dataclass(frozen=True)
class DonorCourse:
    """Evaluable draws of one patient, population and measure after one infusion.

    Parameters
    ----------
    patient, population, measure
        Whose, which cells, and ``fraction`` or ``cells_per_ul``.
    course
        1 after the first infusion, 2 after the second ...
    infusion_day
        Day of that infusion, counted from the first.
    day : ndarray of float, shape (n_draws,)
        Days from that infusion, rising, all above 0.
    value : ndarray of float, shape (n_draws,)
        What was measured; NaN where nothing was detected, or where it has no number.
    lod : ndarray of float, shape (n_draws,)
        Limit of detection in the same measure; NaN where unknown.
    detected : ndarray of bool, shape (n_draws,)
        Whether donor cells were detected.
    start
        Value at the infusion: that of the last draw before it, 0 when nothing was detected then
        (before the first infusion there are no donor cells).
    """

    patient: str
    population: str
    measure: str
    course: int
    infusion_day: float
    day: NDArray[np.float64]
    value: NDArray[np.float64]
    lod: NDArray[np.float64]
    detected: NDArray[np.bool_]
    start: float

    @property
    def measured(self) -> NDArray[np.bool_]:
        """Draws that were detected and have a number."""
        return self.detected & np.isfinite(self.value)

    @property
    def below(self) -> NDArray[np.bool_]:
        """Draws known to lie below a limit of detection that is known."""
        return ~self.detected & np.isfinite(self.lod)


def donor_courses(
    donor_cells: pd.DataFrame, clinical_events: pd.DataFrame, *, second_infusion: SecondInfusion
) -> Iterator[DonorCourse]:
    """Give every course of donor cells in a study, patient by patient.

    Parameters
    ----------
    donor_cells, clinical_events, second_infusion
        As in `immunerecon.kinetics.persistence.persistence_table`.

    Yields
    ------
    DonorCourse
        One for each patient, population, infusion and measure, in that order.

    Raises
    ------
    StudyError
        When a table lacks a column, or a call or an event is not one of those accepted.
    """
    require_columns(
        donor_cells,
        "donor_cells",
        ("patient", "day", "population", "call", "lod", "donor_fraction"),
    )
    require_values(donor_cells, "donor_cells", "call", CALLS)
    check_clinical_events(clinical_events)
    draws = _one_row_a_draw(donor_cells)
    for _, rows in draws.groupby(["patient", "population"], sort=True):
        days = infusion_days(clinical_events, rows["patient"].iloc[0])
        courses = list(enumerate(zip(days, [*days[1:], np.inf], strict=True), start=1))
        for course, (start, end) in courses if second_infusion == "split" else courses[-1:]:
            for measure in MEASURES:
                yield _course(rows, measure, course, (start, end))


def _one_row_a_draw(donor_cells: pd.DataFrame) -> pd.DataFrame:
    """Keep the first evaluable row of each patient, population and day, in table order."""
    dated = donor_cells[donor_cells["patient"].notna() & donor_cells["day"].notna()]
    evaluable_first = dated.assign(_late=dated["call"] == "not_evaluable").sort_values(
        ["day", "_late"], kind="stable"
    )
    return evaluable_first.drop_duplicates(["patient", "population", "day"])


def _course(
    rows: pd.DataFrame, measure: str, course: int, bounds: tuple[float, float]
) -> DonorCourse:
    """Cut one course out of a patient's draws; a draw on an infusion's day precedes it."""
    infusion, next_infusion = bounds
    evaluable = rows[rows["call"] != "not_evaluable"]
    day = evaluable["day"].to_numpy(dtype=float)
    detected = evaluable["call"].isin(["detected", "detected_below_loq"]).to_numpy()
    value = _numbers(evaluable, MEASURES[measure])
    value = np.where(detected & (value > 0), value, np.nan)
    lod = _limits(evaluable, measure)
    inside = (day > infusion) & (day <= next_infusion)
    before = np.flatnonzero(day <= infusion)
    start = 0.0 if course == 1 or not before.size else float(np.nan_to_num(value[before[-1]]))
    return DonorCourse(
        rows["patient"].iloc[0],
        rows["population"].iloc[0],
        measure,
        course,
        infusion,
        day[inside] - infusion,
        value[inside],
        lod[inside],
        detected[inside],
        start,
    )


def _limits(rows: pd.DataFrame, measure: str) -> NDArray[np.float64]:
    """Limit of detection in a measure."""
    lod = _numbers(rows, "lod")
    if measure == "cells_per_ul":
        # Donor and recipient cells together, from the estimates or, where those are 0, from the
        # upper ends of their intervals.
        total = _ratio(rows, "donor_cells_per_ul", "donor_fraction")
        upper = _ratio(rows, "donor_cells_per_ul_high", "fraction_high")
        given = _numbers(rows, "lod_cells_per_ul")
        lod = np.where(np.isfinite(given), given, lod * np.where(total > 0, total, upper))
    return np.where(lod > 0, lod, np.nan)


def _ratio(rows: pd.DataFrame, numerator: str, denominator: str) -> NDArray[np.float64]:
    """Quotient of two columns, NaN where it is not a positive number."""
    top, bottom = _numbers(rows, numerator), _numbers(rows, denominator)
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient = np.where(bottom > 0, top / bottom, np.nan)
    return np.where(quotient > 0, quotient, np.nan)


def _numbers(rows: pd.DataFrame, column: str) -> NDArray[np.float64]:
    """Give a column as floats, NaN throughout when the table lacks it."""
    if column not in rows.columns:
        return np.full(len(rows), np.nan)
    return rows[column].to_numpy(dtype=float)
