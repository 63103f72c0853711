"""Pages of the cohort's counts: heat maps, and median courses."""

import math

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from immunerecon.figures.axes import set_log_axis
from immunerecon.figures.heatmap import (
    ENDED,
    FOLD_COLOURS,
    FOLD_NORM,
    NO_DRAW,
    NO_NUMBER,
    draw_fold_heatmap,
    fold_rows,
)
from immunerecon.figures.marks import NO_EVENTS
from immunerecon.figures.medians import draw_median_course, median_rows
from immunerecon.figures.style import FAINT, INK, MUTED, PALE, figure_style, points
from immunerecon.kinetics.recovery import one_count_a_draw

_NUMBERS = (
    "Numbers: cells per µL, bold from the lower limit up; with <, "
    "the upper limit of a draw in which no cell was seen"
)
SHOWN = ("Lymphocytes", "T", "CD4_T", "CD8_T", "NK", "B")


def fold_heatmaps(
    populations: pd.DataFrame,
    reference_ranges: pd.DataFrame,
    *,
    clinical_events: pd.DataFrame = NO_EVENTS,
    style: str = "nature",
) -> Figure:
    """Draw the heat map of each population that has a reference range.

    Parameters
    ----------
    populations, reference_ranges, clinical_events
        As in `draw_fold_heatmap`; `heatmap_data` returns the source data.
    style
        ``nature``, ``blood`` or ``poster``.

    Returns
    -------
    Figure
        Two columns wide, lymphocytes and their main kinds with one scale of colours.
    """
    names = _with_reference(populations, reference_ranges)
    patients = one_count_a_draw(populations, "cells_per_ul")["patient"].nunique()
    rows = math.ceil(len(names) / 2)
    with figure_style(style) as measures:
        height = (3.6 * max(2, patients) + 17) * rows + 16
        figure = Figure(figsize=measures.size(height), layout="constrained")
        for place, population in enumerate(names, start=1):
            ax = figure.add_subplot(rows, 2, place)
            draw_fold_heatmap(
                populations,
                reference_ranges,
                population=population,
                ax=ax,
                clinical_events=clinical_events,
            )
            if place <= len(names) - 2:
                ax.set_xlabel("")
            if place % 2 == 0:
                ax.tick_params(labelleft=False)
        _add_colour_bar(figure)
        states = set(heatmap_data(populations, reference_ranges, clinical_events)["state"])
        figure.legend(
            handles=_heatmap_key(states),
            title=_NUMBERS,
            title_fontsize=measures.small_pt,
            alignment="left",
            loc="outside lower left",
            ncols=3,
        )
    return figure


def heatmap_data(
    populations: pd.DataFrame,
    reference_ranges: pd.DataFrame,
    clinical_events: pd.DataFrame = NO_EVENTS,
) -> pd.DataFrame:
    """Return the source data of `fold_heatmaps`: one row a cell of its maps."""
    names = _with_reference(populations, reference_ranges)
    return pd.concat(
        [fold_rows(populations, reference_ranges, name, clinical_events) for name in names],
        ignore_index=True,
    )


def median_courses(
    populations: pd.DataFrame,
    reference_ranges: pd.DataFrame,
    *,
    clinical_events: pd.DataFrame = NO_EVENTS,
    style: str = "nature",
) -> Figure:
    """Draw the median course of lymphocytes and of their main kinds.

    Parameters
    ----------
    populations, reference_ranges, clinical_events
        Tables of the results folder; `median_data` returns the source data.
    style
        ``nature``, ``blood`` or ``poster``.

    Returns
    -------
    Figure
        Two columns wide, all panels with the same axes.
    """
    names = _counted(populations)
    ranges = reference_ranges.set_index("population")[["low", "high"]].astype(float)
    rows = math.ceil(len(names) / 2)
    with figure_style(style) as measures:
        figure = Figure(figsize=measures.size(62.0 * rows + 10), layout="constrained")
        panels: list[list[Axes]] = []
        for place, population in enumerate(names):
            known = population in ranges.index
            ax = figure.add_subplot(rows, 2, place + 1)
            draw_median_course(
                populations,
                population=population,
                ax=ax,
                clinical_events=clinical_events,
                reference=tuple(ranges.loc[population]) if known else None,
            )
            panels = [*panels, [ax]] if place % 2 == 0 else [*panels[:-1], [*panels[-1], ax]]
        _share_log_axis(panels)
        figure.legend(handles=_median_key(), loc="outside lower left", ncols=3)
    return figure


def median_data(
    populations: pd.DataFrame, clinical_events: pd.DataFrame = NO_EVENTS
) -> pd.DataFrame:
    """Return the source data of `median_courses`: each patient's draws, and the medians."""
    names = _counted(populations)
    drawn = one_count_a_draw(populations, "cells_per_ul")
    columns = ["patient", "population", "day", "cells_per_ul", "cells_per_ul_high"]
    draws = drawn.loc[drawn["population"].isin(names), columns].assign(shown="patient")
    medians = [median_rows(populations, name, clinical_events) for name in names]
    tables = [draws, *(table.assign(shown="median") for table in medians)]
    return pd.concat(tables, ignore_index=True).set_index("shown").reset_index()


def _counted(populations: pd.DataFrame) -> list[str]:
    """Return the populations of `SHOWN` that any draw gives; the first where none does."""
    given = set(populations["population"])
    return [name for name in SHOWN if name in given] or list(SHOWN[:1])


def _with_reference(populations: pd.DataFrame, reference_ranges: pd.DataFrame) -> list[str]:
    known = set(reference_ranges["population"])
    return [name for name in _counted(populations) if name in known] or list(SHOWN[:1])


def _share_log_axis(panels: list[list[Axes]]) -> None:
    """Give all panels one y axis, named at the left of each row."""
    heights = [ax.get_ylim() for row in panels for ax in row]
    for row in panels:
        for ax in row:
            low, high = min(low for low, _ in heights), max(high for _, high in heights)
            set_log_axis(ax, low, high, label=ax.get_ylabel())
        for ax in row[1:]:
            ax.set_ylabel("")
            ax.tick_params(axis="y", labelleft=False)


def _add_colour_bar(figure: Figure) -> None:
    """Add the scale of colours below the maps."""
    bar = figure.colorbar(
        ScalarMappable(norm=FOLD_NORM, cmap=FOLD_COLOURS),
        ax=figure.axes,
        location="bottom",
        fraction=0.02,
        pad=0.01,
        shrink=0.45,
        aspect=45,
        extend="both",
    )
    bar.set_ticks([-2, -1, 0, 1], labels=["0.01", "0.1", "1", "10"])
    bar.set_label("Fold of the lower reference limit")


def _heatmap_key(states: set[str]) -> list[Artist]:
    """Explain the cells without a number that the maps show."""
    key: list[Artist] = []
    if states & {NO_DRAW, NO_NUMBER}:
        key.append(Patch(fill=False, hatch="///////", edgecolor=PALE, linewidth=0, label="no draw"))
    if NO_NUMBER in states:
        cross = Line2D([], [], linestyle="none", marker="x", color=INK)
        cross.set_label("drawn, but no cells per µL")
        key.append(cross)
    if ENDED in states:
        key.append(Patch(fill=False, edgecolor=FAINT, label="follow-up had ended"))
    return key


def _median_key() -> list[Artist]:
    """Explain the marks of median courses."""
    median = Line2D([], [], color=INK, linewidth=points(1.3), marker="o", markersize=points(3.4))
    limit = Line2D([], [], color=MUTED, linestyle="none", marker="v", markerfacecolor="white")
    patient = Line2D([], [], color=MUTED, linewidth=points(0.5), marker=".", markersize=points(2))
    none = Line2D([], [], color=MUTED, linestyle="none", marker="v", markersize=points(2.5))
    median.set_label("median of three or more counted")
    limit.set_label("median below this limit")
    patient.set_label("a patient")
    none.set_label("none seen: upper limit")
    return [
        median,
        Patch(color=INK, alpha=0.18, linewidth=0, label="quartiles of four or more"),
        limit,
        patient,
        none,
        Patch(color=FAINT, alpha=0.5, linewidth=0, label="reference range"),
    ]
