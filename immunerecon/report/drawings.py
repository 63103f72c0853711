"""Every figure of a study, with its name and its source data."""

from collections.abc import Iterator

import pandas as pd

from immunerecon.figures.paper import paper_data, paper_figure
from immunerecon.figures.patients import course_data, patient_courses
from immunerecon.figures.ridges import donor_ridges
from immunerecon.figures.sheets import all_tubes, sheet_data
from immunerecon.figures.trees import gating_tree, tree_data
from immunerecon.gating.outliers import outlier_scores
from immunerecon.report.cohort_drawings import draw_cohort
from immunerecon.report.contents import Drawing, ReportData
from immunerecon.report.wording import tell_day


def draw_study(data: ReportData, *, style: str = "nature") -> Iterator[Drawing]:
    """Draw every figure of a study.

    Parameters
    ----------
    data
        What to draw.
    style
        ``nature``, ``blood`` or ``poster``.

    Yields
    ------
    Drawing
        The figure of a paper, the courses and donor ridges of each patient, the cohort, and of
        each panel the gating of a representative tube and the NK gate of all tubes.
    """
    yield from _draw_paper(data, style)
    for patient in data.patient_ids:
        if (data.draws["patient"] == patient).any():
            yield draw_patient(data, patient, style=style)
        if (data.donor_distributions["patient"] == patient).any():
            yield draw_ridges(data, patient, style=style)
    yield from draw_cohort(data, style=style)
    for panel, draws in data.draws.groupby("panel", sort=False):
        yield from _draw_panel(data, str(panel), draws, style)


def _draw_paper(data: ReportData, style: str) -> Iterator[Drawing]:
    """Draw the figure of a paper, of the patient with the most draws whose NK cells were gated."""
    rows = data.populations
    gated = rows[(rows["role"] == "draw") & (rows["population"] == "NK") & rows["count"].notna()]
    draws = gated.groupby("patient", sort=False)["day"].nunique()
    if draws.empty or data.cohort_recovery.empty:
        return
    patient = str(draws.idxmax())
    page = paper_figure(data, patient=patient, limits=data.limits, style=style)
    yield Drawing("paper", page, paper_data(data, patient=patient))


def draw_patient(data: ReportData, patient: str, *, style: str = "nature") -> Drawing:
    """Draw the courses of one patient."""
    page = patient_courses(
        data.populations,
        data.donor_cells,
        patient=patient,
        limits=data.limits,
        clinical_events=data.clinical_events,
        style=style,
    )
    rows = course_data(data.populations, data.donor_cells, patient)
    return Drawing(f"courses_{patient}", page, rows)


def draw_ridges(data: ReportData, patient: str, *, style: str = "nature") -> Drawing:
    """Draw what a patient's donor fractions were read from."""
    rows = data.donor_distributions[data.donor_distributions["patient"] == patient]
    marker = str(rows["marker"].iloc[0]).rstrip("+-")
    scale = data.scales(str(rows["file"].iloc[0])).get(marker)
    page = donor_ridges(rows, data.donor_cells, patient=patient, scale=scale, style=style)
    return Drawing(f"ridges_{patient}", page, rows)


def draw_tree(
    data: ReportData, name: str, draws: pd.DataFrame, *, style: str = "nature"
) -> Drawing:
    """Draw the gating tree of the most representative of some draws.

    Parameters
    ----------
    data
        What to draw.
    name
        Of the drawing's files.
    draws
        Rows of `samples` to choose from, at least one.
    style
        As in `draw_study`.
    """
    file = representative(draws)
    pictures = data.pictures(file)
    page = gating_tree(pictures, scales=data.scales(file), style=style)
    return Drawing(name, page, tree_data(pictures).assign(file=file))


def representative(draws: pd.DataFrame) -> str:
    """Return the file of the draw that shows the gating best.

    Parameters
    ----------
    draws
        Rows of `samples`, at least one.

    Returns
    -------
    str
        Of the draws without a flag (of all, where each has one), the first: before the infusion
        all populations are there.
    """
    sound = draws[draws["status"] == "ok"]
    gated = draws[draws["status"] != "failed"]
    chosen = next(rows for rows in (sound, gated, draws) if len(rows))
    return str(chosen.sort_values("day", kind="stable")["file"].iloc[0])


def _draw_panel(data: ReportData, panel: str, draws: pd.DataFrame, style: str) -> Iterator[Drawing]:
    """Draw one tube's tree and the NK gate of all tubes of a panel."""
    if (draws["status"] != "failed").any():
        yield draw_tree(data, f"gating_{panel}", draws, style=style)
    tubes = {
        f"{patient} day {tell_day(day)}": data.pictures(file)
        for patient, day, file in zip(draws["patient"], draws["day"], draws["file"], strict=True)
    }
    scores = outlier_scores(tubes, "NK")
    page = all_tubes(tubes, scores=scores, style=style)
    yield Drawing(f"tubes_{panel}", page, sheet_data(tubes, "NK", scores))
