"""A study that grows while it is looked at: tubes are gated as they come from the cytometer."""

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from types import FrameType

from immunerecon.cytometry.fcs import FileState, file_state, read_fcs
from immunerecon.errors import StudyError, TubeError
from immunerecon.files import file_digest
from immunerecon.pipeline.run import run_study
from immunerecon.study.folder import Study, read_arriving_study, study_files
from immunerecon.study.manifest import Sample

_FCS = (".fcs", ".lmd")
Row = tuple[str, int | None]


@dataclass(frozen=True)
class Look:
    """What one look at the study folder found.

    Parameters
    ----------
    states
        Size, time and inode of each file that a row names and that is there.
    accepted
        The state in which a row's file was steady and could be read.
    told
        What was said already, so that it is said once.
    run
        What the tables stand on: rows with the state of their files, and digests of study files.
    """

    states: Mapping[str, FileState] = field(default_factory=dict)
    accepted: Mapping[Row, FileState] = field(default_factory=dict)
    told: frozenset[str] = frozenset()
    run: object = None


def watch_study(
    folder: Path | str,
    out: Path | str,
    *,
    interval: float,
    workers: int = 1,
    until: Event,
    complete: bool = False,
) -> Iterator[str]:
    """Gate the tubes of a study as their files arrive.

    Parameters
    ----------
    folder
        The study folder; samples.csv may get further rows meanwhile.
    out
        Results folder. Its tables are whole at any time, each file stands in them once.
    interval
        Seconds between two looks; a file that both find the same is complete.
    workers
        Processes that gate tubes.
    until
        Ends the watch when it is set, after the tubes in work.
    complete
        Whether to end when the files of all rows were gated.

    Yields
    ------
    str
        What happens, a line each.

    Raises
    ------
    ResultsError
        As in `run_study`.
    """
    folder, look = Path(folder), Look()
    yield f"Watching {folder.name}"
    while not until.is_set():
        try:
            study = read_arriving_study(folder)
        except StudyError as error:  # somebody may be writing samples.csv in this moment
            look, lines = _once(look, f"Waiting for a study without problems: {error}")
            yield from lines
        else:
            look, lines = _seen(study, look)
            yield from lines
            ready = [sample for sample in study.samples if _row(sample) in look.accepted]
            now = _stand(study, ready, look)
            if ready and now != look.run and not until.is_set():
                yield from _gated(replace(study, samples=tuple(ready)), Path(out), workers)
                look = replace(look, run=now)
            if complete and len(ready) == len(study.samples):
                return
        until.wait(interval)
    yield "Stopped; tables are whole"


def _row(sample: Sample) -> Row:
    return sample.file, sample.dataset


def _stand(study: Study, ready: list[Sample], look: Look) -> object:
    """Return all that the tables of these rows stand on."""
    digests = [(name, file_digest(study.folder / name)) for name in study_files(study)]
    return [(_row(sample), look.accepted[_row(sample)]) for sample in ready], digests


def _once(look: Look, *lines: str) -> tuple[Look, list[str]]:
    """Return the lines that were not said yet."""
    new = [line for line in lines if line not in look.told]
    return replace(look, told=look.told | set(new)), new


def _seen(study: Study, before: Look) -> tuple[Look, list[str]]:
    """Look at the files of a study; accept those that are steady and can be read."""
    states: dict[str, FileState] = {}
    accepted: dict[Row, FileState] = {}
    lines: list[str] = []
    for sample in study.samples:
        row = _row(sample)
        try:
            path = study.path_of(sample)
            state = states[sample.file] = file_state(path)
            if state == before.accepted.get(row):
                accepted[row] = state
            elif state == before.states.get(sample.file):
                read_fcs(path, dataset=sample.dataset)
                accepted[row] = state
        except TubeError as error:
            if sample.file in states:
                lines.append(f"Waiting: {sample.file} is steady, but {error}")
            elif (study.folder / sample.file).exists():
                lines.append(f"Refused: {error}")
    named = {sample.file for sample in study.samples}
    lines += [f"No row of samples.csv names {name}" for name in _fcs_files(study) - named]
    look, new = _once(replace(before, states=states, accepted=accepted), *sorted(lines))
    return look, new


def _fcs_files(study: Study) -> set[str]:
    return {
        path.relative_to(study.folder).as_posix()
        for path in study.folder.rglob("*")
        if path.suffix.lower() in _FCS and path.is_file()
    }


def _gated(study: Study, out: Path, workers: int) -> Iterator[str]:
    """Run what has arrived."""
    results = run_study(study, out, workers=workers)
    counts = results.samples["status"].value_counts()
    told = ", ".join(f"{counts.get(status, 0)} {status}" for status in ("ok", "flagged", "failed"))
    yield f"Gated: {len(results.samples)} files ({told})"


@contextmanager
def stopped_by_signals() -> Iterator[Event]:
    """Give an event that Ctrl+C sets; a second Ctrl+C interrupts at once."""
    stop = Event()

    def handle(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {one: signal.signal(one, handle) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
