"""A study folder from a folder of FCS files: tables to correct, with what each guess stands on."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from immunerecon.errors import Problem, StudyError
from immunerecon.files import write_atomically
from immunerecon.pipeline.draft_days import infusion_dates
from immunerecon.pipeline.draft_panels import draft_panels, draft_settings
from immunerecon.pipeline.draft_rows import DraftRow, draft_rows

_AWAY = "correct it and run immunerecon validate, or move it away to draft it anew"
_SUFFIXES = (".fcs", ".lmd")
_SAMPLES = (
    *("file", "patient", "day", "date", "panel", "role", "stain", "dataset", "guess"),
    *("batch", "beads_added", "blood_volume_ul", "acquired_volume_ul", "dilution"),
)
_PATIENTS = ("patient", "infusion_date", "dose_level", "recipient_hla", "donor_hla", "guess")


@dataclass(frozen=True)
class Draft:
    """A drafted study.

    Parameters
    ----------
    written
        The files: study.yaml, samples.csv, patients.csv.
    left_out
        Hidden files, which are no tubes: macOS writes ``._NAME.fcs`` beside NAME.fcs.
    to_do
        What a person must fill in or look at, most pressing first.
    """

    written: tuple[Path, ...]
    left_out: tuple[str, ...]
    to_do: tuple[str, ...]


def draft_study(folder: Path | str) -> Draft:
    """Write study.yaml, samples.csv and patients.csv for a folder of FCS files.

    Parameters
    ----------
    folder
        Holds the files, in subfolders as it pleases. Nothing that is there is changed.

    Returns
    -------
    Draft

    Raises
    ------
    StudyError
        When there is no FCS file, or one of the three files is there already.

    Notes
    -----
    Files with the same stained markers are one panel; a panel gets the shipped strategy that looks
    at most of its markers. Patient, day and role are read off the names of files and folders, then
    off what was typed for sample and tube; a draw without a day gets the date of its acquisition.
    """
    folder = Path(folder)
    _check(folder)
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES and p.is_file())
    hidden = [path for path in found if path.name.startswith(".")]
    paths = [path for path in found if path not in hidden]
    if not paths:
        raise StudyError([Problem(folder.name, "holds no FCS file", accepted="*.fcs, *.lmd")])
    rows = draft_rows(folder, paths)
    panels = draft_panels([row.markers for row in rows])
    dates = infusion_dates(rows)
    return Draft(
        written=(
            write_atomically(folder / "study.yaml", draft_settings(folder, panels).encode()),
            write_atomically(folder / "samples.csv", _samples(rows, panels)),
            write_atomically(folder / "patients.csv", _patients(rows, dates)),
        ),
        left_out=tuple(path.relative_to(folder).as_posix() for path in hidden),
        to_do=tuple(_to_do(rows, dates)),
    )


def _check(folder: Path) -> None:
    if not folder.is_dir():
        raise StudyError([Problem(folder.name, "there is no such folder")])
    there = [n for n in ("study.yaml", "samples.csv", "patients.csv") if (folder / n).exists()]
    if there:
        raise StudyError(
            [
                Problem(name, "is there already and is not overwritten", accepted=_AWAY)
                for name in there
            ]
        )


def _samples(rows: Sequence[DraftRow], panels: Mapping[frozenset[str], str]) -> bytes:
    return _table(
        _SAMPLES,
        (
            {
                "file": row.file,
                "patient": row.guess.patient,
                "day": "" if row.guess.day is None else f"{row.guess.day:g}",
                "date": row.date if row.needs_date else "",
                "panel": panels[row.markers],
                "role": row.guess.role,
                "stain": row.stain,
                "dataset": row.data_sets if row.data_sets > 1 else "",
                "guess": row.told_by,
            }
            for row in rows
        ),
    )


def _patients(rows: Sequence[DraftRow], dates: Mapping[str, tuple[str, str]]) -> bytes:
    names = sorted({row.guess.patient for row in rows if row.guess.patient})
    return _table(
        _PATIENTS,
        (
            {
                "patient": name,
                "infusion_date": dates.get(name, ("", ""))[0],
                "guess": dates.get(name, ("", ""))[1],
            }
            for name in names
        ),
    )


def _table(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> bytes:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().encode()


def _to_do(rows: Sequence[DraftRow], dates: Mapping[str, tuple[str, str]]) -> Iterable[str]:
    """Say what the files could not tell."""
    draws = [row for row in rows if row.guess.role == "draw"]
    if lost := [row for row in draws if row.guess.day is None and not row.date]:
        yield f"samples.csv: fill in the day of {_named(lost)}"
    dated = {row.guess.patient for row in draws if row.needs_date and row.guess.patient}
    if missing := sorted(dated - set(dates)):
        yield f"patients.csv: fill in the infusion_date of {', '.join(missing)}"
    if guessed := sorted(dated & set(dates)):
        yield f"patients.csv: look at the infusion_date guessed for {', '.join(guessed)}"
    if nobody := [row for row in draws if not row.guess.patient]:
        yield f"samples.csv: fill in the patient of {_named(nobody)}"
    stained = [row for row in rows if row.guess.role in ("single_stain", "fmo")]
    if unnamed := [row for row in stained if not row.stain]:
        yield f"samples.csv: fill in the stain of {_named(unnamed)}"
    for row in rows:
        if row.fault:
            yield f"{row.file} cannot be read: {row.fault}"
    if any(marker.startswith("HLA-") for row in rows for marker in row.markers):
        yield "patients.csv: recipient_hla and donor_hla, or donor cells are not evaluable"
    yield (
        "samples.csv: beads_added with blood_volume_ul, or acquired_volume_ul with dilution; or "
        "blood_counts.csv. Without any of these there are percentages, but no cells per µL"
    )


def _named(rows: Sequence[DraftRow]) -> str:
    """Name the first rows as a spreadsheet shows them, and say how many there are."""
    more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
    return f"{rows[0].file}{more}"
