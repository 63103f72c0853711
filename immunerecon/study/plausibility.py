"""What the rows of a study's tables may say, but a person should look at."""

from collections.abc import Iterator

from immunerecon.errors import Problem
from immunerecon.study.alleles import Typing
from immunerecon.study.consistency import StudyTables
from immunerecon.study.manifest import BloodCount, ClinicalEvent, Patient, Sample
from immunerecon.study.records import Records

_MOST_CELLS = 500.0  # 10^9/L; more is not compatible with life
_LONGEST_DAYS = 3653.0
_FEWEST_NK_PER_KG = 1000.0


def find_warnings(tables: StudyTables) -> Iterator[Problem]:
    """Find values that are hardly what was meant.

    Parameters
    ----------
    tables
        Of the study.

    Yields
    ------
    Problem
        With the row; none of them stops a run.
    """
    yield from _late_draws(tables.samples, tables.clinical_events)
    yield from _before_birth(tables.samples, tables.patients)
    yield from _patients(tables.patients)
    yield from _blood_counts(tables.blood_counts)
    yield from _clinical_events(tables.clinical_events)


def _before_birth(samples: Records[Sample], patients: Records[Patient]) -> Iterator[Problem]:
    ages = {patient.patient: patient.age for patient in patients.records}
    for row, sample in samples.rows:
        age = ages.get(sample.patient)
        # Age is told in whole years, so the patient may be nearly a year older.
        if age is not None and sample.day is not None and sample.day < -(age + 1) * 365.25:
            message = f"day {sample.day:g} is before the birth of a patient of age {age:g}"
            yield samples.problem(row, "day", message)


def _late_draws(samples: Records[Sample], events: Records[ClinicalEvent]) -> Iterator[Problem]:
    last = {
        (event.patient, event.event): event.day
        for event in events.records
        if event.event in {"death", "last_follow_up"}
    }
    for row, sample in samples.rows:
        if sample.role != "draw" or sample.day is None:
            continue
        for event in ("death", "last_follow_up"):
            day = last.get((sample.patient, event))
            if day is not None and sample.day > day:
                message = f"the draw of day {sample.day:g} comes after the {event} of day {day:g}"
                yield samples.problem(row, "day", message)
        if abs(sample.day) > _LONGEST_DAYS:
            message = f"day {sample.day:g} is {sample.day / 365.25:.0f} years from the infusion"
            yield samples.problem(row, "day", message, "days from the infusion, or date")


def _patients(patients: Records[Patient]) -> Iterator[Problem]:
    for row, patient in patients.rows:
        if patient.donor_hla.alleles and _same(patient.donor_hla, patient.recipient_hla):
            message = "donor and recipient have the same typing: no marker can tell them apart"
            yield patients.problem(row, "donor_hla", message)
        cells = patient.nk_cells_per_kg
        if cells is not None and 0 < cells < _FEWEST_NK_PER_KG:
            message = f"{cells:g} cells/kg is very few; is it in 10^6/kg?"
            yield patients.problem(row, "nk_cells_per_kg", message, "cells/kg, such as 3e7")


def _same(one: Typing, other: Typing) -> bool:
    def key(typing: Typing) -> list[tuple[str, list[str]]]:
        return sorted((allele.name, sorted(allele.antigens)) for allele in typing.alleles)

    return key(one) == key(other)


def _blood_counts(counts: Records[BloodCount]) -> Iterator[Problem]:
    for row, count in counts.rows:
        for column, value in (("wbc", count.wbc), ("alc", count.alc)):
            if value is not None and value > _MOST_CELLS:
                message = f"{value:g} x 10^9/L is impossible; is it in cells/µL?"
                yield counts.problem(row, column, message, "10^9/L, which is 1000/µL")
        message = _disagreement(count)
        if message:
            yield counts.problem(row, "alc", message)
    percents = [c.lymphocytes_percent for c in counts.records if c.lymphocytes_percent is not None]
    if len(percents) > 2 and max(percents) <= 1 and any(percents):
        message = "no value is above 1; are they fractions?"
        yield counts.problem(2, "lymphocytes_percent", message, "0-100")


def _disagreement(count: BloodCount) -> str:
    """Say how the lymphocytes differ from what leukocytes and percentage give; empty if not."""
    if count.alc is None or count.wbc is None:
        return ""
    if count.alc > 1.05 * count.wbc:
        return f"alc {count.alc:g} is more than wbc {count.wbc:g}"
    if count.lymphocytes_percent is None:
        return ""
    expected = count.wbc * count.lymphocytes_percent / 100
    if abs(count.alc - expected) <= max(0.2 * expected, 0.1):
        return ""
    return f"alc {count.alc:g} is not {count.lymphocytes_percent:g} % of wbc {count.wbc:g}"


def _clinical_events(events: Records[ClinicalEvent]) -> Iterator[Problem]:
    first: dict[str, tuple[float, int]] = {}
    for row, event in events.rows:
        if event.event in {"adverse_event", "dlt"} and event.grade is None:
            yield events.problem(row, "grade", f"the {event.event} has no grade", "CTCAE 1-5")
        if event.event == "infusion":
            first[event.patient] = min(first.get(event.patient, (event.day, row)), (event.day, row))
    for patient, (day, row) in first.items():
        if day != 0:
            message = f"the first infusion of {patient} is on day {day:g}; days count from it"
            yield events.problem(row, "day", message, "day 0")
