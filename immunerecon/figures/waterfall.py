"""Waterfalls: donor NK cells per µL of every patient in order, against a criterion of expansion."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from immunerecon.figures.axes import set_log_axis
from immunerecon.figures.marks import decades, draw_missing, draw_triangles, write_reason
from immunerecon.figures.style import INK, MUTED, OKABE_ITO, points
from immunerecon.trial.dose_levels import NOT_STATED, level_of_patients
from immunerecon.trial.expansion import RULES

EXPANSION = RULES[0]
_FEWEST_FULL = 8  # fewer patients get narrower bars, or they would be walls
_BELOW_ANY_AXIS = 1e-9


@dataclass(frozen=True)
class VerdictLook:
    """Colour, filling of the marker and words of one verdict."""

    colour: str
    fill: str
    words: str


VERDICTS: Mapping[str, VerdictLook] = {
    "met": VerdictLook(OKABE_ITO["blue"], "full", "interval at or above it"),
    "uncertain": VerdictLook(OKABE_ITO["orange"], "left", "interval spans it"),
    "not_met": VerdictLook(OKABE_ITO["vermillion"], "none", "interval below it"),
}


def waterfall_rows(expansion: pd.DataFrame, rule: str, patients: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that `draw_expansion_waterfall` shows, from left to right.

    `shown_per_ul` is the count, or its upper limit where no donor cell was detected.
    """
    rows = expansion[expansion["rule"] == rule]
    none = rows["cells_per_ul"] == 0
    shown = rows["cells_per_ul"].mask(none, rows["high"]).astype(float)
    levels = level_of_patients(patients).astype(str).reindex(rows["patient"]).fillna(NOT_STATED)
    rows = rows.assign(shown_per_ul=shown, none=none, dose_level=levels.array)
    ordered = rows.sort_values(
        ["none", "shown_per_ul"], ascending=[True, False], na_position="last", kind="stable"
    )
    missing = ordered["shown_per_ul"].isna()
    return pd.concat([ordered[~missing], ordered[missing]], ignore_index=True).drop(columns="none")


def draw_expansion_waterfall(
    expansion: pd.DataFrame,
    *,
    ax: Axes,
    patients: pd.DataFrame,
    rule: str = EXPANSION.name,
    at_least: float = EXPANSION.at_least_per_ul,
) -> Axes:
    """Draw the donor NK cells per µL of every patient, from the most to the fewest.

    Parameters
    ----------
    expansion
        Table of the results folder, or what `immunerecon.trial.peak_expansion.peak_table` returns.
    ax
        Where to draw.
    patients
        One row a patient: `patient` and, if there are levels, `dose_level`.
    rule
        Which rows.
    at_least
        Cells/µL of the criterion, a line from which the bars rise and hang.

    Returns
    -------
    Axes
        `ax`, with a logarithmic axis. Colour and filling of the marker tell the verdict, whiskers
        are 95 % intervals. A triangle stands at the upper limit of a patient in whom no donor
        cells were detected, a cross at the bottom for one who is not evaluable.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> cells = pd.DataFrame({"patient": ["P1", "P2"], "rule": "peak",
    ...     "verdict": ["not_met", "met"], "cells_per_ul": [20.0, 300], "low": [14.0, 260],
    ...     "high": [28.0, 340]})
    >>> patients = pd.DataFrame({"patient": ["P1", "P2"], "dose_level": [1, 2]})
    >>> ax = draw_expansion_waterfall(
    ...     cells, ax=Figure().add_subplot(), patients=patients, rule="peak")
    >>> [label.get_text().split() for label in ax.get_xticklabels()]
    [['P2', '2'], ['P1', '1']]
    """
    rows = waterfall_rows(expansion, rule, patients)
    width = 0.66 * min(1.0, len(rows) / _FEWEST_FULL)
    for verdict, look in VERDICTS.items():
        judged = rows[(rows["verdict"] == verdict) & rows["shown_per_ul"].notna()]
        _draw_bars(ax, judged, look, width=width, at_least=at_least)
    missing = rows[rows["shown_per_ul"].isna()]
    draw_missing(ax, missing.index.to_series().astype(float))
    if len(missing) == len(rows):
        write_reason(ax, "no patient is evaluable" if len(rows) else "no patient")
    criterion = pd.Series([at_least])
    low, high = decades(
        pd.concat([rows["shown_per_ul"].dropna(), criterion]),
        pd.concat([rows["high"].dropna().astype(float), criterion]),
        (),
    )
    set_log_axis(ax, low, high, label="Donor NK cells per µL")
    ax.axhline(at_least, color=INK, linewidth=points(0.6), linestyle=(0, (4, 3)), zorder=2)
    _label_patients(ax, rows)
    ax.set_title(f"Donor NK, {rule}", loc="left")
    return ax


def _draw_bars(
    ax: Axes, rows: pd.DataFrame, look: VerdictLook, *, width: float, at_least: float
) -> None:
    """Draw the patients of one verdict; a limit gets a triangle instead of a bar."""
    none = rows[rows["cells_per_ul"] == 0]
    draw_triangles(ax, none.index.to_series(), none["shown_per_ul"], look.colour)
    found = rows[rows["cells_per_ul"] > 0]
    if found.empty:
        return
    rise = found["cells_per_ul"] - at_least
    ax.bar(found.index, rise, width, at_least, color=look.colour, alpha=0.3, zorder=1)
    low = found["low"].clip(lower=_BELOW_ANY_AXIS)
    ax.vlines(found.index, low, found["high"], color=look.colour, linewidth=points(0.9), zorder=2.5)
    ax.plot(found.index, found["cells_per_ul"], linestyle="none", zorder=3, **_face(look))


def _face(look: VerdictLook) -> dict[str, Any]:
    face = "white" if look.fill == "none" else look.colour
    style = "full" if look.fill == "none" else look.fill
    return {
        "marker": "o",
        "color": look.colour,
        "markerfacecolor": face,
        "markerfacecoloralt": "white",
        "fillstyle": style,
    }


def _label_patients(ax: Axes, rows: pd.DataFrame) -> None:
    """Name patients below the axis, with their dose levels where any is stated."""
    stated = (rows["dose_level"] != NOT_STATED).any()
    upright = (
        sum(map(len, rows["patient"].astype(str))) > 48
    )  # as many letters as half a page bears
    between = " · " if upright else "\n"
    labels = [
        f"{patient}{between}{level}" if stated else patient
        for patient, level in zip(rows["patient"], rows["dose_level"], strict=True)
    ]
    ax.set_xticks(range(len(rows)), labels, rotation=90 if upright else 0)
    ax.set_xlim(-0.6, max(len(rows), 1) - 0.4)
    ax.tick_params(axis="x", length=0)
    ax.set_xlabel("Patient, and dose level" if stated else "Patient")


def verdict_key(rows: pd.DataFrame, at_least: float = EXPANSION.at_least_per_ul) -> list[Artist]:
    """Explain the line, and the marks that some waterfall rows need."""
    line = Line2D([], [], color=INK, linewidth=points(0.6), linestyle=(0, (4, 3)))
    line.set_label(f"{at_least:g} per µL")
    marks: list[Artist] = [line]
    for verdict, look in VERDICTS.items():
        if ((rows["verdict"] == verdict) & (rows["cells_per_ul"] > 0)).any():
            marks.append(Line2D([], [], linestyle="none", label=look.words, **_face(look)))
    if (rows["cells_per_ul"] == 0).any():
        triangle = Line2D([], [], linestyle="none", marker="v", color=MUTED)
        triangle.set(markerfacecolor="white", label="not detected: upper limit")
        marks.append(triangle)
    if rows["shown_per_ul"].isna().any():
        cross = Line2D([], [], linestyle="none", marker="x", color=MUTED, label="not evaluable")
        marks.append(cross)
    return marks
