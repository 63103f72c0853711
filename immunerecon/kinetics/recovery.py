"""When each patient's lymphocytes came back after lymphodepletion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from immunerecon.kinetics.columns import require_columns
from immunerecon.kinetics.infusions import (
    check_clinical_events,
    first_day,
    second_infusion_day,
)

Floats = NDArray[np.float64]

NADIR_BY_DAY = 28.0


def recovery_table(
    populations: pd.DataFrame,
    clinical_events: pd.DataFrame,
    *,
    thresholds: Mapping[str, Sequence[float]],
    confirm: int = 1,
    minimum_gap_days: float = 1.0,
    value: str = "cells_per_ul",
) -> pd.DataFrame:
    """Find when each population of each patient recovered to each threshold.

    Parameters
    ----------
    populations
        One row a draw and population: `patient`, `day` (from the first infusion), `population` and
        the column named by `value`. Where several rows give a population on one day, the first
        with a number is used: put the panel that counts first. A column `role`, if there, keeps
        rows of ``draw`` only.
    clinical_events
        One row an event: `patient`, `day`, `event`; death and infusions are read.
    thresholds
        Population -> values of `value`; a draw at the threshold is recovered.
    confirm
        Number of consecutive draws at or above the threshold, 1 or more.
    minimum_gap_days
        Least days between two draws that confirm each other.
    value
        Column compared with the thresholds: ``cells_per_ul``, or one added by
        `immunerecon.kinetics.scales` (``percent_of_baseline``, ``percent_of_reference``).

    Returns
    -------
    DataFrame
        One row a patient of `populations`, population that anyone had and threshold: `patient,
        population, threshold, scale, status, time_low, time_high, nadir, nadir_day, last_draw_day,
        n_draws, reason`.

    Raises
    ------
    StudyError
        When a table lacks a column, or an event is not one of those accepted.
    ValueError
        When `confirm` is less than 1.

    Notes
    -----
    Draws from day 0 on count, up to death and to a second infusion. The nadir is the lowest draw
    of days 0 to 28, or the later draw down to which the count went on falling without a rise; where
    no draw lies in these days, the search begins at the first one after them.

    ``never_below``: the nadir is not below the threshold (a draw in (0, 28] must show it).
    ``recovered``: after the nadir, `confirm` consecutive draws lie at or above the threshold. It
    happened in (`time_low`, `time_high`], the last draw below and the first of these draws.
    ``died_first``, ``not_recovered``: it did not; `time_low` is the last draw below and `time_high`
    infinite. A last draw above that nothing confirms is told in `reason`.
    ``not_evaluable``: no draw from day 0 on, or none that shows a nadir.

    Examples
    --------
    >>> draws = pd.DataFrame({"patient": "P1", "population": "CD4_T",
    ...     "day": [-7.0, 0, 7, 28, 42, 63], "cells_per_ul": [700.0, 90, 20, 150, 230, 260]})
    >>> events = pd.DataFrame({"patient": ["P1"], "day": [0.0], "event": ["infusion"]})
    >>> table = recovery_table(draws, events, thresholds={"CD4_T": [200, 500]}, confirm=2)
    >>> table[["threshold", "status", "time_low", "time_high"]]
       threshold         status  time_low  time_high
    0      200.0      recovered      28.0       42.0
    1      500.0  not_recovered      63.0        inf
    """
    if confirm < 1:
        raise ValueError(f"confirm is {confirm}, it must be 1 or more")
    require_columns(populations, "populations", ("patient", "day", "population", value))
    check_clinical_events(clinical_events)
    draws = one_count_a_draw(populations, value)
    counts = _Counts.of(draws, value)
    rows: list[dict[str, Any]] = []
    for patient in sorted(set(draws["patient"])):
        for population in sorted(set(thresholds) & set(draws["population"])):
            course = _count_course(patient, counts, population, clinical_events)
            rows += [
                {"patient": patient, "population": population, "threshold": float(threshold)}
                | {"scale": value}
                | _outcome(course, float(threshold), confirm, minimum_gap_days)
                for threshold in thresholds[population]
            ]
    return pd.DataFrame(rows, columns=_COLUMNS)


_COLUMNS = [
    "patient",
    "population",
    "threshold",
    "scale",
    "status",
    "time_low",
    "time_high",
    "nadir",
    "nadir_day",
    "last_draw_day",
    "n_draws",
    "reason",
]


def one_count_a_draw(populations: pd.DataFrame, value: str) -> pd.DataFrame:
    """Keep one row of each patient, population and day: the first with a number.

    Parameters
    ----------
    populations
        As in `recovery_table`.
    value
        Column that should hold the number.

    Returns
    -------
    DataFrame
        The rows kept, by day.
    """
    dated = populations[populations["patient"].notna() & populations["day"].notna()]
    if "role" in dated.columns:
        dated = dated[dated["role"] == "draw"]
    ordered = dated.assign(_late=dated[value].isna()).sort_values(["day", "_late"], kind="stable")
    return ordered.drop_duplicates(["patient", "population", "day"]).drop(columns="_late")


@dataclass(frozen=True)
class _CountCourse:
    """Counted draws of one patient and population from day 0 to what ended them."""

    day: Floats
    count: Floats
    death_day: float
    ended_by: str
    remark: str


@dataclass(frozen=True)
class _Counts:
    """Columns of the draws, and which of their rows are a patient's of one population."""

    day: Floats
    count: Floats
    methods: Sequence[object]
    places: Mapping[tuple[object, object], Sequence[int]]

    @classmethod
    def of(cls, draws: pd.DataFrame, value: str) -> "_Counts":
        places: dict[tuple[object, object], list[int]] = {}
        for place, whose in enumerate(zip(draws["patient"], draws["population"], strict=True)):
            places.setdefault(whose, []).append(place)
        methods = draws.get("count_method", pd.Series(None, draws.index, dtype=object))
        day, count = (draws[name].to_numpy(float, na_value=np.nan) for name in ("day", value))
        return cls(day, count, list(methods), places)


def _count_course(
    patient: object, counts: _Counts, population: str, clinical_events: pd.DataFrame
) -> _CountCourse:
    """Cut the draws that count out of a patient's rows of one population."""
    death = first_day(clinical_events, patient, "death")
    reinfusion = second_infusion_day(clinical_events, patient)
    own = np.array(counts.places.get((patient, population), ()), dtype=np.intp)
    day, count = counts.day[own], counts.count[own]
    kept = (day >= 0) & (day <= min(death, reinfusion)) & ~np.isnan(count)
    given = [counts.methods[place] for place in own[kept]]
    methods = {str(method) for method in given if pd.notna(method)}
    return _CountCourse(
        day[kept],
        count[kept],
        death,
        f"second infusion on day {reinfusion:g}" if reinfusion < death else "",
        f"counts of several methods: {', '.join(sorted(methods))}" if len(methods) > 1 else "",
    )


def _outcome(
    course: _CountCourse, threshold: float, confirm: int, minimum_gap_days: float
) -> dict[str, Any]:
    """Judge one course against one threshold."""
    day, count = course.day, course.count
    row: dict[str, Any] = {"n_draws": day.size, "reason": course.remark}
    if not day.size:
        return row | _unevaluable("no draw with a number from day 0 on", course)
    nadir = _nadir(day, count)
    row |= {
        "nadir": float(count[nadir]),
        "nadir_day": float(day[nadir]),
        "last_draw_day": float(day[-1]),
    }
    above = count >= threshold
    if above[nadir]:
        if not ((day > 0) & (day <= NADIR_BY_DAY)).any():
            return row | _unevaluable(f"no draw in (0, {NADIR_BY_DAY:g}] shows a nadir", course)
        return row | {"status": "never_below"}
    first = _first_confirmed(day, above, nadir, confirm, minimum_gap_days)
    last_below = int(np.flatnonzero(~above[:first])[-1])
    row["time_low"] = float(day[last_below])
    if first < day.size:
        return row | {"status": "recovered", "time_high": float(day[first])}
    row |= {"status": "not_recovered", "time_high": float("inf")}
    reasons = [course.remark, course.ended_by]
    if above[-1]:
        reasons.append("the last draw is at or above the threshold, unconfirmed")
    if np.isfinite(course.death_day) and not course.ended_by:
        row["status"] = "died_first"
        reasons.append(f"died on day {course.death_day:g}")
    row["reason"] = "; ".join(filter(None, reasons))
    return row


def _unevaluable(cause: str, course: _CountCourse) -> dict[str, Any]:
    """Row of a course that cannot be judged."""
    causes = [course.remark, cause, course.ended_by]
    if np.isfinite(course.death_day):
        causes.append(f"died on day {course.death_day:g}")
    return {"status": "not_evaluable", "reason": "; ".join(filter(None, causes))}


def _nadir(day: Floats, count: Floats) -> int:
    """Index of the nadir after lymphodepletion."""
    searched = max(int(np.searchsorted(day, NADIR_BY_DAY, side="right")), 1)
    nadir = int(np.argmin(count[:searched]))
    while nadir + 1 >= searched and nadir + 1 < day.size and count[nadir + 1] < count[nadir]:
        nadir += 1
    return nadir


def _first_confirmed(
    day: Floats, above: NDArray[np.bool_], nadir: int, confirm: int, minimum_gap_days: float
) -> int:
    """Index of the first draw after the nadir that later ones confirm; the length if none."""
    for first in range(nadir + 1, day.size):
        confirmed, previous = 0, -np.inf
        for position in range(first, day.size):
            if not above[position]:
                break
            if day[position] - previous >= minimum_gap_days:
                confirmed, previous = confirmed + 1, float(day[position])
            if confirmed == confirm:
                return first
    return int(day.size)
