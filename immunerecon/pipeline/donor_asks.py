"""Which estimates of donor cells a study asks for: each tube with its controls and blanks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial

from immunerecon.pipeline.donor_jobs import Controls, DonorJob, MarkerValues
from immunerecon.pipeline.records import Record
from immunerecon.pipeline.stages import Stages
from immunerecon.pipeline.tubes import DONOR_PARENTS
from immunerecon.study.antibodies import antigen_presence
from immunerecon.study.folder import Study
from immunerecon.study.hla import InformativeMarker, MarkerChoice, informative_markers
from immunerecon.study.manifest import Patient, Sample

Markers = tuple[InformativeMarker, ...]


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
        replace(
            one,
            job=replace(
                one.job, index=index, seed=seed, is_control=not is_judged(study.samples[one.tube])
            ),
        )
        if one.job
        else one
        for index, one in enumerate(asked)
    ]


def is_judged(sample: Sample) -> bool:
    """Return whether donor cells are told in a tube: in draws from the infusion on."""
    return sample.role == "draw" and sample.day is not None and sample.day >= 0


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
    """Ask for one tube and population; index, seed and what is wanted are still missing."""
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
