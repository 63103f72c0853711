"""One run at a time on a results folder, and never on a folder of something else."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from immunerecon.errors import ResultsError
from immunerecon.pipeline.provenance import read_run

_OURS = ("run.json", "records", ".lock", "audit.jsonl")


@contextmanager
def locked(out: Path, study_folder: Path) -> Iterator[None]:
    """Hold a results folder for one run.

    Parameters
    ----------
    out
        The results folder; made if need be.
    study_folder
        The study, which is never written to.

    Raises
    ------
    ResultsError
        When another run holds it, it lies in the study, or it belongs to something else.
    """
    from filelock import FileLock, Timeout

    if out.resolve().is_relative_to(study_folder.resolve()):
        raise ResultsError(
            f"{out} lies inside the study folder, which is never written to: choose another --out"
        )
    if out.exists() and not out.is_dir():
        raise ResultsError(f"{out} is a file: choose a folder for --out")
    if out.is_dir() and any(out.iterdir()) and not any((out / name).exists() for name in _OURS):
        raise ResultsError(f"{out} holds files that are not results: choose another --out")
    out.mkdir(parents=True, exist_ok=True)
    lock = FileLock(out / ".lock")
    try:
        with lock.acquire(timeout=0):
            yield
    except Timeout as error:
        started = (read_run(out) or {}).get("started", "")
        raise ResultsError(
            f"another run is working on {out}{f' since {started}' if started else ''}: wait for "
            "it, or choose another --out"
        ) from error
