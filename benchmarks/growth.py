"""What a further tube costs, and what all tubes cost together, as a study grows.

Run as ``python benchmarks/growth.py``. A simulated trial is run in one process: processor seconds
and bytes kept a tube. Then what is done once for all tubes (placing gates together, tables) is done
for the same tubes repeated under other names, at several sizes, so that its growth shows. Times are
processor seconds of one core, which other work on the machine disturbs little.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from immunerecon.pipeline.neighbours import place_tubes
from immunerecon.pipeline.plan import plan_study
from immunerecon.pipeline.stages import Stages, prepare_tubes, run_stages
from immunerecon.pipeline.tables import write_parts, write_table
from immunerecon.pipeline.tube_tables import tube_tables
from immunerecon.simulate.conditions import Conditions
from immunerecon.simulate.folder import simulate_trial
from immunerecon.study.folder import Study, read_study


def peak_mb() -> float:
    """Return the most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def repeated(study: Study, stages: Stages, n_tubes: int) -> tuple[Study, Stages]:
    """Return a study of `n_tubes`, which are those of a smaller one under other names."""
    known = sorted(stages.gated)
    samples, surveys, gated = [], {}, {}
    for number in range(n_tubes):
        index, round_ = known[number % len(known)], number // len(known)
        sample = study.samples[index]
        renamed = {"file": f"{round_}/{sample.file}", "patient": f"{sample.patient}.{round_}"}
        samples.append(sample.model_copy(update=renamed))
        surveys[number], gated[number] = stages.surveys[index], stages.gated[index]
    keys = {number: str(number) for number in range(n_tubes)}
    return (
        replace(study, samples=tuple(samples)),
        replace(stages, surveys=surveys, gated=gated, keys=keys, errors={}),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--placing", type=int, nargs="+", default=[200, 400, 800, 1600])
    parser.add_argument("--tables", type=int, nargs="+", default=[2000, 4000, 8000])
    told = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        days = Conditions(draw_days=(-7, 0, 7, 28, 90), missed_draws=0.0)
        path = simulate_trial(
            Path(folder) / "study", patients=2, seed=1, events=told.events, conditions=days
        )
        study, records = read_study(path), Path(folder) / "records"
        plan, start = plan_study(study), time.process_time()
        prepared = prepare_tubes(study, plan, records, workers=1)
        first = time.process_time() - start
        stages = run_stages(study, plan, records, workers=1)
        both, n_tubes = time.process_time() - start, len(stages.gated)
        kept = sum(file.stat().st_size for file in records.glob("*.npz"))
        fcs = sum(file.stat().st_size for file in path.glob("fcs/**/*.fcs"))
        print(f"{n_tubes} tubes of {told.events:,} events, {fcs / n_tubes / 1e6:.1f} MB each")
        print(f"first pass  {first / n_tubes:8.3f} s a tube (with placing)")
        print(f"second pass {(both - first) / n_tubes:8.3f} s a tube")
        print(f"records     {kept / n_tubes / 1e6:8.3f} MB a tube; peak {peak_mb():.0f} MB")
        scales = {index: job.scales for index, job in prepared.jobs.items()}
        known = sorted(stages.gated)
        print("\nplacing all tubes together\n tubes  seconds  peak MB")
        for size in told.placing:
            larger, more = repeated(study, stages, size)
            shared = {number: scales[known[number % len(known)]] for number in range(size)}
            start = time.process_time()
            place_tubes(larger, more.surveys, shared)
            print(f"{size:6d} {time.process_time() - start:8.2f} {peak_mb():8.0f}", flush=True)
        print("\ntables of all tubes\n tubes  seconds  peak MB  Parquet MB")
        for size in told.tables:
            larger, more = repeated(study, stages, size)
            start, out = time.process_time(), Path(folder) / f"out{size}"
            frames = tube_tables(larger, more)
            for name, frame in frames.items():
                write_table(out, name, frame)
            write_parts(out / "parquet", frames)
            seconds = time.process_time() - start
            written = sum(file.stat().st_size for file in out.glob("*.parquet")) / 1e6
            print(f"{size:6d} {seconds:8.2f} {peak_mb():8.0f} {written:8.2f}", flush=True)
            assert np.isfinite(frames["populations"]["percent_of_parent"]).any()


if __name__ == "__main__":
    main()
