"""A synthetic trial as a study folder: FCS files, tables, and the truth beside them."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from immunerecon.errors import ResultsError
from immunerecon.simulate.cells import Staining
from immunerecon.simulate.conditions import EVERYDAY, Conditions
from immunerecon.simulate.fcs_writer import format_date, format_spillover, write_fcs
from immunerecon.simulate.instrument import CYTOMETERS, PANELS, Setup, set_up
from immunerecon.simulate.phenotypes import POPULATIONS
from immunerecon.simulate.schedule import DILUTION, Order, order_controls, order_tubes
from immunerecon.simulate.tables import (
    count_blood,
    describe_patient,
    describe_sample,
    measure_chimerism,
)
from immunerecon.simulate.trial import (
    CYTOMETER_CHANGE,
    LOT_CHANGE,
    Patient,
    chance,
    enrol,
    list_events,
)
from immunerecon.simulate.truth import Row, tell_course, tell_patient, tell_populations, tell_tube
from immunerecon.simulate.tubes import KINDS, TIMESTEP, Acquisition, acquire

_STUDY = """\
name: {name}
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
compensation: keyword
seed: 0
"""


def simulate_trial(
    folder: Path | str,
    *,
    patients: int = 12,
    seed: int = 0,
    events: int = 15_000,
    conditions: Conditions = EVERYDAY,
    events_truth: bool = False,
) -> Path:
    """Write a synthetic trial of NK-cell infusions as a study folder, with its truth.

    Parameters
    ----------
    folder
        Where to; it is made, and must be empty if it is there.
    patients
        Number of patients. The first ones are the same in a smaller trial.
    seed
        0 or above.
    events
        About how many events a tube has.
    conditions
        Schedule and stresses; `PRESETS` names some.
    events_truth
        Whether ``truth/events/*.npz`` gets what every event is, in the order of the file.

    Returns
    -------
    Path
        `folder`.

    Raises
    ------
    ResultsError
        When the folder is not empty.
    ValueError
        When a number is out of its range.

    Notes
    -----
    Modelled on NCT00846833: cyclophosphamide, haploidentical NK cells at three dose levels, IL-2,
    draws over two years. The same arguments give the same bytes, and each tube has a source of
    chance of its own. Truth stands in ``truth/``: `populations` (each tube), `tubes`, `patients`,
    `trajectories` (each scheduled draw).

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     brief = Conditions(draw_days=(-7, 14))
    ...     study = simulate_trial(Path(place) / "trial", patients=1, events=200, conditions=brief)
    ...     print(*sorted(path.name for path in study.iterdir()))
    ...     len(list(study.glob("fcs/*/*.fcs")))
    blood_counts.csv chimerism.csv clinical_events.csv fcs patients.csv samples.csv study.yaml truth
    6
    """
    folder = Path(folder)
    if patients < 1 or seed < 0 or events < 1:
        raise ValueError("patients and events must be 1 or more, and seed 0 or more")
    if folder.exists() and any(folder.iterdir()):
        raise ResultsError(f"{folder} is not empty; name a new folder")
    cohort = [enrol(number, seed=seed, conditions=conditions) for number in range(1, patients + 1)]
    orders = [order for patient in cohort for order in order_tubes(patient, conditions)]
    if conditions.single_stains:
        orders += order_controls()
    tables: dict[str, list[Row]] = {"samples": [], "truth/populations": [], "truth/tubes": []}
    for order in orders:
        setup = _set_up(order, seed, conditions)
        acquisition = _acquire(order, setup, seed=seed, events=events, conditions=conditions)
        _write_tube(folder, order, setup, acquisition, labelled=conditions.batches_labelled)
        if events_truth:
            _write_event_labels(folder, order, acquisition)
        sample = describe_sample(order, setup, labelled=conditions.batches_labelled)
        named = {key: sample[key] for key in ("file", "patient", "day", "panel", "role")}
        tables["samples"].append(sample)
        tables["truth/populations"] += [
            named | row for row in tell_populations(acquisition, order.blood)
        ]
        tables["truth/tubes"].append(named | tell_tube(acquisition, setup))
    for name, rows in (tables | _tabulate(cohort, conditions)).items():
        if rows:  # chimerism.csv is optional
            _write_table(folder / f"{name}.csv", rows)
    study = _STUDY.format(name=folder.name)
    (folder / "study.yaml").write_text(study, encoding="utf-8", newline="\n")
    return folder


def _tabulate(cohort: Sequence[Patient], conditions: Conditions) -> dict[str, list[Row]]:
    """Return the tables that are about patients, not tubes."""
    return {
        "patients": [describe_patient(patient) for patient in cohort],
        "blood_counts": [row for patient in cohort for row in count_blood(patient, conditions)],
        "clinical_events": [row for patient in cohort for row in list_events(patient)],
        "chimerism": [row for patient in cohort for row in measure_chimerism(patient, conditions)],
        "truth/patients": [tell_patient(patient) for patient in cohort],
        "truth/trajectories": [
            row for patient in cohort for row in tell_course(patient, conditions)
        ],
    }


def _set_up(order: Order, seed: int, conditions: Conditions) -> Setup:
    """Return the cytometer as it was on the day of the tube."""
    later = conditions.second_cytometer and order.acquired >= CYTOMETER_CHANGE
    return set_up(
        seed,
        order.panel,
        year=order.acquired.year,
        quarter=(order.acquired.month + 2) // 3,
        cytometer=CYTOMETERS[int(later)],
        conditions=conditions,
    )


def _acquire(
    order: Order, setup: Setup, *, seed: int, events: int, conditions: Conditions
) -> Acquisition:
    """Stain and acquire one tube."""
    staining = Staining(
        markers=tuple(PANELS[order.panel]),
        hla_doses=order.hla_doses,
        conditions=conditions,
        activation=order.blood.activation if order.blood else 0.0,
        cd3_lot=conditions.cd3_lot_factor if order.acquired >= LOT_CHANGE else 1.0,
        omitted=order.omitted,
    )
    rng = chance(seed, "tube", *order.place)
    return acquire(rng, order.specimen, staining=staining, setup=setup, events=events)


def _write_tube(
    folder: Path, order: Order, setup: Setup, acquisition: Acquisition, *, labelled: bool
) -> None:
    """Write the FCS file of one tube."""
    keywords = {
        "$CYT": setup.cytometer,
        "$SPILLOVER": format_spillover(setup.channels, setup.recorded_spillover),
        "$TIMESTEP": str(TIMESTEP),
    }
    if labelled:
        keywords["$DATE"] = format_date(order.acquired)
    if order.volumetric:
        keywords["$VOL"] = f"{acquisition.volume_ul * DILUTION * 1000:.0f}"
    write_fcs(
        folder / order.file,
        acquisition.values,
        channels=("FSC-A", "FSC-H", "SSC-A", *setup.channels, "Time"),
        labels=("", "", "", *setup.labels, ""),
        keywords=keywords,
    )


def _write_event_labels(folder: Path, order: Order, acquisition: Acquisition) -> None:
    """Write what every event of one tube is."""
    path = folder / "truth" / "events" / (Path(order.file).stem + ".npz")
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        path,
        kind=acquisition.kind,
        kinds=np.array(KINDS),
        population=acquisition.population,
        populations=np.array(POPULATIONS),
        donor=acquisition.donor,
        disturbed=acquisition.disturbed,
    )


def _write_table(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write rows that have the same keys as CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
