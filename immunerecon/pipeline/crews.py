"""Who works on the tubes: processes of this machine, a Dask cluster, or one job of a job array."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from immunerecon.errors import ResultsError
from immunerecon.pipeline.processes import Processes


@dataclass(frozen=True)
class Cluster:
    """A Dask cluster that sees the same files as this machine.

    Parameters
    ----------
    address
        Of its scheduler, such as ``tcp://10.0.0.1:8786``.
    """

    address: str


@dataclass(frozen=True)
class Shard:
    """One job of a job array, which works on its share of the tubes.

    Parameters
    ----------
    number
        Of the job, from 1.
    of
        Jobs in the array.
    workers
        Processes of the job.

    Examples
    --------
    >>> [index for index in range(7) if Shard(2, of=3).owns(index)]
    [1, 4]
    """

    number: int
    of: int
    workers: int | Processes = 1

    def owns(self, index: int) -> bool:
        """Return whether the thing at a position is this job's to work on."""
        return index % self.of == self.number - 1


Crew = int | Cluster | Shard | Processes


class UnfinishedError(ResultsError):
    """The other jobs of the array have not done their share of a step yet.

    Parameters
    ----------
    missing
        How many tubes they still have to do.
    """

    def __init__(self, missing: int) -> None:
        self.missing = missing
        super().__init__(f"{missing} tubes of other jobs of the array are not done yet")


def parse_shard(text: str, *, workers: int = 1) -> Shard:
    """Return the job that a text such as ``3/10`` names.

    Parameters
    ----------
    text
        Number of the job, counted from 1, and jobs in the array.
    workers
        Processes of the job.

    Raises
    ------
    ResultsError
        When the text is of another form, or the number is not among the jobs.

    Examples
    --------
    >>> parse_shard("3/10").number
    3
    >>> parse_shard("0/10")
    Traceback (most recent call last):
    immunerecon.errors.ResultsError: shard '0/10' is no job of an array (accepted: 1/N to N/N)
    """
    number, slash, of = text.partition("/")
    if slash and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of):
        return Shard(int(number), int(of), workers)
    raise ResultsError(f"shard {text!r} is no job of an array (accepted: 1/N to N/N)")


@contextmanager
def at_work(crew: Crew, *, at_once: bool = False) -> Iterator[Crew]:
    """Give a crew whose processes, where it has several, end with the context.

    Parameters
    ----------
    crew
        As it was asked for.
    at_once
        Whether its processes are sure to be needed, and start now.

    Examples
    --------
    >>> with at_work(2) as crew:
    ...     type(crew).__name__
    'Processes'
    """
    workers = crew.workers if isinstance(crew, Shard) else crew
    if not isinstance(workers, int) or workers == 1:
        yield crew
        return
    with Processes(workers) as processes:
        if at_once:
            processes.start()
        yield replace(crew, workers=processes) if isinstance(crew, Shard) else processes


def processes_of(crew: Crew) -> int:
    """Return how many processes of this machine a crew may use.

    Examples
    --------
    >>> processes_of(4), processes_of(Shard(1, of=9, workers=2)), processes_of(Cluster("tcp://a:1"))
    (4, 2, 1)
    """
    if isinstance(crew, Shard):
        return processes_of(crew.workers)
    if isinstance(crew, Processes):
        return crew.n
    return 1 if isinstance(crew, Cluster) else crew
