"""Commands on gating strategies."""

from textwrap import fill
from typing import Annotated

import typer

from immunerecon.cli.application import app, errors_told


def _shipped() -> list[str]:
    from immunerecon.gating.strategy_file import shipped_strategies

    return list(shipped_strategies())


@app.command()
def strategies(
    name: Annotated[
        str,
        typer.Argument(
            help="One of those listed, or a YAML file; all when left out.", autocompletion=_shipped
        ),
    ] = "",
) -> None:
    """List the gating strategies, or describe one as a tree of its gates.

    Example: immunerecon strategies lineage
    """
    from immunerecon.gating.strategy_file import load_strategy, shipped_strategies
    from immunerecon.gating.strategy_tree import strategy_tree

    with errors_told():
        for one in [name] if name else shipped_strategies():
            found = load_strategy(one)
            typer.echo(f"{found.name} {found.version}: {found.title}")
            typer.echo(f"  markers: {', '.join(found.markers())}")
            if name:
                typer.echo(fill(found.description, 96, initial_indent="  ", subsequent_indent="  "))
                typer.echo("\n".join(f"  {line}" for line in strategy_tree(found)))
    if not name:
        typer.echo("Next: immunerecon strategies NAME describes one")
