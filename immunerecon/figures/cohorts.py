"""Pages of the cohort: recovery to each threshold side by side."""

import math

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from immunerecon.figures.incidence import EVERYONE, draw_cumulative_incidence
from immunerecon.figures.style import INK, MUTED, figure_style, points

_COLUMNS = 3


def cohort_incidence(
    cohort_recovery: pd.DataFrame, *, group: str = EVERYONE, style: str = "nature"
) -> Figure:
    """Draw the cumulative incidence of recovery of every population to every threshold.

    Parameters
    ----------
    cohort_recovery
        Table of the results folder.
    group
        ``all``, or a dose level.
    style
        ``nature``, ``blood`` or ``poster``.

    Returns
    -------
    Figure
        Two columns wide, all panels on the same days.
    """
    own = cohort_recovery[cohort_recovery["group"] == group]
    pairs = own[["population", "threshold"]].drop_duplicates()
    curves = list(zip(pairs["population"], pairs["threshold"], strict=True))
    rows = max(1, math.ceil(len(curves) / _COLUMNS))
    with figure_style(style) as measures:
        figure = Figure(figsize=measures.size(54.0 * rows + 8), layout="constrained")
        for place, (population, threshold) in enumerate(curves):
            draw_cumulative_incidence(
                cohort_recovery,
                population=population,
                threshold=threshold,
                ax=figure.add_subplot(rows, _COLUMNS, place + 1),
                group=group,
                last_day=float(own["time"].max()),
            )
        key = [
            Line2D([], [], color=INK, label="recovered by the day first observed"),
            Patch(color=INK, alpha=0.15, linewidth=0, label="95 % interval"),
            Line2D(
                [],
                [],
                color=INK,
                linewidth=points(0.7),
                linestyle="dotted",
                label="earliest possible",
            ),
            Line2D([], [], color=MUTED, marker="x", linestyle="none", label="competing event"),
        ]
        figure.legend(handles=key, loc="outside lower left", ncols=4)
    return figure
