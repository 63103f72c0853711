"""Commands on a study folder."""

from pathlib import Path
from typing import Annotated

import typer

from immunerecon.cli.application import (
    SOME_FAILED,
    Out,
    StudyFolder,
    app,
    errors_told,
    quoted,
)


@app.command()
def run(
    study: StudyFolder,
    out: Out,
    workers: Annotated[int, typer.Option(min=1, help="Processes that gate tubes.")] = 1,
    scheduler: Annotated[str, typer.Option(help="Dask scheduler, such as tcp://host:8786.")] = "",
    shard: Annotated[str, typer.Option(help="Share of a job array, such as 3/10.")] = "",
    overrides: Annotated[
        Path | None,
        typer.Option(help="Gates that a person moved, as YAML or JSON; they stay in force."),
    ] = None,
) -> None:
    """Gate every tube of a study and write tables, figures and report.

    A second run does only what is missing or has changed. Exit code 0: all done; 2: the study is
    wrong and nothing was done; 3: all done but for files that could not be used (samples.csv says
    why); 1: the disk is full or a folder cannot be written.

    A job array calls this with --shard 1/N to N/N, as often as it says that work is left, and
    once without --shard at the end.

    Example: immunerecon run my_study --out my_results --workers 4
    """
    from immunerecon.gating.overrides.override_file import load_overrides
    from immunerecon.pipeline.crews import parse_shard
    from immunerecon.pipeline.run import run_shard, run_study
    from immunerecon.report.outputs import outputs_are_current, write_outputs
    from immunerecon.study.folder import read_study

    with errors_told(remedy=f"correct these, then: immunerecon validate {quoted(study)}"):
        content = read_study(study)
        corrections = load_overrides(overrides) if overrides else None
        for warning in content.warnings:
            typer.echo(f"Warning: {warning}", err=True)
        if shard:
            share = parse_shard(shard, workers=workers)
            typer.echo(run_shard(content, out, share, overrides=corrections))
            return
        results = run_study(
            content, out, workers=workers, scheduler=scheduler, overrides=corrections
        )
        if results.resumed and outputs_are_current(results):
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
        typer.echo("Next: put the failed files right and run again; what is done stays done")
        raise typer.Exit(SOME_FAILED)
    typer.echo(f"Next: immunerecon review {quoted(study)} {quoted(out)}")


@app.command()
def watch(
    study: StudyFolder,
    out: Out,
    workers: Annotated[int, typer.Option(min=1, help="Processes that gate tubes.")] = 1,
    interval: Annotated[
        float, typer.Option(min=0.01, help="Seconds between looks; so long a file is unchanged.")
    ] = 10.0,
    until_complete: Annotated[
        bool, typer.Option(help="End when the files of all rows of samples.csv were gated.")
    ] = False,
) -> None:
    """Gate tubes as they arrive from the cytometer.

    A file is gated when a row of samples.csv names it, it is the same at two looks, and it can be
    read. Ctrl+C ends after the tubes in work, with whole tables, figures and report.

    Example: immunerecon watch my_study --out my_results
    """
    from immunerecon.pipeline.results import load_results
    from immunerecon.pipeline.watching import stopped_by_signals, watch_study
    from immunerecon.report.outputs import write_outputs

    with errors_told(), stopped_by_signals() as stop:
        for line in watch_study(
            study, out, interval=interval, workers=workers, until=stop, complete=until_complete
        ):
            typer.echo(line)
        if (out / "run.json").exists():
            typer.echo("Writing figures and report")
            write_outputs(load_results(out))
            typer.echo(f"Report:  {out / 'report.html'}")


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Folder with FCS files, in subfolders or not.")],
) -> None:
    """Draft study.yaml and samples.csv for a folder of FCS files, to be corrected by you.

    Patient, day and role are guessed from the files' names and from what was typed at the
    cytometer, panels from their labels; the column `guess` says what each guess stands on.

    Example: immunerecon init my_fcs_files
    """
    from immunerecon.pipeline.draft import draft_study

    with errors_told("No study was drafted"):
        draft = draft_study(folder)
    for path in draft.written:
        typer.echo(f"Written:  {path}")
    for file in draft.left_out:
        typer.echo(f"Left out: {file}, a hidden file")
    for line in draft.to_do:
        typer.echo(f"To do:    {line}")
    typer.echo(f"Next: correct the tables in {folder}, then: immunerecon validate {quoted(folder)}")


@app.command()
def validate(study: StudyFolder) -> None:
    """Check a study folder and name every problem at once.

    Example: immunerecon validate my_study
    """
    from immunerecon.errors import TubeError
    from immunerecon.gating.strategy_file import load_strategy
    from immunerecon.pipeline.plan import strategy_of
    from immunerecon.study.folder import read_study

    with errors_told(remedy=f"correct these, then: immunerecon validate {quoted(study)}"):
        content = read_study(study)
        for panel in content.settings.panels.values():
            if not panel.strategy.lower().endswith(".wsp"):
                load_strategy(panel.strategy, folder=content.folder)
        for sample in content.samples:
            try:
                strategy_of(
                    content,
                    content.settings.panels[sample.panel].strategy,
                    Path(sample.file).name,
                )
            except TubeError as error:
                typer.echo(f"Warning: {sample.file}: {error}", err=True)
    for warning in content.warnings:
        typer.echo(f"Warning: {warning}", err=True)
    patients = {sample.patient for sample in content.samples if sample.patient}
    typer.echo(f"{content.settings.name}: {len(content.samples)} files of {len(patients)} patients")
    typer.echo(f"Next: immunerecon run {quoted(study)} --out RESULTS")
