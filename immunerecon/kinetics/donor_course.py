"""The donor cells of one patient after one infusion, draw by draw."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from immunerecon.kinetics.columns import require_columns, require_values
from immunerecon.kinetics.infusions import check_clinical_events, infusion_days

CALLS = ("detected", "detected_below_loq", "not_detected", "not_evaluable")
MEASURES = {"fraction": "donor_fraction", "cells_per_ul": "donor_cells_per_ul"}

DETECTED = ("detected", "detected_below_loq")
Floats = NDArray[np.float64]
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
    day: Floats
    value: Floats
    lod: Floats
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
    evaluable = donor_cells["call"].ne("not_evaluable").to_numpy()
    detected = donor_cells["call"].isin(DETECTED).to_numpy()
    day = _numbers(donor_cells, "day")
    numbers = {m: _values_and_limits(donor_cells, m, detected) for m in MEASURES}
    for (patient, population), draws in sorted(_rows_of_draws(donor_cells, day, evaluable).items()):
        kept = [draw for draw in draws if evaluable[draw]]
        days = infusion_days(clinical_events, patient)
        courses = list(enumerate(zip(days, [*days[1:], np.inf], strict=True), start=1))
        for course, bounds in courses if second_infusion == "split" else courses[-1:]:
            for measure, columns in numbers.items():
                value, lod = (column[kept] for column in columns)
                told = _Draws(day[kept], value, lod, detected[kept])
                yield _course((patient, population, measure), told, course, bounds)


def _rows_of_draws(
    donor_cells: pd.DataFrame, day: Floats, evaluable: NDArray[np.bool_]
) -> dict[tuple[str, str], list[int]]:
    """Find the first evaluable row, in table order, of each day of a patient and population."""
    whose = list(zip(donor_cells["patient"], donor_cells["population"], strict=True))
    known = donor_cells[["patient", "population", "day"]].notna().all(axis=1).to_numpy()
    groups: dict[tuple[str, str], list[int]] = {}
    for row in np.lexsort((~evaluable, day)):
        if known[row]:
            draws = groups.setdefault(whose[row], [])
            if not draws or day[draws[-1]] < day[row]:
                draws.append(int(row))
    return groups


class _Draws(NamedTuple):
    """Columns of the evaluable draws of one patient and population, by day."""

    day: Floats
    value: Floats
    lod: Floats
    detected: NDArray[np.bool_]


def _course(
    whose: tuple[str, str, str], draws: _Draws, course: int, bounds: tuple[float, float]
) -> DonorCourse:
    """Cut one course out of a patient's draws; a draw on an infusion's day precedes it."""
    infusion, next_infusion = bounds
    inside = (draws.day > infusion) & (draws.day <= next_infusion)
    before = np.flatnonzero(draws.day <= infusion)
    known_before = course > 1 and before.size
    return DonorCourse(
        *whose,
        course,
        infusion,
        draws.day[inside] - infusion,
        draws.value[inside],
        draws.lod[inside],
        draws.detected[inside],
        float(np.nan_to_num(draws.value[before[-1]])) if known_before else 0.0,
    )


def _values_and_limits(
    rows: pd.DataFrame, measure: str, detected: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Values in a measure where donor cells were detected, and limits of detection."""
    value = _numbers(rows, MEASURES[measure])
    return np.where(detected & (value > 0), value, np.nan), _limits(rows, measure)


def _limits(rows: pd.DataFrame, measure: str) -> Floats:
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


def _ratio(rows: pd.DataFrame, numerator: str, denominator: str) -> Floats:
    """Quotient of two columns, NaN where it is not a positive number."""
    top, bottom = _numbers(rows, numerator), _numbers(rows, denominator)
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient = np.where(bottom > 0, top / bottom, np.nan)
    return np.where(quotient > 0, quotient, np.nan)


def _numbers(rows: pd.DataFrame, column: str) -> Floats:
    """Give a column as floats, NaN throughout when the table lacks it."""
    if column not in rows.columns:
        return np.full(len(rows), np.nan)
    return rows[column].to_numpy(float, na_value=np.nan)
