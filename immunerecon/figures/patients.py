"""Pages of patients: counts above, donor cells below, one column a population."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from immunerecon.figures.axes import set_log_axis
from immunerecon.figures.courses import (
    NO_LIMITS,
    PLATFORM_MARKERS,
    Limits,
    course_rows,
    draw_course,
)
from immunerecon.figures.donors import donor_rows, draw_donor_fraction
from immunerecon.figures.marks import EVENT_LINES
from immunerecon.figures.style import FAINT, INK, MUTED, PALE, figure_style, points

LINEAGES = ("NK", "T", "B")


def patient_courses(
    populations: pd.DataFrame,
    donor_cells: pd.DataFrame,
    *,
    patient: str,
    limits: Limits = NO_LIMITS,
    clinical_events: pd.DataFrame,
    style: str = "nature",
) -> Figure:
    """Draw a patient's NK, T and B cells per µL, and the donor cells among them below.

    Parameters
    ----------
    populations, donor_cells
        Tables of the results folder.
    patient
        Whose.
    limits
        Thresholds and reference ranges.
    clinical_events
        One row an event: `patient`, `day`, `event`.
    style
        ``nature``, ``blood`` or ``poster``.

    Returns
    -------
    Figure
        Two columns wide. The lower row is left out when the patient has no row in `donor_cells`.
    """
    donors = bool((donor_cells["patient"] == patient).any())
    with figure_style(style) as measures:
        rows = 2 if donors else 1
        figure = Figure(figsize=measures.size(50.0 * rows + 14), layout="constrained")
        axes = figure.subplots(rows, len(LINEAGES), squeeze=False).tolist()
        for upper, population in zip(axes[0], LINEAGES, strict=True):
            draw_course(
                populations,
                patient=patient,
                population=population,
                ax=upper,
                limits=limits,
                clinical_events=clinical_events,
            )
        for lower, population in zip(axes[1] if donors else (), LINEAGES, strict=donors):
            draw_donor_fraction(
                donor_cells,
                patient=patient,
                ax=lower,
                population=population,
                clinical_events=clinical_events,
            )
        _tidy(axes)
        events = clinical_events[clinical_events["patient"] == patient]
        methods = _methods(populations, patient)
        figure.legend(handles=_key(events, methods, donors), loc="outside lower left", ncols=5)
    return figure


def course_data(populations: pd.DataFrame, donor_cells: pd.DataFrame, patient: str) -> pd.DataFrame:
    """Return the source data of `patient_courses`: its rows of both tables, one below the other."""
    counts = [course_rows(populations, patient, name).assign(shown="count") for name in LINEAGES]
    donors = [donor_rows(donor_cells, patient, name).assign(shown="donor") for name in LINEAGES]
    filled = [rows.dropna(axis="columns", how="all") for rows in (*counts, *donors) if len(rows)]
    if not filled:
        return pd.DataFrame(columns=["shown"])
    return pd.concat(filled, ignore_index=True).set_index("shown").reset_index()


def _tidy(axes: list[list[Axes]]) -> None:
    """Give all panels one day axis and each row one y axis, named once."""
    days = [ax.get_xlim() for row in axes for ax in row]
    for row in axes:
        heights = [ax.get_ylim() for ax in row]
        for ax in row:
            low, high = min(low for low, _ in heights), max(high for _, high in heights)
            set_log_axis(ax, low, high, label=ax.get_ylabel())
            ax.set_xlim(min(low for low, _ in days), max(high for _, high in days))
        for ax in row[1:]:
            ax.set_ylabel("")
            ax.tick_params(axis="y", labelleft=False)
    for row in axes[:-1]:
        for ax in row:
            ax.set_xlabel("")


def _methods(populations: pd.DataFrame, patient: str) -> list[str]:
    """Return how the patient's lineages were counted."""
    own = pd.concat([course_rows(populations, patient, name) for name in LINEAGES])
    return [method for method in PLATFORM_MARKERS if (own["count_method"] == method).any()]


def _key(events: pd.DataFrame, methods: Sequence[str], donors: bool) -> list[Artist]:
    """Explain the symbols that the page shows."""
    marks: list[Artist] = [
        _mark(PLATFORM_MARKERS[method], f"counted, {method}", filled=True) for method in methods
    ]
    if donors:
        marks += [
            _mark("o", "donor cells detected", filled=True),
            _mark("o", "detected, below LOQ"),
            _mark("_", "LOD"),
        ]
    marks += [_mark("v", "none found: upper limit, or LOD")]
    marks += [
        _mark("x", "not evaluable"),
        Line2D([], [], color=INK, linewidth=points(0.6), linestyle=(0, (4, 3)), label="threshold"),
        Patch(color=FAINT, alpha=0.5, linewidth=0, label="reference range"),
    ]
    seen = {"infusion", *events["event"]}
    marks += [
        Line2D([], [], color=PALE, linewidth=points(1.0), linestyle=line, label=event)
        for event, line in EVENT_LINES.items()
        if event in seen
    ]
    return marks


def _mark(marker: str, label: str, *, filled: bool = False) -> Line2D:
    colour = MUTED if marker in "x_" else INK
    return Line2D(
        [],
        [],
        linestyle="none",
        marker=marker,
        color=colour,
        markerfacecolor=colour if filled else "white",
        label=label,
    )
