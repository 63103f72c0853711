"""Donor cells over time: their share in one population of one patient, draw by draw."""

import pandas as pd
from matplotlib.axes import Axes

from immunerecon.figures.axes import set_log_axis
from immunerecon.figures.marks import (
    NO_EVENTS,
    decades,
    draw_days,
    draw_line,
    draw_measured,
    draw_missing,
    draw_triangles,
    note,
    write_reason,
)
from immunerecon.figures.style import MUTED, points, population_look


def donor_rows(donor_cells: pd.DataFrame, patient: str, population: str) -> pd.DataFrame:
    """Return the rows that `draw_donor_fraction` shows, by day."""
    chosen = (donor_cells["patient"] == patient) & (donor_cells["population"] == population)
    return donor_cells[chosen & donor_cells["day"].notna()].sort_values("day", kind="stable")


def draw_donor_fraction(
    donor_cells: pd.DataFrame,
    *,
    patient: str,
    ax: Axes,
    population: str = "NK",
    clinical_events: pd.DataFrame = NO_EVENTS,
) -> Axes:
    """Draw the share of donor cells in one population of a patient.

    Parameters
    ----------
    donor_cells
        Table of the results folder.
    patient, population
        Whose, and which cells.
    ax
        Where to draw.
    clinical_events
        As in `draw_course`.

    Returns
    -------
    Axes
        `ax`, with a logarithmic axis in percent. Filled: detected, with its 95 % interval; open:
        detected below the limit of quantification; triangle: not detected, at its limit of
        detection and joined by no line; cross at the bottom: not evaluable, for the cause in the
        table's `reason`. A short grey line is the limit of detection of each draw.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> draws = pd.DataFrame({"patient": "P1", "population": "NK", "day": [7.0, 14],
    ...     "donor_fraction": [0.2, 0.0], "fraction_low": [0.15, 0.0], "marker": "HLA-A2+",
    ...     "fraction_high": [0.25, 0.004], "lod": 0.003, "call": ["detected", "not_detected"]})
    >>> draw_donor_fraction(draws, patient="P1", ax=Figure().add_subplot()).get_ylabel()
    'Donor cells (%)'
    """
    rows = _in_percent(donor_rows(donor_cells, patient, population))
    look = population_look(population)
    detected = rows[rows["call"].isin(["detected", "detected_below_loq"])]
    evaluable = rows[rows["call"] != "not_evaluable"].drop_duplicates("day")
    known = evaluable["donor_fraction"].where(evaluable["call"] != "not_detected")
    draw_line(ax, evaluable.assign(donor_fraction=known), "donor_fraction", look.colour)
    for call, filled in (("detected", True), ("detected_below_loq", False)):
        called = detected[detected["call"] == call]
        draw_measured(ax, called, "donor_fraction", look.colour, "o", filled=filled)
    absent = rows[rows["call"] == "not_detected"]
    draw_triangles(ax, absent["day"], absent["lod"], look.colour)
    limited = detected[detected["lod"] > 0]
    ax.scatter(
        limited["day"], limited["lod"], marker="_", color=MUTED, linewidths=points(0.8), zorder=1.5
    )
    missing = rows[rows["call"] == "not_evaluable"]
    draw_missing(ax, missing["day"])
    if len(missing) == len(rows):
        reasons = missing["reason"].mode()
        write_reason(ax, f"not evaluable: {reasons.iloc[0]}" if len(reasons) else "no draw")
    positive = pd.concat([detected["donor_fraction"], absent["lod"], limited["lod"]])
    low, _ = decades(positive, positive, ())
    set_log_axis(ax, min(low, 0.1), 130.0, label="Donor cells (%)")
    draw_days(ax, rows["day"], clinical_events[clinical_events["patient"] == patient])
    ax.set_title(f"Donor {population.replace('_', ' ')}", loc="left")
    note(ax, ", ".join(sorted({str(marker) for marker in rows["marker"].dropna()} - {""})))
    return ax


def _in_percent(rows: pd.DataFrame) -> pd.DataFrame:
    """Give fractions in percent, under names that `draw_measured` reads."""
    return rows.assign(
        donor_fraction=100 * rows["donor_fraction"],
        donor_fraction_low=100 * rows["fraction_low"],
        donor_fraction_high=100 * rows["fraction_high"],
        lod=100 * rows["lod"],
    )
