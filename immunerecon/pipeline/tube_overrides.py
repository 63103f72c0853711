"""Which overrides hold in which tube of a study, and what the results say of them."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from immunerecon.errors import Problem, StudyError
from immunerecon.gating.overrides.applied_overrides import overrides_for
from immunerecon.gating.overrides.override import Override
from immunerecon.gating.overrides.override_file import override_from
from immunerecon.gating.strategy import Strategy
from immunerecon.pipeline.jobs import TubeJob
from immunerecon.pipeline.neighbours import batch_of
from immunerecon.pipeline.records import Record
from immunerecon.study.folder import Study
from immunerecon.study.manifest import Sample

_FILE = "overrides"


def overrides_beside(results: Path) -> Path:
    """Return the file in which a review keeps the overrides of a results folder.

    It stands beside the results, which are sealed: what a person decided outlives them.
    """
    folder = results.resolve()
    return folder.with_name(f"{folder.name}_overrides.yaml")


def check_overrides(
    study: Study, jobs: Mapping[int, TubeJob], overrides: Sequence[Override]
) -> None:
    """Refuse overrides that meet no tube, population, threshold or dimension.

    Parameters
    ----------
    study
        The study.
    jobs
        By position in samples.csv.
    overrides
        In the order of their file.

    Raises
    ------
    StudyError
        With every such entry. Batches that samples.csv does not name are looked at later, when
        the files have told theirs.
    """
    problems = [
        problem
        for number, override in enumerate(overrides, start=1)
        for problem in _problems(study, jobs, override, f"overrides[{number}]")
    ]
    if problems:
        raise StudyError(problems)


def _problems(
    study: Study, jobs: Mapping[int, TubeJob], override: Override, place: str
) -> Iterator[Problem]:
    if override.panel and override.panel not in study.settings.panels:
        known = ", ".join(study.settings.panels)
        yield Problem(_FILE, f"there is no panel {override.panel!r}", None, f"{place}.panel", known)
        return
    met = [
        jobs[index].strategy
        for index, sample in enumerate(study.samples)
        if index in jobs and jobs[index].gated and _meets(override, sample)
    ]
    if met:
        yield from _target_problems(override, met, place)
    elif override.batch == "":
        yield _no_tube(override, place)


def _meets(override: Override, sample: Sample) -> bool:
    """Return whether an override may hold in a tube; its batch may still be unknown."""
    key, name = override.scope
    own = {"file": sample.file, "patient": sample.patient, "batch": sample.batch or name}
    return own[key] == name and override.panel in ("", sample.panel)


def _no_tube(override: Override, place: str) -> Problem:
    key, name = override.scope
    within = f" of panel {override.panel!r}" if override.panel else ""
    accepted = "a file, patient or batch of samples.csv with a tube that is gated"
    message = f"no tube has the {key} {name!r}{within}"
    return Problem(_FILE, message, None, f"{place}.{key}", accepted)


def _target_problems(
    override: Override, strategies: Sequence[Strategy], place: str
) -> Iterator[Problem]:
    kind = override.target_kind
    known = [s for strategy in strategies for s in _targets(strategy, kind)]
    if override.target not in known:
        message = f"the strategy has no {kind} {override.target!r}"
        accepted = ", ".join(dict.fromkeys(known))
        yield Problem(_FILE, message, None, f"{place}.{kind}", accepted)
    looked_at = [marker for strategy in strategies for marker in strategy.markers()]
    for name in override.dimensions:
        if name not in looked_at:
            message = f"the strategy does not look at {name!r}"
            accepted = ", ".join(dict.fromkeys(looked_at))
            yield Problem(_FILE, message, None, f"{place}.{override.geometry}", accepted)


def _targets(strategy: Strategy, kind: str) -> tuple[str, ...]:
    return tuple(strategy.populations if kind == "population" else strategy.boundaries)


def overrides_by_tube(
    study: Study, surveys: Mapping[int, Record], overrides: Sequence[Override]
) -> dict[int, tuple[Override, ...]]:
    """Return the overrides that hold in each tube.

    Parameters
    ----------
    study
        The study.
    surveys
        Of the tubes that are gated, by position in samples.csv.
    overrides
        In the order of their file.

    Raises
    ------
    StudyError
        When an override names a batch that no tube has.
    """
    batches = {i: batch_of(study.samples[i].batch, survey) for i, survey in surveys.items()}
    known = {*batches.values(), *(sample.batch for sample in study.samples)}
    lost = [
        _no_tube(override, f"overrides[{number}]")
        for number, override in enumerate(overrides, start=1)
        if override.batch and override.batch not in known
    ]
    if lost:
        raise StudyError(lost)
    return {
        index: overrides_for(
            overrides,
            file=study.samples[index].file,
            patient=study.samples[index].patient,
            batch=batch,
            panel=study.samples[index].panel,
        )
        for index, batch in batches.items()
    }


def override_facts(
    study: Study, held: Mapping[int, tuple[Override, ...]], overrides: Sequence[Override]
) -> list[dict[str, Any]]:
    """Return what run.json says of each override: the entry, and the files in which it holds."""
    return [
        {
            **override.facts(),
            "files": [study.samples[i].file for i, own in sorted(held.items()) if override in own],
        }
        for override in overrides
    ]


def overrides_of_run(run: Mapping[str, Any] | None) -> tuple[Override, ...]:
    """Return the overrides that run.json lists; they stay in force until others are given."""
    entries = (run or {}).get("overrides", [])
    return tuple(
        override_from({key: value for key, value in entry.items() if key != "files"})
        for entry in entries
    )
