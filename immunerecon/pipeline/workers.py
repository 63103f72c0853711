"""The same pure function on many tubes: one process or several, in any order, one outcome.

A worker that dies (killed, out of memory) takes joblib's whole batch with it. Each job therefore
marks that it has begun; those that had begun when a worker died are tried once more, each alone.
"""

import multiprocessing
import re
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from immunerecon.errors import TubeError
from immunerecon.files import write_atomically
from immunerecon.pipeline.crews import Cluster, Crew, Shard, UnfinishedError
from immunerecon.pipeline.records import Record, load_record, save_record


class Job(Protocol):
    """Whatever a step works on."""

    @property
    def index(self) -> int:
        """Position among the things of its kind, by which its outcome is known."""


J = TypeVar("J", bound=Job)
T = TypeVar("T")
R = TypeVar("R")
Step = Callable[[J], Record]

DIED_TWICE = (
    "the process that worked on this file died twice (killed, or out of memory); the other files "
    "were not affected. Run again with fewer workers"
)
_FOLDERS = re.compile(
    r"(?<![\w.])(?:[A-Za-z]:)?[/\\](?:[^\s/\\'\":]+[/\\])+"
)  # results tell no paths
BEGUN, REFUSED = ".begun", ".refused"  # of marks beside the records


@dataclass(frozen=True)
class Outcome:
    """What became of one job.

    Parameters
    ----------
    index
        Of the job.
    record
        What was made, or None.
    error
        Why nothing was made, or empty.
    """

    index: int
    record: Record | None
    error: str = ""


def run_step(
    step: Step[J], jobs: Mapping[str, J], folder: Path, *, workers: Crew = 1
) -> Iterator[Outcome]:
    """Run a step on each job that has no record yet, and keep the records.

    Parameters
    ----------
    step
        A pure function of a job, importable by name.
    jobs
        By the key of their records.
    folder
        Where records are kept.
    workers
        Processes of this machine, a cluster, or a share of a job array.

    Yields
    ------
    Outcome
        In order of completion; the jobs already done come first.

    Raises
    ------
    UnfinishedError
        When other jobs of the array have not done their share of the step.
    ResultsError
        When the cluster cannot be used.
    """
    todo = dict(jobs)
    yield from _found(todo, folder)
    if isinstance(workers, Shard):
        yield from _share(step, todo, folder, workers)
    elif isinstance(workers, Cluster):
        from immunerecon.pipeline.clusters import on_cluster

        yield from on_cluster(step, todo, folder, workers)
    elif workers == 1:
        yield from (work(step, key, job, folder) for key, job in todo.items())
    else:
        yield from _supervised(step, todo, folder, workers)


def _found(todo: dict[str, J], folder: Path) -> Iterator[Outcome]:
    """Yield the jobs that have a record, and take them off the list."""
    for key, job in list(todo.items()):
        if (record := load_record(folder, key)) is not None:
            del todo[key]
            yield Outcome(job.index, record)


def _share(step: Step[J], todo: dict[str, J], folder: Path, shard: Shard) -> Iterator[Outcome]:
    """Work on one share; what cannot be used is noted for the other jobs of the array."""
    missing = 0
    mine: dict[str, J] = {}
    for key, job in todo.items():
        note = folder / f"{key}{REFUSED}"
        if note.exists():
            yield Outcome(job.index, None, note.read_text("utf-8"))
        elif shard.owns(job.index):
            mine[key] = job
        else:
            missing += 1
    keys = {job.index: key for key, job in mine.items()}
    for outcome in run_step(step, mine, folder, workers=shard.workers):
        if outcome.error:
            note = folder / f"{keys[outcome.index]}{REFUSED}"
            write_atomically(note, outcome.error.encode())
        yield outcome
    if missing:
        raise UnfinishedError(missing)


def _supervised(step: Step[J], todo: dict[str, J], folder: Path, workers: int) -> Iterator[Outcome]:
    """Work in several processes, and go on when one of them dies."""
    from joblib.externals.loky.process_executor import BrokenProcessPool

    while todo:
        try:
            for key, outcome in _in_processes(step, todo, folder, workers):
                del todo[key]
                yield outcome
        except BrokenProcessPool:
            yield from _found(todo, folder)
            suspects = {key: job for key, job in todo.items() if mark_of(folder, key).exists()}
            for key, job in suspects.items():
                del todo[key]
                yield _alone(step, key, job, folder)


def _in_processes(
    step: Step[J], jobs: Mapping[str, J], folder: Path, workers: int
) -> Iterator[tuple[str, Outcome]]:
    from joblib import Parallel, delayed

    parallel = Parallel(n_jobs=workers, return_as="generator_unordered", batch_size=1)
    # A copy: the caller takes finished jobs off its list while this runs.
    yield from parallel(
        delayed(work_marked)(step, key, job, folder) for key, job in list(jobs.items())
    )


def _alone(step: Step[J], key: str, job: J, folder: Path) -> Outcome:
    """Try a job a second time in a process of its own."""
    from joblib.externals.loky.process_executor import BrokenProcessPool

    try:
        # Two processes for one job: with one, joblib would work in this very process.
        [(_, outcome)] = _in_processes(step, {key: job}, folder, 2)
    except BrokenProcessPool:
        mark_of(folder, key).unlink(missing_ok=True)
        return Outcome(job.index, None, DIED_TWICE)
    return outcome


def run_apart(function: Callable[[T], R], things: Sequence[T], *, workers: int) -> list[R]:
    """Apply a function to things that are few and keep no records, in processes where it helps.

    Parameters
    ----------
    function
        A pure function, importable by name.
    things
        What it is applied to.
    workers
        Processes. When one of them dies, all is done again in this process, one after the other:
        what was too much side by side may not be.

    Returns
    -------
    list
        In the order of `things`; the same bits whatever the number of processes.
    """
    if workers > 1 and len(things) > 1:
        from joblib import Parallel, delayed
        from joblib.externals.loky.process_executor import BrokenProcessPool

        try:
            return list(Parallel(n_jobs=workers)(delayed(_apart)(function, t) for t in things))
        except BrokenProcessPool:
            pass
    return [_apart(function, thing) for thing in things]


def _apart(function: Callable[[T], R], thing: T) -> R:
    from threadpoolctl import threadpool_limits

    _leave_interrupts_to_the_run()
    with threadpool_limits(1):
        return function(thing)


def _leave_interrupts_to_the_run() -> None:
    """In a worker, ignore Ctrl+C: it reaches all processes, and the run says what then happens."""
    is_worker = multiprocessing.parent_process() is not None
    if is_worker and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def work_marked(step: Step[J], key: str, job: J, folder: Path) -> tuple[str, Outcome]:
    """Work on one job in a worker, which leaves a mark beside the records if it dies."""
    _leave_interrupts_to_the_run()
    mark = mark_of(folder, key)
    mark.parent.mkdir(parents=True, exist_ok=True)
    with mark.open("ab") as stream:
        stream.write(b".")
    outcome = work(step, key, job, folder)
    mark.unlink(missing_ok=True)
    return key, outcome


def mark_of(folder: Path, key: str) -> Path:
    """Return the mark of a job that has begun; it has a byte for each time."""
    return folder / f"{key}{BEGUN}"


def work(step: Step[J], key: str, job: J, folder: Path) -> Outcome:
    """Work on one job and keep its record; what goes wrong with the tube is told, not raised.

    Raises
    ------
    OSError
        When the record cannot be written.
    """
    from threadpoolctl import threadpool_limits

    try:
        # One thread a tube: the same bits whatever the machine, and tubes fill the cores.
        with threadpool_limits(1):
            record = step(job)
    except TubeError as error:
        return Outcome(job.index, None, str(error))
    except Exception as error:  # one tube's surprise must not cost the others their numbers
        told = _FOLDERS.sub("", str(error))
        return Outcome(job.index, None, f"unexpected {type(error).__name__}: {told}")
    return Outcome(job.index, save_record(folder, key, record))
