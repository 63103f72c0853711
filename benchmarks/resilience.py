"""``kill -9`` of a run, and of its workers, at random moments, and the bytes of the final tables.

Run as ``python benchmarks/resilience.py --kills 10``. A simulated trial is run once undisturbed.
Then each round starts it again in an empty folder and kills, at a random moment, the run itself
(which is then called again) or one of its workers (which the run has to survive). Every table as
CSV and Parquet, and every Gating-ML file, is compared byte for byte. Ends with 1 at a difference.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from immunerecon.simulate.conditions import Conditions
from immunerecon.simulate.folder import simulate_trial

RUN = (
    "import sys; from immunerecon.pipeline.run import run_study; "
    "from immunerecon.study.folder import read_study; "
    "run_study(read_study(sys.argv[1]), sys.argv[2], workers=int(sys.argv[3]))"
)
COMPARED = ("*.csv", "*.parquet", "trial/*", "gating-ml/*")


@dataclass(frozen=True)
class Round:
    """What one kill did: whom it hit, when, what was done by then, and what differs at the end."""

    victim: str
    seconds: float
    n_records: int
    differences: tuple[str, ...]


def start_run(study: Path, out: Path, *, workers: int = 2) -> subprocess.Popen[bytes]:
    """Start a run in a process group of its own."""
    command = [sys.executable, "-c", RUN, str(study), str(out), str(workers)]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)


def workers_of(run: subprocess.Popen[bytes]) -> list[int]:
    """Return the process ids of the workers of a run."""
    found = []
    for path in Path(f"/proc/{run.pid}/task").glob("*/children"):
        try:
            children = path.read_text().split()
            found += [
                int(c) for c in children if b"serve()" in Path(f"/proc/{c}/cmdline").read_bytes()
            ]
        except OSError:
            continue  # it ended just now
    return found


def outcome_of(out: Path) -> dict[str, bytes]:
    """Return the bytes of every table and gate of a results folder."""
    paths = sorted({path for pattern in COMPARED for path in out.glob(pattern)})
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in paths}


def disturbed(
    study: Path, out: Path, *, victim: str, ready: Callable[[Path], bool]
) -> tuple[int, int]:
    """Run a study, kill the run or a worker of it when it is ready for it, and let it be finished.

    Returns
    -------
    n_records
        Records that were there when the kill came.
    code
        Exit code of the run that finished.
    """
    run = start_run(study, out)
    targets: list[int] = []
    while run.poll() is None:
        targets = [run.pid] if victim == "run" else workers_of(run)
        if targets and ready(out):
            break
        time.sleep(0.005)
    n_records = len(list(out.glob("records/*.npz")))
    for pid in targets[:1]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue  # ended in this very moment
    code = run.wait()
    if victim == "run":
        code = start_run(study, out).wait()
    return n_records, code


def differences(out: Path, wanted: dict[str, bytes]) -> tuple[str, ...]:
    """Return the files that are not the same bytes, or are missing, or are too many."""
    found = outcome_of(out)
    return tuple(name for name in sorted({*found, *wanted}) if found.get(name) != wanted.get(name))


def measure(folder: Path, kills: int, seed: int) -> list[Round]:
    """Kill `kills` runs of a simulated trial."""
    days = Conditions(draw_days=(-7, 0, 7, 28), missed_draws=0.0)
    study = simulate_trial(folder / "study", patients=1, seed=3, events=4000, conditions=days)
    start = time.perf_counter()
    assert start_run(study, folder / "whole").wait() == 0
    duration = time.perf_counter() - start
    wanted = outcome_of(folder / "whole")
    rng, rounds = np.random.default_rng(seed), []
    for number in range(kills):
        victim = ("run", "worker")[number % 2]
        moment = float(rng.uniform(0.1, 1.0) * duration)
        began, out = time.perf_counter(), folder / f"out{number}"

        def is_time(_: Path, until: float = began + moment) -> bool:
            return time.perf_counter() >= until

        n_records, code = disturbed(study, out, victim=victim, ready=is_time)
        odd = differences(out, wanted) if code == 0 else (f"exit code {code}",)
        rounds.append(Round(victim, moment, n_records, odd))
        print(f"{rounds[-1]}", flush=True)
    print(f"undisturbed: {duration:.1f} s, {len(wanted)} files compared")
    return rounds


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    told = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        rounds = measure(Path(folder), told.kills, told.seed)
    wrong = [one for one in rounds if one.differences]
    print(f"{len(rounds)} kills, {len(rounds) - len(wrong)} with the same bytes at the end")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
