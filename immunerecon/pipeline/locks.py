"""One run at a time on a results folder, and never on a folder of something else."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from immunerecon.errors import ResultsError
from immunerecon.files import UNFINISHED
from immunerecon.pipeline.clusters import BEGUN
from immunerecon.pipeline.crews import Shard
from immunerecon.pipeline.workers import REFUSED

_OURS = ("run.json", "records", ".lock", "audit.jsonl")


@contextmanager
def locked(out: Path, study_folder: Path) -> Iterator[None]:
    """Hold a results folder for one run, and clear away what a killed one left half done.

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
    _check(out, study_folder)
    out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        for name in [".lock", *sorted(path.name for path in out.glob(".shard-*.lock"))]:
            _hold(held, out / name, f"another run is working on {out}")
        for ending in (UNFINISHED, BEGUN, REFUSED):
            for path in out.rglob(f"*{ending}"):
                path.unlink(missing_ok=True)
        yield


@contextmanager
def shard_locked(out: Path, study_folder: Path, shard: Shard) -> Iterator[None]:
    """Hold one share of a results folder; other jobs of the array work beside it.

    Parameters
    ----------
    out, study_folder
        As in `locked`.
    shard
        The job.

    Raises
    ------
    ResultsError
        As in `locked`, and when the same job is at work already.
    """
    _check(out, study_folder)
    out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as probe:
        _hold(probe, out / ".lock", f"a whole run is working on {out}")
    with ExitStack() as held:
        name = f".shard-{shard.number}-of-{shard.of}.lock"
        _hold(held, out / name, f"shard {shard.number}/{shard.of} is working on {out} already")
        yield


def _check(out: Path, study_folder: Path) -> None:
    """Refuse a folder that is not for results."""
    if out.resolve().is_relative_to(study_folder.resolve()):
        raise ResultsError(
            f"{out} lies inside the study folder, which is never written to: choose another --out"
        )
    if out.exists() and not out.is_dir():
        raise ResultsError(f"{out} is a file: choose a folder for --out")
    found = [path.name for path in out.iterdir()] if out.is_dir() else []
    if found and not any(name in _OURS or name.startswith(".shard-") for name in found):
        raise ResultsError(f"{out} holds files that are not results: choose another --out")


def _hold(held: ExitStack, path: Path, otherwise: str) -> None:
    """Hold a lock until the stack is closed; the system gives it back when the process dies."""
    from filelock import FileLock, Timeout

    try:
        held.enter_context(FileLock(path).acquire(timeout=0))
    except Timeout as error:
        raise ResultsError(f"{otherwise}: wait for it, or choose another --out") from error
