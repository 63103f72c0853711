"""The report: one page from disk, no network; all but the gates is there without script."""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from immunerecon.files import write_atomically
from immunerecon.report.attention import find_attention
from immunerecon.report.cohort_drawings import embed_cohort
from immunerecon.report.cohort_tables import STATUSES, kir_rows, persistence_rows, recovery_rows
from immunerecon.report.contents import Drawing, ReportData
from immunerecon.report.draw_tables import COUNTED, DONORS
from immunerecon.report.drawings import draw_study
from immunerecon.report.embedding import EmbeddedFigure, embed_figure
from immunerecon.report.flow import patient_flow, tube_flow
from immunerecon.report.gate_rows import gate_rows
from immunerecon.report.methods import references, tell_methods
from immunerecon.report.miflowcyt import LABORATORY, checklist
from immunerecon.report.override_rows import override_rows
from immunerecon.report.patients import patient_page
from immunerecon.report.wording import tell_day, tell_population, tell_setting
from immunerecon.review.embedded import embed_review


def write_page(path: Path, data: ReportData, drawings: Iterable[Drawing] | None = None) -> Path:
    """Write the report.

    Parameters
    ----------
    path
        The HTML file.
    data
        What it says.
    drawings
        The figures of `immunerecon.report.drawings.draw_study`, where they are drawn already.

    Returns
    -------
    Path
        `path`.
    """
    return write_atomically(path, render_page(data, drawings).encode())


def render_page(data: ReportData, drawings: Iterable[Drawing] | None = None) -> str:
    """Return the report as HTML.

    Parameters
    ----------
    data, drawings
        As in `write_page`.

    Returns
    -------
    str
        A page with everything in it; its Content-Security-Policy allows its own style, its own
        script (the gate review, for looking only) and inline images, nothing else.
    """
    drawn = {d.name: d for d in (draw_study(data) if drawings is None else drawings)}
    style, script = _style_and_script()
    environment = Environment(
        loader=PackageLoader("immunerecon.report"), autoescape=True, undefined=StrictUndefined
    )
    environment.filters |= {"day": tell_day, "population": tell_population}
    page = environment.get_template("page.html")
    return page.render(
        data=data,
        style=style,
        policy=_policy(style, script),
        script=script,
        review=embed_review(data, study=data.study, pictures=data.pictures, scales=data.scales),
        tally=_tally(data),
        attention=find_attention(data),
        overrides=override_rows(data.run),
        patient_flow=patient_flow(data),
        tube_flow=tube_flow(data),
        statuses=tuple(STATUSES.values()),
        recovery=recovery_rows(data),
        recovery_figure=_recovery_figure(drawn.get("recovery")),
        cohort_figures=embed_cohort(drawn),
        persistence=persistence_rows(data),
        kir=kir_rows(data),
        counted=COUNTED,
        donors=DONORS,
        patients=[
            patient_page(
                data,
                patient,
                courses=drawn.get(f"courses_{patient}"),
                ridges=drawn.get(f"ridges_{patient}"),
            )
            for patient in data.patient_ids
        ],
        methods=tell_methods(data),
        papers=references(),
        checklist=checklist(data),
        laboratory=LABORATORY,
        gate_rows=gate_rows(data),
        provenance=_provenance(data.run),
        inputs=sorted(data.run.get("inputs", {}).items()),
    )


def _style_and_script() -> tuple[str, str]:
    """Return what the page has in common with the review, and its own style."""
    web = files("immunerecon.review") / "web"
    own = files("immunerecon.report") / "templates" / "style.css"
    styles = [path.read_text("utf-8") for path in (own, web / "review.css")]
    return "".join(styles), (web / "review.js").read_text("utf-8")


def _policy(style: str, script: str) -> str:
    own_style, own_script = (
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in (style, script)
    )
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{own_style}'; "
        f"script-src 'sha256-{own_script}'; base-uri 'none'; form-action 'none'"
    )


def _tally(data: ReportData) -> list[tuple[int, str, bool]]:
    status = data.samples["status"].value_counts()
    failed, flagged = int(status.get("failed", 0)), int(status.get("flagged", 0))
    draws = data.draws[["patient", "day"]].drop_duplicates()
    return [
        (len(data.patient_ids), "patients", False),
        (len(draws), "draws", False),
        (len(data.samples), "FCS files", False),
        (flagged, "flagged", False),
        (failed, "failed", failed > 0),
    ]


def _recovery_figure(drawing: Drawing | None) -> EmbeddedFigure | None:
    if drawing is None:
        return None
    return embed_figure(
        drawing.figure,
        "svg",
        alt="Cumulative incidence of recovery of each population to each threshold, with patients "
        "at risk. The outcomes stand in the table that follows.",
        caption="Aalen-Johansen estimate with death, progression and a second infusion competing. "
        "Recovery lies between two draws: the solid curve takes the day of first observation, the "
        "dotted one the day after the last draw below.",
    )


def _provenance(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what was run as names and values; nested settings one line each."""
    told: list[tuple[str, str]] = []
    for key, name in (
        ("schema_version", "Schema version"),
        ("started", "Started"),
        ("ended", "Ended"),
        ("code", "Code"),
        ("fingerprint", "Fingerprint"),
    ):
        if key in run:
            told.append((name, str(run[key])))
    told.append(("Software", ", ".join(f"{k} {v}" for k, v in run.get("versions", {}).items())))
    told.append(("Strategies", ", ".join(f"{k} {v}" for k, v in run.get("strategies", {}).items())))
    told += [(key, tell_setting(value)) for key, value in run.get("parameters", {}).items()]
    told.append(("Overrides", str(len(run.get("overrides", [])))))
    return told
