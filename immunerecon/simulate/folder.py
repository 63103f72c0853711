"""A synthetic trial as a study folder: FCS files, tables, and the truth beside them."""

import csv
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import flowio
import numpy as np

from immunerecon.simulate.biology import LYMPHOCYTES, Blood, donor_nk_per_ul, draw_blood
from immunerecon.simulate.cells import Staining
from immunerecon.simulate.conditions import Conditions
from immunerecon.simulate.haplotypes import ANTIBODIES, doses
from immunerecon.simulate.instrument import CEILING, CYTOMETERS, PANELS, Setup, set_up
from immunerecon.simulate.trial import (
    CYTOMETER_CHANGE,
    LOT_CHANGE,
    Patient,
    chance,
    enrol,
    list_events,
)
from immunerecon.simulate.truth import STANDARD, tell_populations
from immunerecon.simulate.tubes import (
    STAINED_BLOOD_UL,
    Acquisition,
    Specimen,
    acquire,
    healthy_pbmc,
    nk_product,
    whole_blood,
)

Row = dict[str, object]

_STUDY = """\
name: {name}
seed: 0
panels:
  lineage:
    strategy: lineage
  donor_nk:
    strategy: donor_nk
recovery_thresholds:
  CD4_T: [50, 200, 500]
  CD8_T: [200]
  B: [25, 50]
  NK: [100]
  Lymphocytes: [300, 1000]
confirm_recovery: 1
"""
_DILUTION = 20.0
_ROLES = ("draw", "recipient_control", "donor_control", "product")


@dataclass(frozen=True)
class Order:
    """One tube to be stained.

    Parameters
    ----------
    patient, day, panel, role
        As in samples.csv.
    specimen
        What goes into it.
    blood
        The draw, when it is one.
    beads_added
        Counting beads in the tube; 0 without.
    """

    patient: Patient
    day: int
    panel: str
    role: str
    specimen: Specimen
    blood: Blood | None = None
    beads_added: int = 0

    @property
    def file(self) -> str:
        """Path in the study folder."""
        what = self.panel if self.role == "draw" else f"{self.role}_{self.panel}"
        return f"fcs/{self.patient.id}/{self.patient.id}_day{self.day:03d}_{what}.fcs"


def simulate_trial(
    folder: Path,
    *,
    patients: int = 12,
    seed: int = 0,
    events: int = 15_000,
    conditions: Conditions = Conditions(),  # noqa: B008 - frozen
    events_truth: bool = False,
) -> Path:
    """Write a synthetic trial of NK-cell infusions as a study folder with known truth.

    Parameters
    ----------
    folder
        Where to; it is made, and must be empty if it is there.
    patients
        Number of patients; the first ones are the same in a smaller trial.
    seed
        0 or above.
    events
        About how many events a tube has.
    conditions
        Schedule and stresses; `PRESETS` names usual ones.
    events_truth
        Whether ``truth/events/*.npz`` gets the label of every event.

    Returns
    -------
    Path
        `folder`.

    Raises
    ------
    ValueError
        When the folder is not empty, or a number is out of range.

    Notes
    -----
    Modelled on NCT00846833: cyclophosphamide, haploidentical NK cells at three dose levels, high-dose
    IL-2; draws over two years. The same arguments give the same bytes.

    Examples
    --------
    >>> import tempfile
    >>> from immunerecon.simulate import Conditions, simulate_trial
    >>> with tempfile.TemporaryDirectory() as place:
    ...     study = simulate_trial(
    ...         Path(place) / "trial", patients=1, events=200, conditions=Conditions(draw_days=(-7,))
    ...     )
    ...     sorted(path.name for path in study.iterdir())
    ['blood_counts.csv', 'chimerism.csv', 'clinical_events.csv', 'fcs', 'patients.csv',
     'samples.csv', 'study.yaml', 'truth']
    """
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty")
    if patients < 1 or seed < 0 or events < 1:
        raise ValueError("patients and events must be at least 1, seed at least 0")
    cohort = [enrol(number, seed=seed, conditions=conditions) for number in range(1, patients + 1)]
    samples: list[Row] = []
    populations: list[Row] = []
    tubes: list[Row] = []
    for patient in cohort:
        for order in _orders(patient, conditions):
            setup = _setup(order, conditions)
            acquisition = _acquire(order, setup, events, conditions)
            _write_fcs(folder / order.file, order, setup, acquisition, conditions)
            samples.append(_sample_row(order, setup, acquisition, conditions))
            place: Row = {
                "file": order.file,
                "patient": patient.id,
                "day": order.day,
                "panel": order.panel,
            }
            populations += [place | row for row in tell_populations(acquisition, order.blood)]
            tubes.append(place | _tube_row(order, setup, acquisition))
            if events_truth:
                _write_event_labels(folder, order, acquisition)
    (folder / "study.yaml").write_text(
        _STUDY.format(name=folder.name), encoding="utf-8", newline="\n"
    )
    tables = {
        "samples": samples,
        "patients": [_patient_row(patient) for patient in cohort],
        "blood_counts": [row for patient in cohort for row in _blood_counts(patient, conditions)],
        "clinical_events": [row for patient in cohort for row in list_events(patient)],
        "chimerism": [row for patient in cohort for row in _chimerism(patient, conditions)],
        "truth/populations": populations,
        "truth/tubes": tubes,
        "truth/patients": [_true_patient_row(patient) for patient in cohort],
        "truth/trajectories": [
            row for patient in cohort for row in _trajectory(patient, conditions)
        ],
    }
    for name, rows in tables.items():
        _write_table(folder / f"{name}.csv", rows)
    return folder


def _orders(patient: Patient, conditions: Conditions) -> Iterator[Order]:
    """All tubes of one patient: controls, product, then two tubes a draw."""
    yield Order(patient, -14, "donor_nk", "donor_control", healthy_pbmc(donor=True))
    if patient.number % 3 == 0:
        yield Order(patient, -14, "donor_nk", "recipient_control", healthy_pbmc(donor=False))
    product = nk_product(patient.cd3_cells_per_kg / patient.nk_cells_per_kg)
    yield Order(patient, 0, "lineage", "product", product)
    for day in patient.days:
        blood = draw_blood(patient, day, conditions=conditions)
        beads = 0
        if patient.counting == "beads":
            beads = 48_000 + 10 * int(chance(patient.seed, "draw", patient.number, 7).integers(600))
        counted = whole_blood(blood, beads_per_ul=beads / STAINED_BLOOD_UL)
        yield Order(patient, day, "lineage", "draw", counted, blood, beads)
        yield Order(patient, day, "donor_nk", "draw", whole_blood(blood), blood)


def _setup(order: Order, conditions: Conditions) -> Setup:
    """Cytometer on the day of the tube."""
    day = order.patient.date_of(order.day)
    later = conditions.second_cytometer and day >= CYTOMETER_CHANGE
    return set_up(
        order.patient.seed,
        order.panel,
        year=day.year,
        quarter=(day.month + 2) // 3,
        cytometer=CYTOMETERS[int(later)],
        conditions=conditions,
    )


def _acquire(order: Order, setup: Setup, events: int, conditions: Conditions) -> Acquisition:
    """Stain and acquire one tube with a source of chance of its own."""
    patient = order.patient
    rng = chance(
        patient.seed,
        "tube",
        patient.number,
        order.day + 1000,
        tuple(PANELS).index(order.panel),
        _ROLES.index(order.role),
    )
    pair = patient.pair
    staining = Staining(
        markers=tuple(PANELS[order.panel]),
        hla_doses={
            antibody: (doses(pair.recipient, antibody), doses(pair.donor, antibody))
            for antibody in ANTIBODIES
        },
        activation=order.blood.activation if order.blood else 0.0,
        cd3_lot=conditions.cd3_lot_factor if patient.date_of(order.day) >= LOT_CHANGE else 1.0,
        conditions=conditions,
    )
    return acquire(rng, order.specimen, staining=staining, setup=setup, events=events)


def _write_fcs(
    path: Path, order: Order, setup: Setup, acquisition: Acquisition, conditions: Conditions
) -> None:
    """Write the events as FCS 3.1."""
    channels = ("FSC-A", "FSC-H", "SSC-A", *setup.channels, "Time")
    spillover = [str(len(setup.channels)), *setup.channels]
    spillover += [f"{value:.6g}" for value in setup.recorded_spillover.ravel()]
    keywords = {
        "$CYT": setup.cytometer,
        "$SPILLOVER": ",".join(spillover),
        "$TIMESTEP": "0.01",
        f"$P{len(channels)}R": str(int(CEILING)),
    }
    if conditions.batches_labelled:
        keywords["$DATE"] = _fcs_date(order.patient.date_of(order.day))
    if order.patient.counting == "volumetric" and order.blood and order.panel == "lineage":
        keywords["$VOL"] = f"{acquisition.volume_ul * _DILUTION * 1000:.0f}"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as handle:
        flowio.create_fcs(
            handle,
            array("f", np.ascontiguousarray(acquisition.values).tobytes()),
            list(channels),
            ["", "", "", *setup.labels, ""],
            keywords,
        )


def _fcs_date(day: date) -> str:
    """``dd-mmm-yyyy`` in English whatever the locale."""
    month = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()[day.month - 1]
    return f"{day.day:02d}-{month}-{day.year}"


def _sample_row(
    order: Order, setup: Setup, acquisition: Acquisition, conditions: Conditions
) -> Row:
    """One row of samples.csv."""
    volumetric = order.patient.counting == "volumetric" and order.blood and order.panel == "lineage"
    return {
        "file": order.file,
        "patient": order.patient.id,
        "day": order.day,
        "panel": order.panel,
        "role": order.role,
        "batch": setup.batch if conditions.batches_labelled else "",
        "beads_added": order.beads_added or "",
        "blood_volume_ul": f"{STAINED_BLOOD_UL:g}" if order.beads_added else "",
        "dilution": f"{_DILUTION:g}" if volumetric else "",
    }


def _tube_row(order: Order, setup: Setup, acquisition: Acquisition) -> Row:
    """What else is known about a tube: particles of each kind, batch, volume."""
    kinds = np.bincount(acquisition.kind, minlength=5)
    return {
        "role": order.role,
        "cytometer": setup.cytometer,
        "batch": setup.batch,
        "n_events": len(acquisition.kind),
        **dict(zip(("cells", "dead", "doublets", "debris", "beads"), kinds.tolist(), strict=True)),
        "disturbed": int(acquisition.disturbed.sum()),
        "blood_acquired_ul": f"{acquisition.volume_ul:.6g}",
        "activation": f"{order.blood.activation:.4g}" if order.blood else "",
    }


def _write_event_labels(folder: Path, order: Order, acquisition: Acquisition) -> None:
    """Label of every event, in the order of the file."""
    path = folder / "truth" / "events" / (Path(order.file).stem + ".npz")
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        path,
        kind=acquisition.kind,
        population=acquisition.population,
        donor=acquisition.donor,
        disturbed=acquisition.disturbed,
    )


def _patient_row(patient: Patient) -> Row:
    """One row of patients.csv."""
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


def _blood_counts(patient: Patient, conditions: Conditions) -> Iterator[Row]:
    """The haematology analyser's counts, good to about 2-3 %."""
    for day in patient.days:
        blood = draw_blood(patient, day, conditions=conditions)
        rng = chance(patient.seed, "draw", patient.number, day + 1000, 1)
        leukocytes = blood.total(tuple(blood.recipient))
        share = blood.total(LYMPHOCYTES) / leukocytes
        yield {
            "patient": patient.id,
            "day": day,
            "wbc": f"{leukocytes / 1000 * (1 + 0.02 * rng.standard_normal()):.3f}",
            "lymphocytes_percent": f"{100 * share * (1 + 0.02 * rng.standard_normal()):.2f}",
        }


def _chimerism(patient: Patient, conditions: Conditions) -> Iterator[Row]:
    """STR on sorted NK cells, which sees a donor from about 1 % on."""
    for day in patient.days:
        if day not in {7, 14, 28, 90}:
            continue
        blood = draw_blood(patient, day, conditions=conditions)
        donor, own = (sum(p[n] for n in STANDARD["NK"][1]) for p in (blood.donor, blood.recipient))
        rng = chance(patient.seed, "draw", patient.number, day + 1000, 2)
        percent = 100 * donor / (donor + own) + 0.8 * rng.standard_normal()
        yield {
            "patient": patient.id,
            "day": day,
            "population": "NK",
            "donor_percent": f"{percent if 1 <= percent <= 100 else round(percent / 100) * 100:.1f}",
            "method": "STR",
        }


def _true_patient_row(patient: Patient) -> Row:
    """What is true of one patient."""
    days = np.arange(0, patient.last_day + 0.125, 0.125)
    counts = np.array([donor_nk_per_ul(patient, float(day)) for day in days])
    present = days[counts > 0]
    return {
        "patient": patient.id,
        "marker": patient.marker,
        "informative": " ".join(patient.pair.informative),
        "donor_course": patient.plan.donor_course,
        "donor_nk_c_max": f"{counts.max():.6g}",
        "donor_nk_t_max": f"{days[counts.argmax()]:g}" if len(present) else "",
        "donor_nk_last_day": f"{present[-1]:g}" if len(present) else "",
    }


def _trajectory(patient: Patient, conditions: Conditions) -> Iterator[Row]:
    """True concentrations at every scheduled draw, missed ones too."""
    for day in conditions.draw_days:
        if day > patient.last_day:
            continue
        blood = draw_blood(patient, day, conditions=conditions)
        for name, (_, parts) in STANDARD.items():
            yield {
                "patient": patient.id,
                "day": day,
                "population": name,
                "cells_per_ul": f"{blood.total(parts):.6g}",
                "donor_cells_per_ul": f"{sum(blood.donor[part] for part in parts):.6g}",
            }


def _write_table(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Write rows of the same keys as CSV."""
    rows = list(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
