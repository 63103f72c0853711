"""Donor cells of every draw as a table, and the marker's distributions that they were read from."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from immunerecon.enumeration.products import product_interval
from immunerecon.pipeline.course import in_panel_order
from immunerecon.pipeline.crews import Crew
from immunerecon.pipeline.donor_asks import Asked, ask_donors, is_judged, recipient_controls
from immunerecon.pipeline.donor_jobs import DonorJob, estimate_to_record
from immunerecon.pipeline.plan import code_version
from immunerecon.pipeline.progress import track
from immunerecon.pipeline.records import Record, read_arrays, record_key
from immunerecon.pipeline.stages import Stages
from immunerecon.pipeline.tables import table
from immunerecon.pipeline.workers import Outcome, run_step
from immunerecon.study.folder import Study

_TOLD = (
    *("total_events", "donor_events", "donor_fraction", "raw_fraction"),
    *("fraction_low", "fraction_high", "lob", "lod", "loq", "call", "reason"),
    *("sensitivity", "specificity", "rogan_gladen", "gain_shift", "method"),
)
_PARTS = {"marker": "value", "observed": "observed", "recipient": "recipient", "donor": "donor"}


def begin_donors(
    study: Study, stages: Stages, records: Path, *, workers: Crew
) -> tuple[list[Asked], Iterator[Outcome]]:
    """Ask for donor cells in every tube with anti-HLA markers; processes begin to estimate them.

    Parameters
    ----------
    study, stages
        The study and its gated tubes.
    records
        Folder of the records; what is found there is not done again.
    workers
        Processes, a cluster, or a share of a job array.

    Returns
    -------
    asked : list of Asked
        Each population of each tube.
    outcomes : iterator of Outcome
        For `finish_donors`.
    """
    asked = ask_donors(study, stages)
    jobs = {_key(study, one, one.job): one.job for one in asked if one.job is not None}
    return asked, run_step(estimate_to_record, jobs, records, workers=workers)


def finish_donors(asked: Sequence[Asked], outcomes: Iterable[Outcome]) -> dict[int, Record]:
    """Return the estimates by position in `asked`, all that `begin_donors` asked for."""
    n_jobs = sum(one.job is not None for one in asked)
    made = {
        outcome.index: outcome.record or Record({"call": "not_evaluable", "reason": outcome.error})
        for outcome in track(outcomes, n_jobs, "Telling donor cells")
    }
    return dict(sorted(made.items()))


def _key(study: Study, one: Asked, job: DonorJob) -> str:
    """Return the name of an estimate's record; its position in the study plays no part."""
    sample = study.samples[one.tube]
    place = sample.file, sample.dataset, one.population
    return record_key("donor", code_version(), *place, *job.inputs())


def donor_table(
    study: Study, asked: Sequence[Asked], made: Mapping[int, Record], populations: pd.DataFrame
) -> pd.DataFrame:
    """Return one row a draw (from the infusion on) and population: fraction, limits, call.

    Parameters
    ----------
    study
        The study.
    asked, made
        Of `begin_donors` and `finish_donors`.
    populations
        For the cells per µL that donor fractions are multiplied with.
    """
    rows = []
    for position, one in enumerate(asked):
        sample = study.samples[one.tube]
        if not is_judged(sample):
            continue
        known: Mapping[str, Any] = {"call": "not_evaluable", "reason": one.reason}
        if position in made:
            known = made[position].all_facts()
        rows.append(
            {
                **_identity(study, one),
                "marker": one.marker,
                **{key: known.get(key) for key in _TOLD},
                "flags": "; ".join(known.get("flags", ())),
            }
        )
    return table("donor_cells", _with_cells(study, pd.DataFrame(rows), populations))


def distributions_table(
    study: Study, asked: Sequence[Asked], made: Mapping[int, Record]
) -> pd.DataFrame:
    """Return the marker's distribution in each tube, with the fitted parts of either kind of cells.

    Parameters
    ----------
    study
        The study.
    asked, made
        Of `begin_donors` and `finish_donors`.

    Returns
    -------
    DataFrame
        One row a tube, population and bin of the marker (display scale): events observed, and
        fitted events of recipient and donor cells; `tube` says whether it is a control.
    """
    controls = recipient_controls(study)
    rows, bins = [], []
    for position, record in made.items():
        one = asked[position]
        if not record.arrays:
            continue
        sample = study.samples[one.tube]
        tube = "donor control" if sample.role == "donor_control" else "draw"
        if one.tube in controls.get((sample.patient, sample.panel), ()):
            tube = "recipient control"
        rows.append({**_identity(study, one), "marker": one.marker, "tube": tube})
        bins.append(read_arrays(record.arrays, list(_PARTS)))
    if not rows:
        return table("donor_distributions", ())
    told = pd.DataFrame(rows)
    frame = told.loc[told.index.repeat([len(parts[0]) for parts in bins])].reset_index(drop=True)
    for column, parts in zip(_PARTS.values(), zip(*bins, strict=True), strict=True):
        frame[column] = np.concatenate(parts)
    return table("donor_distributions", frame)


def _identity(study: Study, one: Asked) -> dict[str, Any]:
    sample = study.samples[one.tube]
    return {
        "file": sample.file,
        "patient": sample.patient,
        # A control without a day would make the column one of objects.
        "day": math.nan if sample.day is None else sample.day,
        "population": one.population,
        "panel": sample.panel,
    }


def _with_cells(study: Study, rows: pd.DataFrame, populations: pd.DataFrame) -> pd.DataFrame:
    """Add donor cells per µL: the fraction times the population's count on that day."""
    if rows.empty:
        return rows
    counts = ["cells_per_ul", "cells_per_ul_low", "cells_per_ul_high"]
    place = ["patient", "day", "population"]
    draws = populations[(populations["role"] == "draw") & populations["cells_per_ul"].notna()]
    of_record = in_panel_order(study, draws).drop_duplicates(place)
    joined = rows.merge(of_record[[*place, *counts, "count_method"]], on=place, how="left")
    fraction = (joined["donor_fraction"], joined["fraction_low"], joined["fraction_high"])
    cells = (joined["cells_per_ul"], joined["cells_per_ul_low"], joined["cells_per_ul_high"])
    names = ("donor_cells_per_ul", "donor_cells_per_ul_low", "donor_cells_per_ul_high")
    donors = dict(zip(names, product_interval(fraction, cells), strict=True))
    return joined.drop(columns=counts).assign(**donors)
