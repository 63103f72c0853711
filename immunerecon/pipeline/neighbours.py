"""What the tubes of a study tell each other: evidence of each, one placement for each."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from immunerecon.cytometry.transforms import Scale
from immunerecon.cytometry.tube import Tube
from immunerecon.gating.borrowing import TubeIdentity, borrow
from immunerecon.gating.boundaries import Boundary
from immunerecon.gating.engine import evidence_of
from immunerecon.gating.evidence import TubeEvidence
from immunerecon.gating.models.rescaling import rescale_evidence
from immunerecon.gating.placement import Placement
from immunerecon.pipeline.companies import companies
from immunerecon.pipeline.crews import Crew
from immunerecon.pipeline.jobs import TubeJob, markers_of
from immunerecon.pipeline.records import Record
from immunerecon.pipeline.scales import choose_scales, instrument_key
from immunerecon.pipeline.workers import run_apart

if TYPE_CHECKING:  # whoever places tubes in another process needs no tables of a study
    from immunerecon.study.folder import Study
    from immunerecon.study.manifest import Sample


def evidence_to_record(
    tube: Tube, job: TubeJob, *, scales: Mapping[str, Scale], events_each: int
) -> Record:
    """Return what one tube tells the others of its panel.

    Parameters
    ----------
    tube
        Clean, compensated events, all or a sample.
    job
        The tube's.
    scales
        Its display scales.
    events_each
        How many events of the whole tube each one stands for.
    """
    evidence = evidence_of(tube, job.strategy, markers=markers_of(tube, job), scales=scales)
    evidence = replace(evidence, weights=evidence.weights * np.float32(events_each))
    values = {field.name: getattr(evidence, field.name) for field in fields(evidence)}
    arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    return Record(
        {
            "cells": list(evidence.cells),
            "dimensions": list(evidence.dimensions),
            "moves": [sorted(markers) for markers in evidence.moves],
            "boundaries": [asdict(boundary) for boundary in evidence.boundaries],
        },
        arrays,
    )


def _evidence(survey: Record, scales: Mapping[str, Scale]) -> TubeEvidence:
    """Return the evidence of a survey on these scales."""
    facts: Mapping[str, Any] = survey.facts
    arrays = {
        field.name: survey.arrays[field.name]
        for field in fields(TubeEvidence)
        if field.name in survey.arrays
    }
    own = TubeEvidence(
        cells=tuple(facts["cells"]),
        dimensions=tuple(facts["dimensions"]),
        moves=tuple(frozenset(markers) for markers in facts["moves"]),
        boundaries=tuple(Boundary(**boundary) for boundary in facts["boundaries"]),
        **arrays,
    )
    return rescale_evidence(own, own=choose_scales([survey]), common=scales)


@dataclass(frozen=True)
class _Member:
    """One tube of a company: who it is, what it tells, the display scales it shares."""

    index: int
    identity: TubeIdentity
    survey: Record
    scales: Mapping[str, Scale]


def place_tubes(
    study: "Study",
    surveys: Mapping[int, Record],
    scales: Mapping[int, Mapping[str, Scale]],
    *,
    workers: Crew = 1,
) -> dict[int, Placement]:
    """Place the gates of every tube by what all tubes know.

    Parameters
    ----------
    study
        The study.
    surveys
        Of each tube that has evidence, by its position in samples.csv.
    scales
        The display scales that it shares with others.
    workers
        Processes of this machine; each takes a company of tubes at a time.

    Returns
    -------
    dict of Placement
        By position; the order of the rows plays no part. A tube's own boundaries are among them,
        so that they need not be looked for again.
    """
    samples = study.samples
    # Sums depend on their order in the last bit, so tubes are put in the order of their names.
    named = sorted(surveys, key=lambda index: (samples[index].file, samples[index].dataset or 0))
    identities = {n: _identity(samples[i], surveys[i]) for n, i in enumerate(named)}
    groups = [
        {n: _Member(named[n], identities[n], surveys[named[n]], scales[named[n]]) for n in company}
        for company in companies(identities)
    ]
    placed = run_apart(_placed_company, groups, workers=workers)
    return dict(sorted(pair for company in placed for pair in company.items()))


def _identity(sample: "Sample", survey: Record) -> TubeIdentity:
    return TubeIdentity(
        patient=sample.patient,
        panel=sample.panel,
        role=sample.role,
        day=sample.day,
        instrument=repr(instrument_key(survey.facts)),
        batch=batch_of(sample.batch, survey),
    )


def _placed_company(members: Mapping[int, _Member]) -> dict[int, Placement]:
    """Place the tubes of one company; return the placements by position in samples.csv."""
    told = {number: _evidence(member.survey, member.scales) for number, member in members.items()}
    placed = borrow(told, {number: member.identity for number, member in members.items()})
    return {
        members[number].index: _with_own(told[number].boundaries, placement)
        for number, placement in placed.items()
    }


def _with_own(boundaries: tuple[Boundary, ...], placement: Placement) -> Placement:
    """Return a placement with the tube's own boundaries, where none was borrowed."""
    own = {found.name: found for found in boundaries}
    return replace(placement, boundaries={**own, **placement.boundaries})


def batch_of(named: str, survey: Record) -> str:
    """Return a tube's batch: as named, else a label of its day and cytometer."""
    return named or str(survey.facts["acquired"])
