"""Recovery of the dose levels beside each other, with the test of their difference."""

import math
from itertools import cycle

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.typing import LineStyleType

from immunerecon.figures.axes import set_day_axis
from immunerecon.figures.incidence import (
    EVERYONE,
    carried_on,
    draw_crosses,
    incidence_rows,
    small_print,
    write_at_risk,
)
from immunerecon.figures.style import MUTED, OKABE_ITO, figure_style, points

_COLUMNS = 3
# Colour and dashes: levels are told apart in print without colour as well.
_LINES: tuple[tuple[str, LineStyleType], ...] = (
    (OKABE_ITO["blue"], "solid"),
    (OKABE_ITO["vermillion"], (0, (5, 1.5))),
    (OKABE_ITO["green"], (0, (1.2, 1.2))),
    (OKABE_ITO["purple"], (0, (5, 1.2, 1.2, 1.2))),
    (OKABE_ITO["orange"], (0, (8, 2))),
    (OKABE_ITO["sky"], (0, (3, 1, 1, 1, 1, 1))),
)


def levels_of(cohort_recovery: pd.DataFrame) -> list[str]:
    """Return the dose levels that have curves, in the order of the table."""
    return [str(group) for group in cohort_recovery["group"].unique() if group != EVERYONE]


def draw_incidence_by_level(
    cohort_recovery: pd.DataFrame,
    dose_comparison: pd.DataFrame,
    *,
    population: str,
    threshold: float,
    ax: Axes,
) -> Axes:
    """Draw how many patients of each dose level had recovered by each day.

    Parameters
    ----------
    cohort_recovery
        Table of the results folder.
    dose_comparison
        Table ``trial/dose_comparison`` of the results folder.
    population, threshold
        Which cells, and the cells/µL that count as recovered.
    ax
        Where to draw.

    Returns
    -------
    Axes
        `ax`: an Aalen-Johansen curve a level, a cross at each competing event, above it the test,
        its exact P, the one adjusted for all comparisons and the patients of each level, or why
        there is no test; below the axis the patients at risk.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> curve = pd.DataFrame({"group": ["1", "1", "2", "2"], "population": "NK", "threshold": 100.0,
    ...     "time": [0.0, 14, 0, 28], "cumulative_incidence": [0, 1, 0, 0.5],
    ...     "at_risk": [3, 3, 4, 4]})
    >>> test = pd.DataFrame({"population": ["NK"], "threshold": 100.0, "p_permutation": 0.0286,
    ...     "p_adjusted": 0.0571, "method": "Gray, all permutations", "reason": "",
    ...     "n_by_level": "level 1: 3, 2: 4"})
    >>> ax = draw_incidence_by_level(
    ...     curve, test, population="NK", threshold=100, ax=Figure().add_subplot())
    >>> print(ax.texts[0].get_text())
    Gray, all permutations: P = 0.0286
    (adjusted 0.0571); n = 3, 4
    """
    last_day = float(cohort_recovery["time"].max())
    set_day_axis(ax, 0.0, last_day)
    size = float(ax.xaxis.get_label().get_fontsize())
    told = tell_test(dose_comparison, population, threshold)
    small_print(ax, told, (0, 1), xytext=(0, points(4)), color=MUTED)
    for line, (level, (colour, dashes)) in enumerate(
        zip(levels_of(cohort_recovery), cycle(_LINES), strict=False)
    ):
        rows = incidence_rows(cohort_recovery, population, threshold, level)
        rows = carried_on(rows, ax.get_xlim()[1])
        time = rows["time"].to_numpy(dtype=float)
        percent = 100 * rows["cumulative_incidence"].to_numpy(dtype=float)
        ax.step(time, percent, where="post", color=colour, linestyle=dashes)
        if "competing" in rows:
            draw_crosses(ax, rows[rows["competing"] > 0])
        label = f"Level {level}"
        write_at_risk(ax, time, rows["at_risk"].to_numpy(dtype=float), label=label, line=line)
    ax.set_ylim(0, 105)
    ax.set_yticks([0, 25, 50, 75, 100])
    ax.set_ylabel("Recovered (%)")
    title = f"{population.replace('_', ' ')} ≥ {threshold:g} per µL"
    ax.set_title(title, loc="left", pad=(2.2 + told.count("\n")) * size)
    return ax


def tell_test(dose_comparison: pd.DataFrame, population: str, threshold: float) -> str:
    """Return the test of one curve's levels in words: which, its P, of how many patients."""
    chosen = (dose_comparison["population"] == population) & (
        dose_comparison["threshold"] == threshold
    )
    if not chosen.any():
        return "not compared"
    row = dose_comparison[chosen].iloc[0]
    sizes = str(row["n_by_level"]).removeprefix("level ").split(", ")
    patients = "n = " + ", ".join(size.rpartition(": ")[2] for size in sizes)
    if pd.isna(row["p_permutation"]):
        return f"no test: {row['reason']}; {patients}"
    exact, adjusted = f"{row['p_permutation']:.3g}", f"{row['p_adjusted']:.3g}"
    return f"{row['method']}: P = {exact}\n(adjusted {adjusted}); {patients}"


def levels_page(
    cohort_recovery: pd.DataFrame, dose_comparison: pd.DataFrame, *, style: str = "nature"
) -> Figure:
    """Draw the recovery of the dose levels for every population and threshold.

    Parameters
    ----------
    cohort_recovery, dose_comparison
        As in `draw_incidence_by_level`; `levels_data` returns the source data.
    style
        ``nature``, ``blood`` or ``poster``.

    Returns
    -------
    Figure
        Two columns wide, all panels on the same days.
    """
    pairs = cohort_recovery[["population", "threshold"]].drop_duplicates()
    curves = list(zip(pairs["population"], pairs["threshold"], strict=True))
    levels = levels_of(cohort_recovery)
    rows = max(1, math.ceil(len(curves) / _COLUMNS))
    with figure_style(style) as measures:
        height = (54.0 + 3.0 * len(levels)) * rows + 8
        engine = ConstrainedLayoutEngine(w_pad=0.04, h_pad=0.07)
        figure = Figure(figsize=measures.size(height), layout=engine)
        for place, (population, threshold) in enumerate(curves, 1):
            draw_incidence_by_level(
                cohort_recovery,
                dose_comparison,
                population=population,
                threshold=threshold,
                ax=figure.add_subplot(rows, _COLUMNS, place),
            )
        key = [
            Line2D([], [], color=colour, linestyle=dashes, label=f"dose level {level}")
            for level, (colour, dashes) in zip(levels, cycle(_LINES), strict=False)
        ]
        cross = Line2D([], [], color=MUTED, marker="x", linestyle="none", label="competing event")
        figure.legend(handles=[*key, cross], loc="outside lower left", ncols=4)
    return figure


def levels_data(cohort_recovery: pd.DataFrame, dose_comparison: pd.DataFrame) -> pd.DataFrame:
    """Return the source data of `levels_page`: the curves of the levels, each with its test."""
    curves = cohort_recovery[cohort_recovery["group"] != EVERYONE]
    tests = dose_comparison.drop(columns="reason", errors="ignore")
    return curves.merge(tests, on=["population", "threshold"], how="left", validate="many_to_one")
