"""A tube kept in memory for review: its columns and where its gates were placed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from immunerecon.cytometry.quality import clean
from immunerecon.cytometry.transforms import Scale
from immunerecon.cytometry.tube import Tube
from immunerecon.gating.gated_tube import GatedTube
from immunerecon.gating.geometry.dimensions import Events
from immunerecon.gating.overrides.applied_overrides import apply_overrides, overrides_for
from immunerecon.gating.overrides.override import Override
from immunerecon.gating.placed_gates import PlacedGates, apply_gates
from immunerecon.pipeline.jobs import TubeJob, columns_of, events_of, open_tube
from immunerecon.pipeline.plan import plan_study
from immunerecon.pipeline.results import Results
from immunerecon.study.folder import Study

KEPT = 16  # tubes in memory; one of 300,000 events and 14 dimensions takes some 35 MB


@dataclass(frozen=True)
class ReviewTube:
    """One tube under review.

    Parameters
    ----------
    file, patient, batch, panel
        What an override is for.
    columns
        Display values (float32, shape (n_events,)) of each dimension.
    exact
        The same events in full precision, for those on a gate's very edge.
    placed
        Where the data put the gates, before anyone moved them.
    scales
        Display scale of each dimension.
    """

    file: str
    patient: str
    batch: str
    panel: str
    columns: Mapping[str, NDArray[np.float32]]
    exact: Events
    placed: PlacedGates
    scales: Mapping[str, Scale]


def moved_by(tube: ReviewTube, overrides: Sequence[Override]) -> PlacedGates:
    """Return a tube's gates where overrides want them.

    Parameters
    ----------
    tube
        The tube.
    overrides
        Those that are not for this tube are left out; a later one beats an earlier one.

    Returns
    -------
    PlacedGates
        The same as in a run with these overrides.

    Raises
    ------
    StrategyError
        When an override names a population, boundary or dimension that the tube does not have.
    """
    own = overrides_for(
        overrides, file=tube.file, patient=tube.patient, batch=tube.batch, panel=tube.panel
    )
    return apply_overrides(tube.placed, own, tube.scales)


def gated_with(tube: ReviewTube, overrides: Sequence[Override]) -> GatedTube:
    """Count a tube's populations with gates moved by hand; parameters as in `moved_by`."""
    return counted(tube, moved_by(tube, overrides))


def counted(tube: ReviewTube, placed: PlacedGates) -> GatedTube:
    """Count a tube's populations by gates from `moved_by`."""
    return apply_gates(placed, tube.columns, tube.exact)


def tube_opener(study: Study, results: Results) -> Callable[[str], ReviewTube]:
    """Return a function that opens a file of a run for review.

    Parameters
    ----------
    study, results
        The study and what `run_study` made of it.

    Returns
    -------
    callable
        Takes a file as in samples.csv; the last 16 are kept. It raises a ResultsError for a file
        that was not gated, and a TubeError for one that has changed since.
    """
    rows = results.samples.set_index("file")
    jobs = _jobs(study, results)

    @lru_cache(maxsize=KEPT)
    def opened(file: str) -> ReviewTube:
        placed, scales = results.placed(file), results.scales(file)
        job = replace(jobs[file], scales=scales)
        kept = _clean_events(job)
        row = rows.loc[file]
        return ReviewTube(
            file=file,
            patient=str(row["patient"]),
            batch=str(row["batch"]),
            panel=str(row["panel"]),
            columns=columns_of(kept, job),
            exact=events_of(kept, job),
            placed=placed,
            scales=scales,
        )

    return opened


def _jobs(study: Study, results: Results) -> dict[str, TubeJob]:
    """Return how each file of the run is read."""
    jobs = {study.samples[i].file: job for i, job in plan_study(study).jobs.items()}
    digests = results.run["inputs"]
    return {file: replace(jobs[file], sha256=digests[file]) for file in digests}


def _clean_events(job: TubeJob) -> Tube:
    """Read a tube as a run does, up to where its gates are placed."""
    raw = open_tube(job)
    return raw.select(clean(raw).kept)
