"""What a donor fraction was read from: the marker in the controls and in each draw, as ridges."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from immunerecon.cytometry.transforms import Scale
from immunerecon.enumeration.donor import TOO_FEW
from immunerecon.figures.axes import set_display_axes
from immunerecon.figures.style import FAINT, INK, MUTED, figure_style, points, population_look

_HEIGHT = 0.9  # of a ridge, over the distance of two
_WHOSE = {"recipient control": "patient's cells", "donor control": "donor's cells"}
_ORDER = {"recipient control": 0, "donor control": 1, "draw": 2}


def ridge_rows(distributions: pd.DataFrame, patient: str, population: str) -> pd.DataFrame:
    """Return the rows that `draw_donor_ridges` shows: controls first, then draws by day."""
    chosen = (distributions["patient"] == patient) & (distributions["population"] == population)
    rows = distributions[chosen]
    return rows.assign(order=rows["tube"].map(_ORDER)).sort_values(
        ["order", "day", "file", "value"], kind="stable"
    )


def draw_donor_ridges(
    distributions: pd.DataFrame,
    donor_cells: pd.DataFrame,
    *,
    patient: str,
    ax: Axes,
    population: str = "NK",
    scale: Scale | None = None,
) -> Axes:
    """Draw the anti-HLA marker of one population in every tube of a patient.

    Parameters
    ----------
    distributions, donor_cells
        Tables `donor_distributions` and `donor_cells` of the results folder.
    patient, population
        Whose, and which cells.
    ax
        Where to draw.
    scale
        Display scale of the marker; without it (or with two markers) the axis is bare.

    Returns
    -------
    Axes
        `ax`: a ridge a tube, the recipient's controls on top, then the donor's, then the draws by
        day. The line is what was measured, the grey area the cells fitted as the recipient's, the
        coloured area those fitted as the donor's, whose share stands on the right with its
        interval; with <, the limit of detection of a draw without any. A draw that is not
        evaluable is an empty line that says so, and where it holds too few cells how many.

    Examples
    --------
    >>> bins = pd.DataFrame({"patient": "P1", "population": "NK", "file": "a.fcs", "day": 7.0,
    ...     "tube": "draw", "marker": "HLA-A2+", "value": [0.2, 0.5, 0.8],
    ...     "observed": [9.0, 1, 6], "recipient": [9.0, 1, 0], "donor": [0.0, 0, 6]})
    >>> calls = pd.DataFrame({"patient": "P1", "file": ["a.fcs"], "day": 7.0, "population": "NK",
    ...     "call": "detected", "total_events": 16, "donor_fraction": 0.375,
    ...     "fraction_low": 0.18, "fraction_high": 0.62, "lod": 0.01, "reason": ""})
    >>> axes = draw_donor_ridges(bins, calls, patient="P1", ax=Figure().add_subplot())
    >>> [text.get_text() for text in axes.texts]
    ['Day 7', '37.5 % (18–62)', 'donor share']
    """
    rows = ridge_rows(distributions, patient, population)
    calls = donor_cells[
        (donor_cells["patient"] == patient) & (donor_cells["population"] == population)
    ]
    colour = population_look(population).colour
    across = ax.get_yaxis_transform()
    tubes = _ridges(rows, calls)
    for place, (file, tube) in enumerate(tubes.items()):
        if "value" in tube:
            _draw_ridge(ax, tube, float(-place), colour)
        ax.axhline(-place, color=FAINT, linewidth=points(0.5), zorder=1)
        told: dict[str, Any] = {"va": "bottom", "fontsize": "small", "transform": across}
        ax.text(-0.02, -place, _name(tube), ha="right", **told)
        ax.text(1.02, -place, _share(calls[calls["file"] == file]), ha="left", **told)
    _dress(ax, rows, len(tubes), scale)
    controls = rows.loc[rows["tube"] != "draw", "file"].nunique()
    above = 0.55 - controls  # over the first number
    header = ax.text(1.02, above, "donor share", color=MUTED, fontsize="small", transform=across)
    header.set(horizontalalignment="left", verticalalignment="bottom")
    ax.set_title(f"{patient} {population.replace('_', ' ')}", loc="left")
    return ax


def _ridges(rows: pd.DataFrame, calls: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the tubes in their order, draws without a distribution among the others."""
    missing = calls[~calls["file"].isin(rows["file"])].assign(tube="draw", order=_ORDER["draw"])
    tubes = [tube for _, tube in rows.groupby("file", sort=False)]
    tubes += [missing.loc[[index]] for index in missing.index]
    tubes.sort(key=lambda tube: (tube["order"].iloc[0], tube["day"].iloc[0]))
    return {str(tube["file"].iloc[0]): tube for tube in tubes}


def _draw_ridge(ax: Axes, tube: pd.DataFrame, base: float, colour: str) -> None:
    """Draw one tube's distribution, scaled to its own peak."""
    bins = tube[["value", "observed", "recipient", "donor"]].to_numpy(dtype=float)
    paired = bins[: len(bins) // 2 * 2].reshape(-1, 2, 4)
    value = paired[:, :, 0].mean(axis=1)
    observed, recipient, donor = paired[:, :, 1:].sum(axis=1).T
    height = _HEIGHT / max(float(observed.max()), float((recipient + donor).max()), 1.0)
    ax.fill_between(value, base, base + height * recipient, color=MUTED, alpha=0.45, linewidth=0)
    ax.fill_between(value, base, base + height * donor, color=colour, alpha=0.65, linewidth=0)
    ax.step(value, base + height * observed, where="mid", color=INK, linewidth=points(0.6))
    kind = str(tube["tube"].iloc[0])
    if kind in _WHOSE:  # in the half that the peak leaves free
        free_left = value[np.argmax(observed)] > (value[0] + value[-1]) / 2
        ax.text(
            0.03 if free_left else 0.97,
            base + 0.45,
            _WHOSE[kind],
            ha="left" if free_left else "right",
            va="center",
            fontsize="small",
            color=MUTED if kind == "recipient control" else colour,
            transform=ax.get_yaxis_transform(),
        )


def _name(tube: pd.DataFrame) -> str:
    kind, day = str(tube["tube"].iloc[0]), tube["day"].iloc[0]
    at = "" if np.isnan(day) else f"{day:g}".replace("-", "−")
    return f"Day {at}" if kind == "draw" else kind.capitalize()


def _share(told: pd.DataFrame) -> str:
    """Return the donor share of a draw in words; nothing for a control."""
    if told.empty:
        return ""
    row = told.iloc[0]
    if row["call"] == "not_evaluable":
        few = str(row["reason"]).startswith(TOO_FEW)
        return f"too few cells ({row['total_events']:.0f})" if few else "not evaluable"
    if row["call"] == "not_detected":
        return f"< {100 * row['lod']:.2g} %"
    low, high = (f"{100 * row[name]:.2g}" for name in ("fraction_low", "fraction_high"))
    return f"{100 * row['donor_fraction']:.3g} % ({low}–{high})"


def _dress(ax: Axes, rows: pd.DataFrame, n: int, scale: Scale | None) -> None:
    markers = list(dict.fromkeys(rows["marker"]))
    if scale is not None and len(markers) == 1 and " " not in markers[0]:
        set_display_axes(ax, scale, None)
    else:
        ax.set_xticks([])
    # The sign of an antibody says whom it stains: the donor (+) or the patient (-).
    ax.set_xlabel(", ".join(markers).replace("-", "−").replace("HLA−", "HLA-"), fontsize="small")
    ax.set_ylim(0.1 - n, _HEIGHT + 0.1)
    ax.set_yticks([])
    for side in ("left", "top", "right"):
        ax.spines[side].set_visible(False)


def donor_ridges(
    distributions: pd.DataFrame,
    donor_cells: pd.DataFrame,
    *,
    patient: str,
    scale: Scale | None = None,
    style: str = "nature",
) -> Figure:
    """Draw the ridges of NK, T and B cells of a patient side by side.

    Parameters
    ----------
    distributions, donor_cells, patient, scale
        As in `draw_donor_ridges`.
    style
        ``nature``, ``blood`` or ``poster``.

    Returns
    -------
    Figure
        Two columns wide; populations without an estimate are left out.
    """
    own = distributions[distributions["patient"] == patient]
    calls = donor_cells[donor_cells["patient"] == patient]
    populations = [name for name in ("NK", "T", "B") if (own["population"] == name).any()]
    drawn = pd.concat([own[["population", "file"]], calls[["population", "file"]]])
    most = int(drawn.drop_duplicates()["population"].value_counts()[populations].max())
    with figure_style(style) as measures:
        figure = Figure(figsize=measures.size(18.0 + 7.0 * most), layout="constrained")
        axes = figure.subplots(1, len(populations), squeeze=False)[0]
        for ax, population in zip(axes, populations, strict=True):
            draw_donor_ridges(
                distributions,
                donor_cells,
                patient=patient,
                ax=ax,
                population=population,
                scale=scale,
            )
            # The same distance between ridges whatever the number of tubes.
            ax.set_ylim(0.1 - most, _HEIGHT + 0.1)
    return figure
