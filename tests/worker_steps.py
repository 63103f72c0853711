"""Steps that a worker process can import by name."""

import os
import signal

from immunerecon.errors import TubeError
from immunerecon.pipeline.jobs import TubeJob
from immunerecon.pipeline.records import Record


def index_of(job: TubeJob) -> Record:
    """Tell the number of a tube."""
    return Record({"index": job.index})


def failing(job: TubeJob) -> Record:
    """Refuse tube 1, and stumble over tube 2."""
    if job.index == 1:
        raise TubeError("no laser", remedy="Look at the cytometer")
    if job.index == 2:
        raise ZeroDivisionError("a surprise")
    return Record({"index": job.index})


def deadly_once(job: TubeJob) -> Record:
    """Kill the process at the first try of tube 2."""
    return _deadly(job, times=1)


def deadly(job: TubeJob) -> Record:
    """Kill the process at each try of tube 2."""
    return _deadly(job, times=9)


def _deadly(job: TubeJob, times: int) -> Record:
    seen = job.path.with_suffix(".seen")
    deaths = len(seen.read_text()) if seen.exists() else 0
    if job.index == 2 and deaths < times:
        seen.write_text("x" * (deaths + 1))
        os.kill(os.getpid(), signal.SIGKILL)
    return Record({"index": job.index})


def process_told(_: int) -> tuple[int, bool]:
    """Tell the process, and whether it ignores Ctrl+C; what is printed is no answer."""
    print("this goes to stderr")  # noqa: T201 - to see where it goes
    return os.getpid(), signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def square_at(number: int, own: int) -> int:
    """Square a number in one process, and kill all others."""
    if os.getpid() != own:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def refused(number: int) -> int:
    """Raise."""
    raise TubeError(f"not {number}")
