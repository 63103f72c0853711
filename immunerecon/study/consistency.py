"""What the rows of a study's tables must not say, alone or together."""

import os
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from immunerecon.errors import HlaError, Problem
from immunerecon.study.hla import informative_markers
from immunerecon.study.manifest import (
    BloodCount,
    Chimerism,
    ClinicalEvent,
    Patient,
    ReferenceRange,
    Sample,
)
from immunerecon.study.records import R, Records
from immunerecon.study.settings import StudySettings
from immunerecon.study.spelling import nearest

_ROLES_OF_A_PATIENT = frozenset({"draw", "recipient_control", "donor_control", "product"})
_ROLES_WITH_STAIN = frozenset({"single_stain", "fmo"})


@dataclass(frozen=True)
class StudyTables:
    """All tables of a study with their spreadsheet rows.

    Parameters
    ----------
    settings
        Of study.yaml; None when that file is wrong.
    samples, patients, blood_counts, clinical_events, chimerism, reference_ranges
        Rows by table, those without fault; none where a table does not exist.
    """

    settings: StudySettings | None
    samples: Records[Sample]
    patients: Records[Patient]
    blood_counts: Records[BloodCount]
    clinical_events: Records[ClinicalEvent]
    chimerism: Records[Chimerism]
    reference_ranges: Records[ReferenceRange]

    @property
    def each(self) -> tuple[Records[Any], ...]:
        """All tables."""
        return (
            self.samples,
            self.patients,
            self.blood_counts,
            self.clinical_events,
            self.chimerism,
            self.reference_ranges,
        )


def find_problems(tables: StudyTables) -> Iterator[Problem]:
    """Find everything that makes the study wrong as a whole.

    Parameters
    ----------
    tables
        Of the study; faults of single cells are known already.

    Yields
    ------
    Problem
        Table by table.
    """
    if tables.settings is not None:
        yield from _panels(tables.samples, tables.settings)
    yield from _samples(tables.samples)
    yield from _patients(tables.patients)
    yield from _unknown_patients(tables)
    yield from _days(tables.samples, tables.patients)
    yield from _blood_counts(tables.blood_counts)
    yield from _clinical_events(tables.clinical_events)
    yield from _repeats(
        tables.chimerism,
        lambda result: (result.patient, result.day, result.population, result.method),
        column="population",
        what="the same patient, day, population and method",
    )
    yield from _repeats(
        tables.reference_ranges,
        lambda reference: reference.population,
        column="population",
        what="a range of the same population",
    )


def _panels(samples: Records[Sample], settings: StudySettings) -> Iterator[Problem]:
    for row, panel in samples.column("panel"):
        if panel not in settings.panels:
            message = f"panel {panel!r} is not in study.yaml"
            message += _suggestion(panel, settings.panels)
            yield samples.problem(row, "panel", message, ", ".join(settings.panels))
    roles = {role for _, role in samples.column("role")}
    if settings.compensation == "controls" and "single_stain" not in roles:
        message = "is controls, but samples.csv has no single_stain"
        yield Problem("study.yaml", message, column="compensation", accepted="single_stain rows")


def _samples(samples: Records[Sample]) -> Iterator[Problem]:
    for row, sample in samples.rows:
        for column, message, accepted in _sample_faults(sample):
            yield samples.problem(row, column, message, accepted)
    dated = Records(samples.file, tuple(row for row in samples.rows if not _lacks_day(row[1])))
    yield from _repeats(
        dated,
        _tube_of,
        column="replicate",
        what="the same patient, day, panel, role and replicate",
    )
    yield from _same_files(samples)


def _sample_faults(sample: Sample) -> Iterator[tuple[str, str, str]]:
    """Yield column, message and what would be accepted."""
    role = sample.role
    if role in _ROLES_OF_A_PATIENT and not sample.patient:
        yield "patient", f"a {role} has no patient", "a patient id"
    if _lacks_day(sample):
        yield "day", "a draw has neither day nor date", "day, or date with infusion_date"
    if role in _ROLES_WITH_STAIN and not sample.stain:
        yield "stain", f"a {role} has no stain", "the marker stained alone, or left out"
    if sample.beads_added is not None and sample.blood_volume_ul is None:
        yield "blood_volume_ul", "is empty although there are beads_added", "µL of blood stained"


def _lacks_day(sample: Sample) -> bool:
    """Whether a draw is to be told its day first: until then it repeats nothing."""
    return sample.role == "draw" and sample.day is None and sample.date is None


def _tube_of(sample: Sample) -> Hashable:
    """Return what no two tubes may share."""
    tube = (sample.patient, sample.day, sample.date, sample.panel, sample.role, sample.replicate)
    if sample.role in _ROLES_OF_A_PATIENT:
        return tube
    return (*tube, sample.stain, sample.batch)  # one for each marker, and again with each batch


def _same_files(samples: Records[Sample]) -> Iterator[Problem]:
    seen: dict[str, dict[int | None, int]] = {}
    for row, sample in samples.rows:
        earlier = seen.setdefault(os.path.normpath(sample.file), {})
        if earlier and (None in earlier or sample.dataset is None or sample.dataset in earlier):
            other = earlier.get(sample.dataset, next(iter(earlier.values())))
            message = f"{sample.file!r} stands in row {other} already"
            accepted = "each file once, or once for each of its datasets by number"
            yield samples.problem(row, "file", message, accepted)
        earlier.setdefault(sample.dataset, row)


def _days(samples: Records[Sample], patients: Records[Patient]) -> Iterator[Problem]:
    infusions = {patient.patient: patient.infusion_date for patient in patients.records}
    faulty = {name for _, name in patients.column("patient")} - set(infusions)
    for row, sample in samples.rows:
        if sample.date is None or sample.patient in faulty:
            continue
        infusion = infusions.get(sample.patient)
        if infusion is None:
            if sample.role == "draw" and sample.day is None:
                message = f"needs the infusion_date of patient {sample.patient!r}"
                yield samples.problem(row, "date", message, "infusion_date in patients.csv, or day")
        elif sample.day is not None and abs(sample.day - (sample.date - infusion).days) >= 1:
            message = f"{sample.date} is day {(sample.date - infusion).days}, not {sample.day:g}"
            yield samples.problem(row, "date", message, "one of the two, or both alike")


def _patients(patients: Records[Patient]) -> Iterator[Problem]:
    yield from _repeats(patients, lambda p: p.patient, column="patient", what="the same patient")
    for row, patient in patients.rows:
        try:
            informative_markers(
                patient.recipient_hla, patient.donor_hla, (), donor_marker=patient.donor_marker
            )
        except HlaError as error:
            yield patients.problem(row, "donor_marker", str(error), "a marker the typings allow")


def _unknown_patients(tables: StudyTables) -> Iterator[Problem]:
    known = dict.fromkeys(name for _, name in tables.patients.column("patient"))
    if not tables.patients.exists or (tables.patients.problems and not known):
        return  # there is no such table, or it could not be read
    for table in (tables.samples, tables.blood_counts, tables.clinical_events, tables.chimerism):
        for row, patient in table.column("patient"):
            if patient not in known:
                message = f"patient {patient!r} is not in {tables.patients.file}"
                message += _suggestion(patient, known)
                yield table.problem(row, "patient", message, f"an id of {tables.patients.file}")


def _blood_counts(counts: Records[BloodCount]) -> Iterator[Problem]:
    for row, count in counts.rows:
        if count.wbc is None and count.alc is None:
            message = "there is neither wbc nor alc"
            yield counts.problem(row, "wbc", message, "wbc, alc or both, in 10^9/L")
    yield from _repeats(
        counts, lambda c: (c.patient, c.day), column="day", what="a count of that patient and day"
    )


def _clinical_events(events: Records[ClinicalEvent]) -> Iterator[Problem]:
    for row, event in events.rows:
        if event.event == "response" and event.value is None:
            yield events.problem(row, "value", "a response has no value", "CR, PR, SD, PD, NE")
    deaths = Records(events.file, tuple(row for row in events.rows if row[1].event == "death"))
    yield from _repeats(deaths, lambda d: d.patient, column="event", what="that patient's death")


def _repeats(
    records: Records[R], key: Callable[[R], Hashable], *, column: str, what: str
) -> Iterator[Problem]:
    """Find rows that repeat an earlier one."""
    first: dict[Hashable, int] = {}
    for row, record in records.rows:
        earlier = first.setdefault(key(record), row)
        if earlier != row:
            message = f"{what} stands in row {earlier} already"
            yield records.problem(row, column, message, "each once")


def _suggestion(word: str, accepted: Iterable[str]) -> str:
    meant = nearest(word, accepted)
    return f"; is {meant!r} meant?" if meant else ""
