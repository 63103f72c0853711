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


def tube_tables(study: Study, stages: Stages) -> dict[str, pd.DataFrame]:
    """Return the tables `samples`, `populations` and `gates`; each record is read once.

    Parameters
    ----------
    study, stages
        The study and what became of its tubes.

    Returns
    -------
    dict of DataFrame
        One row a file: what it is, what became of it, and why; one a file and population; one a
        file and gate, the geometry as JSON on the display scale.
    """
    samples, populations, gates = [], [], []
    for index, sample in enumerate(study.samples):
        samples.append(_sample_row(sample, index, stages))
        if index not in stages.gated:
            continue
        told = stages.gated[index].all_facts()
        identity = {**_identity(sample), "role": sample.role}
        populations += [{**identity, **row} for row in told["populations"]]
        gates += [
            {
                "file": sample.file,
                **gate,
                "parameters": json.dumps(gate["parameters"], sort_keys=True),
            }
            for gate in told["gates"]
        ]
    counts = dict.fromkeys(("n_events", "n_events_clean", *QUALITY_COLUMNS), "Int64")
    return {
        "samples": table("samples", samples).astype({**counts, "day": float}),
        "populations": table("populations", populations).astype(
            {**dict.fromkeys(COUNTS, "Int64"), "day": float}
        ),
        "gates": table("gates", gates),
    }


def _sample_row(sample: Sample, index: int, stages: Stages) -> dict[str, Any]:
    survey = stages.surveys.get(index)
    seen = {} if survey is None else survey.all_facts()
    gated = stages.gated[index].all_facts() if index in stages.gated else None
    flags: Sequence[str] = (gated or seen).get("flags", ())
    error = stages.errors.get(index)
    return {
        **_identity(sample),
        "sha256": seen.get("sha256", ""),
        "role": sample.role,
        "status": "failed" if error else "flagged" if flags else "ok",
        "reason": error or "; ".join(flags),
        "n_events": seen.get("n_events"),
        "n_events_clean": gated["n_events_clean"] if gated else None,
        "seconds": gated["seconds"] if gated else math.nan,
        "stain": sample.stain or "",
        "batch": batch_of(sample.batch, survey) if survey else sample.batch,
        "replicate": sample.replicate or "",
        "dataset": sample.dataset,
        **(gated["quality"] if gated else dict.fromkeys(QUALITY_COLUMNS)),
    }


def _identity(sample: Sample) -> dict[str, Any]:
    return {
        "file": sample.file,
        "patient": sample.patient or "",
        "day": sample.day,
        "panel": sample.panel,
    }
