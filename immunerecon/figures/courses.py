"""Courses over time: cells per µL of one population of one patient, draw by draw."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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
from immunerecon.figures.style import FAINT, INK, points, population_look
from immunerecon.kinetics.recovery import one_count_a_draw

PLATFORM_MARKERS: Mapping[str, str] = {
    "single-platform": "o",
    "volumetric": "s",
    "dual-platform": "D",
}


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
    clinical_events: pd.DataFrame = NO_EVENTS,
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
    draw_line(ax, rows[rows["cells_per_ul"].notna()], "cells_per_ul", look.colour)
    for method, marker in PLATFORM_MARKERS.items():
        counted = seen[seen["count_method"] == method]
        draw_measured(ax, counted, "cells_per_ul", look.colour, marker)
    none_seen = rows[rows["cells_per_ul"] == 0]
    draw_triangles(ax, none_seen["day"], none_seen["cells_per_ul_high"], look.colour)
    missing = rows[rows["cells_per_ul"].isna()]
    draw_missing(ax, missing["day"])
    if len(missing) == len(rows):
        write_reason(ax, "no cells per µL" if len(rows) else "no draw")
    low, high = decades(
        pd.concat([seen["cells_per_ul"], none_seen["cells_per_ul_high"]]),
        rows["cells_per_ul_high"],
        limits.reference.get(population, ()),
    )
    set_log_axis(ax, low, high, label="Cells per µL")
    draw_days(ax, rows["day"], clinical_events[clinical_events["patient"] == patient])
    ax.set_title(population.replace("_", " "), loc="left")
    methods = [method for method in PLATFORM_MARKERS if (seen["count_method"] == method).any()]
    note(ax, ", ".join(methods))
    return ax


def _draw_limits(
    ax: Axes, thresholds: Sequence[float], reference: tuple[float, float] | None
) -> None:
    """Draw the reference range as a band and each threshold as a dashed line with its number."""
    if reference is not None:
        ax.axhspan(*reference, color=FAINT, alpha=0.5, linewidth=0, zorder=0)
    ordered = sorted(thresholds)
    places = {0: "top", len(ordered) - 1: "bottom"} if len(ordered) > 1 else {}
    for number, threshold in enumerate(ordered):
        ax.axhline(threshold, color=INK, linewidth=points(0.6), linestyle=(0, (4, 3)), zorder=1)
        ax.annotate(
            f"{threshold:g}",
            (1.0, threshold),
            xycoords=("axes fraction", "data"),
            xytext=(points(2), 0),
            textcoords="offset points",
            # Neighbours on a log axis may lie closer than two lines of print.
            verticalalignment=places.get(number, "center"),
            fontsize="small",
            annotation_clip=True,
        )
