"""The same pure function on many tubes: one process or several, in any order, one outcome.

A job whose worker dies (killed, out of memory) is tried once more, alone, when the others are done.
"""

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from immunerecon.errors import TubeError
from immunerecon.files import write_atomically
from immunerecon.pipeline.crews import Cluster, Crew, Shard, UnfinishedError, at_work
from immunerecon.pipeline.processes import DiedError, Processes
from immunerecon.pipeline.records import Record, load_record, save_record

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController


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
REFUSED = ".refused"  # of notes beside the records


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

    Processes of this machine begin at once; all others when the outcomes are asked for.

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

    Returns
    -------
    iterator of Outcome
        In order of completion; the jobs already done come first.

    Raises
    ------
    UnfinishedError
        When other jobs of the array have not done their share of the step.
    ResultsError
        When the cluster cannot be used.
    """
    todo = dict(jobs)
    found = list(_found(todo, folder))
    if isinstance(workers, Shard):
        return chain(found, _share(step, todo, folder, workers))
    if isinstance(workers, Cluster):
        from immunerecon.pipeline.clusters import on_cluster

        return chain(found, on_cluster(step, todo, folder, workers))
    if isinstance(workers, Processes):
        return chain(found, _in_processes(step, todo, folder, workers))
    if workers > 1:
        return chain(found, _in_own_processes(step, todo, folder, workers))
    return chain(found, (work(step, key, job, folder) for key, job in todo.items()))


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


def _in_processes(
    step: Step[J], todo: Mapping[str, J], folder: Path, processes: Processes
) -> Iterator[Outcome]:
    """Work in several processes, from now on; what one dies of is tried once more, alone."""
    tasks = [(step, key, job, folder) for key, job in todo.items()]
    answers = processes.each(work, tasks)

    def outcomes() -> Iterator[Outcome]:
        died = []
        for position, answer in answers:
            try:
                yield answer.result()
            except DiedError:
                died.append(tasks[position])
        for task in died:
            try:
                yield processes.ask(work, *task)
            except DiedError:
                yield Outcome(task[2].index, None, DIED_TWICE)

    return outcomes()


def _in_own_processes(
    step: Step[J], todo: Mapping[str, J], folder: Path, workers: int
) -> Iterator[Outcome]:
    with Processes(workers) as processes:
        yield from _in_processes(step, todo, folder, processes)


def run_apart(function: Callable[[T], R], things: Sequence[T], *, workers: Crew = 1) -> list[R]:
    """Apply a function to things that are few and keep no records, in processes where it helps.

    Parameters
    ----------
    function
        A pure function, importable by name.
    things
        What it is applied to.
    workers
        Processes of this machine, of a run's own or of a job array; else all is done in this one.

    Returns
    -------
    list
        In the order of `things`; the same bits whatever the number of processes. What a process
        dies of is done again in this one: what was too much side by side may not be.
    """
    if len(things) > 1:
        with at_work(workers.workers if isinstance(workers, Shard) else workers) as processes:
            if isinstance(processes, Processes):
                return _apart_in_processes(function, things, processes)
    return [_apart(function, thing) for thing in things]


def _apart_in_processes(
    function: Callable[[T], R], things: Sequence[T], processes: Processes
) -> list[R]:
    found: dict[int, R] = {}
    for position, answer in processes.each(_apart, [(function, thing) for thing in things]):
        with suppress(DiedError):
            found[position] = answer.result()
    return [
        found[position] if position in found else _apart(function, thing)
        for position, thing in enumerate(things)
    ]


def _apart(function: Callable[[T], R], thing: T) -> R:
    with _one_thread():
        return function(thing)


def _one_thread() -> AbstractContextManager[object]:
    """Hold BLAS to one thread: the same bits whatever the machine, and tubes fill the cores."""
    held: AbstractContextManager[object] = _libraries(len(sys.modules)).limit(limits=1)
    return held


@lru_cache(maxsize=1)
def _libraries(_n_modules: int) -> "ThreadpoolController":
    """Return what BLAS is loaded; looked for again when something was imported since."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def work(step: Step[J], key: str, job: J, folder: Path) -> Outcome:
    """Work on one job and keep its record; what goes wrong with the tube is told, not raised.

    Raises
    ------
    OSError
        When the record cannot be written.
    """
    try:
        with _one_thread():
            record = step(job)
    except TubeError as error:
        return Outcome(job.index, None, str(error))
    except Exception as error:  # one tube's surprise must not cost the others their numbers
        told = _FOLDERS.sub("", str(error))
        return Outcome(job.index, None, f"unexpected {type(error).__name__}: {told}")
    return Outcome(job.index, save_record(folder, key, record))
