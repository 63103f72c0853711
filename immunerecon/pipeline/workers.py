"""The same pure function on many tubes: one process or several, in any order, one outcome."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from immunerecon.errors import TubeError
from immunerecon.pipeline.jobs import TubeJob
from immunerecon.pipeline.records import Record, load_record, save_record

Step = Callable[[TubeJob], Record]


@dataclass(frozen=True)
class Outcome:
    """What became of one tube in one step.

    Parameters
    ----------
    index
        Position of its row in samples.csv.
    record
        What was made, or None.
    error
        Why nothing was made, or empty.
    resumed
        Whether an earlier run had made it.
    """

    index: int
    record: Record | None
    error: str = ""
    resumed: bool = False


def run_step(
    step: Step, jobs: Sequence[tuple[str, TubeJob]], folder: Path, *, workers: int = 1
) -> Iterator[Outcome]:
    """Run a step on each job that has no record yet, and keep the records.

    Parameters
    ----------
    step
        A pure function of a job, importable by name.
    jobs
        Each with the key of its record.
    folder
        Where records are kept.
    workers
        Processes.

    Yields
    ------
    Outcome
        In order of completion; the jobs already done come first.
    """
    todo = []
    for key, job in jobs:
        record = load_record(folder, key)
        if record is None:
            todo.append((key, job))
        else:
            yield Outcome(job.index, record, resumed=True)
    if workers == 1 or len(todo) < 2:
        yield from (_done(step, key, job, folder) for key, job in todo)
        return
    from joblib import Parallel, delayed

    parallel = Parallel(n_jobs=workers, return_as="generator_unordered", batch_size=1)
    yield from parallel(delayed(_done)(step, key, job, folder) for key, job in todo)


def _done(step: Step, key: str, job: TubeJob, folder: Path) -> Outcome:
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
