"""Commands on a results folder."""

from pathlib import Path
from typing import Annotated

import typer

from immunerecon.cli.application import CHANGED, ResultsFolder, app, errors_told

_STYLES = ("nature", "blood", "poster")  # named here too, so that --help draws on nothing


def _style(name: str) -> str:
    if name not in _STYLES:
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(_STYLES)}")
    return name


@app.command()
def figures(
    results: ResultsFolder,
    style: Annotated[
        str,
        typer.Option(
            callback=_style, help="nature, blood or poster.", autocompletion=lambda: list(_STYLES)
        ),
    ] = "nature",
) -> None:
    """Draw the figures of a run again, as PDF, SVG and PNG with their source data.

    Example: immunerecon figures my_results --style blood
    """
    from immunerecon.pipeline.results import load_results
    from immunerecon.report.outputs import write_figures

    with errors_told():
        typer.echo(write_figures(load_results(results), style=style))


@app.command()
def report(results: ResultsFolder) -> None:
    """Write the report of a run again.

    Example: immunerecon report my_results
    """
    from immunerecon.pipeline.results import load_results
    from immunerecon.report.outputs import write_report

    with errors_told():
        typer.echo(write_report(load_results(results)))


@app.command()
def export(
    results: ResultsFolder,
    xlsx: Annotated[
        Path | None, typer.Option("--xlsx", help="Excel workbook to write: every table.")
    ] = None,
    docx: Annotated[
        Path | None,
        typer.Option("--docx", help="Word document to write: the report's tables and methods."),
    ] = None,
) -> None:
    """Write the tables of a run into an Excel workbook, a Word document, or both.

    Example: immunerecon export my_results --xlsx my_tables.xlsx --docx my_report.docx
    """
    from immunerecon.pipeline.results import load_results
    from immunerecon.pipeline.tables import write_workbook
    from immunerecon.report.outputs import report_data
    from immunerecon.report.word_report import write_word

    if xlsx is None and docx is None:
        raise typer.BadParameter("name what to write: --xlsx FILE, --docx FILE, or both")
    for path, suffix in ((xlsx, ".xlsx"), (docx, ".docx")):
        if path is not None and path.suffix.lower() != suffix:
            raise typer.BadParameter(f"{path.name} does not end with {suffix}")
    with errors_told():
        found = load_results(results)
        if xlsx is not None:
            typer.echo(write_workbook(xlsx, found.tables()))
        if docx is not None:
            typer.echo(write_word(docx, report_data(found)))


@app.command()
def verify(
    results: ResultsFolder,
    study: Annotated[
        Path | None, typer.Option(help="Study folder, to compare the inputs as well.")
    ] = None,
    overrides: Annotated[
        Path | None,
        typer.Option(help="File of overrides; default: RESULTS_overrides.yaml, if any."),
    ] = None,
) -> None:
    """Prove that results and overrides, and with --study the inputs, are what the run wrote.

    Exit code 0: nothing was changed; 4: something was, and it is named.

    Example: immunerecon verify my_results --study my_study
    """
    from immunerecon.pipeline.verification import verify_results

    with errors_told():
        found = verify_results(results, study=study, overrides=overrides)
    for difference in found.differences:
        typer.echo(f"Not as the run wrote it: {difference}", err=True)
    if found.differences:
        raise typer.Exit(CHANGED)
    inputs = f" and {found.n_inputs} files of the study" if study else ""
    typer.echo(f"{found.n_results} files of the results{inputs} are what the run wrote.")
    typer.echo(f"Audit trail: {found.last_hash}")
