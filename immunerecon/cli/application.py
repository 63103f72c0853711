"""What all commands share: the application, its arguments, how errors are told."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from immunerecon import __version__
from immunerecon.errors import ImmunereconError, StudyError

# As a study goes: made, checked, run, looked at, handed on.
_ORDER = (
    "init",
    "strategies",
    "validate",
    "run",
    "watch",
    "review",
    "import-gates",
    "figures",
    "report",
    "export",
    "verify",
)


class _InOrder(TyperGroup):
    """Commands in the order in which they are used, others after them by name."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401 - typer's type moved
        places = {name: place for place, name in enumerate(_ORDER)}
        return sorted(super().list_commands(ctx), key=lambda n: (places.get(n, len(places)), n))


app = typer.Typer(
    name="immunerecon",
    cls=_InOrder,
    help="Immune-reconstitution flow cytometry: from a folder of FCS files to recovery curves.",
    no_args_is_help=True,
    rich_markup_mode="markdown",  # paragraphs are filled to the width of the terminal
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

StudyFolder = Annotated[
    Path, typer.Argument(help="Study folder with study.yaml, samples.csv and the FCS files.")
]
ResultsFolder = Annotated[Path, typer.Argument(help="Results folder of a run.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="Results folder; made if need be.")]

WRONG_STUDY, SOME_FAILED = 2, 3  # exit codes of the contract
NOT_WRITTEN, CHANGED = 1, 4  # the disk is full; results are not what the run wrote


def quoted(path: Path) -> str:
    """Return a path as it can be typed into a shell."""
    return shlex.quote(str(path))


@contextmanager
def errors_told(heading: str = "The study cannot be run", remedy: str = "") -> Iterator[None]:
    """Print what is wrong and what to do, and end with exit code 2, without a traceback."""
    try:
        yield
    except StudyError as error:
        count = len(error.problems)
        typer.echo(f"{heading}: {count} problem{'s' * (count > 1)}.", err=True)
        for problem in error.problems:
            typer.echo(f"  {problem}", err=True)
        if remedy:
            typer.echo(f"Next: {remedy}", err=True)
        raise typer.Exit(WRONG_STUDY) from error
    except ImmunereconError as error:
        typer.echo(f"{type(error).__name__}: {error}", err=True)
        raise typer.Exit(WRONG_STUDY) from error
    except OSError as error:
        name = Path(error.filename).name if isinstance(error.filename, str) else "a file"
        typer.echo(
            f"{name} cannot be written: {error.strerror}. What is done stays done: make room, "
            "then run again",
            err=True,
        )
        raise typer.Exit(NOT_WRITTEN) from error


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Show the version and end.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit
