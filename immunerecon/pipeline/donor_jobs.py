"""Which estimates of donor cells a study asks for: each tube with its controls and blanks."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from immunerecon.enumeration.donor import estimate_donor_fraction
from immunerecon.enumeration.donor_results import DonorSettings, FittedParts
from immunerecon.errors import EstimationError
from immunerecon.pipeline.records import Record
from immunerecon.pipeline.stages import Stages
from immunerecon.pipeline.tubes import DONOR_PARENTS
from immunerecon.study.antibodies import antigen_presence
from immunerecon.study.folder import Study
from immunerecon.study.hla import InformativeMarker, MarkerChoice, informative_markers
from immunerecon.study.manifest import Patient

Floats = NDArray[np.float32]
Markers = tuple[InformativeMarker, ...]

_KEPT = 4  # sets of control tubes: those of a patient's populations


@dataclass(frozen=True)
class MarkerValues:
    """Display values of markers on one population of a tube, read where they are needed.

    Parameters
    ----------
    digests
        Of the values of each marker; they tell whether two are the same.
    names
        Of the arrays of the tube's record.
    arrays
        Those of the record.
    """

    digests: tuple[str, ...]
    names: tuple[str, ...] = field(compare=False)
    arrays: Mapping[str, NDArray[Any]] = field(compare=False, repr=False)

    def load(self) -> Floats:
        """Return the values, shape (events,) of one marker, (events, markers) of several."""
        columns = [self.arrays[name] for name in self.names]
        return columns[0] if len(columns) == 1 else np.column_stack(columns)


@dataclass(frozen=True)
class Controls:
    """What an estimate is held against; all draws of a patient share one.

    Parameters
    ----------
    recipient, donor
        Of a tube each.
    blanks
        The same of other recipients who share the recipient's side of the markers.
    """

    recipient: tuple[MarkerValues, ...]
    donor: tuple[MarkerValues, ...]
    blanks: tuple[MarkerValues, ...]


@dataclass(frozen=True)
class DonorJob:
    """One estimate to make.

    Parameters
    ----------
    index
        Position among the estimates of the study.
    draw
        Values of the marker, or of several, on the population.
    controls
        What it is held against.
    donor_positive
        For each marker, whether donor cells are the brighter ones.
    seed
        Of the study.
    """

    index: int
    draw: MarkerValues
    controls: Controls
    donor_positive: tuple[bool, ...]
    seed: int

    def inputs(self) -> list[object]:
        """Return what the estimate depends on, JSON-ready; its position plays no part."""
        groups = (self.controls.recipient, self.controls.donor, self.controls.blanks)
        held = [[values.digests for values in group] for group in groups]
        return [self.draw.digests, held, self.donor_positive, self.seed]


@dataclass(frozen=True)
class Asked:
    """One population of one tube of which donor cells are asked.

    Parameters
    ----------
    tube
        Position in samples.csv.
    population
        ``NK``, ``T`` or ``B``.
    marker
        The informative markers with their signs, ``HLA-A2+ HLA-A24-``; empty without any.
    reason
        Why there can be no estimate; empty where there is a job.
    job
        The estimate to make.
    """

    tube: int
    population: str
    marker: str
    reason: str = ""
    job: DonorJob | None = None


def ask_donors(study: Study, stages: Stages) -> list[Asked]:
    """Return what is asked of each draw and control tube of each patient with anti-HLA markers.

    Parameters
    ----------
    study, stages
        The study and its gated tubes.
    """
    asked: list[Asked] = []
    for patient in study.patients:
        for panel in study.settings.panels:
            tubes = _tubes(study, stages, patient, panel)
            markers = sorted({marker for tube in tubes for marker in _anti_hla(stages, tube)})
            if not markers:
                continue
            choice = informative_markers(
                patient.recipient_hla,
                patient.donor_hla,
                markers,
                donor_marker=patient.donor_marker,
            )
            controls = lru_cache(maxsize=None)(partial(_controls, study, stages, patient, panel))
            asked += [
                _ask(stages.gated[tube], (tube, population), choice, controls)
                for tube in tubes
                for population in DONOR_PARENTS
            ]
    seed = study.settings.seed
    return [
        one if one.job is None else replace(one, job=replace(one.job, index=index, seed=seed))
        for index, one in enumerate(asked)
    ]


def estimate_to_record(job: DonorJob) -> Record:
    """Estimate donor cells and keep numbers and fitted parts."""
    recipient, donor, blanks = _loaded(job.controls)
    try:
        estimate = estimate_donor_fraction(
            job.draw.load(),
            recipient=recipient,
            donor=donor,
            blanks=blanks,
            donor_positive=list(job.donor_positive),
            settings=DonorSettings(seed=job.seed),
        )
    except EstimationError as error:
        return Record({"call": "not_evaluable", "reason": str(error), "flags": []})
    facts: dict[str, Any] = {
        one.name: getattr(estimate, one.name) for one in fields(estimate) if one.name != "parts"
    }
    return Record({**facts, "flags": list(estimate.flags)}, _arrays(estimate.parts))


@lru_cache(maxsize=_KEPT)
def _loaded(controls: Controls) -> tuple[tuple[Floats, ...], ...]:
    """Return the values of recipient controls, donor controls and blanks."""
    groups = (controls.recipient, controls.donor, controls.blanks)
    return tuple(tuple(values.load() for values in group) for group in groups)


def _arrays(parts: FittedParts | None) -> Mapping[str, NDArray[Any]]:
    return {} if parts is None else asdict(parts)


def _tubes(study: Study, stages: Stages, patient: Patient, panel: str) -> list[int]:
    """Return a patient's blood tubes and donor controls of a panel."""
    return [
        index
        for index in stages.gated
        if (sample := study.samples[index]).role in ("draw", "recipient_control", "donor_control")
        and (sample.patient, sample.panel) == (patient.patient, panel)
    ]


def _anti_hla(stages: Stages, tube: int) -> Iterator[str]:
    """Yield the anti-HLA markers that a gated tube has values of."""
    for name in stages.gated[tube].arrays:
        kind, *rest = name.split(" ", 2)
        if kind == "donor":
            yield rest[1]


def _ask(
    record: Record,
    asked: tuple[int, str],
    choice: MarkerChoice,
    controls: Callable[[str, Markers], Controls],
) -> Asked:
    """Ask for one tube and population; index and seed are still missing."""
    _, population = asked
    markers = tuple(
        m for m in choice.informative if f"donor {population} {m.marker}" in record.arrays
    )
    if not markers:
        reason = choice.why_rejected if not choice.informative else f"{population} was not gated"
        return Asked(*asked, "", reason)
    draw = _values(record, population, markers)
    assert draw is not None  # the filter above
    positive = tuple(marker.donor_positive for marker in markers)
    job = DonorJob(0, draw, controls(population, markers), positive, 0)
    return Asked(*asked, " ".join(map(_signed, markers)), "", job)


def _signed(marker: InformativeMarker) -> str:
    return marker.marker + ("+" if marker.donor_positive else "-")


def _values(record: Record, population: str, markers: Markers) -> MarkerValues | None:
    """Return a tube's values of the markers; None where it lacks one of them."""
    names = tuple(f"donor {population} {marker.marker}" for marker in markers)
    if not set(names) <= set(record.arrays):
        return None
    digests = record.facts["donor_digests"]
    return MarkerValues(tuple(digests[name] for name in names), names, record.arrays)


def _controls(
    study: Study, stages: Stages, patient: Patient, panel: str, population: str, markers: Markers
) -> Controls:
    """Gather the control tubes of a patient's draws on a panel."""
    alike = _alike(study, markers)
    own, name = recipient_controls(study, patient.patient, panel), patient.patient
    blank = {i for other in alike - {name} for i in recipient_controls(study, other, panel)}
    found: dict[str, list[MarkerValues]] = {"recipient": [], "donor": [], "blank": []}
    for index, record in stages.gated.items():
        sample = study.samples[index]
        if (sample.patient, sample.panel, sample.role) == (name, panel, "donor_control"):
            kind = "donor"
        elif index in own or index in blank:
            kind = "recipient" if index in own else "blank"
        else:
            continue
        values = _values(record, population, markers)
        if values is not None:
            found[kind].append(values)
    return Controls(*(tuple(found[kind]) for kind in ("recipient", "donor", "blank")))


def recipient_controls(study: Study, patient: str, panel: str) -> set[int]:
    """Return a patient's control tubes, in their absence the draws before the infusion."""
    own = {
        index: sample
        for index, sample in enumerate(study.samples)
        if sample.patient == patient and sample.panel == panel
    }
    controls = {index for index, sample in own.items() if sample.role == "recipient_control"}
    return controls or {
        index
        for index, sample in own.items()
        if sample.role == "draw" and sample.day is not None and sample.day < 0
    }


def _alike(study: Study, markers: Markers) -> set[str]:
    """Return the recipients who stand on the recipient's side of every marker."""
    return {
        patient.patient
        for patient in study.patients
        if all(
            antigen_presence(marker.marker, patient.recipient_hla).present
            is (not marker.donor_positive)
            for marker in markers
        )
    }
