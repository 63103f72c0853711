"""Pages of the trial's outcomes: swimmers, and expansion as waterfalls."""

import pandas as pd
from matplotlib.figure import Figure

from immunerecon.figures.axes import set_log_axis
from immunerecon.figures.style import figure_style
from immunerecon.figures.swimmer import draw_swimmer, swimmer_key
from immunerecon.figures.swimmer_rows import RECOVERED, swimmer_rows
from immunerecon.figures.waterfall import (
    EXPANSION,
    draw_expansion_waterfall,
    verdict_key,
    waterfall_rows,
)
from immunerecon.trial.peak_expansion import PEAK, peak_table


def swimmer_page(
    patients: pd.DataFrame,
    clinical_events: pd.DataFrame,
    persistence: pd.DataFrame,
    recovery: pd.DataFrame,
    *,
    recovered: tuple[str, float] = RECOVERED,
    style: str = "nature",
) -> Figure:
    """Draw the swimmer plot of a cohort.

    Parameters
    ----------
    patients, clinical_events, persistence, recovery, recovered
        As in `draw_swimmer`; `swimmer_rows` returns the source data.
    style
        ``nature``, ``blood`` or ``poster``.

    Returns
    -------
    Figure
        Two columns wide, 8 mm a patient unless that is more than a page.
    """
    rows = swimmer_rows(patients, clinical_events, persistence, recovery, recovered=recovered)
    with figure_style(style) as measures:
        lanes = max(1, rows["lane"].nunique())
        height = min(8.0, 210.0 / lanes) * lanes + 26
        figure = Figure(figsize=measures.size(height), layout="constrained")
        ax = figure.add_subplot()
        draw_swimmer(patients, clinical_events, persistence, recovery, ax=ax, recovered=recovered)
        figure.legend(handles=swimmer_key(rows, recovered), loc="outside lower left", ncols=4)
    return figure


def expansion_page(
    expansion: pd.DataFrame,
    donor_cells: pd.DataFrame,
    patients: pd.DataFrame,
    *,
    style: str = "nature",
) -> Figure:
    """Draw the waterfalls of expansion: at the day of the published criterion, and at its peak.

    Parameters
    ----------
    expansion
        Table `trial/expansion` of the results folder.
    donor_cells, patients
        Tables of the results folder; `expansion_data` returns the source data.
    style
        ``nature``, ``blood`` or ``poster``.

    Returns
    -------
    Figure
        Two columns wide, both panels with one axis.
    """
    data = expansion_data(expansion, donor_cells, patients)
    with figure_style(style) as measures:
        figure = Figure(figsize=measures.size(72.0), layout="constrained")
        left, right = figure.subplots(1, 2)
        for ax, rule, title in (
            (left, EXPANSION.name, f"Donor NK at day {EXPANSION.target_day:g}"),
            (right, PEAK, "Donor NK at their peak"),
        ):
            draw_expansion_waterfall(data, ax=ax, patients=patients, rule=rule)
            ax.set_title(title, loc="left")
        low, high = zip(left.get_ylim(), right.get_ylim(), strict=True)
        set_log_axis(left, min(low), max(high), label=left.get_ylabel())
        set_log_axis(right, min(low), max(high), label="")
        right.tick_params(axis="y", labelleft=False)
        figure.legend(handles=verdict_key(data), loc="outside lower left", ncols=3)
    return figure


def expansion_data(
    expansion: pd.DataFrame, donor_cells: pd.DataFrame, patients: pd.DataFrame
) -> pd.DataFrame:
    """Return the source data of `expansion_page`: one row a patient and panel."""
    rules = expansion[expansion["rule"] == EXPANSION.name].drop(columns="citation", errors="ignore")
    peaks = peak_table(donor_cells, patients=patients["patient"].tolist())
    tables = [
        waterfall_rows(rules, EXPANSION.name, patients),
        waterfall_rows(peaks, PEAK, patients),
    ]
    filled = [table for table in tables if len(table)]
    return pd.concat(filled or tables[:1], ignore_index=True)
