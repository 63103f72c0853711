"""The same statistics for a lab that has a spreadsheet of counts and no FCS file."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from immunerecon.errors import Problem, StudyError
from immunerecon.kinetics.cohort import cohort_recovery_table
from immunerecon.kinetics.cohort_median import median_recovery_table
from immunerecon.kinetics.cohort_persistence import summarise_persistence
from immunerecon.kinetics.persistence import persistence_table
from immunerecon.kinetics.recovery import recovery_table

FILE = "counts"
_KEYS = ["patient", "day", "population"]


def kinetics_of_counts(
    counts: pd.DataFrame,
    *,
    clinical_events: pd.DataFrame | None = None,
    patients: pd.DataFrame | None = None,
    thresholds: Mapping[str, Sequence[float]] | None = None,
    confirm: int = 1,
    minimum_gap_days: float = 1.0,
) -> dict[str, pd.DataFrame]:
    """Compute recovery, and persistence where donor cells were measured, from a table of counts.

    Parameters
    ----------
    counts
        Either one row a draw with `patient`, `day` (from the infusion) and one column a population,
        named as in `thresholds`, of cells/µL; or one row a draw and population with `patient, day,
        population, cells_per_ul` and, if donor cells were measured, `donor_percent` and
        `lod_percent` (percent of the population). An empty cell was not measured; other columns are
        left alone.
    clinical_events
        `patient, day, event` as in the study folder; without it, nobody had any.
    patients
        `patient`, `dose_level`; without it, one group.
    thresholds
        Population -> cells/µL; the defaults of study.yaml otherwise.
    confirm, minimum_gap_days
        As in `immunerecon.kinetics.recovery.recovery_table`.

    Returns
    -------
    dict of DataFrame
        `recovery`, `cohort_recovery`, `median_recovery`, and with donor cells `persistence` and
        `persistence_summary`.

    Raises
    ------
    StudyError
        With every problem of the table at once: a missing column, a count that is no number or is
        negative, a draw given twice, no population with a threshold.

    Examples
    --------
    >>> counts = pd.DataFrame({"patient": "P1", "day": [-7, 0, 7, 28, 56],
    ...                        "CD4_T": [640, 120, 30, 180, 260], "NK": [210, 40, 8, 150, 190]})
    >>> recovery = kinetics_of_counts(counts, thresholds={"CD4_T": [200]})["recovery"]
    >>> recovery[["population", "status", "time_low", "time_high"]]
      population     status  time_low  time_high
    0      CD4_T  recovered      28.0       56.0
    """
    from immunerecon.study.settings import DEFAULT_THRESHOLDS

    limits = DEFAULT_THRESHOLDS if thresholds is None else thresholds
    draws = tidy_counts(counts, populations=list(limits))
    events = clinical_events
    if events is None:
        events = pd.DataFrame({"patient": [], "day": [], "event": []})
    if patients is None:
        patients = draws[["patient"]].drop_duplicates()
    recovery = recovery_table(
        draws, events, thresholds=limits, confirm=confirm, minimum_gap_days=minimum_gap_days
    )
    tables = {
        "recovery": recovery,
        "cohort_recovery": cohort_recovery_table(recovery, events, patients),
        "median_recovery": median_recovery_table(recovery, events, patients),
    }
    if "donor_percent" in draws.columns:
        persistence = persistence_table(_donor_cells(draws), events)
        tables["persistence"] = persistence
        tables["persistence_summary"] = summarise_persistence(persistence)
    return tables


def tidy_counts(counts: pd.DataFrame, *, populations: Sequence[str]) -> pd.DataFrame:
    """Turn a spreadsheet of counts into one row a draw and population, checked.

    Parameters
    ----------
    counts
        As in `kinetics_of_counts`.
    populations
        Columns that are counts when there is one column a population.

    Returns
    -------
    DataFrame
        `patient, day, population, cells_per_ul` and, where given, `donor_percent, lod_percent`.

    Raises
    ------
    StudyError
        As in `kinetics_of_counts`.

    Examples
    --------
    >>> tidy_counts(pd.DataFrame({"patient": ["P1"], "day": [7], "NK": [8]}), populations=["NK"])
      patient  day population  cells_per_ul
    0      P1  7.0         NK           8.0
    """
    wide = "population" not in counts.columns
    missing = [key for key in _KEYS[: 2 if wide else 3] if key not in counts.columns]
    if missing:
        raise StudyError([Problem(FILE, "column is missing", column=key) for key in missing])
    named = populations if wide else ("cells_per_ul", "donor_percent", "lod_percent")
    given = [name for name in named if name in counts.columns]
    if not given:
        raise StudyError([Problem(FILE, "no column of counts", accepted=", ".join(named))])
    # A spreadsheet numbers its lines from 1, the first being the header.
    sheet = counts.assign(_line=np.arange(2, len(counts) + 2))
    numbers, problems = _read_numbers(sheet, given)
    if wide:
        numbers = numbers.melt(["patient", "day", "_line"], given, "population", "cells_per_ul")
    problems += _empty_keys(sheet) + _repeats(numbers)
    if problems:
        raise StudyError(problems)
    values = ["cells_per_ul"] if wide else given
    if "cells_per_ul" not in values:
        numbers, values = numbers.assign(cells_per_ul=np.nan), ["cells_per_ul", *values]
    return numbers[[*_KEYS, *values]].reset_index(drop=True)


def _read_numbers(
    sheet: pd.DataFrame, columns: Sequence[str]
) -> tuple[pd.DataFrame, list[Problem]]:
    """Read the day and other columns as numbers, and say which cells are none."""
    problems = []
    numbers = sheet.copy()
    for column in ("day", *columns):
        numbers[column] = pd.to_numeric(sheet[column], errors="coerce").astype(float)
        wrong = numbers[column].isna() & sheet[column].notna()
        if column != "day":
            wrong |= numbers[column] < 0
        accepted = "a number" if column == "day" else "a number of 0 or more, or nothing"
        problems += [
            Problem(FILE, f"{value!r}", row=int(line), column=column, accepted=accepted)
            for value, line in zip(sheet.loc[wrong, column], sheet.loc[wrong, "_line"], strict=True)
        ]
    return numbers, problems


def _empty_keys(sheet: pd.DataFrame) -> list[Problem]:
    """Say which rows lack a patient, a day or a population."""
    return [
        Problem(FILE, "is empty", row=int(line), column=key)
        for key in _KEYS
        if key in sheet.columns
        for line in sheet.loc[sheet[key].isna(), "_line"]
    ]


def _repeats(numbers: pd.DataFrame) -> list[Problem]:
    """Say which draws are given twice."""
    twice = numbers[numbers.duplicated(_KEYS) & numbers[_KEYS].notna().all(axis=1)]
    keys = zip(*(twice[column] for column in (*_KEYS, "_line")), strict=True)
    return [
        Problem(
            FILE,
            f"patient {patient}, day {day:g}, {population} is given a second time",
            row=int(line),
        )
        for patient, day, population, line in keys
    ]


def _donor_cells(draws: pd.DataFrame) -> pd.DataFrame:
    """Turn percentages of donor cells into the table `donor_cells`."""
    fraction = draws["donor_percent"] / 100
    lod = draws["lod_percent"] / 100 if "lod_percent" in draws.columns else fraction * np.nan
    measured = fraction.notna()
    detected = measured & (fraction > 0) & ~(fraction < lod)
    return draws.assign(
        donor_fraction=fraction,
        lod=lod,
        donor_cells_per_ul=fraction * draws["cells_per_ul"],
        lod_cells_per_ul=lod * draws["cells_per_ul"],
        call=np.select([detected, measured], ["detected", "not_detected"], "not_evaluable"),
    )
