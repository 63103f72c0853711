"""Commands on the gates of a run."""

from pathlib import Path
from typing import Annotated

import typer

from immunerecon.cli.application import app, errors_told


@app.command()
def review(
    folder: Annotated[
        Path, typer.Argument(help="Study folder; or the results folder alone, beside its study.")
    ],
    results: Annotated[Path | None, typer.Argument(help="Results folder of a run.")] = None,
    overrides: Annotated[
        Path | None,
        typer.Option(help="File of overrides; default: RESULTS_overrides.yaml."),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
) -> None:
    """Look at the gates of a run, move them, and see the counts follow.

    The page is served to this machine alone, nothing leaves it. What is moved is written to a file
    of overrides, which the next run takes with --overrides.

    Example: immunerecon review my_study my_results
    """
    from immunerecon.pipeline.results import load_results
    from immunerecon.review.opening import open_review
    from immunerecon.review.places import find_study
    from immunerecon.review.server import serve
    from immunerecon.study.folder import read_study

    with errors_told():
        found = load_results(results or folder)
        study = folder if results else find_study(found)
        opened = open_review(read_study(study), found, overrides=overrides)

    def ready(url: str) -> None:
        typer.echo(f"Gate review: {url}")
        typer.echo(
            f"Moved gates go to {opened.path}. Then: immunerecon run {study} --out "
            f"{found.folder} --overrides {opened.path}"
        )
        typer.echo("End with Ctrl+C.")
        if browser:
            import webbrowser

            webbrowser.open(url)

    serve(opened, port=port, ready=ready)
