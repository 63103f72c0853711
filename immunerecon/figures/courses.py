"""Courses over time: cells per µL and donor cells of one patient, draw by draw."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from immunerecon.figures.axes import set_day_axis, set_log_axis
from immunerecon.figures.style import FAINT, INK, MUTED, PALE, population_look
from immunerecon.kinetics.recovery import one_count_a_draw

PLATFORM_MARKERS: Mapping[str, str] = {
    "single-platform": "o",
    "volumetric": "s",
    "dual-platform": "D",
}
EVENT_LINES: Mapping[str, Literal["solid", "dashed", "dotted"]] = {
    "infusion": "solid",
    "progression": "dashed",
    "death": "dotted",
}
_BELOW_ANY_AXIS = 1e-9


@dataclass(frozen=True)
class Limits:
    """What a count is compared with.

    Parameters
    ----------
    thresholds
        Population -> cells/µL that count as recovered.
    reference
        Population -> lowest and highest cells/µL of healthy people.
    """

    thresholds: Mapping[str, Sequence[float]] = field(default_factory=dict)
    reference: Mapping[str, tuple[float, float]] = field(default_factory=dict)


NO_LIMITS = Limits()
_NO_EVENTS = pd.DataFrame({"patient": [], "day": [], "event": []})


def course_rows(populations: pd.DataFrame, patient: str, population: str) -> pd.DataFrame:
    """Return the rows that `draw_course` shows: the first number of each draw, by day."""
    draws = one_count_a_draw(populations, "cells_per_ul")
    chosen = (draws["patient"] == patient) & (draws["population"] == population)
    return draws[chosen].sort_values("day")


def draw_course(
    populations: pd.DataFrame,
    *,
    patient: str,
    population: str,
    ax: Axes,
    limits: Limits = NO_LIMITS,
    clinical_events: pd.DataFrame = _NO_EVENTS,
) -> Axes:
    """Draw the cells per µL of one population of a patient.

    Parameters
    ----------
    populations
        Table of the results folder; where two panels give a population on one day, the first with
        a number is drawn.
    patient, population
        Whose, and which cells.
    ax
        Where to draw.
    limits
        Thresholds (dashed) and the reference range (band).
    clinical_events
        One row an event: `patient`, `day`, `event`; infusions, progression and death are drawn.

    Returns
    -------
    Axes
        `ax`, with a logarithmic axis. Filled markers bear their 95 % interval, their shape tells
        how cells were counted; a triangle stands at the upper limit of a draw in which no cell was
        seen, and a cross at the bottom marks a draw without a number.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> draws = pd.DataFrame({"patient": "P1", "population": "NK", "day": [0.0, 7, 14],
    ...     "cells_per_ul": [5.0, 40, 200], "cells_per_ul_low": [3.0, 30, 170],
    ...     "cells_per_ul_high": [8.0, 52, 235], "count_method": "volumetric"})
    >>> draw_course(draws, patient="P1", population="NK", ax=Figure().add_subplot()).get_ylabel()
    'Cells per µL'
    """
    rows = course_rows(populations, patient, population)
    look = population_look(population)
    _draw_limits(ax, limits.thresholds.get(population, ()), limits.reference.get(population))
    seen = rows[rows["cells_per_ul"] > 0]
    _draw_line(ax, rows[rows["cells_per_ul"].notna()], "cells_per_ul", look.colour)
    for method, marker in PLATFORM_MARKERS.items():
        counted = seen[seen["count_method"] == method]
        _draw_measured(ax, counted, "cells_per_ul", look.colour, marker)
    none_seen = rows[rows["cells_per_ul"] == 0]
    _draw_triangles(ax, none_seen["day"], none_seen["cells_per_ul_high"], look.colour)
    _draw_missing(ax, rows.loc[rows["cells_per_ul"].isna(), "day"])
    low, high = _decades(
        pd.concat([seen["cells_per_ul"], none_seen["cells_per_ul_high"]]),
        rows["cells_per_ul_high"],
        limits.reference.get(population, ()),
    )
    set_log_axis(ax, low, high, label="Cells per µL")
    _draw_days(ax, rows["day"], clinical_events[clinical_events["patient"] == patient])
    ax.set_title(population.replace("_", " "), loc="left")
    methods = [method for method in PLATFORM_MARKERS if (seen["count_method"] == method).any()]
    _note(ax, ", ".join(methods))
    return ax


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
    clinical_events: pd.DataFrame = _NO_EVENTS,
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
    _draw_line(ax, evaluable.assign(donor_fraction=known), "donor_fraction", look.colour)
    for call, filled in (("detected", True), ("detected_below_loq", False)):
        called = detected[detected["call"] == call]
        _draw_measured(ax, called, "donor_fraction", look.colour, "o", filled=filled)
    absent = rows[rows["call"] == "not_detected"]
    _draw_triangles(ax, absent["day"], absent["lod"], look.colour)
    limited = detected[detected["lod"] > 0]
    ax.scatter(limited["day"], limited["lod"], marker="_", color=MUTED, linewidths=0.8, zorder=1.5)
    missing = rows[rows["call"] == "not_evaluable"]
    _draw_missing(ax, missing["day"])
    if len(missing) == len(rows):
        _write_reason(ax, missing["reason"])
    positive = pd.concat([detected["donor_fraction"], absent["lod"], limited["lod"]])
    low, _ = _decades(positive, positive, ())
    set_log_axis(ax, min(low, 0.1), 130.0, label="Donor cells (%)")
    _draw_days(ax, rows["day"], clinical_events[clinical_events["patient"] == patient])
    ax.set_title(f"Donor {population.replace('_', ' ')}", loc="left")
    _note(ax, ", ".join(sorted({str(marker) for marker in rows["marker"].dropna()} - {""})))
    return ax


def _in_percent(rows: pd.DataFrame) -> pd.DataFrame:
    """Give fractions in percent, under names that `_draw_measured` reads."""
    return rows.assign(
        donor_fraction=100 * rows["donor_fraction"],
        donor_fraction_low=100 * rows["fraction_low"],
        donor_fraction_high=100 * rows["fraction_high"],
        lod=100 * rows["lod"],
    )


def _draw_line(ax: Axes, rows: pd.DataFrame, column: str, colour: str) -> None:
    """Join draws; a draw in which nothing was found breaks the line."""
    value = rows[column].where(rows[column] > 0)
    ax.plot(rows["day"], value, color=colour, alpha=0.45, zorder=2)


def _draw_measured(
    ax: Axes, rows: pd.DataFrame, column: str, colour: str, marker: str, *, filled: bool = True
) -> None:
    """Draw measured draws with their intervals; a lower end of 0 runs off the axis."""
    if rows.empty:
        return
    low = rows[f"{column}_low"].clip(lower=_BELOW_ANY_AXIS)
    ax.vlines(rows["day"], low, rows[f"{column}_high"], color=colour, linewidth=0.9, zorder=2.5)
    ax.plot(
        rows["day"],
        rows[column],
        linestyle="none",
        marker=marker,
        markerfacecolor=colour if filled else "white",
        markeredgecolor=colour,
        zorder=3,
    )


def _draw_triangles(ax: Axes, day: "pd.Series[float]", at: "pd.Series[float]", colour: str) -> None:
    """Draw draws in which nothing was found, at the number below which they lie."""
    ax.plot(
        day,
        at,
        linestyle="none",
        marker="v",
        markerfacecolor="white",
        markeredgecolor=colour,
        zorder=3,
    )


def _draw_missing(ax: Axes, day: "pd.Series[float]") -> None:
    """Draw crosses just above the bottom of the axes."""
    height = np.full(len(day), 0.035)
    ax.plot(day, height, "x", color=MUTED, transform=ax.get_xaxis_transform(), zorder=3)


def _write_reason(ax: Axes, reasons: "pd.Series[str]") -> None:
    """Write in the middle why a patient has no evaluable draw: the commonest reason."""
    told = reasons.mode()
    text = textwrap.fill(f"not evaluable: {told.iloc[0]}" if len(told) else "no draw", 34)
    place = ax.text(0.5, 0.5, text, color=MUTED, fontsize="small", transform=ax.transAxes)
    place.set(horizontalalignment="center", verticalalignment="center")


def _draw_limits(
    ax: Axes, thresholds: Sequence[float], reference: tuple[float, float] | None
) -> None:
    """Draw the reference range as a band and each threshold as a dashed line with its number."""
    if reference is not None:
        ax.axhspan(*reference, color=FAINT, alpha=0.5, linewidth=0, zorder=0)
    for threshold in thresholds:
        ax.axhline(threshold, color=INK, linewidth=0.6, linestyle=(0, (4, 3)), zorder=1)
        ax.annotate(
            f"{threshold:g}",
            (1.0, threshold),
            xycoords=("axes fraction", "data"),
            xytext=(2, 0),
            textcoords="offset points",
            verticalalignment="center",
            fontsize="small",
            annotation_clip=True,
        )


def _decades(
    values: "pd.Series[float]", highs: "pd.Series[float]", reference: Sequence[float]
) -> tuple[float, float]:
    """Return a decade below and half a decade above what is drawn, two decades at least."""
    positive = values[values > 0]
    highest = [high for high in [*highs.dropna(), *reference] if np.isfinite(high) and high > 0]
    if positive.empty or not highest:
        return 1.0, 1000.0
    low = np.floor(np.log10(positive.min() / 1.5))
    high = max(np.ceil(2 * np.log10(max(highest) * 1.1)) / 2, low + 2)
    return float(10**low), float(10**high)


def _draw_days(ax: Axes, day: "pd.Series[float]", events: pd.DataFrame) -> None:
    """Set the day axis, and draw a line on the day of each event."""
    marked = events[events["event"].isin(list(EVENT_LINES))]
    days = [0.0, *day.dropna(), *marked["day"].dropna()]
    set_day_axis(ax, min(days), max(days))
    infusions = marked.loc[marked["event"] == "infusion", "day"]
    lines = {("infusion", 0.0), *(("infusion", float(day)) for day in infusions)}
    for event in ("progression", "death"):
        lines |= {(event, float(day)) for day in marked.loc[marked["event"] == event, "day"]}
    for event, at in sorted(lines):
        ax.axvline(at, color=PALE, linewidth=1.0, linestyle=EVENT_LINES[event], zorder=0.5)


def _note(ax: Axes, text: str) -> None:
    """Write small print beside the title."""
    ax.set_title(text, loc="right", fontweight="normal", fontsize="small", color=MUTED)
