"""Cleaning of tubes beside PeacoQC: which events each leaves out, on simulated and on real files.

On simulated tubes the truth says which events a clog disturbed; the tubes without a clog tell what
is lost for nothing. PeacoQC runs where the package `peacoqc-rs` (its port to Rust) is installed, on
compensated logicle values, with its defaults.

    python benchmarks/quality.py [FOLDER_OF_REAL_FILES]
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from immunerecon.cytometry.compensation import compensate
from immunerecon.cytometry.fcs import read_fcs
from immunerecon.cytometry.quality import clean
from immunerecon.cytometry.spillover import spillover_from_keyword
from immunerecon.cytometry.transforms import logicle_width, scale_for
from immunerecon.cytometry.tube import Tube
from immunerecon.errors import ImmunereconError
from immunerecon.simulate.conditions import Conditions
from immunerecon.simulate.folder import simulate_trial

REAL = ("serial/gvhd10_full", "serial/cellcounts_*", "nk_panels_ungated", "t_panels_ungated")
_DECADES = 4.5
Method = Callable[[Tube], np.ndarray]


def ours(tube: Tube) -> np.ndarray:
    """Return the events that our cleaning keeps."""
    return clean(tube).kept


def peacoqc(tube: Tube) -> np.ndarray:
    """Return the events that PeacoQC keeps."""
    import peacoqc as package
    import polars

    stained = [c for c in tube.channels if not (c.is_scatter or c.is_time)]
    columns, ranges = {}, {}
    compensated = compensate(tube, spillover_from_keyword(tube))
    for channel in stained:
        values = compensated.values(channel.name)
        scale = scale_for(channel, [logicle_width(values, channel.maximum)])
        columns[channel.name] = (_DECADES * scale.apply(values)).astype(np.float64)
        ranges[channel.name] = (-_DECADES, 2 * _DECADES)
    for channel in tube.channels:
        if channel.is_time:
            columns["Time"] = tube.values(channel.name).astype(np.float64)
    found = package.run_qc(polars.DataFrame(columns), [channel.name for channel in stained], ranges)
    return np.array(found.good_cells)


def methods() -> dict[str, Method]:
    """Return what can be compared here."""
    found: dict[str, Method] = {"ours": ours}
    return found | ({"PeacoQC": peacoqc} if find_spec("peacoqc") else {})


def simulated(folder: Path, events: int, clogs: float) -> Iterator[dict[str, object]]:
    """Yield one row a simulated tube and method."""
    conditions = Conditions(draw_days=(-7, 0, 3, 14, 60, 365), clogs=clogs)
    trial = simulate_trial(
        folder, patients=2, events=events, conditions=conditions, events_truth=True
    )
    for path in sorted((trial / "fcs").glob("*/*.fcs")):
        [truth] = (trial / "truth" / "events").rglob(f"{path.stem}.npz")
        disturbed = np.load(truth)["disturbed"]
        for name, kept, seconds in _run(read_fcs(path)):
            row = {"method": name, "events": disturbed.size, "clog": bool(disturbed.any())}
            row["seconds"] = seconds
            row["sensitivity"] = (~kept)[disturbed].mean() if disturbed.any() else np.nan
            yield {**row, "specificity": kept[~disturbed].mean()}


def real(folder: Path) -> Iterator[dict[str, object]]:
    """Yield one row a real file: the share that each method leaves out, and our flags."""
    for path in sorted(p for pattern in REAL for p in folder.glob(f"{pattern}/**/*.fcs")):
        try:
            tube = read_fcs(path)
            found = clean(tube)
            row: dict[str, object] = {"file": path.name[:34], "events": tube.n_events}
            for name, kept, _ in _run(tube):
                row[f"{name} left out %"] = 100 * (1 - kept.mean())
        except ImmunereconError as error:
            yield {"file": path.name[:34], "flags": f"refused: {error}"[:60]}
            continue
        yield {**row, "saturated": found.n_saturated, "flags": "; ".join(found.flags)}


def _run(tube: Tube) -> Iterator[tuple[str, np.ndarray, float]]:
    for name, method in methods().items():
        start = time.perf_counter()
        try:
            kept = method(tube)
        except ValueError as error:  # PeacoQC refuses tubes that are too small for it
            print(f"{name}: {error}", file=sys.stderr)
            continue
        yield name, kept, time.perf_counter() - start


def main() -> None:
    """Print the tables."""
    for events in (5_000, 20_000, 100_000):
        with tempfile.TemporaryDirectory() as place:
            rows = [*simulated(Path(place) / "clogs", events, 1.0)]
            rows += simulated(Path(place) / "steady", events, 0.0)
        table = pd.DataFrame(rows).groupby(["method", "clog"], sort=False)
        figures = table[["sensitivity", "specificity"]]
        both = [figures.mean(), figures.min().add_prefix("least "), table[["seconds"]].median()]
        print(f"\nsimulated tubes of about {events:,} events: mean, worst tube, median seconds")
        print(pd.concat(both, axis=1).round(4).to_string())
    if len(sys.argv) > 1:
        with pd.option_context("display.width", 220, "display.max_colwidth", 110):
            print(pd.DataFrame(real(Path(sys.argv[1]))).round(2).to_string())


if __name__ == "__main__":
    main()
