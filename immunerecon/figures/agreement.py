"""Donor cells by flow cytometry against another method: Bland-Altman plot and Deming's line."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from immunerecon.figures.marks import note, write_reason
from immunerecon.figures.style import (
    FAINT,
    INK,
    MUTED,
    OKABE_ITO,
    figure_style,
    points,
    population_look,
)

_APART = OKABE_ITO["vermillion"]


def agreement_rows(pairs: pd.DataFrame, method: str, population: str) -> pd.DataFrame:
    """Return the pairs of results that the plots show."""
    chosen = (pairs["method"] == method) & (pairs["population"] == population)
    return pairs[chosen & pairs["difference"].notna()]


def draw_bland_altman(
    pairs: pd.DataFrame, agreement: pd.DataFrame, *, method: str, population: str, ax: Axes
) -> Axes:
    """Draw the difference of two methods against their mean.

    Parameters
    ----------
    pairs, agreement
        Tables `trial/chimerism_pairs` and `trial/chimerism_agreement` of the results folder.
    method, population
        Which other method (``STR``), and which cells.
    ax
        Where to draw.

    Returns
    -------
    Axes
        `ax`: a point a draw, in percentage points, flow minus the other method. Orange: the ranges
        of the two do not meet. Solid line: mean difference; dashed: 95 % limits of agreement, each
        with its 95 % interval as a band. Lines are missing where there are too few patients.

    References
    ----------
    Bland JM, Altman DG. Lancet 1986;327:307. doi:10.1016/S0140-6736(86)90837-8

    Examples
    --------
    >>> pairs = pd.DataFrame({"method": "STR", "population": "NK", "donor_percent": [2.0, 40],
    ...     "flow_percent": [1.0, 44], "difference": [-1.0, 4], "disagrees": [False, True]})
    >>> few = pd.DataFrame({"method": ["STR"], "population": ["NK"], "reason": ["2 patients"]})
    >>> ax = Figure().add_subplot()
    >>> axes = draw_bland_altman(pairs, few, method="STR", population="NK", ax=ax)
    >>> axes.get_ylabel()
    'Flow minus STR (% points)'
    """
    rows, told = agreement_rows(pairs, method, population), _told(agreement, method, population)
    middle = (rows["donor_percent"] + rows["flow_percent"]) / 2
    _draw_points(ax, middle, rows["difference"], rows["disagrees"], population)
    ax.axhline(0, color=FAINT, linewidth=points(0.6), zorder=0)
    for name, style in (("bias", "solid"), ("lower_limit", "dashed"), ("upper_limit", "dashed")):
        at = {"lower_limit": "limits_low", "upper_limit": "limits_high"}.get(name, name)
        if np.isfinite(told.get(at, np.nan)):
            ax.axhline(told[at], color=INK, linewidth=points(0.8), linestyle=style, zorder=1)
            ax.axhspan(told[f"{name}_low"], told[f"{name}_high"], color=FAINT, alpha=0.4, zorder=0)
    if rows.empty:
        write_reason(ax, "no draw beside a result")
    reach = max(10.0, 1.15 * float(rows["difference"].abs().max())) if len(rows) else 10.0
    ends = [told.get(key, np.nan) for key in ("lower_limit_low", "upper_limit_high")]
    reach = float(np.nanmax([reach, *np.abs(ends)]))
    ax.set(xlim=(-4, 104), ylim=(-reach, reach))
    ax.set(xlabel="Mean of both (%)", ylabel=f"Flow minus {method} (% points)")
    ax.set_title(f"{population.replace('_', ' ')}: differences", loc="left")
    note(ax, f"{len(rows)} draws, {rows['patient'].nunique() if 'patient' in rows else 0} patients")
    return ax


def draw_deming(
    pairs: pd.DataFrame, agreement: pd.DataFrame, *, method: str, population: str, ax: Axes
) -> Axes:
    """Draw donor percent by flow against another method, with Deming's line.

    Parameters
    ----------
    pairs, agreement, method, population, ax
        As in `draw_bland_altman`.

    Returns
    -------
    Axes
        `ax`: a point a draw with the range of either method, the line of identity (grey) and
        Deming's line, whose slope and 95 % interval stand beside the title.

    References
    ----------
    Linnet K. Clin Chem 1993;39:424. doi:10.1093/clinchem/39.3.424

    Examples
    --------
    >>> pairs = pd.DataFrame({"method": "STR", "population": "NK", "donor_percent": [2.0, 40],
    ...     "reference_low": [0.0, 35], "reference_high": [7.0, 45], "flow_percent": [1.0, 44],
    ...     "flow_low": [0.5, 42], "flow_high": [2.0, 46], "difference": [-1.0, 4],
    ...     "disagrees": [False, False]})
    >>> few = pd.DataFrame({"method": ["STR"], "population": ["NK"], "reason": ["2 patients"]})
    >>> ax = Figure().add_subplot()
    >>> axes = draw_deming(pairs, few, method="STR", population="NK", ax=ax)
    >>> axes.get_xlabel(), axes.get_ylabel()
    ('STR (% donor)', 'Flow cytometry (% donor)')
    """
    rows, told = agreement_rows(pairs, method, population), _told(agreement, method, population)
    ax.plot([0, 100], [0, 100], color=FAINT, linewidth=points(0.8), zorder=0)
    across = ("donor_percent", "reference_low", "reference_high")
    up = ("flow_percent", "flow_low", "flow_high")
    ax.hlines(
        rows[up[0]], rows[across[1]], rows[across[2]], color=MUTED, linewidth=points(0.5), zorder=1
    )
    ax.vlines(
        rows[across[0]], rows[up[1]], rows[up[2]], color=MUTED, linewidth=points(0.5), zorder=1
    )
    _draw_points(ax, rows[across[0]], rows[up[0]], rows["disagrees"], population)
    if np.isfinite(told.get("slope", np.nan)):
        ends = np.array([0.0, 100.0])
        ax.plot(
            ends,
            told["intercept"] + told["slope"] * ends,
            color=INK,
            linewidth=points(0.8),
            zorder=2,
        )
        slope = f"slope {told['slope']:.2f} ({told['slope_low']:.2f} to {told['slope_high']:.2f})"
        note(ax, slope)
    else:
        note(ax, str(told.get("reason", "")))
    ax.set(xlim=(-4, 104), ylim=(-4, 104))
    ax.set(xlabel=f"{method} (% donor)", ylabel="Flow cytometry (% donor)")
    ax.set_title(f"{population.replace('_', ' ')}: both methods", loc="left")
    return ax


def agreement_page(
    pairs: pd.DataFrame, agreement: pd.DataFrame, *, style: str = "nature"
) -> Figure:
    """Draw both plots for every method and population that has pairs.

    Parameters
    ----------
    pairs, agreement
        As in `draw_bland_altman`, one pair at least; `pairs` is the source data.
    style
        ``nature``, ``blood`` or ``poster``.

    Returns
    -------
    Figure
        Two columns wide, a row a method and population.
    """
    paired = pairs[pairs["difference"].notna()]
    groups = paired[["method", "population"]].drop_duplicates().to_dict("records")
    with figure_style(style) as measures:
        figure = Figure(figsize=measures.size(66.0 * len(groups) + 8), layout="constrained")
        axes = figure.subplots(len(groups), 2, squeeze=False)
        for which, (left, right) in zip(groups, axes, strict=True):
            names = {str(key): str(value) for key, value in which.items()}
            draw_deming(pairs, agreement, ax=left, **names)
            draw_bland_altman(pairs, agreement, ax=right, **names)
        figure.legend(handles=_key(), loc="outside lower left", ncols=5)
    return figure


def _draw_points(
    ax: Axes,
    x: "pd.Series[float]",
    y: "pd.Series[float]",
    disagrees: "pd.Series[bool]",
    population: str,
) -> None:
    look = population_look(population)
    apart = disagrees.fillna(False).astype(bool)
    for chosen, colour in ((~apart, look.colour), (apart, _APART)):
        ax.plot(
            x[chosen], y[chosen], linestyle="none", marker=look.marker, color=colour, alpha=0.75
        )


def _told(agreement: pd.DataFrame, method: str, population: str) -> dict[str, float]:
    """Return what is known of one method and population."""
    chosen = (agreement["method"] == method) & (agreement["population"] == population)
    rows = agreement[chosen]
    return {} if rows.empty else {str(key): value for key, value in rows.iloc[0].items()}


def _key() -> list[Line2D]:
    return [
        Line2D([], [], linestyle="none", marker="o", color=MUTED, label="ranges of both meet"),
        Line2D([], [], linestyle="none", marker="o", color=_APART, label="ranges do not meet"),
        Line2D([], [], color=FAINT, label="identity"),
        Line2D([], [], color=INK, label="Deming's line, mean difference"),
        Line2D([], [], color=INK, linestyle="dashed", label="95 % limits of agreement"),
    ]
