"""A gated tube together with its events, which is what other programs are given."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from immunerecon.cytometry.quality import clean
from immunerecon.cytometry.spillover import Spillover
from immunerecon.cytometry.transforms import Scale, scale_for
from immunerecon.cytometry.tube import Channel, Tube
from immunerecon.errors import MarkerError
from immunerecon.gating.gated_tube import GatedTube, Indices
from immunerecon.pipeline.jobs import TubeJob, compensated, markers_of, open_tube, spillover_for
from immunerecon.pipeline.results import Results
from immunerecon.pipeline.run import gating_job, gating_jobs
from immunerecon.pipeline.survey import cleaning_of
from immunerecon.pipeline.tubes import gate_file
from immunerecon.study.folder import Study
from immunerecon.study.manifest import Sample


@dataclass(frozen=True)
class GatedEvents:
    """One gated tube with its clean events, as they were measured and compensated.

    Parameters
    ----------
    raw, compensated
        The clean events, in the same order; both the same for an uncompensated tube.
    gated
        The populations; its row numbers are those of `raw` and `compensated`.
    markers
        The channel (``$PnN``) of each marker.
    scales
        The display scale of each marker that was gated on.
    spillover
        What the tube was compensated with, None where with nothing.
    rows : ndarray, shape (n_events,)
        Number of each event in the file, from 0.
    facts
        What samples.csv says: file, patient, day, panel, role.
    """

    raw: Tube
    compensated: Tube
    gated: GatedTube
    markers: Mapping[str, str]
    scales: Mapping[str, Scale]
    spillover: Spillover | None = None
    rows: Indices = field(default_factory=lambda: np.empty(0, dtype=np.intp))
    facts: Mapping[str, str | float] = field(default_factory=dict)

    def members(self, population: str) -> NDArray[np.bool_]:
        """Return which events lie in a population; an empty name means all.

        Raises
        ------
        MarkerError
            When the tube has no such population; says why, where the strategy has it.
        """
        inside = np.zeros(self.raw.n_events, dtype=bool)
        if population and population not in self.gated.members:
            why = self.gated.dropped.get(population, "the strategy has none of this name")
            raise MarkerError(
                f"the tube has no population {population!r}: {why}",
                remedy=f"It has {', '.join(self.gated.members)}",
            )
        inside[self.gated.members[population] if population else slice(None)] = True
        return inside

    def scale_of(self, channel: Channel) -> Scale:
        """Return the display scale of a channel; one that was not gated on gets the usual one."""
        for marker, name in self.markers.items():
            if name == channel.name and marker in self.scales:
                return self.scales[marker]
        return scale_for(channel)

    def marker_of(self, channel: Channel) -> str:
        """Return the marker of a channel, its ``$PnN`` where it holds none.

        A marker that was gated on counts before others that share the channel.
        """
        held = [marker for marker, name in self.markers.items() if name == channel.name]
        used = [marker for marker in held if marker in self.gated.columns]
        return (used or held or [channel.name])[0]


def gated_events(study: Study, results: Results, file: str) -> GatedEvents:
    """Gate one file of a run again, with its events.

    Parameters
    ----------
    study, results
        The study and what `run_study` made of it.
    file
        As in samples.csv.

    Returns
    -------
    GatedEvents
        With the same gates as in the results.

    Raises
    ------
    ResultsError
        When the run has no gates for this file.
    """
    job = gating_job(study, results, file)
    return _opened(job, study.samples[job.index])


def each_gated_events(study: Study, results: Results, *, panel: str = "") -> Iterator[GatedEvents]:
    """Yield the gated files of a run, one after the other, in the order of samples.csv.

    Parameters
    ----------
    study, results
        The study and what `run_study` made of it.
    panel
        Only the tubes of this panel; empty for all.
    """
    jobs = gating_jobs(study, results)
    for sample in study.samples:
        if sample.file in jobs and panel in ("", sample.panel):
            yield _opened(jobs[sample.file], sample)


def _opened(job: TubeJob, sample: Sample) -> GatedEvents:
    everything = open_tube(job)
    kept = (clean(everything) if job.survey is None else cleaning_of(job.survey)).kept
    raw = everything.select(kept)
    tube = compensated(raw, job.compensation)
    day = math.nan if sample.day is None else sample.day
    facts: dict[str, str | float] = {
        "file": sample.file,
        "patient": sample.patient,
        "day": day,
        "panel": sample.panel,
        "role": sample.role,
    }
    return GatedEvents(
        raw=raw,
        compensated=tube,
        gated=gate_file(job).tube,
        markers=markers_of(tube, job),
        scales=job.scales,
        spillover=spillover_for(everything, job.compensation),
        rows=np.flatnonzero(kept),
        facts=facts,
    )
