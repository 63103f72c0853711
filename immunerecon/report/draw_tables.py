"""The numbers of each draw of a patient as rows of a table."""

import math
from dataclasses import dataclass

import pandas as pd

from immunerecon.kinetics.recovery import one_count_a_draw
from immunerecon.report.contents import ReportData
from immunerecon.report.wording import DASH, tell_cells, tell_percent

COUNTED = ("Lymphocytes", "T", "CD4_T", "CD8_T", "B", "NK")
DONORS = ("NK", "T", "B")


@dataclass(frozen=True)
class Cell:
    """A number with its interval.

    Parameters
    ----------
    value
        The number, or a dash.
    interval
        Its 95 % interval; empty where there is none.
    mark
        A word on its worth; mostly empty.
    """

    value: str
    interval: str = ""
    mark: str = ""


_NOTHING = Cell(DASH)


@dataclass(frozen=True)
class DrawRow:
    """One day of one patient: cells per µL of each population, donor percent of each lineage."""

    day: float
    counts: tuple[Cell, ...]
    donors: tuple[Cell, ...]
    method: str


def draw_rows(data: ReportData, patient: str) -> tuple[DrawRow, ...]:
    """Return one row a day on which a patient was drawn.

    Parameters
    ----------
    data
        Tables of a run.
    patient
        Whose.
    """
    own = data.populations[data.populations["patient"] == patient]
    counts = one_count_a_draw(own, "cells_per_ul")
    donors = data.donor_cells[data.donor_cells["patient"] == patient]
    first = donors.assign(_late=donors["call"] == "not_evaluable").sort_values(
        ["day", "_late"], kind="stable"
    )
    donor = first.drop_duplicates(["day", "population"])
    days = sorted(set(data.draws.loc[data.draws["patient"] == patient, "day"]))
    return tuple(
        DrawRow(
            day,
            tuple(_count(_row(counts, day, name)) for name in COUNTED),
            tuple(_donor(_row(donor, day, name)) for name in DONORS),
            _method(counts, day),
        )
        for day in days
    )


def _row(rows: pd.DataFrame, day: float, population: str) -> "pd.Series | None":
    found = rows[(rows["day"] == day) & (rows["population"] == population)]
    return None if found.empty else found.iloc[0]


def _method(counts: pd.DataFrame, day: float) -> str:
    """Return how the lineages of a day were counted."""
    names = [_row(counts, day, population) for population in COUNTED]
    methods = {row["count_method"] for row in names if row is not None}
    return ", ".join(sorted(str(method) for method in methods - {"none"})) or DASH


def _count(row: "pd.Series | None") -> Cell:
    if row is None or math.isnan(row["cells_per_ul"]):
        return _NOTHING
    low, high = tell_cells(row["cells_per_ul_low"]), tell_cells(row["cells_per_ul_high"])
    return Cell(tell_cells(row["cells_per_ul"]), f"{low}–{high}")


def _donor(row: "pd.Series | None") -> Cell:
    if row is None or row["call"] == "not_evaluable":
        return _NOTHING
    if row["call"] == "not_detected":
        return Cell(f"< {tell_percent(row['lod'])}")
    interval = f"{tell_percent(row['fraction_low'])}–{tell_percent(row['fraction_high'])}"
    below = "below LOQ" if row["call"] == "detected_below_loq" else ""
    return Cell(tell_percent(row["donor_fraction"]), interval, below)
