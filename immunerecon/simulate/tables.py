"""The tables of the study folder: samples, patients, blood counts, chimerism."""

from collections.abc import Iterator

from immunerecon.simulate.biology import draw_blood
from immunerecon.simulate.conditions import Conditions
from immunerecon.simulate.instrument import Setup
from immunerecon.simulate.phenotypes import LYMPHOCYTES, POPULATIONS
from immunerecon.simulate.schedule import DILUTION, STAINED_BLOOD_UL, Order
from immunerecon.simulate.trial import Patient, chance
from immunerecon.simulate.truth import STANDARD, Row

_CHIMERISM_DAYS = (7, 14, 28, 90)
_STR_SENSITIVITY_PERCENT = 1.0


def describe_sample(order: Order, setup: Setup, *, labelled: bool) -> Row:
    """Return a tube's row of samples.csv.

    Parameters
    ----------
    order, setup
        Of the tube.
    labelled
        Whether the laboratory noted the batch.

    Returns
    -------
    dict
        With the columns of samples.csv.
    """
    return {
        "file": order.file,
        "patient": order.patient,
        "day": "" if order.day is None else order.day,
        "panel": order.panel,
        "role": order.role,
        "stain": order.stain,
        "batch": setup.batch if labelled else "",
        "beads_added": order.beads_added or "",
        "blood_volume_ul": f"{STAINED_BLOOD_UL:g}" if order.beads_added else "",
        "dilution": f"{DILUTION:g}" if order.volumetric else "",
    }


def describe_patient(patient: Patient) -> Row:
    """Return a patient's row of patients.csv.

    Parameters
    ----------
    patient
        Whose row.

    Returns
    -------
    dict
        With the columns of patients.csv.

    Examples
    --------
    >>> from immunerecon.simulate.conditions import EVERYDAY
    >>> from immunerecon.simulate.trial import enrol
    >>> describe_patient(enrol(1, seed=0, conditions=EVERYDAY))["dose_level"]
    1
    """
    return {
        "patient": patient.id,
        "dose_level": patient.dose_level,
        "nk_cells_per_kg": f"{patient.nk_cells_per_kg:g}",
        "cd3_cells_per_kg": f"{patient.cd3_cells_per_kg:g}",
        "infusion_date": patient.infusion_date.isoformat(),
        "age": patient.age,
        "sex": patient.sex,
        "weight_kg": patient.weight_kg,
        "recipient_hla": " ".join(patient.pair.recipient),
        "donor_hla": " ".join(patient.pair.donor),
    }


def count_blood(patient: Patient, conditions: Conditions) -> Iterator[Row]:
    """Yield a patient's rows of blood_counts.csv: the analyser errs by about 2 %.

    Parameters
    ----------
    patient, conditions
        Whose draws, and under which conditions.

    Yields
    ------
    dict
        With the columns of blood_counts.csv.

    Examples
    --------
    >>> from immunerecon.simulate.conditions import EVERYDAY
    >>> from immunerecon.simulate.trial import enrol
    >>> next(count_blood(enrol(1, seed=0, conditions=EVERYDAY), EVERYDAY))["day"]
    -7
    """
    for day in patient.days:
        blood = draw_blood(patient, day, conditions=conditions)
        rng = chance(patient.seed, "analyser", patient.number, day + 1000)
        wbc, lymphocytes = blood.total(POPULATIONS), blood.total(LYMPHOCYTES)
        yield {
            "patient": patient.id,
            "day": day,
            "wbc": f"{wbc / 1000 * rng.normal(1, 0.02):.3f}",
            "lymphocytes_percent": f"{100 * lymphocytes / wbc * rng.normal(1, 0.02):.2f}",
        }


def measure_chimerism(patient: Patient, conditions: Conditions) -> Iterator[Row]:
    """Yield a patient's rows of chimerism.csv: STR on sorted NK cells.

    Parameters
    ----------
    patient, conditions
        Whose draws, and under which conditions.

    Yields
    ------
    dict
        With the columns of chimerism.csv.

    Examples
    --------
    >>> from immunerecon.simulate.conditions import EVERYDAY
    >>> from immunerecon.simulate.trial import enrol
    >>> next(measure_chimerism(enrol(5, seed=0, conditions=EVERYDAY), EVERYDAY))["donor_percent"]
    '0.0'
    """
    nk = STANDARD["NK"][1]
    for day in patient.days:
        if day not in _CHIMERISM_DAYS:
            continue
        blood = draw_blood(patient, day, conditions=conditions)
        rng = chance(patient.seed, "chimerism", patient.number, day + 1000)
        percent = 100 * blood.donor_total(nk) / blood.total(nk) + rng.normal(0, 0.4)
        seen = min(percent, 100.0) if percent >= _STR_SENSITIVITY_PERCENT else 0.0
        yield {
            "patient": patient.id,
            "day": day,
            "population": "NK",
            "donor_percent": f"{seen:.1f}",
            "method": "STR",
        }
