"""The steps that every tube goes through: a first pass, what all tubes tell together, gates."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from immunerecon.cytometry.transforms import Scale
from immunerecon.gating.overrides.override import Override
from immunerecon.gating.placement import ALONE, Placement
from immunerecon.pipeline.contents import identified
from immunerecon.pipeline.crews import Crew
from immunerecon.pipeline.jobs import TubeJob
from immunerecon.pipeline.misplaced import misplaced_tubes
from immunerecon.pipeline.neighbours import place_tubes
from immunerecon.pipeline.plan import Plan, code_version, job_inputs
from immunerecon.pipeline.progress import track
from immunerecon.pipeline.records import Record, record_key
from immunerecon.pipeline.scales import choose_scales, instrument_key
from immunerecon.pipeline.survey import survey_tube
from immunerecon.pipeline.tube_overrides import overrides_by_tube
from immunerecon.pipeline.tubes import gate_to_record
from immunerecon.pipeline.workers import Step, run_step
from immunerecon.study.folder import Study

_DOING = {"survey": "Reading", "gate": "Gating"}


@dataclass(frozen=True)
class Stages:
    """What became of each row of samples.csv, by its position.

    Parameters
    ----------
    surveys
        The first look at each file that could be read.
    gated
        The gated tubes.
    keys
        The names of their records.
    errors
        Why the other files have no numbers.
    overrides
        Those that hold in each gated tube.
    """

    surveys: Mapping[int, Record]
    gated: Mapping[int, Record]
    keys: Mapping[int, str]
    errors: Mapping[int, str]
    overrides: Mapping[int, tuple[Override, ...]]


@dataclass(frozen=True)
class Prepared:
    """All that is known of the tubes before they are gated, by position in samples.csv.

    Parameters
    ----------
    jobs
        The tubes that can be gated, with scales and placement.
    surveys
        The first look at each file that could be read.
    errors
        Why the other files have no numbers.
    """

    jobs: Mapping[int, TubeJob]
    surveys: Mapping[int, Record]
    errors: Mapping[int, str]


def prepare_tubes(study: Study, plan: Plan, records: Path, *, workers: Crew) -> Prepared:
    """Look at every tube, choose display scales, and let the tubes of a panel help each other.

    Parameters
    ----------
    study, plan
        The study and its jobs.
    records
        Folder of the records; what is found there is not done again.
    workers
        Processes, a cluster, or a share of a job array.
    """
    jobs, unreadable = identified(plan.jobs, records, workers=workers)
    copies = _copies(study, jobs)
    jobs = {index: job for index, job in jobs.items() if index not in copies}
    surveys, unread, _ = _run("survey", survey_tube, jobs, records, workers)
    silent = {i: s.facts["silent"] for i, s in surveys.items() if "silent" in s.facts}
    silent |= misplaced_tubes(study, surveys)
    telling = {i: s for i, s in surveys.items() if jobs[i].gated and i not in silent}
    scales = _scales(study, jobs, telling)
    overrides = overrides_by_tube(study, telling, plan.overrides)
    placements = _placements(study, jobs, telling, scales, workers)
    placed = {
        index: replace(
            jobs[index],
            survey=surveys[index],
            scales=scales[index],
            placement=placement,
            overrides=overrides[index],
        )
        for index, placement in placements.items()
    }
    errors = {**plan.refused, **unreadable, **copies, **unread, **silent}
    return Prepared(placed, surveys, errors)


def run_stages(study: Study, plan: Plan, records: Path, *, workers: Crew) -> Stages:
    """Prepare and gate every tube of a study; parameters as in `prepare_tubes`."""
    prepared = prepare_tubes(study, plan, records, workers=workers)
    gated, ungated, keys = _run("gate", gate_to_record, prepared.jobs, records, workers)
    overrides = {index: prepared.jobs[index].overrides for index in gated}
    return Stages(prepared.surveys, gated, keys, {**prepared.errors, **ungated}, overrides)


def _run(
    name: str, step: Step[TubeJob], jobs: Mapping[int, TubeJob], records: Path, workers: Crew
) -> tuple[dict[int, Record], dict[int, str], dict[int, str]]:
    """Run one step on all jobs; return records, errors and keys by position."""
    keys = {i: record_key(name, code_version(), *job_inputs(job)) for i, job in jobs.items()}
    outcomes = run_step(step, {keys[i]: job for i, job in jobs.items()}, records, workers=workers)
    done: dict[int, Record] = {}
    errors: dict[int, str] = {}
    for outcome in track(outcomes, len(jobs), _DOING[name]):
        if outcome.record is None:
            errors[outcome.index] = outcome.error
        else:
            done[outcome.index] = outcome.record
    # Completion order depends on the workers; everything after must not.
    return dict(sorted(done.items())), dict(sorted(errors.items())), keys


def _copies(study: Study, jobs: Mapping[int, TubeJob]) -> dict[int, str]:
    """Return the rows whose content stands under another row too, each naming the others."""
    rows: dict[tuple[str, int | None], list[int]] = {}
    for index, job in jobs.items():
        rows.setdefault((job.sha256, job.dataset), []).append(index)
    return {
        index: "the same content as "
        + ", ".join(study.samples[other].file for other in group if other != index)
        + ": one of them is a copy under a wrong name"
        for group in rows.values()
        if len(group) > 1
        for index in group
    }


def _placements(
    study: Study,
    jobs: Mapping[int, TubeJob],
    surveys: Mapping[int, Record],
    scales: Mapping[int, Mapping[str, Scale]],
    workers: Crew,
) -> dict[int, Placement]:
    """Return what the other tubes tell of each; nothing where its gates stand in a file."""
    found = {i: s for i, s in surveys.items() if not jobs[i].strategy.is_fixed}
    return dict.fromkeys(surveys, ALONE) | place_tubes(study, found, scales, workers=workers)


def _scales(
    study: Study, jobs: Mapping[int, TubeJob], surveys: Mapping[int, Record]
) -> dict[int, dict[str, Scale]]:
    """Return the display scales of each tube, shared by panel and instrument, or its gates' own."""
    groups: dict[object, list[int]] = {}
    for index, survey in surveys.items():
        key = (study.samples[index].panel, instrument_key(survey.facts))
        groups.setdefault(key, []).append(index)
    return {
        index: scales
        for members in groups.values()
        for scales in [choose_scales([surveys[index] for index in members])]
        for index in members
    } | {
        index: {
            name: cast("Scale", dimension.scale)  # it has all that a scale is asked for
            for name, dimension in jobs[index].strategy.dimensions.items()
            if dimension.scale is not None
        }
        for index in surveys
        if jobs[index].strategy.is_fixed
    }
