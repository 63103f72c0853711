"""The same step on a Dask cluster, whose workers see the study and the results folder.

Workers keep records themselves; over the network go jobs and short answers. A worker that dies
costs the tube that it had begun one more try, and none of those that waited for it.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from immunerecon.errors import ResultsError
from immunerecon.pipeline.crews import Cluster
from immunerecon.pipeline.plan import code_version
from immunerecon.pipeline.records import load_record
from immunerecon.pipeline.workers import DIED_TWICE, J, Outcome, Step, work

if TYPE_CHECKING:
    from distributed import Client

BEGUN = ".begun"  # of marks beside the records
_IN_FLIGHT = 2000  # jobs that the scheduler holds at a time
_MOST_TRIES = 20  # of a job that waited each time at a worker that died
_CONNECT_SECONDS = 20


def on_cluster(
    step: Step[J], todo: Mapping[str, J], folder: Path, cluster: Cluster
) -> Iterator[Outcome]:
    """Run a step on each job.

    Parameters
    ----------
    step, todo, folder
        As in `run_step`.
    cluster
        The cluster.

    Yields
    ------
    Outcome
        In order of completion.

    Raises
    ------
    ResultsError
        When there is no scheduler at the address, Dask is not installed, a worker has another
        version of the package or does not see the files.
    """
    if not todo:
        return
    with _client(cluster) as client:
        from distributed import as_completed

        jobs = iter(todo.items())
        waiting: dict[str, tuple[str, J, int]] = {}
        finished = as_completed(loop=client.loop)

        def submit(key: str, job: J, tries: int) -> None:
            future = client.submit(
                _on_worker, step, key, job, folder.resolve(), code_version(), pure=False
            )
            waiting[future.key] = (key, job, tries)
            finished.add(future)

        for key, job in islice(jobs, _IN_FLIGHT):
            submit(key, job, 1)
        for future in finished:
            key, job, tries = waiting.pop(future.key)
            outcome = _outcome(future, key, job, folder)
            if outcome is None and tries < _MOST_TRIES:
                submit(key, job, tries + 1)
                continue
            yield outcome or Outcome(job.index, None, DIED_TWICE)
            for another, its_job in islice(jobs, 1):
                submit(another, its_job, 1)


def _client(cluster: Cluster) -> "Client":
    try:
        from distributed import Client
    except ImportError as error:
        raise ResultsError("a scheduler needs Dask: pip install 'immunerecon[cluster]'") from error
    try:
        return Client(cluster.address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ResultsError(
            f"no Dask scheduler answers at {cluster.address!r} (accepted: such as "
            "tcp://10.0.0.1:8786, which `dask scheduler` prints)"
        ) from error


def _outcome(future: Any, key: str, job: J, folder: Path) -> Outcome | None:  # noqa: ANN401 - distributed ships no types
    """Return what became of a job, None when it is to be tried again."""
    from distributed.scheduler import KilledWorker

    error = future.exception()
    if isinstance(error, KilledWorker):
        mark = _mark_of(folder, key)
        if not mark.exists() or mark.stat().st_size < 2:
            return None
        mark.unlink()
        return Outcome(job.index, None, DIED_TWICE)
    if error is not None:
        raise error
    if told := future.result():
        return Outcome(job.index, None, told)
    record = load_record(folder, key)
    if record is None:
        raise ResultsError(
            f"a worker says that it wrote {key}, and it is not in {folder.name}: let all machines "
            "of the cluster see the same study and results folder"
        )
    return Outcome(job.index, record)


def _on_worker(step: Step[J], key: str, job: J, folder: Path, version: str) -> str:
    """Work on one job on a worker of the cluster; return why nothing was made, or nothing."""
    from threadpoolctl import threadpool_limits

    if code_version() != version:
        raise ResultsError(
            f"a worker of the cluster has immunerecon {code_version()}, this machine has {version}:"
            " install the same version on all"
        )
    # For good: threads of one worker would else undo each other's limit.
    threadpool_limits(1)
    # A worker may die after its work is done and before it has said so.
    if load_record(folder, key) is not None:
        _mark_of(folder, key).unlink(missing_ok=True)
        return ""
    mark = _mark_of(folder, key)
    if mark.exists() and mark.stat().st_size >= 2:
        mark.unlink()
        return DIED_TWICE
    mark.parent.mkdir(parents=True, exist_ok=True)
    with mark.open("ab") as stream:
        stream.write(b".")
    error = work(step, key, job, folder).error
    mark.unlink(missing_ok=True)
    return error


def _mark_of(folder: Path, key: str) -> Path:
    """Return the mark of a job that has begun; it has a byte for each time."""
    return folder / f"{key}{BEGUN}"
