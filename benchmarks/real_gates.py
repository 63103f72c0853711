"""Our gates beside those that people drew on the same files.

Prints one row a population: manual count, ours, relative difference, and F1 of the members where
the truth tells them. With a folder for pictures, draws each population on the axes of our gate:
events in both gates, in ours alone, and in theirs alone.

    python benchmarks/real_gates.py FOLDER_OF_REAL_FILES [FOLDER_FOR_PICTURES]
"""

import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from real_truth import CASES, Case, Manual

from immunerecon.cytometry.transforms import Linear, Scale
from immunerecon.cytometry.tube import Tube
from immunerecon.gating.borrowing import TubeIdentity, borrow
from immunerecon.gating.engine import evidence_of, gate_tube
from immunerecon.gating.gated_tube import GatedTube
from immunerecon.gating.models.features import is_scatter
from immunerecon.gating.strategy_file import load_strategy
from immunerecon.pipeline.jobs import Compensation, TubeJob, compensated, markers_of, open_tube
from immunerecon.pipeline.scales import choose_scales
from immunerecon.pipeline.survey import survey_tube

FEW = 300  # events; below, a difference of ten percent is chance
BAR_PERCENT = 10.0
_SHOWN = 8_000  # events a picture
_LOOKS = (("theirs alone", "#d55e00", 6), ("ours alone", "#0072b2", 6), ("both", "#7f8790", 2))


def gate_case(case: Case, folder: Path) -> tuple[GatedTube, np.ndarray]:
    """Return the gated file, and the row in the file of each event that was gated."""
    job = TubeJob(
        0,
        folder / case.path,
        load_strategy(case.strategy),
        channels=case.channels,
        compensation=Compensation(keyword=case.compensate),
    )
    scales: Mapping[str, Scale] = choose_scales([survey_tube(job)])
    if case.display_top:
        scales = {m: s if is_scatter(m) else Linear(case.display_top) for m, s in scales.items()}
    tube = open_tube(job)
    rows = np.arange(tube.n_events)
    if case.scatter_top:
        inside = _within_scatter(tube, case.scatter_top)
        tube, rows = tube.select(inside), rows[inside]
    tube = compensated(tube, job.compensation)
    how = {"markers": markers_of(tube, job), "scales": scales}
    evidence = {0: evidence_of(tube, job.strategy, **how)}
    who = {0: TubeIdentity("one", "panel", "draw", -1.0, "one")}
    return gate_tube(tube, job.strategy, **how, placement=borrow(evidence, who)[0]), rows


def _within_scatter(tube: Tube, top: float) -> np.ndarray:
    return (tube.values("FSC-A") < top) & (tube.values("SSC-A") < top)


def compare(manual: Manual, gated: GatedTube, rows: np.ndarray) -> dict[str, object]:
    """Return one row of the table."""
    ours = gated.count(manual.population) if manual.population in gated.members else np.nan
    row = {
        "population": manual.population,
        "manual gate": manual.name,
        "manual": int(manual.count),
        "ours": ours,
        "difference %": 100 * (ours / manual.count - 1),
        "F1": np.nan,
    }
    if manual.members is not None and manual.population in gated.members:
        both = manual.members[rows[gated.members[manual.population]]].sum()
        row["F1"] = 2 * both / (manual.members.sum() + ours)
    far = manual.count > FEW and not abs(row["difference %"]) <= BAR_PERCENT
    return {**row, "note": "over the bar" if far else "few" if manual.count <= FEW else ""}


def table(case: Case, folder: Path) -> pd.DataFrame:
    """Return one row a population of one file."""
    gated, rows = gate_case(case, folder)
    return pd.DataFrame([compare(found, gated, rows) for found in case.truth(folder)])


def draw_members(manual: Manual, gated: GatedTube, rows: np.ndarray, ax) -> None:
    """Draw whom both, ours alone and theirs alone took, on the axes of our gate."""
    own = np.zeros(gated.n_events, dtype=bool)
    own[gated.members[manual.population]] = True
    placed = gated.gate_of(manual.population)
    dimensions = [*(placed.gate.dimensions if placed.gate else ()), "SSC-A", "FSC-A"]
    x, y = list(dict.fromkeys(dimensions))[:2]
    theirs = manual.members[rows] if manual.members is not None else own
    parent = np.setdiff1d(_events(gated, placed.parent), np.flatnonzero(own | theirs))
    ax.plot(*_thin(gated, parent, x, y), ".", ms=1, color="#d9dce0", rasterized=True)
    for (label, colour, size), which in zip(
        _LOOKS, (theirs & ~own, own & ~theirs, own & theirs), strict=True
    ):
        at = np.flatnonzero(which)
        ax.scatter(*_thin(gated, at, x, y), s=size, c=colour, lw=0, label=f"{label} {at.size:,}")
    ax.set(xlabel=x, ylabel=y, title=f"{manual.population} / {manual.name}")
    ax.legend(fontsize=7, markerscale=2)


def _events(gated: GatedTube, population: str) -> np.ndarray:
    return gated.members[population] if population else np.arange(gated.n_events)


def _thin(gated: GatedTube, at: np.ndarray, x: str, y: str) -> tuple[np.ndarray, np.ndarray]:
    at = at[:: max(1, at.size // _SHOWN)]
    return gated.columns[x][at], gated.columns[y][at]


def picture(case: Case, folder: Path) -> Figure:
    """Draw every population of one file."""
    gated, rows = gate_case(case, folder)
    shown = [found for found in case.truth(folder) if found.population in gated.members]
    figure = Figure(figsize=(16, 4 * -(-len(shown) // 4)), layout="constrained")
    for place, found in enumerate(shown, start=1):
        draw_members(found, gated, rows, figure.add_subplot(-(-len(shown) // 4), 4, place))
    figure.suptitle(case.name)
    return figure


def main() -> None:
    """Print the table of every file, and draw the pictures."""
    folder = Path(sys.argv[1])
    pictures = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    for case in CASES:
        print(f"\n{case.name}\n{table(case, folder).round(3).to_string(index=False)}")
        if pictures is not None:
            pictures.mkdir(parents=True, exist_ok=True)
            name = case.name.replace(", ", "_").replace(" ", "-")
            picture(case, folder).savefig(pictures / f"{name}.png", dpi=60)


if __name__ == "__main__":
    main()
