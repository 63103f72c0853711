"""Figures and report of a results folder."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from immunerecon.figures.courses import Limits
from immunerecon.figures.saving import save_figure
from immunerecon.pipeline.progress import track
from immunerecon.pipeline.results import Results
from immunerecon.pipeline.seals import is_whole, seal, sealed_by
from immunerecon.report.contents import Drawing, ReportData
from immunerecon.report.drawings import draw_study
from immunerecon.report.page import write_page

OUTPUTS_WRITTEN = "figures and report written"


def write_outputs(results: Results) -> None:
    """Write figures and report, each figure drawn once for both."""
    data = report_data(results)
    drawings = list(draw_study(data))
    _save(drawings, results.folder / "figures")
    write_page(results.folder / "report.html", data, drawings)
    seal(results.folder, OUTPUTS_WRITTEN, ["figures/", "report.html"], {})


def outputs_are_current(results: Results) -> bool:
    """Return whether figures and report of the run's tables are written, and nothing since."""
    written = {OUTPUTS_WRITTEN, "figures written", "report written"}
    return sealed_by(results.folder) in written and is_whole(results.folder, ["report.html"])


def write_figures(results: Results, *, style: str = "nature") -> Path:
    """Draw every figure of a run as PDF, SVG and PNG, with its source data as CSV beside it.

    Parameters
    ----------
    results
        Of `run_study` or `load_results`.
    style
        ``nature``, ``blood`` or ``poster``.

    Returns
    -------
    Path
        The folder ``figures`` of the results.
    """
    drawings = list(draw_study(report_data(results), style=style))
    folder = _save(drawings, results.folder / "figures")
    seal(results.folder, "figures written", ["figures/"], {"style": style})
    return folder


def _save(drawings: Sequence[Drawing], folder: Path) -> Path:
    for drawing in track(drawings, len(drawings), "Drawing"):
        save_figure(drawing.figure, folder, drawing.name, data=drawing.data)
    return folder


def write_report(results: Results) -> Path:
    """Write ``report.html``: one page that opens from disk and needs nothing else.

    Parameters
    ----------
    results
        Of `run_study` or `load_results`.

    Returns
    -------
    Path
        The page.
    """
    page = write_page(results.folder / "report.html", report_data(results))
    seal(results.folder, "report written", ["report.html"], {})
    return page


def _in_panel_order(results: Results) -> pd.DataFrame:
    """Return `populations` with the study's first panel first: it counts where several could."""
    places = {panel: place for place, panel in enumerate(results.run["parameters"]["panels"])}
    return results.populations.sort_values(
        "panel", key=lambda panels: panels.map(places), kind="stable"
    )


def report_data(results: Results) -> ReportData:
    """Return all that figures and report of a run say."""
    ranges = results.reference_ranges
    pairs = zip(ranges["low"], ranges["high"], strict=True)
    return ReportData(
        study=str(results.run["study"]),
        samples=results.samples,
        populations=_in_panel_order(results),
        gates=results.gates,
        donor_cells=results.donor_cells,
        donor_distributions=results.donor_distributions,
        persistence=results.persistence,
        recovery=results.recovery,
        cohort_recovery=results.cohort_recovery,
        patients=results.patients,
        clinical_events=results.clinical_events,
        pictures=results.pictures,
        scales=results.scales,
        limits=Limits(
            thresholds=results.run["parameters"]["recovery_thresholds"],
            reference=dict(zip(ranges["population"], pairs, strict=True)),
        ),
        reference_ranges=ranges,
        expansion=results.trial("expansion"),
        chimerism_pairs=results.trial("chimerism_pairs"),
        chimerism_agreement=results.trial("chimerism_agreement"),
        kir_mismatch=results.trial("kir_mismatch"),
        dose_comparison=results.trial("dose_comparison"),
        run=results.run,
    )
