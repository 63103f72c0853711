"""The study folder: settings, tables and files of one study, validated together."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

from immunerecon.errors import Problem, StudyError, TubeError
from immunerecon.study.consistency import StudyTables, find_problems
from immunerecon.study.manifest import (
    BloodCount,
    Chimerism,
    ClinicalEvent,
    Patient,
    ReferenceRange,
    Sample,
)
from immunerecon.study.overview import draw_table
from immunerecon.study.paths import resolve_inside
from immunerecon.study.plausibility import find_warnings
from immunerecon.study.records import Records, read_records
from immunerecon.study.settings import FILE, StudySettings, read_settings
from immunerecon.study.spelling import nearest

_MOST_SUGGESTIONS = 20  # comparing names is slow when a whole folder is misnamed


@dataclass(frozen=True)
class Study:
    """One study, as its folder describes it.

    Parameters
    ----------
    folder
        The study folder; nothing in it is ever written to.
    settings
        Of study.yaml.
    samples
        One FCS file each, in the order of samples.csv, with `day` filled in from dates.
    patients
        In the order of patients.csv; without it, those that samples.csv names.
    blood_counts, clinical_events, chimerism
        Rows of the optional tables.
    reference_ranges
        The study's own, or the shipped ones.
    warnings
        What a person should look at.
    """

    folder: Path
    settings: StudySettings
    samples: tuple[Sample, ...]
    patients: tuple[Patient, ...]
    blood_counts: tuple[BloodCount, ...]
    clinical_events: tuple[ClinicalEvent, ...]
    chimerism: tuple[Chimerism, ...]
    reference_ranges: tuple[ReferenceRange, ...]
    warnings: tuple[Problem, ...]

    def path_of(self, sample: Sample) -> Path:
        """Return the path of a sample's file.

        Raises
        ------
        TubeError
            The path leads out of the study folder, or to something that is not a file.
        """
        path = resolve_inside(self.folder, sample.file)
        if not path.is_file():
            raise TubeError(f"{sample.file!r} is not a file", remedy="Name an FCS file")
        return path

    def __repr__(self) -> str:
        return (
            f"<Study {self.settings.name!r}: {len(self.samples)} files of {len(self.patients)} "
            f"patients, panels {', '.join(self.settings.panels)}>"
        )

    def _repr_html_(self) -> str:
        draws = draw_table(
            self.samples, [patient.patient for patient in self.patients], self.settings.panels
        )
        warnings = "".join(f"<li>{escape(str(warning))}</li>" for warning in self.warnings)
        listed = f"<ul>{warnings}</ul>" if warnings else ""
        return f"<p>{escape(repr(self)[1:-1])}</p>{draws}{listed}"


def read_study(folder: Path | str) -> Study:
    r"""Read and validate a study folder.

    Parameters
    ----------
    folder
        It holds study.yaml and samples.csv (or .xlsx), and may hold patients, blood_counts,
        clinical_events and chimerism.

    Returns
    -------
    Study

    Raises
    ------
    StudyError
        The study is wrong as a whole; every problem is told with file, row, column and what would
        be accepted.

    Notes
    -----
    A path that leads out of the study folder does not stop the study: it is among the warnings, and
    `Study.path_of` refuses it.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "study.yaml").write_text("panels: {nk: {strategy: lineage}}\n")
    >>> _ = (folder / "day0.fcs").write_bytes(b"FCS3.1")
    >>> _ = (folder / "samples.csv").write_text("file,patient,day,panel\nday0.fcs,P1,0,NK\n")
    >>> read_study(folder)
    Traceback (most recent call last):
    immunerecon.errors.StudyError: samples.csv, row 2, column panel: panel 'NK' is not in
    study.yaml; is 'nk' meant? (accepted: nk)
    """
    return _read(Path(folder), arriving=False)


def read_arriving_study(folder: Path | str) -> Study:
    """Read a study folder whose FCS files are still to come.

    Parameters
    ----------
    folder
        As in `read_study`.

    Returns
    -------
    Study
        With all rows of samples.csv, whether their files are there or not.

    Raises
    ------
    StudyError
        As in `read_study`, but not for an FCS file that is missing.
    """
    return _read(Path(folder), arriving=True)


def _read(folder: Path, *, arriving: bool) -> Study:
    """Read a study folder, with or without FCS files that are missing."""
    if not folder.is_dir():
        raise StudyError([Problem(folder.name, "there is no such folder")])
    problems: list[Problem] = []
    settings: StudySettings | None = None
    try:
        settings = read_settings(folder)
        problems += _setting_problems(folder, settings)
    except StudyError as error:
        problems += error.problems
    tables = _read_tables(folder, settings)
    problems += _table_problems(tables)
    missing, escaping = _file_problems(folder, tables.samples)
    problems += [] if arriving else missing
    if problems or settings is None:
        raise StudyError(sorted(problems, key=_place))
    warnings = [*escaping, *find_warnings(tables)]
    warnings += [warning for table in tables.each for warning in table.warnings]
    return Study(
        folder=folder,
        settings=settings,
        samples=tables.samples.records,
        patients=tables.patients.records
        if tables.patients.exists
        else _patients_named_in(tables.samples),
        blood_counts=tables.blood_counts.records,
        clinical_events=tables.clinical_events.records,
        chimerism=tables.chimerism.records,
        reference_ranges=tables.reference_ranges.records,
        warnings=tuple(sorted(warnings, key=_place)),
    )


def study_files(study: Study) -> list[str]:
    """Return the files of a study folder that it was read from, besides FCS, relative to it."""
    stems = ("samples", "patients", "blood_counts", "clinical_events", "chimerism")
    settings = study.settings
    strategies = [p.strategy for p in settings.panels.values() if p.strategy_is_path]
    named = [FILE, *strategies, settings.reference_ranges]
    named += [f"{stem}{suffix}" for stem in stems for suffix in (".csv", ".xlsx")]
    if settings.compensation not in ("", "keyword", "controls"):
        named.append(settings.compensation)
    return sorted({name for name in named if name and (study.folder / name).is_file()})


def _read_tables(folder: Path, settings: StudySettings | None) -> StudyTables:
    """Read all tables; their faults stand in them."""
    patients = read_records(folder, "patients", Patient)
    samples = read_records(folder, "samples", Sample)
    return StudyTables(
        settings=settings,
        samples=_with_days(samples, patients),
        patients=patients,
        blood_counts=read_records(folder, "blood_counts", BloodCount),
        clinical_events=read_records(folder, "clinical_events", ClinicalEvent),
        chimerism=read_records(folder, "chimerism", Chimerism),
        reference_ranges=_read_ranges(folder, settings.reference_ranges if settings else ""),
    )


def _read_ranges(folder: Path, file: str) -> Records[ReferenceRange]:
    """Read the study's reference ranges, or the shipped ones."""
    if not file:
        return read_records(Path(__file__).parent, "reference_ranges", ReferenceRange)
    try:
        resolve_inside(folder, file)
    except TubeError:
        return Records(file)  # told with the setting
    return read_records(folder, file.removesuffix(".csv").removesuffix(".xlsx"), ReferenceRange)


def _with_days(samples: Records[Sample], patients: Records[Patient]) -> Records[Sample]:
    """Work out the day of samples that give a date."""
    infusions = {patient.patient: patient.infusion_date for patient in patients.records}

    def fill(sample: Sample) -> Sample:
        infusion = infusions.get(sample.patient)
        if sample.day is not None or sample.date is None or infusion is None:
            return sample
        return sample.model_copy(update={"day": float((sample.date - infusion).days)})

    return replace(samples, rows=tuple((row, fill(sample)) for row, sample in samples.rows))


def _patients_named_in(samples: Records[Sample]) -> tuple[Patient, ...]:
    names = dict.fromkeys(sample.patient for sample in samples.records if sample.patient)
    return tuple(Patient(patient=name) for name in names)


def _table_problems(tables: StudyTables) -> list[Problem]:
    """Collect the faults of cells, of rows together, and of a missing samples.csv."""
    problems = [problem for table in tables.each for problem in table.problems]
    if not tables.samples.exists:
        problems.append(Problem(tables.samples.file, "is missing", accepted="a row an FCS file"))
    elif not tables.samples.rows and not tables.samples.problems:
        problems.append(Problem(tables.samples.file, "has no rows", accepted="a row an FCS file"))
    return [*problems, *find_problems(tables)]


def _setting_problems(folder: Path, settings: StudySettings) -> Iterator[Problem]:
    """Find files named in study.yaml that are not in the study folder."""
    named = [("reference_ranges", settings.reference_ranges, "a CSV of the study folder")]
    if settings.compensation not in {"keyword", "controls"}:
        accepted = "keyword, controls or a CSV of the study folder"
        named.append(("compensation", settings.compensation, accepted))
    for name, panel in settings.panels.items():
        if panel.strategy_is_path:
            accepted = "a shipped strategy, or a .yaml, .xml or .wsp of the study folder"
            named.append((f"panels.{name}.strategy", panel.strategy, accepted))
    for key, file, accepted in named:
        if not file:
            continue
        try:
            if not resolve_inside(folder, file).is_file():
                yield Problem(FILE, f"there is no file {file!r}", column=key, accepted=accepted)
        except TubeError as error:
            yield Problem(FILE, error.reason, column=key, accepted=accepted)


def _file_problems(folder: Path, samples: Records[Sample]) -> tuple[list[Problem], list[Problem]]:
    """Find FCS files that are missing, and those outside the folder."""
    missing: list[Problem] = []
    escaping: list[Problem] = []
    accepted = "a path below the study folder, with forward slashes"
    for row, file in samples.column("file"):
        try:
            path = resolve_inside(folder, file)
        except TubeError as error:
            escaping.append(samples.problem(row, "file", error.reason, error.remedy))
            continue
        if not path.exists():
            meant = _similar_file(path) if len(missing) < _MOST_SUGGESTIONS else ""
            message = f"there is no file {file!r}" + (f"; is {meant!r} meant?" if meant else "")
            missing.append(samples.problem(row, "file", message, accepted))
    return missing, escaping


def _similar_file(path: Path) -> str:
    """Return the name in the same folder that comes closest."""
    there = path.parent.iterdir() if path.parent.is_dir() else ()
    return nearest(path.name, (other.name for other in there))


def _place(problem: Problem) -> tuple[bool, str, int]:
    """Sort key: study.yaml first, then by table and row."""
    return problem.file != FILE, problem.file, problem.row or 0
