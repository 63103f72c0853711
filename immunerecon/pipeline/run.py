"""A study folder in, a results folder out."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from immunerecon.errors import ResultsError
from immunerecon.files import file_digest, write_atomically
from immunerecon.gating.gated_tube import GatedTube
from immunerecon.gating.overrides.override import Override
from immunerecon.pipeline.acquisitions import acquisition_facts
from immunerecon.pipeline.crews import Cluster, Crew, Shard, UnfinishedError, at_work
from immunerecon.pipeline.donors import begin_donors, finish_donors
from immunerecon.pipeline.jobs import TubeJob
from immunerecon.pipeline.locks import locked, shard_locked
from immunerecon.pipeline.plan import Plan, code_version, plan_study
from immunerecon.pipeline.provenance import (
    append_audit,
    digest,
    now,
    read_run,
    unfinish,
    write_run,
)
from immunerecon.pipeline.results import INDEX, RECORDS, TRIAL, Results, load_results
from immunerecon.pipeline.seals import is_whole, seal, sealed_by
from immunerecon.pipeline.stages import Stages, prepare_tubes, run_stages
from immunerecon.pipeline.tables import COLUMNS, write_parts, write_table
from immunerecon.pipeline.tabulation import Tabulated, tabulate
from immunerecon.pipeline.tube_overrides import override_facts, overrides_of_run
from immunerecon.pipeline.tubes import gate_file
from immunerecon.study.folder import Study, study_files

GATES, PARTS = "gating-ml", "parquet"


def run_study(
    study: Study,
    out: Path | str,
    *,
    workers: int = 1,
    scheduler: str = "",
    overrides: Sequence[Override] | None = None,
) -> Results:
    """Run a study: gate every tube, count, tell donor cells, follow recovery.

    Parameters
    ----------
    study
        The validated study, from `read_study`.
    out
        Results folder. What an earlier run left there is used where nothing has changed.
    workers
        Processes; the outcome is the same with any number.
    scheduler
        Address of a Dask scheduler, such as ``tcp://10.0.0.1:8786``, whose workers see the same
        files; then `workers` plays no part.
    overrides
        What a person says of gates, from `load_overrides`. Those of the last run in `out` stay in
        force when none are given; an empty list drops them.

    Returns
    -------
    Results
        The tables, which are also written to `out`.

    Raises
    ------
    ResultsError
        When `out` is in use, lies in the study, or belongs to something else, or the scheduler
        cannot be used.
    StudyError
        When an override meets no tube, population or dimension.
    StrategyError, CompensationError
        When a strategy or the study's spillover cannot be used at all.
    OSError
        When the disk is full; what is done stays done.

    Examples
    --------
    >>> import immunerecon as ir
    >>> results = ir.run_study(ir.read_study(ir.sample_study()), "results")  # doctest: +SKIP
    """
    out = Path(out)
    wanted: Crew = Cluster(scheduler) if scheduler else workers
    is_new = not (out / RECORDS).exists()
    with locked(out, study.folder), at_work(wanted, at_once=is_new) as crew:
        started = now()
        plan = plan_study(study, _in_force(overrides, out))
        records = (out / RECORDS).resolve()  # workers elsewhere have another working folder
        stages = run_stages(study, plan, records, workers=crew)
        told = override_facts(study, stages.overrides, plan.overrides)
        fingerprint = _fingerprint(study, stages, told)
        if _is_done(out, fingerprint):
            return replace(load_results(out), resumed=True)
        corrected = {"overrides": told} if told else {}
        append_audit(out, "run started", {"fingerprint": fingerprint, **corrected})
        found = tabulate(study, stages, records, workers=crew)
        unfinish(out)
        written = _write(study, stages, found, out)
        facts = {
            **_facts(study, stages, plan, found.tables["samples"]),
            "overrides": told,
            "not_estimable": found.not_estimable,
        }
        write_run(out, {**facts, "fingerprint": fingerprint, "started": started, "ended": now()})
        seal(out, "run finished", [*written, "run.json"], {"fingerprint": fingerprint})
        return load_results(out)


def _in_force(overrides: Sequence[Override] | None, out: Path) -> Sequence[Override]:
    """Return the overrides of this run: those that are given, else those of the run before."""
    return overrides_of_run(read_run(out)) if overrides is None else overrides


def run_shard(
    study: Study, out: Path | str, shard: Shard, *, overrides: Sequence[Override] | None = None
) -> str:
    """Do one share of a run's work on the tubes, as one job of a job array.

    Parameters
    ----------
    study, out
        As in `run_study`; all jobs share them.
    shard
        Which job of how many.
    overrides
        As in `run_study`.

    Returns
    -------
    str
        What comes next. A step that needs all tubes begins when all jobs have done their share of
        the one before, so a job is called again until nothing is left; `run_study` then writes the
        tables, and does itself whatever no job has done.

    Raises
    ------
    ResultsError
        As in `run_study`, and when the same job is at work already.
    """
    out = Path(out)
    with shard_locked(out, study.folder, shard), at_work(shard) as crew:
        try:
            plan = plan_study(study, _in_force(overrides, out))
            stages = run_stages(study, plan, out / RECORDS, workers=crew)
            finish_donors(*begin_donors(study, stages, out / RECORDS, workers=crew))
        except UnfinishedError as error:
            return (
                f"Shard {shard.number}/{shard.of} is done with its share of this step; other jobs "
                f"have {error.missing} tubes to do. Call all jobs again when they have ended"
            )
    return (
        f"Shard {shard.number}/{shard.of}: all tubes are done. Run once without --shard "
        "for tables, figures and report"
    )


def _is_done(out: Path, fingerprint: str) -> bool:
    """Return whether an earlier run made the same tables, and they are still what it wrote."""
    earlier = read_run(out) or {}
    tables = [f"{name}.{kind}" for name in COLUMNS for kind in ("csv", "parquet")]
    return (
        earlier.get("fingerprint") == fingerprint
        and "ended" in earlier
        and bool(sealed_by(out))
        and is_whole(out, [*tables, "run.json"])
    )


def _write(study: Study, stages: Stages, found: Tabulated, out: Path) -> list[str]:
    """Write all tables and gates; return their names."""
    tables = found.tables
    written = [f"{RECORDS}/{INDEX}", f"{GATES}/", f"{TRIAL}/", f"{PARTS}/"]
    for folder, group in ((out, tables), (out / TRIAL, found.outcomes)):
        for name, frame in group.items():
            write_table(folder, name, frame)
            written += [f"{name}.csv", f"{name}.parquet"] if folder == out else []
    write_parts(out / PARTS, {name: frame for name, frame in tables.items() if "file" in frame})
    names = {}
    for i, record in stages.gated.items():
        stem = PurePosixPath(study.samples[i].file).with_suffix("").as_posix()
        names[f"{stem.replace('/', '__')}.xml"] = record.facts["gating_ml"].encode()
    for name, xml in names.items():
        write_atomically(out / GATES / name, xml)
    for path in (out / GATES).glob("*.xml"):
        if path.name not in names:  # of a file that is no longer in the study
            path.unlink()
    index = {study.samples[i].file: key for i, key in stages.keys.items() if i in stages.gated}
    write_atomically(out / RECORDS / INDEX, json.dumps(index, indent=1).encode())
    return written


def _fingerprint(study: Study, stages: Stages, overrides: list[dict[str, Any]]) -> str:
    """Return a digest of all that the tables depend on."""
    rows = (*study.samples, *study.patients, *study.clinical_events, *study.blood_counts)
    told = [row.model_dump_json() for row in (*rows, *study.chimerism, *study.reference_ranges)]
    settings = study.settings.model_dump_json()
    return digest([code_version(), stages.keys, stages.errors, told, settings, overrides])


def _facts(study: Study, stages: Stages, plan: Plan, samples: pd.DataFrame) -> dict[str, object]:
    versions: dict[str, set[str]] = {}
    for job in plan.jobs.values():
        versions.setdefault(job.strategy.name, set()).add(job.strategy.version)
    return {
        "study": study.settings.name,
        "code": code_version(),
        "inputs": {f: s for f, s in zip(samples["file"], samples["sha256"], strict=True) if s},
        "study_files": {name: file_digest(study.folder / name) for name in study_files(study)},
        "parameters": study.settings.model_dump(mode="json"),
        "acquisition": acquisition_facts(study, stages.surveys),
        # A FlowJo workspace may have other gates for each file.
        "strategies": {name: ", ".join(sorted(found)) for name, found in versions.items()},
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
    plan = plan_study(study, overrides_of_run(results.run))
    prepared = prepare_tubes(study, plan, records, workers=1)
    gated = set(results.populations["file"])
    jobs = {study.samples[index].file: job for index, job in sorted(prepared.jobs.items())}
    return {file: job for file, job in jobs.items() if file in gated}


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
