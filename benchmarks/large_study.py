"""A study of large tubes: 500,000 events, 16 channels, 12 of them fluorescence with spillover.

The simulator's tubes stop at the blood that there is; here blood is plentiful, and each tube gets
further stains that no strategy looks at, as large panels have them.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from flowio import FlowData

from immunerecon.simulate.biology import COURSES
from immunerecon.simulate.cells import Staining
from immunerecon.simulate.conditions import EVERYDAY
from immunerecon.simulate.fcs_writer import format_date, format_spillover, write_fcs
from immunerecon.simulate.haplotypes import ANTIBODIES, doses
from immunerecon.simulate.instrument import CYTOMETERS, PANELS, Setup, set_up
from immunerecon.simulate.specimens import Specimen, healthy_pbmc
from immunerecon.simulate.trial import FIRST_INFUSION, Patient, chance, enrol
from immunerecon.simulate.tubes import TIMESTEP, acquire

TUBES_A_PATIENT = 10
FIRST_FILES = 10  # that together make a file of 5 million events
_DRAWS = ((-7, 0.0), (7, 0.3), (28, 0.03), (90, 0.0))  # day, share of NK cells that are the donor's
_EXTRA = {"BV605-A": "HLA-DR", "BV711-A": "CD57", "BV786-A": "CD27", "BUV395-A": "CD38"}
_RICHER = 20  # than blood, so that a tube never runs out
_SIGNAL = 2.2  # log10 of the further stains' median
_STUDY = """\
name: large
panels:
  lineage: {strategy: lineage}
  donor_nk: {strategy: donor_nk}
"""


@dataclass(frozen=True)
class _Tube:
    """One tube to be made."""

    patient: Patient
    day: int
    panel: str
    role: str
    specimen: Specimen

    @property
    def file(self) -> str:
        """Path in the study folder."""
        return f"fcs/{self.patient.id}_{self.day:+03d}_{self.panel}_{self.role}.fcs"


def write_large_study(folder: Path, *, tubes: int, events: int, like: Path | None = None) -> Path:
    """Write a study of so many tubes, ten a patient; tubes that are there already are kept.

    Parameters
    ----------
    folder
        Where to.
    tubes
        A multiple of 10.
    events
        In each tube.
    like
        A larger study that has the same files already.
    """
    patients = [enrol(number, seed=0, conditions=EVERYDAY) for number in _numbers(tubes)]
    wanted = [tube for patient in patients for tube in _tubes(patient)]
    for number, tube in enumerate(wanted):
        path = folder / tube.file
        path.parent.mkdir(parents=True, exist_ok=True)
        if like is not None and not path.exists():
            path.hardlink_to(like / tube.file)
        if not path.exists():
            _write_tube(path, tube, number=number, events=events)
    (folder / "study.yaml").write_text(_STUDY)
    _write(folder / "samples.csv", map(_sample, wanted))
    _write(folder / "patients.csv", map(_patient, patients))
    return folder


def write_large_file(path: Path, parts: Sequence[Path]) -> Path:
    """Write the events of several tubes of one size and layout as one file."""
    bytes_each = [part.read_bytes() for part in parts]
    heads = [FlowData(part, only_text=True) for part in parts]
    values = np.concatenate(
        [
            np.frombuffer(content, dtype="<f4", offset=head.header["data_start"], count=-1)[
                : head.event_count * head.channel_count
            ].reshape(-1, head.channel_count)
            for content, head in zip(bytes_each, heads, strict=True)
        ]
    )
    first = heads[0]
    write_fcs(
        path,
        values,
        channels=first.pnn_labels,
        labels=first.pns_labels,
        keywords={"$SPILLOVER": first.text["spillover"], "$TIMESTEP": str(TIMESTEP)},
    )
    return path


def _numbers(tubes: int) -> range:
    """Return the numbers of the patients; the trial's sixth has no marker to tell donors by."""
    if tubes % TUBES_A_PATIENT or tubes > 5 * TUBES_A_PATIENT:
        raise ValueError(f"tubes is {tubes}; it must be 10, 20, 30, 40 or 50")
    return range(1, tubes // TUBES_A_PATIENT + 1)


def _tubes(patient: Patient) -> Iterator[_Tube]:
    for donor, role in ((False, "recipient_control"), (True, "donor_control")):
        yield _Tube(patient, -14, "donor_nk", role, healthy_pbmc(donor=donor))
    for day, share in _DRAWS:
        for panel in PANELS:
            yield _Tube(patient, day, panel, "draw", _blood(share))


def _blood(donor_share: float) -> Specimen:
    """Return healthy blood of which some NK cells are the donor's."""
    cells = {name: course.baseline_per_ul for name, course in COURSES.items()}
    donor = {name: donor_share * cells[name] * name.startswith("NK_") for name in cells}
    return Specimen({name: cells[name] - donor[name] for name in cells}, donor)


def _enriched(specimen: Specimen) -> Specimen:
    """Return the specimen with more of everything in a µL."""
    people = ({k: _RICHER * v for k, v in p.items()} for p in (specimen.recipient, specimen.donor))
    return Specimen(*people, debris_per_ul=_RICHER * specimen.debris_per_ul)


def _write_tube(path: Path, tube: _Tube, *, number: int, events: int) -> None:
    """Stain, acquire and write one tube."""
    acquired = _date(tube)
    setup = set_up(
        0,
        tube.panel,
        year=acquired.year,
        quarter=(acquired.month + 2) // 3,
        cytometer=CYTOMETERS[0],
        conditions=EVERYDAY,
    )
    alleles = tube.patient.pair.recipient, tube.patient.pair.donor
    staining = Staining(
        markers=tuple(PANELS[tube.panel]),
        hla_doses={name: (doses(alleles[0], name), doses(alleles[1], name)) for name in ANTIBODIES},
        conditions=EVERYDAY,
    )
    rng = chance(0, "tube", 9, number)
    specimen = _enriched(tube.specimen)
    values = acquire(
        rng, specimen, staining=staining, setup=setup, events=int(1.25 * events)
    ).values
    if len(values) < events:
        raise ValueError(f"the blood has {len(values)} events; {events} were asked for")
    _write_events(path, values[:events], setup, rng, acquired)


def _write_events(
    path: Path, values: np.ndarray, setup: Setup, rng: np.random.Generator, acquired: date
) -> None:
    """Add the further stains, and write the file."""
    further = {name: label for name, label in _EXTRA.items() if name not in setup.channels}
    channels = (*setup.channels, *further)
    shape = (len(values), len(further))
    stains = 10 ** rng.normal(_SIGNAL, 0.6, shape) + rng.normal(0, 30, shape)
    spillover = np.eye(len(channels))
    spillover[: len(setup.channels), : len(setup.channels)] = setup.recorded_spillover
    write_fcs(
        path,
        np.column_stack([values[:, :-1], stains.astype(np.float32), values[:, -1:]]),
        channels=("FSC-A", "FSC-H", "SSC-A", *channels, "Time"),
        labels=("", "", "", *setup.labels, *further.values(), ""),
        keywords={
            "$CYT": setup.cytometer,
            "$SPILLOVER": format_spillover(channels, spillover),
            "$TIMESTEP": str(TIMESTEP),
            "$DATE": format_date(acquired),
        },
    )


def _date(tube: _Tube) -> date:
    return FIRST_INFUSION + timedelta(days=45 * tube.patient.number + tube.day)


def _sample(tube: _Tube) -> Mapping[str, object]:
    return {
        "file": tube.file,
        "patient": tube.patient.id,
        "day": tube.day,
        "panel": tube.panel,
        "role": tube.role,
    }


def _patient(patient: Patient) -> Mapping[str, object]:
    return {
        "patient": patient.id,
        "recipient_hla": " ".join(patient.pair.recipient),
        "donor_hla": " ".join(patient.pair.donor),
    }


def _write(path: Path, made: Iterable[Mapping[str, object]]) -> None:
    rows = list(made)
    with path.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
