"""The command line: parse, one call, print.

Commands stand by what they work on: a study folder (`studies`), a results folder (`results`), the
gates of both (`gates`), those of other programs (`exchange`), or neither (`planning`,
`simulating`). Importing a module registers its commands, so `--help` stays quick: each command
imports what it needs when it runs.
"""

from immunerecon.cli import exchange, gates, planning, results, simulating, strategies, studies
from immunerecon.cli.application import app

__all__ = [
    "app",
    "exchange",
    "gates",
    "main",
    "planning",
    "results",
    "simulating",
    "strategies",
    "studies",
]


def main() -> None:
    """Run the command line."""
    app(prog_name="immunerecon")
