"""A study folder in, a results folder out."""

import json
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pandas as pd

from immunerecon.errors import ResultsError
from immunerecon.files import write_atomically
from immunerecon.gating.gated_tube import GatedTube
from immunerecon.gating.strategy_file import load_strategy
from immunerecon.pipeline.course import course_tables, study_tables
from immunerecon.pipeline.donors import distributions_table, donor_table, estimate_donors
from immunerecon.pipeline.jobs import TubeJob
from immunerecon.pipeline.locks import locked
from immunerecon.pipeline.plan import code_version, plan_study
from immunerecon.pipeline.provenance import append_audit, digest, now, read_run, write_run
from immunerecon.pipeline.results import INDEX, RECORDS, TRIAL, Results, load_results
from immunerecon.pipeline.stages import Stages, prepare_tubes, run_stages
from immunerecon.pipeline.tables import write_table
from immunerecon.pipeline.trial_tables import trial_tables
from immunerecon.pipeline.tube_tables import gates_table, populations_table, samples_table
from immunerecon.pipeline.tubes import gate_file
from immunerecon.study.folder import Study


def run_study(study: Study, out: Path | str, *, workers: int = 1) -> Results:
    """Run a study: gate every tube, count, tell donor cells, follow recovery.

    Parameters
    ----------
    study
        The validated study, from `read_study`.
    out
        Results folder. What an earlier run left there is used where nothing has changed.
    workers
        Processes; the outcome is the same with any number.

    Returns
    -------
    Results
        The tables, which are also written to `out`.

    Raises
    ------
    ResultsError
        When `out` is in use, lies in the study, or belongs to something else.
    StrategyError, CompensationError
        When a strategy or the study's spillover cannot be used at all.

    Examples
    --------
    >>> import immunerecon as ir
    >>> results = ir.run_study(ir.read_study(ir.sample_study()), "results")  # doctest: +SKIP
    """
    out = Path(out)
    with locked(out, study.folder):
        started = now()
        stages = run_stages(study, plan_study(study), out / RECORDS, workers=workers)
        fingerprint = _fingerprint(study, stages)
        earlier = read_run(out) or {}
        if earlier.get("fingerprint") == fingerprint and "ended" in earlier:
            return replace(load_results(out), resumed=True)
        append_audit(out, "run started", {"fingerprint": fingerprint})
        tables = _tables(study, stages, out / RECORDS, workers)
        outcomes, not_estimable = trial_tables(study, tables)
        for folder, group in ((out, tables), (out / TRIAL, outcomes)):
            for name, frame in group.items():
                write_table(folder, name, frame)
        for i, record in stages.gated.items():
            name = PurePosixPath(study.samples[i].file).with_suffix("").as_posix()
            xml = record.facts["gating_ml"].encode()
            write_atomically(out / "gating-ml" / f"{name.replace('/', '__')}.xml", xml)
        index = {study.samples[i].file: key for i, key in stages.keys.items() if i in stages.gated}
        write_atomically(out / RECORDS / INDEX, json.dumps(index, indent=1).encode())
        facts = {**_facts(study, stages), "not_estimable": not_estimable}
        write_run(out, {**facts, "fingerprint": fingerprint, "started": started, "ended": now()})
        append_audit(out, "run finished", {"fingerprint": fingerprint})
        return load_results(out)


def _tables(study: Study, stages: Stages, records: Path, workers: int) -> dict[str, pd.DataFrame]:
    populations = populations_table(study, stages)
    asked, made = estimate_donors(study, stages, records, workers=workers)
    donor_cells = donor_table(study, asked, made, populations)
    return {
        "samples": samples_table(study, stages),
        "populations": populations,
        "gates": gates_table(study, stages),
        "donor_cells": donor_cells,
        "donor_distributions": distributions_table(study, asked, made),
        **course_tables(study, populations, donor_cells),
        **study_tables(study),
    }


def _fingerprint(study: Study, stages: Stages) -> str:
    """Return a digest of all that the tables depend on."""
    rows = (*study.samples, *study.patients, *study.clinical_events, *study.blood_counts)
    told = [row.model_dump_json() for row in (*rows, *study.chimerism, *study.reference_ranges)]
    settings = study.settings.model_dump_json()
    return digest([code_version(), stages.keys, stages.errors, told, settings])


def _facts(study: Study, stages: Stages) -> dict[str, object]:
    names = {panel: rule.strategy for panel, rule in study.settings.panels.items()}
    strategies = {name: load_strategy(name, folder=study.folder) for name in names.values()}
    return {
        "study": study.settings.name,
        "code": code_version(),
        "inputs": {study.samples[i].file: s.facts["sha256"] for i, s in stages.surveys.items()},
        "parameters": study.settings.model_dump(mode="json"),
        "strategies": {s.name: s.version for s in strategies.values()},
        "overrides": [],
    }


def regate(study: Study, results: Results, file: str) -> GatedTube:
    """Gate one file of a run again, to look at its events.

    Parameters
    ----------
    study, results
        The study and what `run_study` made of it.
    file
        As in samples.csv.

    Returns
    -------
    GatedTube
        With all events; the same gates as in the results.

    Raises
    ------
    ResultsError
        When the run has no gates for this file.
    """
    return gate_file(gating_job(study, results, file)).tube


def gating_jobs(study: Study, results: Results) -> dict[str, TubeJob]:
    """Return all that was known of each gated file of a run before it was gated.

    Parameters
    ----------
    study, results
        The study and what `run_study` made of it.

    Returns
    -------
    dict of TubeJob
        By file, in the order of samples.csv; `gate_file` finds the same gates again.
    """
    records = results.folder / RECORDS
    prepared = prepare_tubes(study, plan_study(study), records, workers=1)
    return {study.samples[index].file: job for index, job in sorted(prepared.jobs.items())}


def gating_job(study: Study, results: Results, file: str) -> TubeJob:
    """Return one file's job of `gating_jobs`.

    Raises
    ------
    ResultsError
        When the run has no gates for this file.
    """
    jobs = gating_jobs(study, results)
    if file not in jobs:
        gated = ", ".join(results.populations["file"].unique())
        raise ResultsError(f"{file} was not gated in this run; gated were: {gated}")
    return jobs[file]
