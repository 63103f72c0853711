"""A synthetic trial from the command line: everyday, under a named stress, or under single ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from immunerecon.cli.application import app, errors_told

# Named here too, so that --help need not import the simulator; a test compares them.
PRESET_NAMES = (
    "everyday", "gain_drift", "cd3_lot", "second_cytometer", "unlabelled", "dead", "doublets",
    "clogs", "spillover", "continuum", "tails", "activation", "nadir", "single_stains", "harsh",
)  # fmt: skip


def _preset(name: str) -> str:
    if name not in PRESET_NAMES:
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(PRESET_NAMES)}")
    return name


def _ordered(bounds: tuple[float, float] | None) -> tuple[float, float] | None:
    if bounds is not None and not 0 < bounds[0] <= bounds[1]:
        raise typer.BadParameter("give the fewest, then the most, both above 0")
    return bounds


def _stress(
    text: str,
    *,
    low: float | None = None,
    high: float | None = None,
    check: Callable[[tuple[float, float] | None], tuple[float, float] | None] | None = None,
) -> object:
    """Return an option among the stresses."""
    panel = "Stresses, each beside or instead of what the preset says"
    option: object = typer.Option(
        help=text, rich_help_panel=panel, show_default=False, min=low, max=high, callback=check
    )
    return option


@app.command()
def simulate(
    out: Annotated[Path, typer.Argument(help="Folder to make; must not exist or be empty.")],
    patients: Annotated[int, typer.Option(min=1, help="Patients in the trial.")] = 12,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 0,
    events: Annotated[int, typer.Option(min=1, help="About how many events a tube has.")] = 15_000,
    truth_events: Annotated[
        bool, typer.Option("--truth-events", help="Write what every single event is as well.")
    ] = False,
    preset: Annotated[
        str, typer.Option(callback=_preset, help=f"Conditions: {', '.join(PRESET_NAMES)}.")
    ] = "everyday",
    gain_drift: Annotated[
        float | None, _stress("Largest relative change of a gain between batches.", low=0, high=4)
    ] = None,
    cd3_lot: Annotated[
        float | None,
        _stress("Brightness of CD3 after a lot change (0.1: tenfold dimmer).", low=0.01),
    ] = None,
    second_cytometer: Annotated[
        bool | None, _stress("Whether a cytometer with other channel names takes over.")
    ] = None,
    labelled: Annotated[
        bool | None, _stress("Whether batches are labelled and files dated.")
    ] = None,
    dead: Annotated[float | None, _stress("Share of dead cells.", low=0, high=0.9)] = None,
    doublets: Annotated[float | None, _stress("Share of doublets.", low=0, high=0.9)] = None,
    clogs: Annotated[float | None, _stress("Chance that a tube clogs.", low=0, high=1)] = None,
    spillover: Annotated[
        float | None, _stress("Coefficient of the worst pair of detectors.", low=0, high=1)
    ] = None,
    continuum: Annotated[
        float | None, _stress("How far CD56 and CD16 are a continuum (1: touching).", low=0, high=1)
    ] = None,
    tails: Annotated[
        float | None, _stress("Heaviness and skew of intensities (0: log-normal).", low=0, high=1)
    ] = None,
    activation: Annotated[
        float | None, _stress("Strength of IL-2 activation (1: usual).", low=0, high=5)
    ] = None,
    nadir: Annotated[
        tuple[float, float] | None,
        _stress("Fewest, most lymphocytes in 100,000 events, days 1 to 10.", check=_ordered),
    ] = None,
    single_stains: Annotated[
        bool | None, _stress("Whether the first batch has single stains.")
    ] = None,
) -> None:
    """Make a synthetic trial with known truth.

    Example: immunerecon simulate trial --patients 12 --preset nadir --dead 0.25 --events 50000
    """
    from dataclasses import replace

    from immunerecon.simulate.conditions import PRESETS
    from immunerecon.simulate.folder import simulate_trial

    asked = {
        "gain_drift": gain_drift,
        "cd3_lot_factor": cd3_lot,
        "second_cytometer": second_cytometer,
        "batches_labelled": labelled,
        "dead": dead,
        "doublets": doublets,
        "clogs": clogs,
        "spillover": spillover,
        "continuum": continuum,
        "tails": tails,
        "activation": activation,
        "nadir_lymphocytes": nadir,
        "single_stains": single_stains,
    }
    named: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    size: dict[str, Any] = {"patients": patients, "seed": seed, "events": events}
    with errors_told():
        conditions = replace(PRESETS[preset], **named)
        typer.echo(simulate_trial(out, **size, conditions=conditions, events_truth=truth_events))
