"""Work goes on when a tube fails, and when the process that works on it dies."""

from collections.abc import Callable
from pathlib import Path

import pytest

from immunerecon.errors import TubeError
from immunerecon.gating.strategy_file import load_strategy
from immunerecon.pipeline.jobs import TubeJob
from immunerecon.pipeline.records import Record
from immunerecon.pipeline.workers import DIED_TWICE, Outcome, run_step


def jobs_of(folder: Path, n: int) -> dict[str, TubeJob]:
    strategy = load_strategy("lineage")
    return {f"key{i}": TubeJob(index=i, path=folder / str(i), strategy=strategy) for i in range(n)}


def deadly(victim: int, times: int) -> Callable[[TubeJob], Record]:
    """Return a step that kills its process on one job, the given number of times."""

    def step(job: TubeJob) -> Record:
        import os
        import signal

        from immunerecon.pipeline.records import Record

        seen = job.path.with_suffix(".seen")
        deaths = len(seen.read_text()) if seen.exists() else 0
        if job.index == victim and deaths < times:
            seen.write_text("x" * (deaths + 1))
            os.kill(os.getpid(), signal.SIGKILL)
        return Record({"index": job.index})

    return step


def done(outcomes: list[Outcome]) -> dict[int, int | str]:
    return {o.index: o.record.facts["index"] if o.record else o.error for o in outcomes}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_tube_that_fails_costs_nobody_else(tmp_path: Path, workers: int) -> None:
    def step(job: TubeJob) -> Record:
        if job.index == 1:
            raise TubeError("no laser", remedy="Look at the cytometer")
        if job.index == 2:
            raise ZeroDivisionError("a surprise")
        return Record({"index": job.index})

    outcomes = done(list(run_step(step, jobs_of(tmp_path, 4), tmp_path / "r", workers=workers)))
    assert outcomes[0] == 0
    assert outcomes[1] == "no laser. Look at the cytometer"
    assert outcomes[2] == "unexpected ZeroDivisionError: a surprise"
    assert outcomes[3] == 3


def test_a_worker_killed_once_costs_one_retry(tmp_path: Path) -> None:
    jobs = jobs_of(tmp_path, 6)
    outcomes = done(list(run_step(deadly(2, times=1), jobs, tmp_path / "r", workers=2)))
    assert outcomes == {i: i for i in range(6)}


def test_a_tube_that_kills_its_worker_twice_is_failed_and_the_rest_is_done(tmp_path: Path) -> None:
    jobs = jobs_of(tmp_path, 6)
    outcomes = done(list(run_step(deadly(2, times=9), jobs, tmp_path / "r", workers=2)))
    assert outcomes == {i: i for i in range(6)} | {2: DIED_TWICE}
    assert not list((tmp_path / "r").glob("*.begun"))


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    jobs = jobs_of(tmp_path, 3)
    list(run_step(lambda job: Record({"index": job.index}), jobs, tmp_path / "r"))

    def never(job: TubeJob) -> Record:
        raise AssertionError(f"{job.index} was done again")

    outcomes = done(list(run_step(never, jobs, tmp_path / "r")))
    assert outcomes == {i: i for i in range(3)}
