"""A study folder from a folder of FCS files: tables to correct, with what each guess stands on."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from immunerecon.cytometry.fcs import read_fcs
from immunerecon.errors import Problem, StudyError, TubeError
from immunerecon.files import write_atomically
from immunerecon.pipeline.progress import track
from immunerecon.study.antibodies import hla_marker
from immunerecon.study.guesses import Guess, guess_from_name
from immunerecon.study.panel import find_markers

_COLUMNS = ("file", "patient", "day", "panel", "role", "stain", "guess")
_SUFFIXES = (".fcs", ".lmd")


def draft_study(folder: Path | str) -> tuple[Path, ...]:
    """Write study.yaml, samples.csv and patients.csv for a folder of FCS files.

    Parameters
    ----------
    folder
        Holds the files, in subfolders as it pleases. Nothing that is there is changed.

    Returns
    -------
    tuple of Path
        The files written.

    Raises
    ------
    StudyError
        When there is no FCS file, or one of the three files is there already.

    Notes
    -----
    Files with the same stained markers are one panel; a panel with an anti-HLA marker gets the
    strategy ``donor_nk``, every other ``lineage``. Patient, day and role are read off the names.
    """
    folder = Path(folder)
    _check(folder)
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES and p.is_file())
    if not paths:
        raise StudyError([Problem(folder.name, "holds no FCS file", accepted="*.fcs, *.lmd")])
    files = [path.relative_to(folder).as_posix() for path in paths]
    markers = {
        file: _markers(path)
        for file, path in track(zip(files, paths, strict=True), len(files), "Reading labels")
    }
    panels = _panels(markers)
    guesses = {file: guess_from_name(file) for file in files}
    patients = sorted({guess.patient for guess in guesses.values() if guess.patient})
    return (
        write_atomically(folder / "study.yaml", _settings(folder.name, panels).encode()),
        write_atomically(folder / "samples.csv", _samples(guesses, markers, panels)),
        write_atomically(folder / "patients.csv", _rows([("patient",), *((p,) for p in patients)])),
    )


def _check(folder: Path) -> None:
    if not folder.is_dir():
        raise StudyError([Problem(folder.name, "there is no such folder")])
    there = [n for n in ("study.yaml", "samples.csv", "patients.csv") if (folder / n).exists()]
    if there:
        raise StudyError(
            [
                Problem(name, "is there already and is not overwritten: move it away")
                for name in there
            ]
        )


def _markers(path: Path) -> frozenset[str]:
    """Return the stained markers of a file, none where it cannot be read (`run` says why)."""
    try:
        tube = read_fcs(path)
        return frozenset(find_markers([(c.name, c.label) for c in tube.channels]))
    except TubeError:
        return frozenset()


def _panels(markers: Mapping[str, frozenset[str]]) -> dict[frozenset[str], str]:
    """Return a name for each set of markers, the commonest first."""
    found = list(markers.values())
    ordered = sorted(set(found), key=lambda one: (-found.count(one), sorted(one)))
    names: dict[frozenset[str], str] = {}
    for one in ordered:
        base = _strategy(one)
        taken = sum(name.split("_tube")[0] == base for name in names.values())
        names[one] = base if not taken else f"{base}_tube{taken + 1}"
    return names


def _strategy(markers: frozenset[str]) -> str:
    return "donor_nk" if any(map(hla_marker, markers)) else "lineage"


def _settings(name: str, panels: Mapping[frozenset[str], str]) -> str:
    lines = [f"name: {name}", "panels:"]
    for markers, panel in panels.items():
        stains = [m for m in sorted(markers) if not m.startswith(("FSC", "SSC", "Time"))]
        lines += [
            f"  {panel}:  # {', '.join(stains) or 'no known marker: name channels under markers'}",
            f"    strategy: {_strategy(markers)}",
        ]
    return "\n".join(lines) + "\n"


def _samples(
    guesses: Mapping[str, Guess],
    markers: Mapping[str, frozenset[str]],
    panels: Mapping[frozenset[str], str],
) -> bytes:
    rows: list[Sequence[object]] = [_COLUMNS]
    for file, guess in guesses.items():
        day = "" if guess.day is None else f"{guess.day:g}"
        panel = panels[markers[file]]
        rows.append((file, guess.patient, day, panel, guess.role, "", guess.told_by))
    return _rows(rows)


def _rows(rows: Sequence[Sequence[object]]) -> bytes:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue().encode()
