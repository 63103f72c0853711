"""Marks that courses share: lines, intervals, triangles, crosses, days and events."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from immunerecon.figures.axes import set_day_axis
from immunerecon.figures.style import MUTED, PALE, points

EVENT_LINES: Mapping[str, Literal["solid", "dashed", "dotted"]] = {
    "infusion": "solid",
    "progression": "dashed",
    "death": "dotted",
}
NO_EVENTS = pd.DataFrame({"patient": [], "day": [], "event": []})
_BELOW_ANY_AXIS = 1e-9


def draw_line(ax: Axes, rows: pd.DataFrame, column: str, colour: str) -> None:
    """Join draws; a draw in which nothing was found breaks the line."""
    value = rows[column].where(rows[column] > 0)
    ax.plot(rows["day"], value, color=colour, alpha=0.45, zorder=2)


def draw_measured(
    ax: Axes, rows: pd.DataFrame, column: str, colour: str, marker: str, *, filled: bool = True
) -> None:
    """Draw measured draws with their intervals; a lower end of 0 runs off the axis."""
    if rows.empty:
        return
    low = rows[f"{column}_low"].clip(lower=_BELOW_ANY_AXIS)
    ax.vlines(
        rows["day"], low, rows[f"{column}_high"], color=colour, linewidth=points(0.9), zorder=2.5
    )
    ax.plot(
        rows["day"],
        rows[column],
        linestyle="none",
        marker=marker,
        markerfacecolor=colour if filled else "white",
        markeredgecolor=colour,
        zorder=3,
    )


def draw_triangles(ax: Axes, day: "pd.Series[float]", at: "pd.Series[float]", colour: str) -> None:
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


def draw_missing(ax: Axes, day: "pd.Series[float]") -> None:
    """Draw crosses just above the bottom of the axes."""
    height = np.full(len(day), 0.035)
    ax.plot(day, height, "x", color=MUTED, transform=ax.get_xaxis_transform(), zorder=3)


def write_reason(ax: Axes, reason: str) -> None:
    """Write in the middle of empty axes why they are empty."""
    text = textwrap.fill(reason, 34)
    place = ax.text(0.5, 0.5, text, color=MUTED, fontsize="small", transform=ax.transAxes)
    place.set(horizontalalignment="center", verticalalignment="center")


def decades(
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


def draw_days(ax: Axes, day: "pd.Series[float]", events: pd.DataFrame) -> None:
    """Set the day axis, and draw a line on the day of each event."""
    marked = events[events["event"].isin(list(EVENT_LINES))]
    days = [0.0, *day.dropna(), *marked["day"].dropna()]
    set_day_axis(ax, min(days), max(days))
    infusions = marked.loc[marked["event"] == "infusion", "day"]
    lines = {("infusion", 0.0), *(("infusion", float(day)) for day in infusions)}
    for event in ("progression", "death"):
        lines |= {(event, float(day)) for day in marked.loc[marked["event"] == event, "day"]}
    for event, at in sorted(lines):
        ax.axvline(at, color=PALE, linewidth=points(1.0), linestyle=EVENT_LINES[event], zorder=0.5)


def note(ax: Axes, text: str) -> None:
    """Write small print beside the title."""
    ax.set_title(text, loc="right", fontweight="normal", fontsize="small", color=MUTED)
