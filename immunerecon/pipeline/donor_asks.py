"""Which estimates of donor cells a study asks for: each tube with its controls and blanks."""

from collections.abc import Callable, Iterator, Mapping
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
Place = tuple[str | None, str]  # patient and panel


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
    tubes = _Tubes.of(study, stages)
    for patient in study.patients:
        for panel in study.settings.panels:
            own = tubes.by_place.get((patient.patient, panel), [])
            markers = sorted({marker for tube in own for marker in _anti_hla(stages.gated[tube])})
            if not markers:
                continue
            choice = informative_markers(
                patient.recipient_hla,
                patient.donor_hla,
                markers,
                donor_marker=patient.donor_marker,
            )
            controls = lru_cache(maxsize=None)(partial(_controls, tubes, patient, panel))
            asked += [
                _ask(tubes, (tube, population), choice, controls)
                for tube in own
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


@dataclass(frozen=True)
class _Tubes:
    """The gated tubes of a study, with what is asked of them again and again.

    Parameters
    ----------
    study
        The study.
    gated
        Their records.
    by_place
        Blood tubes and donor controls of each patient and panel.
    recipients
        Of `recipient_controls`.
    digests
        Of the values of anti-HLA markers, of each tube that has some.
    """

    study: Study
    gated: Mapping[int, Record]
    by_place: Mapping[Place, list[int]]
    recipients: Mapping[Place, set[int]]
    digests: Mapping[int, Mapping[str, str]]

    @classmethod
    def of(cls, study: Study, stages: Stages) -> "_Tubes":
        gated = stages.gated
        by_place: dict[Place, list[int]] = {}
        for index in gated:
            sample = study.samples[index]
            if sample.role in ("draw", "recipient_control", "donor_control"):
                by_place.setdefault((sample.patient, sample.panel), []).append(index)
        digests = {
            index: record.facts["donor_digests"]
            for index, record in gated.items()
            if any(_anti_hla(record))
        }
        return cls(study, gated, by_place, recipient_controls(study), digests)

    def values(self, tube: int, population: str, markers: Markers) -> MarkerValues | None:
        """Return a tube's values of the markers; None where it lacks one of them."""
        names = tuple(f"donor {population} {marker.marker}" for marker in markers)
        known = self.digests.get(tube, {})
        if not set(names) <= set(known):
            return None
        return MarkerValues(tuple(known[n] for n in names), names, self.gated[tube].arrays)


def _anti_hla(record: Record) -> Iterator[str]:
    """Yield the anti-HLA markers that a gated tube has values of."""
    for name in record.arrays:
        kind, *rest = name.split(" ", 2)
        if kind == "donor":
            yield rest[1]


def _ask(
    tubes: _Tubes,
    asked: tuple[int, str],
    choice: MarkerChoice,
    controls: Callable[[str, Markers], Controls],
) -> Asked:
    """Ask for one tube and population; index, seed and what is wanted are still missing."""
    tube, population = asked
    markers = tuple(m for m in choice.informative if tubes.values(tube, population, (m,)))
    if not markers:
        reason = choice.why_rejected if not choice.informative else f"{population} was not gated"
        return Asked(*asked, "", reason)
    draw = tubes.values(tube, population, markers)
    assert draw is not None  # the filter above
    positive = tuple(marker.donor_positive for marker in markers)
    job = DonorJob(0, draw, controls(population, markers), positive, 0)
    return Asked(*asked, " ".join(map(_signed, markers)), "", job)


def _signed(marker: InformativeMarker) -> str:
    return marker.marker + ("+" if marker.donor_positive else "-")


def _controls(
    tubes: _Tubes, patient: Patient, panel: str, population: str, markers: Markers
) -> Controls:
    """Gather the control tubes of a patient's draws on a panel."""
    name, study = patient.patient, tubes.study
    own = tubes.recipients.get((name, panel), set())
    others = (tubes.recipients.get((other, panel), set()) for other in _alike(study, markers))
    given = {i for i in tubes.by_place[name, panel] if study.samples[i].role == "donor_control"}
    groups = (
        [tubes.values(index, population, markers) for index in sorted(group)]
        for group in (own, given, set().union(*others) - own)
    )
    recipient, donor, blanks = (tuple(one for one in group if one) for group in groups)
    return Controls(recipient, donor, blanks)


def recipient_controls(study: Study) -> dict[Place, set[int]]:
    """Return the control tubes of patients by panel, in their absence draws before infusion."""
    controls: dict[Place, set[int]] = {}
    before: dict[Place, set[int]] = {}
    for index, sample in enumerate(study.samples):
        place = sample.patient, sample.panel
        if sample.role == "recipient_control":
            controls.setdefault(place, set()).add(index)
        elif sample.role == "draw" and sample.day is not None and sample.day < 0:
            before.setdefault(place, set()).add(index)
    return before | controls


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
