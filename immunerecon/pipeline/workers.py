"""The same pure function on many tubes: one process or several, in any order, one outcome.

A worker that dies (killed, out of memory) takes joblib's whole batch with it. Each job therefore
marks that it has begun; those that had begun when a worker died are tried once more, each alone.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from immunerecon.errors import TubeError
from immunerecon.pipeline.records import Record, load_record, save_record


class Job(Protocol):
    """Whatever a step works on."""

    @property
    def index(self) -> int:
        """Position among the things of its kind, by which its outcome is known."""


J = TypeVar("J", bound=Job)
Step = Callable[[J], Record]

DIED_TWICE = (
    "the process that worked on this file died twice (killed, or out of memory); the other files "
    "were not affected. Run again with fewer workers"
)


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
    step: Step[J], jobs: Mapping[str, J], folder: Path, *, workers: int = 1
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
        Processes.

    Yields
    ------
    Outcome
        In order of completion; the jobs already done come first.
    """
    todo = dict(jobs)
    yield from _found(todo, folder)
    if workers == 1:
        yield from (_do(step, key, job, folder) for key, job in todo.items())
        return
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    while todo:
        try:
            for key, outcome in _in_processes(step, todo, folder, workers):
                del todo[key]
                yield outcome
        except TerminatedWorkerError:
            yield from _found(todo, folder)
            suspects = {key: job for key, job in todo.items() if _mark(folder, key).exists()}
            for key, job in suspects.items():
                del todo[key]
                yield _alone(step, key, job, folder)


def _found(todo: dict[str, J], folder: Path) -> Iterator[Outcome]:
    """Yield the jobs that have a record, and take them off the list."""
    for key, job in list(todo.items()):
        if (record := load_record(folder, key)) is not None:
            del todo[key]
            yield Outcome(job.index, record)


def _in_processes(
    step: Step[J], jobs: Mapping[str, J], folder: Path, workers: int
) -> Iterator[tuple[str, Outcome]]:
    from joblib import Parallel, delayed

    parallel = Parallel(n_jobs=workers, return_as="generator_unordered", batch_size=1)
    # A copy: the caller takes finished jobs off its list while this runs.
    yield from parallel(
        delayed(_do_keyed)(step, key, job, folder) for key, job in list(jobs.items())
    )


def _alone(step: Step[J], key: str, job: J, folder: Path) -> Outcome:
    """Try a job a second time in a process of its own."""
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    try:
        # Two processes for one job: with one, joblib would work in this very process.
        [(_, outcome)] = _in_processes(step, {key: job}, folder, 2)
    except TerminatedWorkerError:
        _mark(folder, key).unlink(missing_ok=True)
        return Outcome(job.index, None, DIED_TWICE)
    return outcome


def _do_keyed(step: Step[J], key: str, job: J, folder: Path) -> tuple[str, Outcome]:
    mark = _mark(folder, key)
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    outcome = _do(step, key, job, folder)
    mark.unlink(missing_ok=True)
    return key, outcome


def _mark(folder: Path, key: str) -> Path:
    return folder / f"{key}.begun"


def _do(step: Step[J], key: str, job: J, folder: Path) -> Outcome:
    from threadpoolctl import threadpool_limits

    try:
        # One thread a tube: the same bits whatever the machine, and tubes fill the cores.
        with threadpool_limits(1):
            record = step(job)
    except TubeError as error:
        return Outcome(job.index, None, str(error))
    except Exception as error:  # one tube's surprise must not cost the others their numbers
        return Outcome(job.index, None, f"unexpected {type(error).__name__}: {error}")
    save_record(folder, key, record)
    return Outcome(job.index, record)
