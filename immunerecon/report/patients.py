"""What the report shows of each patient."""

from dataclasses import dataclass
from hashlib import sha256

import pandas as pd

from immunerecon.report.contents import Drawing, ReportData
from immunerecon.report.draw_tables import DrawRow, draw_rows
from immunerecon.report.drawings import draw_tree
from immunerecon.report.embedding import EmbeddedFigure, embed_figure
from immunerecon.report.thumbnails import Thumbnail, make_thumbnail
from immunerecon.report.wording import tell_count, tell_day, tell_power

_EVENTS = {"infusion": "infused", "progression": "progression", "death": "death"}


@dataclass(frozen=True)
class TubePicture:
    """One tube of a patient's series."""

    day: float
    thumb: Thumbnail | None


@dataclass(frozen=True)
class PatientPage:
    """One patient.

    Parameters
    ----------
    name, anchor
        Study id, and its place in the page.
    facts
        Dose, events, draws: a few words each.
    courses
        The patient's figure.
    draws
        The numbers in it.
    has_donors
        Whether any tube has an anti-HLA marker.
    remarks
        Why numbers are missing.
    strips
        By panel, the NK gate of each draw.
    ridges
        What the donor fractions were read from.
    tree
        Gating tree of a representative draw; None where nothing was gated.
    """

    name: str
    anchor: str
    facts: tuple[str, ...]
    courses: EmbeddedFigure | None
    draws: tuple[DrawRow, ...]
    has_donors: bool
    remarks: tuple[str, ...]
    strips: tuple[tuple[str, tuple[TubePicture, ...]], ...]
    ridges: EmbeddedFigure | None
    tree: EmbeddedFigure | None


def patient_page(
    data: ReportData, patient: str, *, courses: Drawing | None, ridges: Drawing | None
) -> PatientPage:
    """Collect what the report shows of one patient.

    Parameters
    ----------
    data
        Tables of a run.
    patient
        Whose.
    courses, ridges
        The patient's figures, as far as there are any.
    """
    own = data.draws[data.draws["patient"] == patient]
    rows = draw_rows(data, patient)
    return PatientPage(
        name=patient,
        anchor=f"patient-{sha256(patient.encode()).hexdigest()[:12]}",
        facts=tuple(_facts(data, patient, own)),
        courses=_courses(courses, patient),
        draws=rows,
        has_donors=bool((data.donor_cells["patient"] == patient).any()),
        remarks=_remarks(data, patient),
        strips=tuple(
            (str(panel), tuple(_tube(data, day, file) for day, file in _places(tubes)))
            for panel, tubes in own.groupby("panel", sort=False)
        ),
        ridges=_ridges(ridges, patient),
        tree=_tree(data, patient, own),
    )


def _facts(data: ReportData, patient: str, own: pd.DataFrame) -> list[str]:
    facts = []
    rows = data.patients[data.patients["patient"] == patient]
    told = rows.iloc[0].dropna().to_dict() if len(rows) else {}
    if told.get("dose_level"):
        facts.append(f"dose level {told['dose_level']}")
    for column, cells in (("nk_cells_per_kg", "NK cells"), ("cd3_cells_per_kg", "CD3+ cells")):
        if column in told:
            facts.append(f"{tell_power(float(told[column]))} {cells} per kg")
    facts.append(tell_count(own["day"].nunique(), "draw"))
    events = data.clinical_events[data.clinical_events["patient"] == patient]
    for event, word in _EVENTS.items():
        days = events.loc[events["event"] == event, "day"]
        facts += [f"{word} on day {tell_day(float(day))}" for day in sorted(days)]
    return facts


def _courses(drawing: Drawing | None, patient: str) -> EmbeddedFigure | None:
    if drawing is None:
        return None
    return embed_figure(
        drawing.figure,
        "svg",
        alt=f"Courses of {patient}: NK, T and B cells per µL and donor cells in percent over days "
        "from infusion. The numbers stand in the table that follows.",
        caption="Logarithmic axes; days are linear within a week of the infusion, then "
        "logarithmic. Bars are 95 % intervals.",
    )


def _ridges(drawing: Drawing | None, patient: str) -> EmbeddedFigure | None:
    if drawing is None:
        return None
    return embed_figure(
        drawing.figure,
        "svg",
        title=f"Donor marker of {patient} in each tube",
        alt=f"Distribution of the donor marker on NK, T and B cells of {patient}, controls above, "
        "draws below by day. The donor percentages stand in the table.",
        caption="Line: measured. Grey: fitted as the recipient's cells; coloured: as the donor's. "
        "Each ridge has its own height.",
    )


def _remarks(data: ReportData, patient: str) -> tuple[str, ...]:
    """Say why donor cells are not evaluable, one sentence a population."""
    rows = data.donor_cells[data.donor_cells["patient"] == patient]
    missing = rows[rows["call"] == "not_evaluable"].sort_values("day", kind="stable")
    return tuple(
        f"Donor {population} not evaluable on day {_days_and_reasons(group)}."
        for population, group in missing.groupby("population", sort=False)
    )


def _days_and_reasons(rows: pd.DataFrame) -> str:
    """List days with the reason that they share."""
    return "; ".join(
        f"{', '.join(tell_day(float(day)) for day in group['day'].unique())}: {reason}"
        for reason, group in rows.groupby("reason", sort=False)
    )


def _places(tubes: pd.DataFrame) -> list[tuple[float, str]]:
    return list(zip(tubes["day"], tubes["file"], strict=True))


def _tube(data: ReportData, day: float, file: str) -> TubePicture:
    return TubePicture(day, make_thumbnail(data.pictures(file)))


def _tree(data: ReportData, patient: str, own: pd.DataFrame) -> EmbeddedFigure | None:
    gated = own[own["status"] != "failed"]
    if gated.empty:
        return None
    # The first panel of a study is the one that counts.
    panel = gated["panel"].iloc[0]
    drawing = draw_tree(data, f"gating_{patient}", gated[gated["panel"] == panel])
    if drawing.data.empty:
        return None
    chosen = gated.loc[gated["file"] == drawing.data["file"].iloc[0]].iloc[0]
    title = f"{patient}, day {tell_day(float(chosen['day']))}, {panel}"
    shares = ", ".join(
        f"{row.population} {row.count} of {row.parent_count}"
        for row in drawing.data[["population", "count", "parent_count"]].itertuples(name="Gate")
    )
    return embed_figure(
        drawing.figure,
        "png",
        title=title,
        alt=f"Gating tree of {title}: {shares}.".replace("_", " "),
        caption="Each panel is titled with the parent and its events; a dashed outline marks a "
        "gate of low confidence.",
    )
