"""Heat maps: patients by visits, coloured by the count as fold of the lower reference limit."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from immunerecon.figures.marks import NO_EVENTS, note, write_reason
from immunerecon.figures.style import INK, OKABE_ITO, PALE, points
from immunerecon.kinetics.scales import percent_of_reference
from immunerecon.trial.flow import VISITS
from immunerecon.trial.visit_counts import follow_up_ends, visit_counts

FOLD_NORM = Normalize(-2.0, 1.0)  # decimal logarithms: one hundredth to tenfold
# White at the limit itself; the lower side is darker, so that print without colour tells it, too.
FOLD_COLOURS = LinearSegmentedColormap.from_list(
    "fold",
    [
        (0.0, "#6b2800"),
        (0.3, OKABE_ITO["vermillion"]),
        (0.64, "#fbe3d4"),
        (2 / 3, "#ffffff"),
        (0.69, "#dfeffa"),
        (1.0, OKABE_ITO["sky"]),
    ],
)
_SHORT = 5  # characters of the longest number
_SMALLEST = 4.0  # points that can be read

COUNTED, NONE_FOUND, NO_NUMBER = "counted", "none found", "drawn, no number"
NO_DRAW, ENDED = "no draw", "follow-up ended"


def fold_rows(
    populations: pd.DataFrame,
    reference_ranges: pd.DataFrame,
    population: str,
    clinical_events: pd.DataFrame = NO_EVENTS,
    visits: Mapping[str, tuple[float, float]] = VISITS,
) -> pd.DataFrame:
    """Return the cells that `draw_fold_heatmap` shows, one row a patient and visit.

    `shown_per_ul` is the count, or its upper limit where no cell was seen; `fold` is that over the
    lower reference limit; `state` says what became of a draw.
    """
    every = visit_counts(populations, visits=visits)
    ends = follow_up_ends(populations, clinical_events)
    columns = every[["visit", "visit_day"]].drop_duplicates()
    patients = populations[["patient"]].drop_duplicates()
    patients = patients[patients["patient"].isin(every["patient"])]
    grid = patients.merge(columns, how="cross")
    own = every[every["population"] == population].drop(columns=["visit_day", "population"])
    rows = grid.assign(population=population).merge(own, how="left", on=["patient", "visit"])
    none = rows["cells_per_ul"] == 0
    shown = rows["cells_per_ul"].mask(none, rows["cells_per_ul_high"])
    drawn = pd.MultiIndex.from_frame(rows[["patient", "visit"]]).isin(
        pd.MultiIndex.from_frame(every[["patient", "visit"]])
    )
    start = rows["visit"].map({name: window[0] for name, window in visits.items()})
    ended = rows["patient"].map(ends).astype(float) < start.astype(float)
    state = np.select(
        [none & shown.notna(), shown.notna(), drawn, ended],
        [NONE_FOUND, COUNTED, NO_NUMBER, ENDED],
        NO_DRAW,
    )
    percent = percent_of_reference(rows.assign(cells_per_ul=shown), reference_ranges)
    fold = percent["percent_of_reference"] / 100
    return rows.assign(shown_per_ul=shown, fold=fold, state=state)


def draw_fold_heatmap(
    populations: pd.DataFrame,
    reference_ranges: pd.DataFrame,
    *,
    population: str,
    ax: Axes,
    clinical_events: pd.DataFrame = NO_EVENTS,
    visits: Mapping[str, tuple[float, float]] = VISITS,
) -> Axes:
    """Draw one population of all patients at all visits, as fold of the lower reference limit.

    Parameters
    ----------
    populations, reference_ranges
        Tables of the results folder.
    population
        Which cells.
    ax
        Where to draw.
    clinical_events
        One row an event: `patient`, `day`, `event`; tells until when patients were followed.
    visits
        As in `immunerecon.trial.visit_counts.visit_counts`.

    Returns
    -------
    Axes
        `ax`: a line a patient, a column a visit, named by the median day of its draws. Colour is
        logarithmic and white at the limit. The number is cells/µL, bold at or above the limit; a
        number with "<" is the upper limit of a draw in which no cell was seen, white where that
        lies above the reference limit. Hatched: no number,
        with a cross where blood was drawn; empty: follow-up had ended.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> draws = pd.DataFrame({"patient": ["P1", "P1", "P2"], "day": [7.0, 14, 14],
    ...     "population": "NK", "cells_per_ul": [0.0, 122, np.nan],
    ...     "cells_per_ul_low": [0.0, 100, np.nan], "cells_per_ul_high": [4.0, 140, np.nan]})
    >>> ranges = pd.DataFrame({"population": ["NK"], "low": [61.0], "high": [607.0]})
    >>> axes = draw_fold_heatmap(draws, ranges, population="NK", ax=Figure().add_subplot())
    >>> [text.get_text() for text in axes.texts]
    ['<4', '122']
    """
    rows = fold_rows(populations, reference_ranges, population, clinical_events, visits)
    ax.set_title(population.replace("_", " "), loc="left")
    limit = reference_ranges.loc[reference_ranges["population"] == population, "low"]
    if rows.empty or limit.empty:
        ax.set_axis_off()
        write_reason(ax, "no draw" if rows.empty else "no reference range")
        return ax
    note(ax, f"lower limit {limit.iloc[0]:g} per µL")
    patients = list(dict.fromkeys(rows["patient"]))
    days = rows.drop_duplicates("visit")["visit_day"]
    folds = rows["fold"].to_numpy(dtype=float).reshape(len(patients), len(days))
    # A limit above the reference range tells nothing, and must not look like a count.
    limits = (rows["state"] == NONE_FOUND).to_numpy().reshape(folds.shape)
    folds = np.where(limits & (folds >= 1), 1.0, folds)
    mesh = ax.pcolormesh(_decades_of(folds), cmap=FOLD_COLOURS, norm=FOLD_NORM)
    mesh.set(edgecolor="white", linewidth=points(0.6))
    _dress(ax, patients, [f"{day:.0f}".replace("-", "−") for day in days])
    size = _number_size(ax, folds.shape)
    for (line, column), (_, cell) in zip(np.ndindex(folds.shape), rows.iterrows(), strict=True):
        if cell["state"] in (NO_NUMBER, NO_DRAW):
            _hatch(ax, column, line, crossed=cell["state"] == NO_NUMBER)
        elif cell["state"] != ENDED and size > 0:
            _write_number(ax, (column, line), cell, size)
    return ax


def _decades_of(
    folds: NDArray[np.float64],
) -> "np.ma.MaskedArray[tuple[int, ...], np.dtype[np.float64]]":
    """Return decimal logarithms, masked where there is no number."""
    return np.ma.masked_invalid(np.log10(folds))


def _dress(ax: Axes, patients: Sequence[str], days: Sequence[str]) -> None:
    ax.set(xlim=(0, len(days)), ylim=(len(patients), 0), xlabel="Days from infusion")
    ax.set_xticks(np.arange(len(days)) + 0.5, days)
    ax.set_yticks(np.arange(len(patients)) + 0.5, patients)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)


def _hatch(ax: Axes, column: int, line: int, *, crossed: bool) -> None:
    """Hatch the cell of a draw that gives no number; cross the one that was taken."""
    cell = Rectangle((column + 0.03, line + 0.04), 0.94, 0.92, fill=False, hatch="///////")
    cell.set(edgecolor=PALE, linewidth=0)
    cell.set_in_layout(False)
    ax.add_patch(cell)
    if crossed:
        ax.plot(column + 0.5, line + 0.5, "x", color=INK)


def _number_size(ax: Axes, shape: tuple[int, ...]) -> float:
    """Return the size in points in which every number fits its cell, 0 where it would be tiny."""
    point = ax.figure.dpi / 72
    high, wide = ax.bbox.height / point / shape[0], ax.bbox.width / point / shape[1]
    small = float(ax.yaxis.get_ticklabels()[0].get_fontsize())
    size = min(small, 0.8 * high, wide / (0.56 * _SHORT))
    return size if size >= _SMALLEST else 0.0


def _write_number(ax: Axes, place: tuple[int, int], cell: pd.Series, size: float) -> None:
    """Write cells/µL into a cell of the map."""
    number = _brief(cell["shown_per_ul"])
    fold = min(cell["fold"], 1.0) if cell["state"] == NONE_FOUND else cell["fold"]
    shade = FOLD_COLOURS(FOLD_NORM(np.log10(fold)))
    text = ax.text(
        place[0] + 0.5,
        place[1] + 0.5,
        f"<{number}" if cell["state"] == NONE_FOUND else number,
        fontsize=size,
        fontweight="bold" if cell["fold"] >= 1 and cell["state"] == COUNTED else "normal",
        color="white" if np.dot(shade[:3], (0.3, 0.59, 0.11)) < 0.5 else INK,
        horizontalalignment="center",
        verticalalignment="center_baseline",
    )
    text.set_in_layout(False)  # hundreds of them, none outside


def _brief(value: float) -> str:
    """Write a count in five characters or less."""
    if value >= 9999.5:
        return f"{value / 1000:.0f}k"
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}".removesuffix(".0")
