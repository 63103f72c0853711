"""What is in the blood: true cells per µL of each population over time, patient's and donor's."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from immunerecon.simulate.conditions import Conditions
from immunerecon.simulate.phenotypes import LYMPHOCYTES
from immunerecon.simulate.trial import Patient, chance


@dataclass(frozen=True)
class Course:
    """Depletion and recovery of one of the patient's own populations.

    The deficit is followed in log10: none before cyclophosphamide, ``depth`` at the nadir, then
    halved every ``half_life`` days.

    Parameters
    ----------
    baseline_per_ul
        Median before treatment, cells/µL.
    depth
        Log10 fall at the nadir.
    onset_day, nadir_day
        Days from infusion between which the number falls.
    half_life
        Of the deficit, days.
    """

    baseline_per_ul: float
    depth: float
    onset_day: float
    nadir_day: float
    half_life: float


# Baselines: means of healthy Korean adults (PMC4275386) for T, CD4, CD8, B and NK, split
# into parts in usual proportions; leukocytes as in an ordinary blood count.
COURSES: Mapping[str, Course] = MappingProxyType(
    {
        "CD4": Course(735, 1.9, -5, 4, 75),
        "CD8": Course(385, 1.9, -5, 4, 24),
        "DN": Course(45, 1.7, -5, 4, 30),
        "NKT_CD8": Course(62, 1.7, -5, 4, 22),
        "NKT_CD4": Course(18, 1.7, -5, 4, 50),
        "NKT_DN": Course(9, 1.7, -5, 4, 30),
        "B": Course(195, 2.2, -5, 9, 80),
        "NK_bright": Course(16, 1.2, -5, 3, 7),
        "NK_dim": Course(265, 1.8, -5, 4, 12),
        "NK_CD56neg": Course(9, 1.6, -5, 4, 12),
        "Mono_classical": Course(360, 1.3, -3, 6, 4),
        "Mono_CD16": Course(38, 1.7, -3, 6, 6),
        "Neutrophil": Course(3500, 1.2, -2, 9, 3),
        "Eosinophil": Course(170, 1.0, -3, 5, 5),
        "Basophil": Course(42, 1.0, -2, 7, 8),
    }
)
DEBRIS_PER_UL = 450.0
_NADIR_DAYS = range(1, 11)
_PASSENGERS = {"NK_CD56neg": 0.03, "CD4": 0.010, "CD8": 0.016, "NKT_CD8": 0.003, "B": 0.004}


@dataclass(frozen=True)
class Blood:
    """True content of one blood draw.

    Parameters
    ----------
    recipient, donor
        Live cells/µL by population, the patient's own and the donor's.
    activation
        0 resting, 1 fully activated by IL-2.
    """

    recipient: Mapping[str, float]
    donor: Mapping[str, float]
    activation: float

    def total(self, populations: tuple[str, ...]) -> float:
        """Return cells/µL of some populations, of both persons."""
        return self.donor_total(populations) + sum(self.recipient[name] for name in populations)

    def donor_total(self, populations: tuple[str, ...]) -> float:
        """Return cells/µL of some populations, the donor's alone."""
        return sum(self.donor[name] for name in populations)


def donor_nk_per_ul(patient: Patient, day: float) -> float:
    """Return the true number of donor NK cells in the blood.

    Parameters
    ----------
    patient
        Whose course.
    day
        Days from infusion; the draw of day 0 is taken before it.

    Returns
    -------
    float
        Cells/µL; exactly 0 where fewer than one cell in 100 mL is left.

    Notes
    -----
    Exponential expansion to a peak, then a decline in one phase (two in ``persisting``), as
    cellular kinetics of infused lymphocytes are usually described [1]_.

    References
    ----------
    .. [1] Stein AM et al., CPT Pharmacometrics Syst Pharmacol 2019;8:285-295,
       doi 10.1002/psp4.12388
    """
    plan = patient.plan
    if day <= 0 or plan.donor_course == "never":
        return 0.0
    rng = chance(patient.seed, "donor_course", patient.number)
    shift, spread = rng.uniform(-1.5, 1.5), rng.uniform(0.85, 1.2)
    by_dose = (0.6, 1.0, 1.4)[patient.dose_level - 1]
    peak = plan.donor_peak_per_ul * by_dose * spread
    infused = patient.nk_cells_per_kg / 1e6 * 0.15
    if plan.donor_course == "transient":
        peak_day, half_life = 6.0 + shift, 2.2 * spread
    else:
        peak_day, half_life = 11.0 + shift, 3.5 * spread
    early = np.log(infused) + (np.log(peak) - np.log(infused)) * day / peak_day
    late = np.log(peak) - np.log(2) * (day - peak_day) / half_life
    count = float(np.exp(min(early, late)))
    if plan.donor_course == "persisting" and day > peak_day:
        count += 0.06 * peak * 0.5 ** ((day - peak_day) / 300)
    return count if count >= 1e-5 else 0.0


def _own_per_ul(patient: Patient, day: float) -> dict[str, float]:
    """Return the patient's own cells/µL of each population."""
    rng = chance(patient.seed, "own_course", patient.number)
    richness, frailty = rng.normal(0, 0.10), rng.uniform(0.93, 1.25)
    counts = {}
    for name, course in COURSES.items():
        baseline = course.baseline_per_ul * 10 ** (richness + rng.normal(0, 0.12))
        depth = course.depth * frailty * rng.uniform(0.9, 1.1)
        half_life = course.half_life * rng.uniform(0.7, 1.4)
        if day <= course.nadir_day:
            way = max(day - course.onset_day, 0) / (course.nadir_day - course.onset_day)
            deficit = depth * (1 - np.cos(way * np.pi)) / 2
        else:
            deficit = depth * 0.5 ** ((day - course.nadir_day) / half_life)
        counts[name] = float(baseline * 10**-deficit)
    return counts


def _donor_per_ul(patient: Patient, day: float, activation: float) -> dict[str, float]:
    """Return the donor's cells/µL: NK cells, with few passenger T and B cells in their wake."""
    nk = donor_nk_per_ul(patient, day)
    bright = 0.15 + 0.25 * min(activation, 1.0)
    shares = _PASSENGERS | {"NK_bright": bright, "NK_dim": 1 - bright}
    return {name: nk * shares.get(name, 0.0) for name in COURSES}


def il2_activation(day: float) -> float:
    """Return the activation of NK cells by IL-2, given from day 0 to day 12.

    Parameters
    ----------
    day
        Days from infusion.

    Returns
    -------
    float
        0 (resting) to 1.

    Examples
    --------
    >>> il2_activation(-7), il2_activation(7), il2_activation(16)
    (0.0, 1.0, 0.5)
    """
    if day <= 0:
        return 0.0
    if day <= 12:
        return min(1.0, day / 2)
    return float(0.5 ** ((day - 12) / 4))


def draw_blood(patient: Patient, day: int, *, conditions: Conditions) -> Blood:
    """Return what is truly in the blood of a patient on one day.

    Parameters
    ----------
    patient
        Whose blood.
    day
        Days from infusion.
    conditions
        Gives the strength of activation and, if wanted, the lymphocytes at nadir.

    Returns
    -------
    Blood
        True cells/µL, with the variation of about 10 % that blood has from day to day.

    Examples
    --------
    >>> from immunerecon.simulate.trial import enrol
    >>> patient = enrol(1, seed=0, conditions=Conditions())
    >>> before, nadir = (draw_blood(patient, day, conditions=Conditions()) for day in (-7, 3))
    >>> before.total(LYMPHOCYTES) > 10 * nadir.total(LYMPHOCYTES)
    True
    """
    rng = chance(patient.seed, "draw", patient.number, day + 1000)
    activation = il2_activation(day) * conditions.activation
    own, donor = _own_per_ul(patient, day), _donor_per_ul(patient, day, activation)
    own = {name: count * float(np.exp(rng.normal(0, 0.1))) for name, count in own.items()}
    if conditions.nadir_lymphocytes and day in _NADIR_DAYS:
        low, high = np.log(conditions.nadir_lymphocytes)
        share = np.exp(rng.uniform(low, high)) / 1e5
        others = sum(count for name, count in own.items() if name not in LYMPHOCYTES)
        present = sum(own[name] + donor[name] for name in LYMPHOCYTES)
        factor = float(share * (others + DEBRIS_PER_UL) / present)
        for name in LYMPHOCYTES:
            own[name] *= factor
            donor[name] *= factor
    return Blood(own, donor, activation)
