"""The figure of a paper: gating, representative draws, kinetics, donor cells, recovery."""

from collections.abc import Sequence
from typing import Protocol

import pandas as pd
from matplotlib.figure import Figure, SubFigure

from immunerecon.figures.courses import NO_LIMITS, Limits, course_rows, draw_course
from immunerecon.figures.densities import Scales, draw_gate, draw_panel, panels_of
from immunerecon.figures.donors import donor_rows, draw_donor_fraction
from immunerecon.figures.incidence import (
    EVERYONE,
    draw_cumulative_incidence,
    incidence_rows,
)
from immunerecon.figures.marks import write_reason
from immunerecon.figures.style import figure_style
from immunerecon.figures.trees import tree_data
from immunerecon.gating.pictures import GatePicture

_STEPS = ("Lymphocytes", "T", "NK", "CD4_T")  # a panel each, with the gates that share it
_DRAWS = 4
_COURSES = ("NK", "T", "B")
_RECOVERIES = ("NK", "CD4_T")
_HEIGHTS_MM = (46.0, 46.0, 48.0, 52.0)


class RunOutcome(Protocol):
    """What a figure of a paper is drawn from: the results of a run."""

    @property
    def populations(self) -> pd.DataFrame: ...  # noqa: D102 - tables as the results folder has them
    @property
    def donor_cells(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def cohort_recovery(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def clinical_events(self) -> pd.DataFrame: ...  # noqa: D102

    def pictures(self, file: str) -> tuple[GatePicture, ...]:
        """Return the pictures of a file's gates."""

    def scales(self, file: str) -> Scales:
        """Return the display scales of a file."""


def paper_figure(
    results: RunOutcome,
    *,
    patient: str,
    curves: Sequence[tuple[str, float]] = (),
    limits: Limits = NO_LIMITS,
    style: str = "nature",
) -> Figure:
    """Draw the figure that a paper on one trial begins with.

    Parameters
    ----------
    results
        Of `run_study` or `load_results`.
    patient
        Whose gates, draws and courses stand for the trial.
    curves
        Populations and thresholds whose recovery in the cohort is shown, two at the most; left out,
        the least thresholds of NK and CD4 T cells, or of what else the table has.
    limits
        Thresholds and reference ranges of the courses.
    style
        ``nature``, ``blood`` or ``poster``.

    Returns
    -------
    Figure
        Two columns wide. **a** gating strategy on the patient's first draw, **b** NK cells of
        representative draws (the first, the lowest, and later ones), **c** cells per µL over time,
        **d** donor cells among NK cells, **e** cumulative incidence of recovery. `paper_data`
        returns the source data.

    Raises
    ------
    ValueError
        When the patient has no gated draw, or a curve is not in the table of the cohort's recovery.
    """
    draws = _draws(results.populations, patient)
    with figure_style(style) as measures:
        figure = Figure(figsize=measures.size(sum(_HEIGHTS_MM)), layout="constrained")
        rows = list(figure.subfigures(4, 1, height_ratios=_HEIGHTS_MM, squeeze=False)[:, 0])
        _draw_strategy(rows[0], results, draws["file"].iloc[0])
        _draw_draws(rows[1], results, _representative(draws))
        _draw_courses(rows[2], results, patient, limits)
        left, right = rows[3].subfigures(1, 2, width_ratios=(1, 2), squeeze=False)[0]
        _draw_donors(left, results, patient)
        _draw_recovery(right, results, _curves(results, curves))
        for letter, place in zip("abcde", (*rows[:3], left, right), strict=True):
            place.text(0.0, 1.0, letter, weight="bold", size=measures.font_pt + 1, va="top")
    return figure


def paper_data(
    results: RunOutcome, *, patient: str, curves: Sequence[tuple[str, float]] = ()
) -> pd.DataFrame:
    """Return the source data of `paper_figure`: the rows of each panel, named in `panel_letter`.

    Parameters
    ----------
    results, patient, curves
        As in `paper_figure`.
    """
    draws = _draws(results.populations, patient)
    shown = _representative(draws)
    tubes = results.populations[results.populations["file"].isin(shown["file"])]
    tree = tree_data(results.pictures(draws["file"].iloc[0]))
    tables = {
        "a": tree.assign(file=draws["file"].iloc[0]),
        "b": tubes[tubes["population"] == "NK"],
        "c": pd.concat([course_rows(results.populations, patient, name) for name in _COURSES]),
        "d": donor_rows(results.donor_cells, patient, "NK"),
        "e": pd.concat(
            [results.cohort_recovery.iloc[:0]]
            + [
                incidence_rows(results.cohort_recovery, *curve)
                for curve in _curves(results, curves)
            ]
        ),
    }
    named = [
        rows.dropna(axis="columns", how="all").assign(panel_letter=letter)
        for letter, rows in tables.items()
        if len(rows)
    ]
    return pd.concat(named, ignore_index=True).set_index("panel_letter").reset_index()


def _draws(populations: pd.DataFrame, patient: str) -> pd.DataFrame:
    """Return one row a draw of the patient with NK cells, of the first panel, by day."""
    rows = populations[
        (populations["patient"] == patient)
        & (populations["role"] == "draw")
        & (populations["population"] == "NK")
        & populations["count"].notna()
    ]
    if rows.empty:
        known = ", ".join(sorted(set(populations["patient"]) - {""}))
        raise ValueError(f"{patient!r} has no gated draw; patients: {known}")
    first: pd.DataFrame = rows[rows["panel"] == rows["panel"].iloc[0]]
    return first.sort_values("day", kind="stable")


def _representative(draws: pd.DataFrame) -> pd.DataFrame:
    """Return the first draw, the one with the fewest NK cells, and later ones evenly spread."""
    lowest = int(draws["count"].to_numpy().argmin())
    later = range(lowest + 1, len(draws))
    wanted = max(0, _DRAWS - len({0, lowest}))
    step = max(1, len(later) // wanted) if wanted else 1
    return draws.iloc[sorted({0, lowest, *later[step - 1 :: step][:wanted]})]


def _draw_strategy(place: SubFigure, results: RunOutcome, file: str) -> None:
    panels = panels_of(results.pictures(file))
    shown = [panel for panel in panels if {p.population for p in panel.pictures} & set(_STEPS)]
    for column, panel in enumerate(shown[: len(_STEPS)], 1):
        draw_panel(panel, ax=place.add_subplot(1, len(_STEPS), column), scales=results.scales(file))


def _draw_draws(place: SubFigure, results: RunOutcome, draws: pd.DataFrame) -> None:
    for column, (file, day) in enumerate(zip(draws["file"], draws["day"], strict=True), 1):
        ax = place.add_subplot(1, _DRAWS, column)
        scales = results.scales(file)
        picture = next((p for p in results.pictures(file) if p.population == "NK"), None)
        if picture is None:
            write_reason(ax, "no NK gate")
        else:
            draw_gate(picture, ax=ax, x_scale=scales.get(picture.x), y_scale=scales.get(picture.y))
        ax.set_title(f"Day {day:g}".replace("-", "\N{MINUS SIGN}"), loc="left")


def _draw_courses(place: SubFigure, results: RunOutcome, patient: str, limits: Limits) -> None:
    for column, population in enumerate(_COURSES, 1):
        draw_course(
            results.populations,
            patient=patient,
            population=population,
            ax=place.add_subplot(1, len(_COURSES), column),
            limits=limits,
            clinical_events=results.clinical_events,
        )


def _draw_donors(place: SubFigure, results: RunOutcome, patient: str) -> None:
    draw_donor_fraction(
        results.donor_cells,
        patient=patient,
        population="NK",
        ax=place.add_subplot(),
        clinical_events=results.clinical_events,
    )


def _curves(results: RunOutcome, asked: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    """Return the curves asked for, else the least threshold of two populations."""
    own = results.cohort_recovery[results.cohort_recovery["group"] == EVERYONE]
    pairs = own[["population", "threshold"]].drop_duplicates()
    known = list(zip(pairs["population"], pairs["threshold"], strict=True))
    if len(asked) > 2 or not set(asked) <= set(known):
        table = ", ".join(f"({population!r}, {threshold:g})" for population, threshold in known)
        raise ValueError(f"curves: {list(asked)}; two at the most, of {table}")
    if asked:
        return list(asked)
    first = pairs.drop_duplicates("population")
    first = first.assign(late=~first["population"].isin(_RECOVERIES)).sort_values(
        ["late", "population"], ascending=[True, False], kind="stable"
    )
    return list(zip(first["population"], first["threshold"], strict=True))[:2]


def _draw_recovery(
    place: SubFigure, results: RunOutcome, curves: Sequence[tuple[str, float]]
) -> None:
    last_day = float(results.cohort_recovery["time"].max())
    for column, (population, threshold) in enumerate(curves, 1):
        draw_cumulative_incidence(
            results.cohort_recovery,
            population=population,
            threshold=threshold,
            ax=place.add_subplot(1, 2, column),
            last_day=last_day,
        )
