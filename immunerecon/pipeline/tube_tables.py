"""The tables with one row a file, a population or a gate."""

import json
import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from immunerecon.enumeration.population_table import COUNTS
from immunerecon.pipeline.neighbours import batch_of
from immunerecon.pipeline.stages import Stages
from immunerecon.pipeline.tables import table
from immunerecon.pipeline.tube_quality import QUALITY_COLUMNS
from immunerecon.study.folder import Study
from immunerecon.study.manifest import Sample


def samples_table(study: Study, stages: Stages) -> pd.DataFrame:
    """Return one row a file: what it is, what became of it, and why."""
    rows = [_sample_row(sample, index, stages) for index, sample in enumerate(study.samples)]
    frame = table("samples", rows)
    counts = dict.fromkeys(("n_events", "n_events_clean", *QUALITY_COLUMNS), "Int64")
    return frame.astype({**counts, "day": float})


def _sample_row(sample: Sample, index: int, stages: Stages) -> dict[str, Any]:
    survey, gated = stages.surveys.get(index), stages.gated.get(index)
    flags: Sequence[str] = ()
    if gated is not None:
        flags = gated.facts["flags"]
    elif survey is not None:
        flags = survey.facts["flags"]
    error = stages.errors.get(index)
    return {
        **_identity(sample),
        "sha256": survey.facts["sha256"] if survey else "",
        "role": sample.role,
        "status": "failed" if error else "flagged" if flags else "ok",
        "reason": error or "; ".join(flags),
        "n_events": survey.facts["n_events"] if survey else None,
        "n_events_clean": gated.facts["n_events_clean"] if gated else None,
        "seconds": gated.facts["seconds"] if gated else math.nan,
        "stain": sample.stain or "",
        "batch": batch_of(sample.batch, survey) if survey else sample.batch,
        "replicate": sample.replicate or "",
        "dataset": sample.dataset,
        **(gated.facts["quality"] if gated else dict.fromkeys(QUALITY_COLUMNS)),
    }


def _identity(sample: Sample) -> dict[str, Any]:
    return {
        "file": sample.file,
        "patient": sample.patient or "",
        "day": sample.day,
        "panel": sample.panel,
    }


def populations_table(study: Study, stages: Stages) -> pd.DataFrame:
    """Return one row a file and population."""
    rows = [
        {**_identity(study.samples[index]), "role": study.samples[index].role, **row}
        for index, record in stages.gated.items()
        for row in record.facts["populations"]
    ]
    frame = table("populations", rows)
    return frame.astype({**dict.fromkeys(COUNTS, "Int64"), "day": float})


def gates_table(study: Study, stages: Stages) -> pd.DataFrame:
    """Return one row a file and gate, the geometry as JSON on the display scale."""
    rows = [
        {
            "file": study.samples[index].file,
            **gate,
            "parameters": json.dumps(gate["parameters"], sort_keys=True),
        }
        for index, record in stages.gated.items()
        for gate in record.facts["gates"]
    ]
    return table("gates", rows)
