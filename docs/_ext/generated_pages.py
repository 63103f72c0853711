"""Pages that follow from the code: the shipped strategies as tables and trees, the commands."""

from collections.abc import Iterator
from pathlib import Path

from immunerecon.cli import app
from immunerecon.gating.strategy import describe_gate
from immunerecon.gating.strategy_file import load_strategy, shipped_strategies
from immunerecon.gating.strategy_tree import strategy_tree


def _ontology(identifier: str) -> str:
    if not identifier:
        return ""
    url = f"http://purl.obolibrary.org/obo/{identifier.replace(':', '_')}"
    return f"[{identifier}]({url})"


def _strategy(name: str) -> Iterator[str]:
    strategy = load_strategy(name)
    yield f"## {strategy.name} {strategy.version}\n"
    yield f"**{strategy.title}.** {strategy.description}\n"
    if strategy.required:
        yield f"Needs {', '.join(strategy.required)}; looks at {', '.join(strategy.markers())}.\n"
    yield from ("```text", *strategy_tree(strategy), "```\n")
    yield "| population | parent | gate | Cell Ontology |"
    yield "| --- | --- | --- | --- |"
    for population, rule in strategy.populations.items():
        yield (
            f"| {population} | {rule.parent or 'clean events'} | {describe_gate(rule)} | "
            f"{_ontology(rule.cell_ontology)} |"
        )
    yield "\nSources:\n"
    yield from (f"- {source}" for source in strategy.sources)
    yield ""


def write_strategies(path: Path) -> None:
    """Write every shipped strategy as a tree and a table."""
    lines = [
        "# Strategies\n",
        "A strategy is a YAML file that says what is gated and how each boundary is found. These "
        "come with the package; a file of your own in the study folder is named by its path. A "
        "marker that a panel lacks drops its gate and says so; a required one that is missing "
        "fails that file by name.\n",
    ]
    for name in shipped_strategies():
        lines += _strategy(name)
    _write(path, lines)


def write_commands(path: Path) -> None:
    """Write what each command says of itself."""
    from typer.testing import CliRunner

    runner = CliRunner(env={"COLUMNS": "72", "TERM": "dumb", "NO_COLOR": "1"})
    lines = ["# Commands\n", "Each command tells its options by `--help`.\n"]
    for name in command_names():
        told = runner.invoke(app, [name, "--help"], prog_name="immunerecon").output
        lines += [f"## {name}\n", "```text", told.strip("\n"), "```\n"]
    _write(path, lines)


def command_names() -> list[str]:
    """Return the names of all commands, in the order of `--help`."""
    import typer

    group = typer.main.get_command(app)
    context = group.make_context("immunerecon", ["--help"], resilient_parsing=True)
    return list(group.list_commands(context))


def _write(path: Path, lines: list[str]) -> None:
    text = "\n".join(lines) + "\n"
    if not path.exists() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")


def setup(app: object) -> dict[str, bool]:
    """Write the pages before Sphinx looks for its sources."""
    reference = Path(__file__).parents[1] / "reference"
    write_strategies(reference / "strategies.md")
    write_commands(reference / "commands.md")
    return {"parallel_read_safe": True}
