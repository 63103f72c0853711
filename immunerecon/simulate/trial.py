"""The patients of a synthetic trial: doses, donors, draws that took place, and outcomes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from immunerecon.simulate.conditions import Conditions
from immunerecon.simulate.haplotypes import Pair, match

FIRST_INFUSION = date(2009, 3, 2)
LOT_CHANGE = date(2009, 9, 1)
CYTOMETER_CHANGE = date(2009, 11, 16)

_NK_CELLS_PER_KG = (3e6, 1e7, 3e7)  # by dose level
_ACCRUAL_DAYS = 45
_TOXICITIES: tuple[tuple[str, int, tuple[int, ...]], ...] = (  # term, first day, grades
    ("Fever", 1, (1, 2, 2, 3)),
    ("Chills", 1, (1, 1, 2)),
    ("Nausea", 2, (1, 2)),
    ("Hypotension", 3, (1, 2, 2, 3)),
    ("Lymphocyte count decreased", 3, (4,)),
    ("Neutrophil count decreased", 7, (3, 4)),
)
_STREAMS = (
    "patient",
    "visit",
    "events",
    "donor_course",
    "own_course",
    "draw",
    "analyser",
    "chimerism",
    "bead_lot",
    "tube",
    "batch",
    "cytometer",
)


@dataclass(frozen=True)
class Plan:
    """What the trial holds ready for its n-th patient.

    Parameters
    ----------
    donor_course
        ``lost``, ``transient``, ``persisting`` or ``never`` (see `biology`).
    donor_peak_per_ul
        Highest number of donor NK cells at the middle dose level.
    marker
        What `haplotypes.match` is asked for.
    response
        Best response, RECIST.
    progression_day, death_day
        Days of progression and death, if they happen.
    dlt
        Whether the patient has a dose-limiting toxicity.
    """

    donor_course: str
    donor_peak_per_ul: float
    marker: str
    response: str
    progression_day: int | None = None
    death_day: int | None = None
    dlt: bool = False

    @property
    def response_day(self) -> int:
        """Day of the scan: day 42, or that of the progression it shows."""
        if self.response == "PD" and self.progression_day is not None:
            return self.progression_day
        return 42


PLANS = (
    Plan("lost", 600, "+", "PR"),
    Plan("lost", 250, "-", "SD", progression_day=168),
    Plan("transient", 40, "+", "PD", progression_day=55, death_day=111),
    Plan("lost", 150, "+", "SD"),
    Plan("never", 0, "+", "PD", progression_day=41),
    Plan("transient", 20, "none", "SD"),
    Plan("persisting", 300, "+", "CR"),
    Plan("lost", 400, "-", "SD", dlt=True),
    Plan("transient", 60, "+", "PD", progression_day=60),
    Plan("lost", 700, "+", "PR"),
    Plan("transient", 10, "+", "SD"),
    Plan("lost", 120, "-", "NE"),
)
_LEVELS = (1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3, 3)


@dataclass(frozen=True)
class Patient:
    """One patient of the trial.

    Parameters
    ----------
    number
        1 for the first patient.
    seed
        Of the trial.
    plan
        What happens to the patient.
    dose_level
        1 to 3.
    nk_cells_per_kg, cd3_cells_per_kg
        Of the infused product.
    infusion_date, age, sex, weight_kg
        Age in years, sex ``M`` or ``F``.
    pair
        HLA of patient and donor.
    days
        Days of the draws that took place.
    counting
        Absolute counts of the lineage tubes: ``beads`` or ``volumetric``.
    """

    number: int
    seed: int
    plan: Plan
    dose_level: int
    nk_cells_per_kg: float
    cd3_cells_per_kg: float
    infusion_date: date
    age: int
    sex: str
    weight_kg: int
    pair: Pair
    days: tuple[int, ...]
    counting: str

    @property
    def id(self) -> str:
        """Identifier in the tables, e.g. ``P01``."""
        return f"P{self.number:02d}"

    @property
    def last_day(self) -> int:
        """Day of the last follow-up."""
        return 760 if self.plan.death_day is None else self.plan.death_day

    def date_of(self, day: int) -> date:
        """Return the calendar date of a day since infusion."""
        return self.infusion_date + timedelta(days=day)


def chance(seed: int, stream: str, *place: int) -> np.random.Generator:
    """Return the source of chance of one place in the trial, independent of all others.

    Parameters
    ----------
    seed
        Of the trial.
    stream
        What is left to chance: ``patient``, ``draw``, ``tube``, ``batch`` and so on.
    *place
        Numbers that tell the place, 0 or above.

    Returns
    -------
    numpy.random.Generator
        The same for the same arguments.

    Examples
    --------
    >>> bool(chance(0, "draw", 3, 14).random() == chance(0, "draw", 3, 14).random())
    True
    """
    key = (_STREAMS.index(stream), *place)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))


def enrol(number: int, *, seed: int, conditions: Conditions) -> Patient:
    """Return the n-th patient of a trial, who is the same however many others there are.

    Parameters
    ----------
    number
        1 for the first patient; after twelve the plans repeat.
    seed
        Of the trial.
    conditions
        Gives the schedule and the share of missed draws.

    Returns
    -------
    Patient
        With donor, dose, draws and outcomes.

    Examples
    --------
    >>> patient = enrol(2, seed=0, conditions=Conditions())
    >>> patient.id, patient.dose_level, patient.pair.informative[0][-1]
    ('P02', 1, '-')
    """
    rng = chance(seed, "patient", number)
    place = (number - 1) % len(PLANS)
    plan, level = PLANS[place], _LEVELS[place]
    sex = "FM"[int(rng.integers(2))]
    return Patient(
        number=number,
        seed=seed,
        plan=plan,
        dose_level=level,
        nk_cells_per_kg=float(f"{_NK_CELLS_PER_KG[level - 1] * rng.uniform(0.9, 1.1):.3g}"),
        cd3_cells_per_kg=float(f"{10 ** rng.uniform(3.8, 4.9):.3g}"),
        infusion_date=FIRST_INFUSION
        + timedelta(days=_ACCRUAL_DAYS * (number - 1) + int(rng.integers(14))),
        age=int(rng.integers(31, 74)),
        sex=sex,
        weight_kg=int(rng.integers(54, 86) if sex == "M" else rng.integers(45, 72)),
        pair=match(rng, plan.marker),
        days=tuple(_days_present(number, plan, seed=seed, conditions=conditions)),
        counting="beads" if number % 2 else "volumetric",
    )


def _days_present(number: int, plan: Plan, *, seed: int, conditions: Conditions) -> Iterator[int]:
    """Yield the scheduled days on which the patient lived and came."""
    for day in conditions.draw_days:
        alive = plan.death_day is None or day < plan.death_day
        came = chance(seed, "visit", number, day + 1000).random() >= conditions.missed_draws
        if alive and (came or day <= 0):
            yield day


def list_events(patient: Patient) -> Iterator[dict[str, object]]:
    """Yield the rows of clinical_events.csv of one patient, by day.

    Parameters
    ----------
    patient
        Whose events.

    Yields
    ------
    dict
        Keys ``patient``, ``day``, ``event``, ``term``, ``grade``, ``value``.

    Examples
    --------
    >>> rows = list(list_events(enrol(3, seed=0, conditions=Conditions())))
    >>> [(row["day"], row["event"]) for row in rows if row["event"] in ("infusion", "death")]
    [(0, 'infusion'), (111, 'death')]
    """
    plan = patient.plan
    rng = chance(patient.seed, "events", patient.number)
    events: list[tuple[int, str, str, int | None, str]] = [(0, "infusion", "", None, "")]
    for term, first_day, grades in _TOXICITIES:
        occurs, grade = rng.random() < 0.8, int(rng.choice(grades))
        if occurs or min(grades) == 4:
            day = first_day + int(rng.integers(3))
            events.append((day, "adverse_event", term, grade, ""))
    if plan.dlt:
        events.append((9, "adverse_event", "Capillary leak syndrome", 4, ""))
        events.append((9, "dlt", "Capillary leak syndrome", 4, ""))
    events.append((plan.response_day, "response", "", None, plan.response))
    if plan.progression_day is not None:
        events.append((plan.progression_day, "progression", "", None, ""))
    ending = "last_follow_up" if plan.death_day is None else "death"
    events.append((patient.last_day, ending, "", None, ""))
    for day, event, term, grade_or_none, value in sorted(events, key=lambda row: row[0]):
        yield {
            "patient": patient.id,
            "day": day,
            "event": event,
            "term": term,
            "grade": "" if grade_or_none is None else grade_or_none,
            "value": value,
        }
