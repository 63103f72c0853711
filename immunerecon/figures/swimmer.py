"""Swimmer plots: what happened to each patient, one lane a patient along the days."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from immunerecon.figures.axes import set_day_axis
from immunerecon.figures.marks import write_reason
from immunerecon.figures.style import FAINT, INK, MUTED, OKABE_ITO, PALE, points, population_look
from immunerecon.figures.swimmer_rows import (
    DETECTED,
    FOLLOWED,
    LOST,
    NEVER,
    NEVER_BELOW,
    RECOVERED,
    RECOVERY,
    STILL,
    UNKNOWN,
    swimmer_rows,
)
from immunerecon.trial.dose_levels import NOT_STATED

# Place of follow-up, donor cells and recovery within a lane, upwards.
_CLINIC, _DONOR, _RECOVERY = 0.24, -0.06, -0.30
_GREEN, _RED = OKABE_ITO["green"], OKABE_ITO["vermillion"]
_EVENTS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "infusion": {"marker": "^", "color": INK},
        "dlt": {"marker": "*", "color": OKABE_ITO["purple"], "markersize": 6},
        "CR": {"marker": "D", "color": _GREEN},
        "PR": {"marker": "D", "color": _GREEN, "fillstyle": "left", "markerfacecoloralt": "white"},
        "SD": {"marker": "D", "color": INK, "markerfacecolor": "white"},
        "PD": {"marker": "s", "color": _RED, "markerfacecolor": "white"},
        "NE": {"marker": "d", "color": MUTED, "markerfacecolor": "white"},
        "progression": {"marker": "x", "color": _RED, "markeredgewidth": 1.3},
        "death": {"marker": "P", "color": INK, "markersize": 5},
        "last_follow_up": {"marker": ">", "color": INK, "markerfacecolor": "white"},
    }
)
_WORDS = {"dlt": "DLT", "last_follow_up": "last follow-up"}


def draw_swimmer(
    patients: pd.DataFrame,
    clinical_events: pd.DataFrame,
    persistence: pd.DataFrame,
    recovery: pd.DataFrame,
    *,
    ax: Axes,
    recovered: tuple[str, float] = RECOVERED,
) -> Axes:
    """Draw what happened to each patient, one lane a patient.

    Parameters
    ----------
    patients
        One row a patient: `patient` and, if there are levels, `dose_level`.
    clinical_events
        One row an event: `patient`, `day`, `event`, and `value` of a response.
    persistence, recovery
        Tables of the results folder.
    ax
        Where to draw.
    recovered
        Population and cells/µL of the recovery shown.

    Returns
    -------
    Axes
        `ax`: patients by dose level, the longest followed first. In each lane the follow-up
        (grey) with the clinical events, below it donor NK cells from the infusion to the last
        draw that showed them (filled) and on to the first that did not (hatched: they were lost
        somewhere in it), lowest the days between which the population recovered, with its marker
        at the first draw above the threshold.

    Raises
    ------
    StudyError
        When an event's patient is not in `patients`, or an event is unknown.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> patients = pd.DataFrame({"patient": ["P1", "P2"], "dose_level": [1, 1]})
    >>> events = pd.DataFrame({"patient": ["P1", "P2", "P2"], "day": [30.0, 0, 90],
    ...     "event": ["death", "infusion", "last_follow_up"], "value": ""})
    >>> lost = pd.DataFrame({"patient": ["P2"], "population": "NK", "measure": "fraction",
    ...     "infusion_day": 0.0, "t_last_detected": 14.0, "t_first_undetected": 28.0,
    ...     "persistence_status": "lost"})
    >>> back = pd.DataFrame({"patient": ["P2"], "population": "CD4_T", "threshold": 200.0,
    ...     "status": "recovered", "time_low": 28.0, "time_high": 60.0})
    >>> ax = draw_swimmer(patients, events, lost, back, ax=Figure().add_subplot())
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['P2', 'P1']
    """
    rows = swimmer_rows(patients, clinical_events, persistence, recovery, recovered=recovered)
    for item, span in _spans().items():
        drawn = rows[(rows["item"] == item) & rows["day_high"].notna()]
        wide = drawn["day_high"] - drawn["day_low"]
        style = {name: value for name, value in span.items() if name != "place"}
        ax.barh(span["place"] - drawn["lane"], wide, left=drawn["day_low"], **style)
    _draw_donor_words(ax, rows)
    look = population_look(recovered[0])
    back = rows[rows["item"] == RECOVERY]
    height = _RECOVERY - back["lane"]
    ax.hlines(height, back["day_low"], back["day_high"], color=look.colour, linewidth=points(1.2))
    marks = _marks(recovered[0])
    for item, mark in marks.items():
        drawn = rows[rows["item"] == item]
        place = {STILL: _DONOR, RECOVERY: _RECOVERY, NEVER_BELOW: _RECOVERY}.get(item, _CLINIC)
        if len(drawn):  # an empty line that is not clipped upsets the layout
            ax.plot(drawn["day_high"], place - drawn["lane"], linestyle="none", zorder=4, **mark)
    known = [0.0, 7.0, *rows["day_low"].dropna(), *rows["day_high"].dropna()]
    set_day_axis(ax, min(known), max(known))
    _name_lanes(ax, rows)
    return ax


def swimmer_key(rows: pd.DataFrame, recovered: tuple[str, float] = RECOVERED) -> list[Artist]:
    """Explain the spans and marks that some swimmer rows need."""
    seen = set(rows["item"])
    population = recovered[0].replace("_", " ")
    words = {
        FOLLOWED: "follow-up",
        DETECTED: "donor NK, to the last draw with them",
        LOST: "to the first draw without",
        STILL: "donor NK in the last draw",
        RECOVERY: f"{population} ≥ {recovered[1]:g} per µL, from the last draw below",
        NEVER_BELOW: f"{population} never below it",
    } | _WORDS
    key: list[Artist] = []
    for item, span in _spans().items():
        style = {
            name: span[name]
            for name in ("color", "hatch", "edgecolor", "linewidth", "fill")
            if name in span
        }
        if item in seen:
            key.append(Patch(label=words[item], **style))
    for item, mark in _marks(recovered[0]).items():
        if item in seen:
            entry = Line2D([], [], label=words.get(item, item), **mark)
            entry.set_linestyle("solid" if item == RECOVERY else "none")
            key.append(entry)
    return key


def _spans() -> Mapping[str, Mapping[str, Any]]:
    """How each span is drawn, and where in the lane."""
    donor = population_look("NK").colour
    return {
        FOLLOWED: {"place": _CLINIC, "height": 0.24, "color": FAINT, "linewidth": 0},
        DETECTED: {"place": _DONOR, "height": 0.22, "color": donor, "linewidth": 0},
        LOST: {
            "place": _DONOR,
            "height": 0.22,
            "fill": False,
            "hatch": "//////",
            "edgecolor": donor,
            "linewidth": points(0.4),
        },
    }


def _marks(population: str) -> Mapping[str, Mapping[str, Any]]:
    """How each mark is drawn."""
    look = population_look(population)
    back: dict[str, Any] = {"marker": look.marker, "color": look.colour}
    marks: dict[str, Mapping[str, Any]] = {
        STILL: {"marker": ">", "color": population_look("NK").colour, "markersize": 7},
        RECOVERY: back,
        NEVER_BELOW: back | {"markerfacecolor": "white"},
    }
    return marks | dict(_EVENTS)


def _draw_donor_words(ax: Axes, rows: pd.DataFrame) -> None:
    """Write where donor cells were never seen, or nothing can be told."""
    for _, row in rows[rows["item"].isin([NEVER, UNKNOWN])].iterrows():
        words = f"donor NK {row['item']}"
        place = (row["day_low"], _DONOR - row["lane"])
        ax.annotate(
            words,
            place,
            xytext=(points(2), 0),
            textcoords="offset points",
            fontsize="small",
            color=MUTED,
            verticalalignment="center",
        )


def _name_lanes(ax: Axes, rows: pd.DataFrame) -> None:
    """Name the lanes, part them by dose level, and write each level where it begins."""
    lanes = rows.drop_duplicates("lane")
    ax.set_yticks(-lanes["lane"], lanes["patient"])
    ax.set_ylim(-max(len(lanes), 1) + 0.4, 0.55)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    if lanes.empty:
        write_reason(ax, "no patient")
    if not (lanes["dose_level"] != NOT_STATED).any():
        return
    for level, group in lanes.groupby("dose_level", sort=False):
        top = -int(group["lane"].iloc[0])
        if top < 0:
            ax.axhline(top + 0.5, color=PALE, linewidth=points(0.5))
        text = ax.text(1.01, top, f"dose level {level}", transform=ax.get_yaxis_transform())
        text.set(fontsize="small", verticalalignment="center")
