"""Commands without an FCS file: planning, tables of counts."""

import math
from pathlib import Path
from typing import Annotated

import typer

from immunerecon.cli.application import Out, app, errors_told


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

    with errors_told():
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
    leak_cv: Annotated[
        float,
        typer.Option(min=0.0, max=5.0, help="How much blank tubes differ in it (their CV)."),
    ] = 0.0,
) -> None:
    """How many parent cells (NK, T or B) to acquire for a wanted limit of detection.

    Example: immunerecon events --fraction 0.001 --cv 0.2 --leak 0.0002 --leak-cv 0.3
    """
    from immunerecon.enumeration.limits import Background, events_needed

    with errors_told():
        spread = math.sqrt(math.log1p(leak_cv**2))
        background = Background(rate=leak, log_sd=spread) if leak else None
        needed = events_needed(fraction, cv=cv, background=background)
    typer.echo(
        f"{needed:,} events of the parent population detect {100 * fraction:g} % donor cells in "
        f"95 % of tubes and measure them with a CV of {100 * cv:g} %."
    )
