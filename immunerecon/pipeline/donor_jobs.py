"""Which estimates of donor cells a study asks for: each tube with its controls and blanks."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
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


@dataclass(frozen=True)
class Controls:
    """What an estimate is held against.

    Parameters
    ----------
    recipient, donor
        Display values of the markers on one population, a tube each.
    blanks
        The same of other recipients who share the recipient's side of the markers.
    """

    recipient: tuple[Floats, ...]
    donor: tuple[Floats, ...]
    blanks: tuple[Floats, ...]


@dataclass(frozen=True)
class DonorJob:
    """One estimate to make.

    Parameters
    ----------
    index
        Position among the estimates of the study.
    draw : ndarray, shape (events,) or (events, markers)
        Display values of the marker, or of several, on the population.
    controls
        What it is held against.
    donor_positive
        For each marker, whether donor cells are the brighter ones.
    seed
        Of the study.
    """

    index: int
    draw: Floats
    controls: Controls
    donor_positive: tuple[bool, ...]
    seed: int


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
            for tube in tubes:
                for population in DONOR_PARENTS:
                    asked.append(_ask(study, stages, tube, population, choice, len(asked)))
    return asked


def estimate_to_record(job: DonorJob) -> Record:
    """Estimate donor cells and keep numbers and fitted parts."""
    try:
        estimate = estimate_donor_fraction(
            job.draw,
            recipient=job.controls.recipient,
            donor=job.controls.donor,
            blanks=job.controls.blanks,
            donor_positive=list(job.donor_positive),
            settings=DonorSettings(seed=job.seed),
        )
    except EstimationError as error:
        return Record({"call": "not_evaluable", "reason": str(error), "flags": []})
    facts: dict[str, Any] = {
        field.name: getattr(estimate, field.name)
        for field in fields(estimate)
        if field.name != "parts"
    }
    return Record({**facts, "flags": list(estimate.flags)}, _arrays(estimate.parts))


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
    study: Study, stages: Stages, tube: int, population: str, choice: MarkerChoice, index: int
) -> Asked:
    arrays = stages.gated[tube].arrays
    markers = tuple(m for m in choice.informative if f"donor {population} {m.marker}" in arrays)
    if not markers:
        reason = choice.why_rejected if not choice.informative else f"{population} was not gated"
        return Asked(tube, population, "", reason)
    draw = _values(stages, tube, population, markers)
    assert draw is not None  # the filter above
    job = DonorJob(
        index=index,
        draw=draw,
        controls=_controls(study, stages, tube, population, markers),
        donor_positive=tuple(marker.donor_positive for marker in markers),
        seed=study.settings.seed,
    )
    return Asked(tube, population, " ".join(map(_signed, markers)), "", job)


def _signed(marker: InformativeMarker) -> str:
    return marker.marker + ("+" if marker.donor_positive else "-")


def _values(stages: Stages, tube: int, population: str, markers: Markers) -> Floats | None:
    """Return a tube's values, one column a marker; None where it lacks one of them."""
    arrays = stages.gated[tube].arrays
    names = [f"donor {population} {marker.marker}" for marker in markers]
    if not set(names) <= set(arrays):
        return None
    return arrays[names[0]] if len(names) == 1 else np.column_stack([arrays[n] for n in names])


def _controls(
    study: Study, stages: Stages, tube: int, population: str, markers: Markers
) -> Controls:
    """Gather the control tubes of a draw's panel."""
    draw = study.samples[tube]
    alike = _alike(study, markers)
    found: dict[str, list[Floats]] = {"recipient": [], "donor": [], "blank": []}
    for other in stages.gated:
        sample = study.samples[other]
        values = _values(stages, other, population, markers)
        if values is None or sample.panel != draw.panel:
            continue
        if sample.role == "donor_control" and sample.patient == draw.patient:
            found["donor"].append(values)
        elif other in recipient_controls(study, sample.patient, draw.panel):
            if sample.patient == draw.patient:
                found["recipient"].append(values)
            elif sample.patient in alike:
                found["blank"].append(values)
    return Controls(*(tuple(found[key]) for key in ("recipient", "donor", "blank")))


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
