"""The figures of the whole cohort, with what the page says of each."""

from collections.abc import Iterator, Mapping

from immunerecon.figures.agreement import agreement_page
from immunerecon.figures.cohort_pages import (
    fold_heatmaps,
    heatmap_data,
    median_courses,
    median_data,
)
from immunerecon.figures.cohorts import cohort_incidence
from immunerecon.figures.levels import levels_data, levels_of, levels_page
from immunerecon.figures.outcome_pages import expansion_data, expansion_page, swimmer_page
from immunerecon.figures.swimmer_rows import swimmer_rows
from immunerecon.report.contents import Drawing, ReportData
from immunerecon.report.embedding import EmbeddedFigure, embed_figure

# Name of the drawing: title, what stands in the picture for those who cannot see it, caption.
_TOLD = {
    "levels": (
        "Recovery by dose level",
        "Cumulative incidence of recovery of each population to each threshold, one curve a dose "
        "level, with the test of their difference and the patients at risk.",
        "Aalen-Johansen estimate. Gray's test; P from permutations of the levels, in parentheses "
        "adjusted for all comparisons of the page (Benjamini-Hochberg).",
    ),
    "swimmer": (
        "Each patient over time",
        "One bar a patient over the days of follow-up, with infusion, donor cells, recovery, "
        "response, progression and death.",
        "The donor bar ends between the last draw that showed donor cells and the first that did "
        "not.",
    ),
    "medians": (
        "Median courses",
        "Cells per microlitre of each population, each patient as a thin line, the median over "
        "patients at each visit, and how many were counted.",
        "Median and quartiles over the patients counted at a visit; below the axis, how many were "
        "counted and how many followed.",
    ),
    "heatmaps": (
        "Counts against the reference range",
        "Patients by visits, coloured by the count as a multiple of the lower reference limit.",
        "Cells per µL over the lower reference limit; hatched where there was no draw.",
    ),
    "expansion": (
        "Expansion of donor NK cells",
        "Donor NK cells per microlitre of each patient at day 14 and at the peak, with intervals, "
        "against 100 per microlitre.",
        "The highest of several draws is biased upwards; the day-14 rule is Geller 2011.",
    ),
    "chimerism": (
        "Flow cytometry and other chimerism",
        "Donor percent by flow cytometry against the other method with Deming's line, and their "
        "difference against their mean with the limits of agreement.",
        "A pair is a result and the nearest draw within three days. Orange: the 95 % interval of "
        "flow does not meet the other result with its limit of detection to either side. "
        "Intervals of lines and limits leave out one patient at a time.",
    ),
}


def draw_cohort(data: ReportData, *, style: str = "nature") -> Iterator[Drawing]:
    """Draw the figures of the whole cohort, those that the tables allow.

    Parameters
    ----------
    data, style
        As in `immunerecon.report.drawings.draw_study`.
    """
    events, patients, populations = data.clinical_events, data.patients, data.populations
    if len(data.cohort_recovery):
        page = cohort_incidence(data.cohort_recovery, style=style)
        yield Drawing("recovery", page, data.cohort_recovery)
    if len(data.dose_comparison) and len(levels_of(data.cohort_recovery)) > 1:
        compared = (data.cohort_recovery, data.dose_comparison)
        yield Drawing("levels", levels_page(*compared, style=style), levels_data(*compared))
    if len(patients) and len(events):
        of_patients = events[events["patient"].isin(patients["patient"])]
        told = (patients, of_patients, data.persistence, data.recovery)
        yield Drawing("swimmer", swimmer_page(*told, style=style), swimmer_rows(*told))
    draws = populations[populations["role"] == "draw"]
    if draws["cells_per_ul"].notna().any() and len(data.reference_ranges):
        ranges = data.reference_ranges
        page = median_courses(populations, ranges, clinical_events=events, style=style)
        yield Drawing("medians", page, median_data(populations, events))
        page = fold_heatmaps(populations, ranges, clinical_events=events, style=style)
        yield Drawing("heatmaps", page, heatmap_data(populations, ranges, events))
    if len(data.expansion) and len(data.donor_cells):
        expanded = (data.expansion, data.donor_cells, patients)
        page = expansion_page(*expanded, style=style)
        yield Drawing("expansion", page, expansion_data(*expanded))
    pairs = data.chimerism_pairs
    if len(pairs) and pairs["difference"].notna().any():
        page = agreement_page(pairs, data.chimerism_agreement, style=style)
        yield Drawing("chimerism", page, pairs)


def embed_cohort(drawn: Mapping[str, Drawing]) -> list[EmbeddedFigure]:
    """Return the cohort's figures for the page, but for the recovery, which has its own place."""
    return [
        embed_figure(drawn[name].figure, "svg", title=title, alt=alt, caption=caption)
        for name, (title, alt, caption) in _TOLD.items()
        if name in drawn
    ]
