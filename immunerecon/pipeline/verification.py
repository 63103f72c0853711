"""Proof that a results folder is what the run wrote, from what the study folder still holds."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from immunerecon.errors import ResultsError, StrategyError, StudyError, TubeError
from immunerecon.files import file_digest
from immunerecon.gating.overrides.override_file import load_overrides
from immunerecon.pipeline.provenance import AUDIT, broken_link, read_audit, read_run
from immunerecon.pipeline.seals import SEALED, SUMS, files_of, read_sums
from immunerecon.pipeline.tube_overrides import overrides_beside, overrides_of_run
from immunerecon.study.paths import resolve_inside


@dataclass(frozen=True)
class Verification:
    """What was held against what the run wrote.

    Parameters
    ----------
    differences
        What is not as the run wrote it, in the order in which it was found; empty when all is.
    n_results, n_inputs
        Files of the results and of the study that were compared.
    last_hash
        Of the audit trail. Kept elsewhere, it shows later that the trail was not made anew.
    """

    differences: tuple[str, ...]
    n_results: int
    n_inputs: int
    last_hash: str


def verify_results(
    folder: Path | str, *, study: Path | str | None = None, overrides: Path | str | None = None
) -> Verification:
    """Hold a results folder, and the study it came from, against the run's own digests.

    Parameters
    ----------
    folder
        Written by `run_study`.
    study
        The study folder; without it, inputs are not compared.
    overrides
        File of overrides; the review's beside the results folder when left out, if it is there.

    Returns
    -------
    Verification

    Raises
    ------
    ResultsError
        When the folder holds no finished run, or its audit trail cannot be read.

    Notes
    -----
    Whoever can write to the folder can also make digests and trail anew. Against this helps only
    what lies elsewhere: a copy of the trail's last hash, or a write-once archive.
    """
    folder = Path(folder)
    entries = read_audit(folder)
    run = read_run(folder)
    if run is None or "ended" not in run or not (folder / SUMS).exists():
        raise ResultsError(f"{folder.name} holds no finished run: run the study again")
    sums = read_sums(folder)
    inputs = {**run.get("study_files", {}), **run["inputs"]} if study is not None else {}
    told = overrides_beside(folder) if overrides is None else overrides
    differences = [
        *_trail_differences(folder, entries),
        *_result_differences(folder, sums),
        *_override_differences(Path(told), run, given=overrides is not None),
        *(_input_differences(Path(study), inputs) if study is not None else ()),
    ]
    last = str(entries[-1]["hash"]) if entries else ""
    return Verification(tuple(differences), len(sums), len(inputs), last)


def _trail_differences(folder: Path, entries: list[dict[str, object]]) -> Iterator[str]:
    if not (folder / AUDIT).is_file():
        yield f"{AUDIT}: is missing"
        return
    if number := broken_link(entries):
        yield f"{AUDIT}, line {number}: was changed, or a line before it was taken out"
    if not (folder / AUDIT).read_bytes().endswith(b"\n"):
        yield f"{AUDIT}: the last line is cut short"
    seals = [entry[SEALED] for entry in entries if SEALED in entry]
    if not seals or seals[-1] != file_digest(folder / SUMS):
        yield f"{SUMS}: is not the one that {AUDIT} tells of"


def _result_differences(folder: Path, sums: Mapping[str, str]) -> Iterator[str]:
    for name, digest in sums.items():
        if not (folder / name).is_file():
            yield f"{name}: is missing"
        elif file_digest(folder / name) != digest:
            yield f"{name}: was changed after the run"
    for name in files_of(folder):
        # What a later, unfinished run keeps in records does no harm, and notes beside them neither.
        if name not in sums and "/" in name and not name.startswith("records/"):
            yield f"{name}: was not written by the run"


def _override_differences(path: Path, run: Mapping[str, Any], *, given: bool) -> Iterator[str]:
    if not path.exists():
        if given:
            yield f"{path.name}: is missing"
        return
    try:
        if load_overrides(path) != overrides_of_run(run):
            yield f"{path.name}: does not hold the overrides of the run"
    except (StrategyError, StudyError) as error:
        yield f"{path.name}: {error}"


def _input_differences(study: Path, inputs: Mapping[str, str]) -> Iterator[str]:
    for name, digest in inputs.items():
        try:
            path = resolve_inside(study, name)
        except TubeError as error:
            yield f"{study.name}/{name}: {error.reason}"
            continue
        if not path.is_file():
            yield f"{study.name}/{name}: is missing"
        elif file_digest(path) != digest:
            yield f"{study.name}/{name}: is not the file that was run"
