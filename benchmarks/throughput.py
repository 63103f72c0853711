"""Seconds a tube for each step, beside the limit: reading the bytes and one matrix product.

Run as ``python benchmarks/throughput.py``. Files are simulated into a temporary folder, or named:
``python benchmarks/throughput.py tube1.fcs tube2.fcs``. Everything is measured in one process, one
thread, on the same files, each step's best of `--repeat` rounds.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from immunerecon.cytometry.fcs import read_fcs
from immunerecon.cytometry.quality import clean
from immunerecon.gating.engine import gate_tube
from immunerecon.gating.strategy_file import load_strategy
from immunerecon.pipeline.jobs import TubeJob, compensated, markers_of
from immunerecon.pipeline.scales import choose_scales
from immunerecon.pipeline.survey import survey_tube
from immunerecon.simulate.folder import simulate_trial


def best(step: Callable[[], Any], repeat: int) -> tuple[float, Any]:
    """Return the shortest time of several rounds, and the last result."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        result = step()
        times.append(time.perf_counter() - start)
    return min(times), result


def limit(path: Path, rows: int, columns: int) -> np.ndarray:
    """Read the bytes as float32 and multiply them by one square matrix."""
    values = np.fromfile(path, dtype=np.float32)[: rows * columns].reshape(rows, columns)
    return values @ np.eye(columns, dtype=np.float32)


def measure(path: Path, repeat: int) -> dict[str, float]:
    """Return seconds of each step for one file."""
    job = TubeJob(index=0, path=path, strategy=load_strategy("lineage"))
    read, raw = best(lambda: read_fcs(path), repeat)
    cleaning_time, cleaning = best(lambda: clean(raw), repeat)
    kept = raw.select(cleaning.kept)
    compensate_time, tube = best(lambda: compensated(kept, job.compensation), repeat)
    survey_time, survey = best(lambda: survey_tube(job), repeat)
    scales, markers = choose_scales([survey]), markers_of(tube, job)
    transform, _ = best(lambda: [scales[m].apply(tube.values(markers[m])) for m in scales], repeat)
    gate, _ = best(lambda: gate_tube(tube, job.strategy, markers=markers, scales=scales), repeat)
    bytes_time, _ = best(lambda: limit(path, raw.n_events, len(raw.channels)), repeat)
    return {
        "limit": bytes_time,
        "read": read,
        "clean": cleaning_time,
        "compensate": compensate_time,
        "survey": survey_time,
        "transform": transform,
        "gate, transform included": gate,
        "all": read + cleaning_time + compensate_time + survey_time + gate,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--events", type=int, default=200_000, help="of a simulated tube")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
        files = options.files
        if not files:
            trial = simulate_trial(Path(folder) / "trial", patients=1, events=options.events)
            files = sorted(trial.glob("fcs/*/*_lineage.fcs"))[:5]
        rows = [measure(path, options.repeat) for path in files]
        events = [read_fcs(path).n_events for path in files]
    print(f"{len(files)} tubes of {np.median(events):,.0f} events (median)")
    print(f"{'step':<26}{'seconds a tube':>16}{'ratio to limit':>16}")
    for step in rows[0]:
        seconds = np.median([row[step] for row in rows])
        ratio = np.median([row[step] / row["limit"] for row in rows])
        print(f"{step:<26}{seconds:>16.4f}{ratio:>16.1f}")


if __name__ == "__main__":
    main()
