"""From a study to one job a tube: paths, strategies, spillover, volumes."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from immunerecon import __version__
from immunerecon.cytometry.compensation import (
    Spillover,
    read_spillover,
    spillover_from_controls,
)
from immunerecon.cytometry.fcs import read_fcs
from immunerecon.cytometry.tube import Tube
from immunerecon.enumeration.population_table import TubeVolume
from immunerecon.errors import CompensationError, StrategyError, TubeError
from immunerecon.gating.exchange.flowjo import flowjo_samples
from immunerecon.gating.overrides.override import Override
from immunerecon.gating.strategy import Strategy
from immunerecon.gating.strategy_file import load_strategy
from immunerecon.pipeline.jobs import Compensation, TubeJob, markers_of
from immunerecon.pipeline.records import value_digest
from immunerecon.pipeline.tube_overrides import check_overrides
from immunerecon.study.folder import Study
from immunerecon.study.manifest import Sample

GATED_ROLES = ("draw", "recipient_control", "donor_control", "product", "fmo")
_SAME_DRAW_DAYS = 0.5  # a blood count of the same day belongs to the draw


@dataclass(frozen=True)
class Plan:
    """The work that a study asks for.

    Parameters
    ----------
    jobs
        By position in samples.csv.
    refused
        Why the other rows cannot even be tried.
    overrides
        What a person says of gates.
    """

    jobs: Mapping[int, TubeJob]
    refused: Mapping[int, str]
    overrides: tuple[Override, ...] = ()


def plan_study(study: Study, overrides: Sequence[Override] = ()) -> Plan:
    """Return a job for each row of samples.csv.

    Parameters
    ----------
    study
        The validated study.
    overrides
        What a person says of gates.

    Returns
    -------
    Plan

    Raises
    ------
    StudyError
        When an override meets no tube, population or dimension.
    StrategyError
        When a panel names a strategy that does not exist or is not valid.
    CompensationError
        When the study asks for a spillover that cannot be read or computed.
    """
    jobs: dict[int, TubeJob] = {}
    refused: dict[int, str] = {}
    for index, sample in enumerate(study.samples):
        panel = study.settings.panels[sample.panel]
        try:
            path = study.path_of(sample)
            strategy = strategy_of(study, panel.strategy, path.name)
        except TubeError as error:
            refused[index] = str(error)
            continue
        jobs[index] = TubeJob(
            index=index,
            path=path,
            strategy=strategy,
            dataset=sample.dataset,
            channels=panel.markers,
            volume=_volume(study, sample),
            gated=sample.role in GATED_ROLES,
        )
    check_overrides(study, jobs, overrides)
    return Plan(_compensated(study, jobs), refused, tuple(overrides))


def strategy_of(study: Study, name: str, file: str) -> Strategy:
    """Return the strategy of a file; those of a FlowJo workspace may differ from file to file.

    Raises
    ------
    StrategyError
        When the strategy cannot be used at all.
    TubeError
        When a workspace has no gates for this file.
    """
    if not name.lower().endswith(".wsp"):
        return load_strategy(name, folder=study.folder)
    flowjo_samples(study.folder / name)  # a workspace that cannot be read is everyone's
    try:
        return load_strategy(name, folder=study.folder, sample=file)
    except StrategyError as error:
        remedy = "Give the file the name that it has in the workspace"
        raise TubeError(str(error), remedy=remedy) from error


def _volume(study: Study, sample: Sample) -> TubeVolume:
    alc, wbc = _blood_count(study, sample)
    return TubeVolume(
        beads_added=_number(sample.beads_added),
        blood_volume_ul=_number(sample.blood_volume_ul),
        acquired_volume_ul=_number(sample.acquired_volume_ul),
        dilution=_number(sample.dilution),
        alc=alc,
        wbc=wbc,
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _blood_count(study: Study, sample: Sample) -> tuple[float, float]:
    """Return ALC and WBC (10^9/L) of a draw's blood count, NaN where there is none."""
    if sample.role not in ("draw", "recipient_control") or sample.day is None:
        return math.nan, math.nan
    for count in study.blood_counts:
        if count.patient == sample.patient and abs(count.day - sample.day) < _SAME_DRAW_DAYS:
            wbc, alc = _number(count.wbc), _number(count.alc)
            if math.isnan(alc):
                alc = wbc * _number(count.lymphocytes_percent) / 100
            return alc, wbc
    return math.nan, math.nan


def _compensated(study: Study, jobs: Mapping[int, TubeJob]) -> dict[int, TubeJob]:
    """Return the jobs with the spillover that the study asks for."""
    wanted = study.settings.compensation
    if wanted == "keyword":
        return dict(jobs)
    if wanted not in ("", "controls"):
        given = Compensation(False, read_spillover(study.folder / wanted))
        return {index: replace(job, compensation=given) for index, job in jobs.items()}
    by_batch = _spillovers(study, jobs)
    if wanted == "controls" and not by_batch:
        raise CompensationError(
            "study.yaml asks for compensation by controls, and samples.csv has no single_stain",
            remedy="Add rows with role single_stain and the stained marker, or use keyword",
        )
    return {
        index: replace(
            job,
            compensation=Compensation(
                keyword=wanted == "", otherwise=_nearest(by_batch, study.samples[index])
            ),
        )
        for index, job in jobs.items()
    }


Batch = tuple[str, str]


def _nearest(spillovers: Mapping[Batch, Spillover], sample: Sample) -> Spillover | None:
    """Return the spillover of the sample's panel and batch, else of the panel's one batch."""
    exact = spillovers.get((sample.panel, sample.batch))
    of_panel = [s for (panel, _), s in spillovers.items() if panel == sample.panel]
    return exact or (of_panel[0] if len(of_panel) == 1 else None)


def _spillovers(study: Study, jobs: Mapping[int, TubeJob]) -> dict[Batch, Spillover]:
    """Compute the spillover of each panel and batch that has single stains."""
    controls: dict[Batch, dict[str, Tube]] = {}
    unstained: dict[Batch, Tube] = {}
    for index, job in jobs.items():
        sample = study.samples[index]
        batch = (sample.panel, sample.batch)
        if sample.role == "unstained":
            unstained[batch] = read_fcs(job.path, dataset=job.dataset)
        elif sample.role == "single_stain" and sample.stain:
            tube = read_fcs(job.path, dataset=job.dataset)
            markers = markers_of(tube, job)
            if sample.stain not in markers:
                raise CompensationError(
                    f"{sample.file}: the single stain {sample.stain!r} is no marker of the tube",
                    remedy=f"It has {', '.join(markers)}",
                )
            controls.setdefault(batch, {})[markers[sample.stain]] = tube
    return {
        batch: spillover_from_controls(tubes, unstained.get(batch))
        for batch, tubes in controls.items()
    }


@cache
def code_version() -> str:
    """Return the package's version and a digest of the code that numbers depend on."""
    return f"{__version__}+{code_digest(Path(__file__).parents[1])}"


def code_digest(package: Path) -> str:
    """Return a digest of all modules of a package that numbers depend on, in whatever room."""
    digest = hashlib.sha256()
    for folder in ("cytometry", "enumeration", "gating", "kinetics", "pipeline", "study", "trial"):
        for path in sorted((package / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def job_inputs(job: TubeJob) -> list[object]:
    """Return all that a tube's numbers depend on, besides the code, as JSON-ready values."""
    spillover = job.compensation.otherwise
    return [
        job.sha256,
        job.dataset,
        job.strategy.model_dump(mode="json", fallback=str),
        dict(job.channels),
        job.compensation.keyword,
        []
        if spillover is None
        else [list(spillover.channels), np.ravel(spillover.matrix).tolist()],
        repr(job.volume),
        job.gated,
        sorted((marker, repr(scale)) for marker, scale in job.scales.items()),
        value_digest(job.placement),
        [override.effect() for override in job.overrides],
    ]
