"""What can be read off each file for a draft of samples.csv."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from immunerecon.cytometry.fcs_labels import read_labels
from immunerecon.errors import TubeError
from immunerecon.pipeline.progress import track
from immunerecon.study.guesses import Guess, guess_from_name
from immunerecon.study.labels import known_markers, plain
from immunerecon.study.panel import find_markers

_STAINED = frozenset({"single_stain", "fmo"})


@dataclass(frozen=True)
class DraftRow:
    """One file of a draft.

    Parameters
    ----------
    file
        Path below the study folder.
    guess
        Patient, day and role.
    markers
        That the labels name; none where the file cannot be read.
    channels
        Marker of each channel.
    date
        Of acquisition, ISO; empty where the file has none.
    stain
        Marker of a single stain or FMO control; empty where the name does not tell it.
    data_sets
        How many the file holds; the last is taken.
    fault
        Why the file cannot be read; mostly empty.
    """

    file: str
    guess: Guess
    markers: frozenset[str] = frozenset()
    channels: tuple[tuple[str, str], ...] = ()
    date: str = ""
    stain: str = ""
    data_sets: int = 1
    fault: str = ""

    @property
    def needs_date(self) -> bool:
        """Whether the day of this draw must be counted from its date."""
        return self.guess.role == "draw" and self.guess.day is None

    @property
    def told_by(self) -> str:
        """What the guesses stand on."""
        told = [self.guess.told_by] if self.guess.told_by else []
        if self.needs_date and self.date:
            told.append("date from $DATE")
        if self.stain:
            told.append("stain from the name")
        if self.data_sets > 1:
            told.append(f"the last of {self.data_sets} data sets")
        return ", ".join(told)


def draft_rows(folder: Path, paths: Sequence[Path]) -> list[DraftRow]:
    """Read labels and names of the files of a folder.

    Parameters
    ----------
    folder
        The study folder to be.
    paths
        Its FCS files.
    """
    rows = [_row(folder, path) for path in track(paths, len(paths), "Reading labels")]
    markers = {channel: marker for row in rows for channel, marker in row.channels}
    return [
        replace(row, stain=_stain(row.file, markers)) if row.guess.role in _STAINED else row
        for row in rows
    ]


def _row(folder: Path, path: Path) -> DraftRow:
    file = path.relative_to(folder).as_posix()
    try:
        labels = read_labels(path)
        found = find_markers(labels.channels)
    except TubeError as error:
        return DraftRow(file, guess_from_name(file), fault=str(error))
    return DraftRow(
        file,
        guess_from_name(file, labels.names),
        markers=frozenset(found),
        channels=tuple((channel, marker) for marker, channel in found.items()),
        date=labels.date,
        data_sets=labels.data_sets,
    )


def _stain(file: str, markers: Mapping[str, str]) -> str:
    """Return the marker that a control's name tells, itself or by its detector."""
    name = PurePosixPath(file).stem
    for word in re.split(r"[\s_]+", name):
        if known := known_markers(word, is_label=False):
            return known[0]
    detectors = {plain(channel): marker for channel, marker in markers.items()}
    for detector in sorted(detectors, key=len, reverse=True):  # PE-Cy7 before PE
        if re.search(rf"(?<![A-Za-z0-9-]){re.escape(detector)}(?![A-Za-z0-9]|-[A-Z][a-z])", name):
            return detectors[detector]
    return ""
