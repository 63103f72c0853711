"""Cumulative incidence of recovery, with the patients at risk below."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from immunerecon.figures.axes import set_day_axis
from immunerecon.figures.style import MUTED, points, population_look

Floats = NDArray[np.float64]
EVERYONE = "all"


def incidence_rows(
    cohort_recovery: pd.DataFrame, population: str, threshold: float, group: str = EVERYONE
) -> pd.DataFrame:
    """Return the rows that `draw_cumulative_incidence` shows, by time."""
    chosen = (
        (cohort_recovery["group"] == group)
        & (cohort_recovery["population"] == population)
        & (cohort_recovery["threshold"] == threshold)
    )
    return cohort_recovery[chosen].sort_values("time", kind="stable")


def draw_cumulative_incidence(
    cohort_recovery: pd.DataFrame,
    *,
    population: str,
    threshold: float,
    ax: Axes,
    group: str = EVERYONE,
    last_day: float | None = None,
) -> Axes:
    """Draw how many patients had recovered by each day.

    Parameters
    ----------
    cohort_recovery
        Table of the results folder.
    population, threshold
        Which cells, and the cells/µL that count as recovered.
    ax
        Where to draw.
    group
        ``all``, or a dose level.
    last_day
        End of the day axis; by default the last day in the table.

    Returns
    -------
    Axes
        `ax`: the Aalen-Johansen curve with its pointwise 95 % interval, where the table has it the
        earliest curve that the draws allow (dotted), a cross at each competing event, and below
        the axis the number of patients at risk.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> curve = pd.DataFrame({"group": "all", "population": "NK", "threshold": 100.0,
    ...     "time": [0.0, 14, 28], "cumulative_incidence": [0, 0.5, 0.5], "low": [np.nan, 0.1, 0.1],
    ...     "high": [np.nan, 0.8, 0.8], "at_risk": [4, 4, 2]})
    >>> ax = Figure().add_subplot()
    >>> draw_cumulative_incidence(curve, population="NK", threshold=100, ax=ax).get_title("left")
    'NK ≥ 100 per µL'
    """
    rows = incidence_rows(cohort_recovery, population, threshold, group)
    end = float(rows["time"].max()) if last_day is None and len(rows) else last_day
    set_day_axis(ax, 0.0, 7.0 if end is None else end)
    rows = carried_on(rows, ax.get_xlim()[1])
    colour = population_look(population).colour
    time = rows["time"].to_numpy(dtype=float)
    percent = {name: 100 * rows[name].to_numpy(dtype=float) for name in _curves(rows)}
    ax.fill_between(
        time, percent["low"], percent["high"], step="post", color=colour, alpha=0.15, linewidth=0
    )
    if "cumulative_incidence_early" in percent:
        early = percent["cumulative_incidence_early"]
        ax.step(time, early, where="post", color=colour, linewidth=points(0.7), linestyle="dotted")
    ax.step(time, percent["cumulative_incidence"], where="post", color=colour)
    if "competing" in rows:
        draw_crosses(ax, rows[rows["competing"] > 0])
    ax.set_ylim(0, 105)
    ax.set_yticks([0, 25, 50, 75, 100])
    ax.set_ylabel("Recovered (%)")
    title = f"{population.replace('_', ' ')} ≥ {threshold:g} per µL"
    ax.set_title(title, loc="left", pad=1.9 * _label_size(ax))
    small_print(ax, _counts(rows), (0, 1), xytext=(0, points(4)), color=MUTED)
    write_at_risk(ax, time, rows["at_risk"].to_numpy(dtype=float))
    return ax


def carried_on(rows: pd.DataFrame, until_day: float) -> pd.DataFrame:
    """Return the rows with a last one at the edge, where the curve can move no more."""
    if rows.empty or not {"recovered", "competing"} <= set(rows):
        return rows
    last = rows.iloc[-1]
    if last["recovered"] + last["competing"] < last["at_risk"]:
        return rows  # somebody was still waiting: the curve ends with the last draw
    edge = rows.tail(1).assign(time=until_day, at_risk=0, recovered=0, competing=0)
    return pd.concat([rows, edge], ignore_index=True)


def _curves(rows: pd.DataFrame) -> list[str]:
    wanted = ("cumulative_incidence", "low", "high", "cumulative_incidence_early")
    return [name for name in wanted if name in rows]


def _counts(rows: pd.DataFrame) -> str:
    """Say how many patients there are, and what became of them where the table tells."""
    patients = f"n = {int(rows['at_risk'].iloc[0])}" if len(rows) else "nobody at risk"
    if not len(rows) or not {"recovered", "competing"} <= set(rows):
        return patients
    recovered, competing = int(rows["recovered"].sum()), int(rows["competing"].sum())
    return f"{patients}: {recovered} recovered" + (f", {competing} competing" if competing else "")


def draw_crosses(ax: Axes, rows: pd.DataFrame) -> None:
    """Draw a cross on the curve at each competing event."""
    if not rows.empty:  # an empty line that is not clipped upsets the layout
        height = 100 * rows["cumulative_incidence"]
        ax.plot(rows["time"], height, "x", color=MUTED, clip_on=False, zorder=3)


def small_print(ax: Axes, text: str, at: tuple[float, float], **where: object) -> None:
    """Write small print beside the axes, `at` in fractions of them unless told otherwise."""
    told: dict[str, Any] = {"xycoords": "axes fraction", "fontsize": "small", **where}
    ax.annotate(text, at, textcoords="offset points", **told)


def write_at_risk(
    ax: Axes, time: Floats, at_risk: Floats, *, label: str = "At risk", line: int = 0
) -> None:
    """Write the number at risk below each tick of the day axis.

    Parameters
    ----------
    ax
        With its day axis.
    time, at_risk : ndarray, shape (n,)
        All distinct times of a curve, and who is at risk just before each.
    label
        Stands to the left.
    line
        0 for the first line below the axis.
    """
    below = (0.0, -(4.2 + 1.15 * line) * _label_size(ax))
    low, high = ax.get_xlim()
    for day in ax.get_xticks():
        if low <= day <= high:
            # Rows are all distinct times: who is at risk at the first one from this day on.
            place = int(np.searchsorted(time, day))
            number = f"{at_risk[place]:.0f}" if place < len(at_risk) else "0"
            where = {"xycoords": ("data", "axes fraction"), "horizontalalignment": "center"}
            small_print(ax, number, (float(day), 0), xytext=below, **where)
    small_print(ax, f"{label}  ", (0, 0), xytext=below, horizontalalignment="right")


def _label_size(ax: Axes) -> float:
    return float(ax.xaxis.get_label().get_fontsize())
