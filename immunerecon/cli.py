"""The command line: parse, one call, print."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from immunerecon import __version__
from immunerecon.errors import ImmunereconError, StudyError

app = typer.Typer(
    name="immunerecon",
    help="Immune-reconstitution flow cytometry: from a folder of FCS files to recovery curves.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

StudyFolder = Annotated[
    Path, typer.Argument(help="Study folder with study.yaml, samples.csv and the FCS files.")
]
Out = Annotated[Path, typer.Option("--out", "-o", help="Results folder; made if need be.")]

WRONG_STUDY, SOME_FAILED = 2, 3  # exit codes of the contract


@contextmanager
def _errors_told() -> Iterator[None]:
    """Print what is wrong and end with exit code 2, without a traceback."""
    try:
        yield
    except StudyError as error:
        count = len(error.problems)
        typer.echo(f"The study cannot be run: {count} problem{'s' * (count > 1)}.", err=True)
        for problem in error.problems:
            typer.echo(f"  {problem}", err=True)
        raise typer.Exit(WRONG_STUDY) from error
    except ImmunereconError as error:
        typer.echo(f"{type(error).__name__}: {error}", err=True)
        raise typer.Exit(WRONG_STUDY) from error


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Show the version and end.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.command()
def run(
    study: StudyFolder,
    out: Out,
    workers: Annotated[int, typer.Option(min=1, help="Processes that gate tubes.")] = 1,
) -> None:
    """Gate every tube of a study and write tables, figures and report.

    A second run does only what is missing or has changed. Exit code 0: all done; 2: the study is
    wrong and nothing was done; 3: all done but for files that could not be used (samples.csv says
    why).

    Example: immunerecon run my_study --out my_results --workers 4
    """
    from immunerecon.pipeline.run import run_study
    from immunerecon.report.outputs import write_outputs
    from immunerecon.study.folder import read_study

    with _errors_told():
        content = read_study(study)
        for warning in content.warnings:
            typer.echo(f"Warning: {warning}", err=True)
        results = run_study(content, out, workers=workers)
        if results.resumed and (out / "report.html").exists():
            typer.echo(f"Nothing to do: {out} is up to date.")
        else:
            write_outputs(results)
    failed = results.samples[results.samples["status"] == "failed"]
    for file, reason in zip(failed["file"], failed["reason"], strict=True):
        typer.echo(f"Failed: {file}: {reason}", err=True)
    typer.echo(f"Report:  {out / 'report.html'}")
    typer.echo(f"Figures: {out / 'figures'}")
    typer.echo(f"Tables:  {out}")
    if len(failed):
        raise typer.Exit(SOME_FAILED)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Folder with FCS files, in subfolders or not.")],
) -> None:
    """Draft study.yaml and samples.csv for a folder of FCS files, to be corrected by you.

    Patient, day and role are guessed from the files' names, panels from their labels; the column
    `guess` says what each guess stands on.

    Example: immunerecon init my_fcs_files
    """
    from immunerecon.pipeline.draft import draft_study

    with _errors_told():
        for path in draft_study(folder):
            typer.echo(f"Written: {path}")
    typer.echo(
        "Next: correct samples.csv and patients.csv, then: immunerecon validate " + str(folder)
    )


@app.command()
def validate(study: StudyFolder) -> None:
    """Check a study folder and name every problem at once.

    Example: immunerecon validate my_study
    """
    from immunerecon.gating.strategy_file import load_strategy
    from immunerecon.study.folder import read_study

    with _errors_told():
        content = read_study(study)
        for panel in content.settings.panels.values():
            load_strategy(panel.strategy, folder=content.folder)
    for warning in content.warnings:
        typer.echo(f"Warning: {warning}", err=True)
    patients = {sample.patient for sample in content.samples if sample.patient}
    typer.echo(f"{content.settings.name}: {len(content.samples)} files of {len(patients)} patients")


@app.command()
def simulate(
    out: Annotated[Path, typer.Argument(help="Folder to make; must not exist or be empty.")],
    patients: Annotated[int, typer.Option(min=1, help="Patients in the trial.")] = 12,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 0,
) -> None:
    """Make a synthetic trial with known truth.

    Example: immunerecon simulate trial --patients 12 --seed 0
    """
    from immunerecon.simulate.folder import simulate_trial

    with _errors_told():
        typer.echo(simulate_trial(out, patients=patients, seed=seed))


ResultsFolder = Annotated[Path, typer.Argument(help="Results folder of a run.")]


@app.command()
def figures(
    results: ResultsFolder,
    style: Annotated[str, typer.Option(help="nature, blood or poster.")] = "nature",
) -> None:
    """Draw the figures of a run again, as PDF, SVG and PNG with their source data.

    Example: immunerecon figures my_results --style blood
    """
    from immunerecon.pipeline.results import load_results
    from immunerecon.report.outputs import write_figures

    with _errors_told():
        typer.echo(write_figures(load_results(results), style=style))


@app.command()
def report(results: ResultsFolder) -> None:
    """Write the report of a run again.

    Example: immunerecon report my_results
    """
    from immunerecon.pipeline.results import load_results
    from immunerecon.report.outputs import write_report

    with _errors_told():
        typer.echo(write_report(load_results(results)))


@app.command()
def export(
    results: ResultsFolder,
    xlsx: Annotated[Path, typer.Option("--xlsx", help="Excel workbook to write.")],
) -> None:
    """Write all tables of a run into one Excel workbook.

    Example: immunerecon export my_results --xlsx my_tables.xlsx
    """
    from immunerecon.pipeline.results import load_results
    from immunerecon.pipeline.tables import COLUMNS, write_workbook

    with _errors_told():
        found = load_results(results)
        typer.echo(write_workbook(xlsx, {name: getattr(found, name) for name in COLUMNS}))


@app.command()
def kinetics(
    counts: Annotated[
        Path, typer.Argument(help="Table of counts (.csv or .xlsx): patient, day, a column each.")
    ],
    out: Out,
    events: Annotated[
        Path | None, typer.Option(help="Clinical events: patient, day, event.")
    ] = None,
    patients: Annotated[Path | None, typer.Option(help="Patients: patient, dose_level.")] = None,
    confirm: Annotated[int, typer.Option(min=1, help="Consecutive draws that confirm.")] = 1,
) -> None:
    """Recovery and persistence from a spreadsheet of counts alone, without any FCS file.

    Example: immunerecon kinetics counts.xlsx --out kinetics --events events.csv
    """
    from immunerecon.kinetics.counts import kinetics_of_counts
    from immunerecon.pipeline.tables import read_spreadsheet, write_table

    with _errors_told():
        tables = kinetics_of_counts(
            read_spreadsheet(counts),
            clinical_events=read_spreadsheet(events) if events else None,
            patients=read_spreadsheet(patients) if patients else None,
            confirm=confirm,
        )
        for name, frame in tables.items():
            write_table(out, name, frame)
            typer.echo(out / f"{name}.csv")


@app.command()
def events(
    fraction: Annotated[
        float, typer.Option(min=1e-6, max=1.0, help="Donor fraction to detect (0.001 = 0.1 %).")
    ],
    cv: Annotated[
        float, typer.Option(min=0.01, max=1.0, help="Coefficient of variation wanted there.")
    ] = 0.2,
    leak: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Background in the donor's region, 0-1.")
    ] = 0.0,
) -> None:
    """How many parent cells (NK, T or B) to acquire for a wanted limit of detection.

    Example: immunerecon events --fraction 0.001 --cv 0.2 --leak 0.0002
    """
    from immunerecon.enumeration.limits import Background, events_needed

    with _errors_told():
        background = Background(rate=leak, log_sd=0.0) if leak else None
        needed = events_needed(fraction, cv=cv, background=background)
    typer.echo(
        f"{needed:,} events of the parent population detect {100 * fraction:g} % donor cells in "
        f"95 % of tubes and measure them with a CV of {100 * cv:g} %."
    )


def main() -> None:
    """Run the command line."""
    app(prog_name="immunerecon")


if __name__ == "__main__":
    main()
