"""Median courses: cells per µL of one population, every patient thin and the median over them."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes

from immunerecon.figures.axes import set_day_axis, set_log_axis
from immunerecon.figures.marks import NO_EVENTS, decades, draw_triangles, write_reason
from immunerecon.figures.style import FAINT, MUTED, points, population_look
from immunerecon.kinetics.recovery import one_count_a_draw
from immunerecon.trial.flow import VISITS
from immunerecon.trial.visit_counts import follow_up_ends, visit_counts, visit_medians

_DIGIT = 0.02  # of half a page; numbers nearer than their digits would touch
_BELOW_ANY_AXIS = 1e-9


def median_rows(
    populations: pd.DataFrame,
    population: str,
    clinical_events: pd.DataFrame = NO_EVENTS,
    visits: Mapping[str, tuple[float, float]] = VISITS,
) -> pd.DataFrame:
    """Return the medians that `draw_median_course` shows, one row a visit."""
    counts = visit_counts(populations, visits=visits)
    ends = follow_up_ends(populations, clinical_events)
    return visit_medians(counts[counts["population"] == population], ends, visits=visits)


def draw_median_course(
    populations: pd.DataFrame,
    *,
    population: str,
    ax: Axes,
    clinical_events: pd.DataFrame = NO_EVENTS,
    reference: tuple[float, float] | None = None,
    visits: Mapping[str, tuple[float, float]] = VISITS,
) -> Axes:
    """Draw the cells per µL of one population in all patients, and their median by visit.

    Parameters
    ----------
    populations
        Table of the results folder.
    population
        Which cells.
    ax
        Where to draw.
    clinical_events
        One row an event: `patient`, `day`, `event`; tells until when patients were followed.
    reference
        Lowest and highest cells/µL of healthy people, a grey band.
    visits
        As in `immunerecon.trial.visit_counts.visit_counts`.

    Returns
    -------
    Axes
        `ax`, with a logarithmic axis. Thin lines: patients, at the days of their draws, with a
        small triangle at the upper limit where no cell was seen. Thick line and band: median and
        quartiles of the patients counted at each visit; a large triangle where the median lies
        below that limit. Under the axis: how many were counted, of how many followed.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> draws = pd.DataFrame({"patient": ["P1", "P2", "P3"], "population": "NK", "day": 14.0,
    ...     "cells_per_ul": [5.0, 40, 200], "cells_per_ul_low": [3.0, 30, 170],
    ...     "cells_per_ul_high": [8.0, 52, 235]})
    >>> axes = draw_median_course(draws, population="NK", ax=Figure().add_subplot())
    >>> [text.get_text() for text in axes.texts]
    ['3', 'Counted  ', '3', 'Followed  ']
    """
    drawn = one_count_a_draw(populations, "cells_per_ul")
    draws = drawn[drawn["population"] == population]
    medians = median_rows(populations, population, clinical_events, visits)
    look = population_look(population)
    if reference is not None:
        ax.axhspan(*reference, color=FAINT, alpha=0.5, linewidth=0, zorder=0)
    _draw_patients(ax, draws)
    _draw_medians(ax, medians, look.colour, look.marker)
    if draws["cells_per_ul"].isna().all():
        write_reason(ax, "no cells per µL" if len(draws) else "no draw")
    found = draws["cells_per_ul"] > 0
    shown = draws["cells_per_ul"].where(found, draws["cells_per_ul_high"]).dropna()
    low, high = decades(shown, shown, reference or ())
    set_log_axis(ax, low, high, label="Cells per µL")
    days = [0.0, 7.0, *drawn["day"]]  # of all populations: side by side they share the axis
    set_day_axis(ax, min(days), max(days))
    ax.set_title(population.replace("_", " "), loc="left")
    _write_numbers(ax, medians)
    return ax


def _draw_patients(ax: Axes, draws: pd.DataFrame) -> None:
    """Draw each patient's course thin; a draw in which nothing was found breaks it."""
    for _, own in draws[draws["cells_per_ul"].notna()].groupby("patient", sort=False):
        own = own.sort_values("day")
        found = own["cells_per_ul"].where(own["cells_per_ul"] > 0)
        ax.plot(own["day"], found, "-", color=MUTED, alpha=0.4, linewidth=points(0.5), zorder=1.5)
        ax.plot(own["day"], found, ".", color=MUTED, alpha=0.5, markersize=points(2), zorder=1.5)
        none = own[own["cells_per_ul"] == 0]
        ax.plot(
            none["day"],
            none["cells_per_ul_high"],
            "v",
            color=MUTED,
            markersize=points(2.5),
            zorder=1.5,
        )


def _draw_medians(ax: Axes, medians: pd.DataFrame, colour: str, marker: str) -> None:
    """Draw medians with the band of the quartiles; one that may be 0 has no line to it."""
    day = medians["visit_day"]
    ax.fill_between(
        day,
        medians["quartile_low"].clip(lower=_BELOW_ANY_AXIS),
        medians["quartile_high"],
        color=colour,
        alpha=0.18,
        linewidth=0,
        zorder=1,
    )
    known = medians["median_high"].where(medians["median_low"] == medians["median_high"])
    ax.plot(
        day,
        known,
        color=colour,
        marker=marker,
        markersize=points(3.4),
        linewidth=points(1.3),
        zorder=3,
    )
    vague = medians[medians["median_low"] < medians["median_high"]]
    draw_triangles(ax, vague["visit_day"], vague["median_high"], colour)


def _write_numbers(ax: Axes, medians: pd.DataFrame) -> None:
    """Write below the axis how many patients each median is of, and how many were followed."""
    size = float(ax.xaxis.get_label().get_fontsize())
    to_axes = ax.transScale + ax.transLimits
    closest = _DIGIT * len(f"{medians['n_followed'].max():.0f}") if len(medians) else 0.0
    visit_places = [float(to_axes.transform((day, 1.0))[0]) for day in medians["visit_day"]]
    places = _spread(visit_places, closest)
    lines = (("Counted", "n_counted"), ("Followed", "n_followed"))
    for line, (heading, column) in enumerate(lines):
        below = -(4.3 + 1.2 * line) * size
        for place, number in zip(places, medians[column], strict=True):
            _write_below(ax, f"{number}", (place, below), "center")
        _write_below(ax, f"{heading}  ", (0.0, below), "right")


def _write_below(ax: Axes, text: str, place: tuple[float, float], side: str) -> None:
    """Write small print at a share of the axes' width, some points below them."""
    ax.annotate(
        text,
        (place[0], 0.0),
        xycoords="axes fraction",
        xytext=(0.0, place[1]),
        textcoords="offset points",
        horizontalalignment=side,
        fontsize="small",
    )


def _spread(places: Sequence[float], closest: float) -> list[float]:
    """Move numbers that would touch apart, to both sides alike."""
    to_the_right: list[float] = []
    to_the_left: list[float] = []
    for place in places:
        to_the_right.append(max([place, *(last + closest for last in to_the_right[-1:])]))
    for place in reversed(places):
        to_the_left.append(min([place, *(last - closest for last in to_the_left[-1:])]))
    return [
        (right + left) / 2 for right, left in zip(to_the_right, reversed(to_the_left), strict=True)
    ]
