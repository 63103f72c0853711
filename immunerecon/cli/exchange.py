"""Commands on gates that other programs wrote."""

from pathlib import Path
from typing import Annotated

import typer

from immunerecon.cli.application import WRONG_STUDY, StudyFolder, app, errors_told


@app.command("import-gates")
def import_gates(
    study: StudyFolder,
    gates: Annotated[Path, typer.Argument(help="Gating-ML 2.0 (.xml) or FlowJo 10 (.wsp).")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="File of overrides; entries are added to it.")
    ],
    who: Annotated[str, typer.Option(help="Who says that these gates are right.")],
    why: Annotated[str, typer.Option(help="The reason.")] = "",
    rename: Annotated[
        list[str] | None,
        typer.Option("--map", help="Name in the file and in the study: 'NK cells=NK'. Repeatable."),
    ] = None,
    file: Annotated[str, typer.Option(help="For this file of samples.csv.")] = "",
    patient: Annotated[str, typer.Option(help="For all tubes of this patient.")] = "",
    batch: Annotated[str, typer.Option(help="For all tubes of this batch of samples.csv.")] = "",
    panel: Annotated[str, typer.Option(help="Only for tubes of this panel.")] = "",
) -> None:
    """Take gates of Gating-ML or FlowJo over as overrides, for run --overrides.

    A FlowJo workspace without --file, --patient or --batch gives each file of the study the gates
    of the sample of the same name. What cannot be taken over is told by name. To gate a whole panel
    by such a file, name it as the panel's strategy in study.yaml instead.

    Example: immunerecon import-gates my_study lab.wsp --out mine.yaml --who AB --map "NK cells=NK"
    """
    from immunerecon.gating.overrides.override_file import load_overrides, write_overrides
    from immunerecon.pipeline.gate_import import Scope, import_gates
    from immunerecon.pipeline.provenance import now
    from immunerecon.study.folder import read_study

    with errors_told():
        names = _renamed(rename or [])
        said = {"who": who, "when": now(), "why": why or f"gates of {gates.name}"}
        scope = Scope(file, patient, batch, panel)
        before = load_overrides(out) if out.exists() else ()
        found = import_gates(read_study(study), gates, populations=names, scope=scope, said=said)
        for note in found.notes:
            typer.echo(f"Note: {note}", err=True)
        for name, reason in found.left_out.items():
            typer.echo(f"Not taken over: {name} {reason}", err=True)
        if not found.overrides:
            typer.echo("No gate was taken over, and nothing was written.", err=True)
            raise typer.Exit(WRONG_STUDY)
        write_overrides(out, (*before, *found.overrides))
    for override in found.overrides:
        typer.echo(f"Taken over: {override.population} for {' '.join(override.scope)}")
    typer.echo(f"Next: immunerecon run {study} --out RESULTS --overrides {out}")


def _renamed(told: list[str]) -> dict[str, str]:
    """Return names in the file with their names in the study."""
    names = {}
    for pair in told:
        theirs, mark, ours = pair.rpartition("=")
        if not (theirs and mark and ours):
            raise typer.BadParameter(f"{pair!r} is not 'NAME IN FILE=NAME IN STUDY'")
        names[theirs.strip()] = ours.strip()
    return names
