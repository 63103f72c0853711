"""What the tubes of a study tell each other: evidence of each, one placement for each."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from immunerecon.cytometry.quality import clean
from immunerecon.gating.borrowing import TubeIdentity, borrow
from immunerecon.gating.boundaries import Boundary
from immunerecon.gating.engine import evidence_of
from immunerecon.gating.evidence import TubeEvidence
from immunerecon.gating.placement import Placement
from immunerecon.pipeline.jobs import TubeJob, compensated, markers_of, open_tube
from immunerecon.pipeline.records import Record
from immunerecon.pipeline.scales import instrument_key
from immunerecon.study.folder import Study


def evidence_to_record(job: TubeJob) -> Record:
    """Return what one tube tells the others of its panel."""
    raw = open_tube(job)
    tube = compensated(raw.select(clean(raw).kept), job.compensation)
    markers = markers_of(tube, job)
    evidence = evidence_of(tube, job.strategy, markers=markers, scales=job.scales)
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


def _evidence(record: Record) -> TubeEvidence:
    facts: Mapping[str, Any] = record.facts
    return TubeEvidence(
        cells=tuple(facts["cells"]),
        dimensions=tuple(facts["dimensions"]),
        moves=tuple(frozenset(markers) for markers in facts["moves"]),
        boundaries=tuple(Boundary(**boundary) for boundary in facts["boundaries"]),
        **record.arrays,
    )


def place_tubes(
    study: Study, surveys: Mapping[int, Record], evidence: Mapping[int, Record]
) -> dict[int, Placement]:
    """Place the gates of every tube by what all tubes know.

    Parameters
    ----------
    study
        The study.
    surveys, evidence
        Of each tube, by its position in samples.csv.

    Returns
    -------
    dict of Placement
        By position; the order of the rows plays no part.
    """
    from threadpoolctl import threadpool_limits

    samples = study.samples
    # Sums depend on their order in the last bit, so tubes are put in the order of their names.
    named = sorted(evidence, key=lambda index: (samples[index].file, samples[index].dataset or 0))
    identities = {
        number: TubeIdentity(
            patient=samples[index].patient,
            panel=samples[index].panel,
            role=samples[index].role,
            day=samples[index].day,
            instrument=repr(instrument_key(surveys[index].facts)),
            batch=batch_of(samples[index].batch, surveys[index]),
        )
        for number, index in enumerate(named)
    }
    told = {number: _evidence(evidence[index]) for number, index in enumerate(named)}
    with threadpool_limits(1):
        placed = borrow(told, identities)
    return {named[number]: placement for number, placement in placed.items()}


def batch_of(named: str, survey: Record) -> str:
    """Return a tube's batch: as named, else the day and the cytometer of its acquisition."""
    keywords = survey.facts["keywords"]
    acquired = " ".join(filter(None, (keywords.get("$DATE"), keywords.get("$CYT"))))
    return named or (acquired if keywords.get("$DATE") else "")
