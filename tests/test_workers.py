"""Work goes on when a tube fails, and when the process that works on it dies."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from pickle import PicklingError

import pytest
from worker_steps import deadly, deadly_once, failing, index_of, process_told, refused, square_at

from immunerecon.errors import ResultsError, TubeError
from immunerecon.gating.strategy_file import load_strategy
from immunerecon.pipeline.crews import Cluster, Shard, UnfinishedError
from immunerecon.pipeline.jobs import TubeJob
from immunerecon.pipeline.processes import Processes
from immunerecon.pipeline.records import Record
from immunerecon.pipeline.workers import DIED_TWICE, Outcome, run_apart, run_step


def jobs_of(folder: Path, n: int) -> dict[str, TubeJob]:
    strategy = load_strategy("lineage")
    return {f"key{i}": TubeJob(index=i, path=folder / str(i), strategy=strategy) for i in range(n)}


def done(outcomes: list[Outcome]) -> dict[int, int | str]:
    return {o.index: o.record.facts["index"] if o.record else o.error for o in outcomes}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_tube_that_fails_costs_nobody_else(tmp_path: Path, workers: int) -> None:
    outcomes = done(list(run_step(failing, jobs_of(tmp_path, 4), tmp_path / "r", workers=workers)))
    assert outcomes[0] == 0
    assert outcomes[1] == "no laser. Look at the cytometer"
    assert outcomes[2] == "unexpected ZeroDivisionError: a surprise"
    assert outcomes[3] == 3


def test_a_worker_killed_once_costs_one_retry(tmp_path: Path) -> None:
    jobs = jobs_of(tmp_path, 6)
    outcomes = done(list(run_step(deadly_once, jobs, tmp_path / "r", workers=2)))
    assert outcomes == {i: i for i in range(6)}


def test_a_tube_that_kills_its_worker_twice_is_failed_and_the_rest_is_done(tmp_path: Path) -> None:
    jobs = jobs_of(tmp_path, 6)
    outcomes = done(list(run_step(deadly, jobs, tmp_path / "r", workers=2)))
    assert outcomes == {i: i for i in range(6)} | {2: DIED_TWICE}
    assert not list((tmp_path / "r").glob("*.begun"))


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    jobs = jobs_of(tmp_path, 3)
    list(run_step(index_of, jobs, tmp_path / "r"))

    def never(job: TubeJob) -> Record:
        raise AssertionError(f"{job.index} was done again")

    outcomes = done(list(run_step(never, jobs, tmp_path / "r")))
    assert outcomes == {i: i for i in range(3)}


def test_a_surprise_tells_no_folder_of_the_machine(tmp_path: Path) -> None:
    def step(job: TubeJob) -> Record:
        raise OSError(5, "Input/output error", "/home/erika/trial one/fcs/day7.fcs")

    [outcome] = run_step(step, jobs_of(tmp_path, 1), tmp_path / "r")
    assert "Input/output error" in outcome.error
    assert "erika" not in outcome.error


def test_shards_share_the_work_and_wait_for_each_other(tmp_path: Path) -> None:
    folder, jobs = tmp_path / "r", jobs_of(tmp_path, 5)

    def step(job: TubeJob) -> Record:
        if job.index == 3:
            raise TubeError("no laser", remedy="Look at the cytometer")
        return Record({"index": job.index})

    def call(shard: Shard) -> tuple[dict[int, int | str], int]:
        outcomes: list[Outcome] = []
        try:
            outcomes.extend(run_step(step, jobs, folder, workers=shard))
        except UnfinishedError as error:
            return {}, error.missing
        return done(outcomes), 0

    assert call(Shard(1, of=2)) == ({}, 2)
    assert {path.stem for path in folder.glob("*.npz")} == {"key0", "key2", "key4"}
    told = {0: 0, 1: 1, 2: 2, 3: "no laser. Look at the cytometer", 4: 4}
    assert call(Shard(2, of=2)) == (told, 0)
    assert call(Shard(1, of=2)) == (told, 0)


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Address of a Dask cluster of two processes; a process that dies is started anew."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs="CRITICAL"
    ) as started:
        yield started.scheduler_address


def test_a_cluster_does_what_one_process_does(tmp_path: Path, cluster: str) -> None:
    def step(job: TubeJob) -> Record:
        if job.index == 1:
            raise TubeError("no laser", remedy="Look at the cytometer")
        return Record({"index": job.index})

    jobs = jobs_of(tmp_path, 5)
    outcomes = done(list(run_step(step, jobs, tmp_path / "r", workers=Cluster(cluster))))
    assert outcomes == {i: i for i in range(5)} | {1: "no laser. Look at the cytometer"}


def test_a_worker_of_a_cluster_that_dies_costs_its_tube_one_retry(
    tmp_path: Path, cluster: str
) -> None:
    jobs = jobs_of(tmp_path, 6)
    outcomes = run_step(deadly_once, jobs, tmp_path / "r", workers=Cluster(cluster))
    assert done(list(outcomes)) == {i: i for i in range(6)}


def test_a_tube_that_kills_two_workers_of_a_cluster_is_failed(tmp_path: Path, cluster: str) -> None:
    jobs = jobs_of(tmp_path, 6)
    outcomes = run_step(deadly, jobs, tmp_path / "r", workers=Cluster(cluster))
    assert done(list(outcomes)) == {i: i for i in range(6)} | {2: DIED_TWICE}
    assert (tmp_path / "2.seen").read_text() == "xx"
    assert not list((tmp_path / "r").glob("*.begun"))


def test_a_scheduler_that_does_not_answer_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("immunerecon.pipeline.clusters._CONNECT_SECONDS", 1)
    jobs, nobody = jobs_of(tmp_path, 1), Cluster("tcp://127.0.0.1:9")
    with pytest.raises(ResultsError, match=r"no Dask scheduler answers at 'tcp://127\.0\.0\.1:9'"):
        list(run_step(index_of, jobs, tmp_path / "r", workers=nobody))


def test_few_things_are_done_apart_and_leave_interrupts_to_the_run() -> None:
    before = signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # so where tests run behind a shell
    assert run_apart(process_told, range(3), workers=1) == [(os.getpid(), before)] * 3
    apart = run_apart(process_told, range(3), workers=2)
    assert all(pid != os.getpid() and ignored for pid, ignored in apart)


def test_things_that_kill_their_worker_are_done_in_the_run_itself() -> None:
    square = partial(square_at, own=os.getpid())
    assert run_apart(square, range(4), workers=2) == [0, 1, 4, 9]


def test_what_is_raised_apart_is_raised_in_the_run() -> None:
    with pytest.raises(TubeError, match="not 0"):
        run_apart(refused, [0, 0], workers=2)


def test_processes_stay_for_the_next_step_and_end_with_the_context() -> None:
    with Processes(2) as processes:
        processes.start()
        first, second = (
            [processes.ask(process_told, 0, place=place) for place in range(2)] for _ in "ab"
        )
        assert first == second
        assert len(set(first)) == 2
        # Which of them takes what is a matter of speed; nobody else does.
        assert set(run_apart(process_told, range(9), workers=processes)) <= set(first)
    for pid, _ in first:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_what_cannot_be_imported_by_name_is_refused_and_costs_no_process() -> None:
    with Processes(1) as processes:
        pid, _ = processes.ask(process_told, 0)
        with pytest.raises((AttributeError, PicklingError)):
            processes.ask(lambda: 1)
        assert processes.ask(process_told, 0)[0] == pid


SCRIPT = """
import os, signal
from immunerecon.pipeline.processes import Processes
from worker_steps import process_told
processes = Processes(1)
print(processes.ask(process_told, 0)[0], os.getpid(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_script_without_a_guard_works_and_leaves_nothing_when_it_is_killed(
    tmp_path: Path,
) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, str(script)]
    # This returns when nobody holds the other ends of the pipes: the worker has ended, too.
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=env, timeout=60)
    assert run.returncode == -signal.SIGKILL
    worker, leader = run.stdout.split()
    assert worker != leader
    assert run.stderr == "this goes to stderr\n"
