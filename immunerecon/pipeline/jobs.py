"""What a worker is told about one tube: plain values that travel to another process."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from immunerecon.cytometry.compensation import Spillover, compensate, spillover_from_keyword
from immunerecon.cytometry.fcs import FileState, file_state, read_fcs
from immunerecon.cytometry.transforms import Scale
from immunerecon.cytometry.tube import Tube
from immunerecon.enumeration.population_table import TubeVolume
from immunerecon.errors import TubeError
from immunerecon.gating.engine import display_columns
from immunerecon.gating.geometry.dimensions import FILE, Dimension, Events, spectrum_of
from immunerecon.gating.geometry.exact_scale import exact_of
from immunerecon.gating.overrides.override import Override
from immunerecon.gating.placement import ALONE, Placement
from immunerecon.gating.strategy import Strategy
from immunerecon.pipeline.records import Record
from immunerecon.study.panel import find_markers


@dataclass(frozen=True)
class Compensation:
    """Which spillover serves a tube.

    Parameters
    ----------
    keyword
        Whether the file's own spillover is used where it has one.
    otherwise
        The spillover for all other tubes: from single stains or a CSV.
    """

    keyword: bool = True
    otherwise: Spillover | None = None


@dataclass(frozen=True)
class TubeJob:
    """One tube to work on.

    Parameters
    ----------
    index
        Position of its row in samples.csv, from 0.
    path, dataset
        Where it is read from.
    strategy
        How it is gated.
    channels
        Channel of a marker where the labels are missing or wrong.
    compensation
        Which spillover serves it.
    volume
        What is known of the blood behind it.
    gated
        Whether populations are counted in it; a single stain is only surveyed.
    sha256, state
        Of the file, once they are known.
    survey
        What the first pass found, once it has been made.
    scales
        Display scale of each marker, once they are chosen.
    placement
        What the other tubes of the study know, once they were asked.
    overrides
        What a person says of its gates.
    """

    index: int
    path: Path
    strategy: Strategy
    dataset: int | None = None
    channels: Mapping[str, str] = field(default_factory=dict)
    compensation: Compensation = Compensation()
    volume: TubeVolume = field(default_factory=TubeVolume)
    gated: bool = True
    sha256: str = ""
    state: FileState | None = None
    survey: Record | None = None
    scales: Mapping[str, Scale] = field(default_factory=dict)
    placement: Placement = ALONE
    overrides: tuple[Override, ...] = ()


def open_tube(job: TubeJob) -> Tube:
    """Read a job's file.

    Raises
    ------
    TubeError
        When the file cannot be used, or is not the one whose content was looked at before.
    """
    # Size and time tell a change as well as a second look at all bytes would; the inode is another
    # one where a machine of a cluster sees the folder otherwise.
    if job.state is not None and file_state(job.path)[:2] != job.state[:2]:
        raise TubeError("the file changed while the study was being run", remedy="Run again")
    return read_fcs(job.path, dataset=job.dataset, sha256=job.sha256)


def markers_of(tube: Tube, job: TubeJob) -> dict[str, str]:
    """Return the channel of each marker that the tube has."""
    names = tuple((channel.name, channel.label) for channel in tube.channels)
    return dict(_markers_of(names, tuple(job.channels.items())))


@lru_cache(maxsize=64)
def _markers_of(
    names: tuple[tuple[str, str], ...], named: tuple[tuple[str, str], ...]
) -> Mapping[str, str]:
    """Find the markers once for all tubes of a panel and cytometer."""
    return find_markers(names, dict(named))


def spillover_for(tube: Tube, compensation: Compensation) -> Spillover | None:
    """Return the spillover that a tube is compensated with."""
    own = spillover_from_keyword(tube) if compensation.keyword else None
    return own or compensation.otherwise


def compensated(tube: Tube, compensation: Compensation) -> Tube:
    """Return the tube with the spillover removed that its compensation names."""
    return compensate(tube, spillover_for(tube, compensation))


def events_of(raw: Tube, job: TubeJob) -> Events:
    """Return a tube's events along every dimension that its strategy looks at.

    Parameters
    ----------
    raw
        Uncompensated.
    job
        The tube with its scales.
    """
    markers = markers_of(raw, job)
    dimensions = job.strategy.dimensions or {
        marker: Dimension(markers[marker], FILE, exact_of(scale))
        for marker, scale in job.scales.items()
        if marker in markers
    }
    matrices = dict(job.strategy.matrices)
    if _needs_spillover(job) and (spillover := spillover_for(raw, job.compensation)):
        matrices[FILE] = spectrum_of(spillover)
    return Events(raw, dimensions, matrices, markers)


def _needs_spillover(job: TubeJob) -> bool:
    """Return whether the tube's own spillover plays a part; gates of a file may bring theirs."""
    dimensions = job.strategy.dimensions.values()
    return not dimensions or any(d.compensation == FILE for d in dimensions)


def compensated_for(tube: Tube, job: TubeJob) -> Tube:
    """Return the tube compensated as its strategy's gates want it."""
    return compensated(tube, job.compensation) if _needs_spillover(job) else tube


def columns_of(
    tube: Tube, job: TubeJob, *, compensated: Tube | None = None
) -> dict[str, NDArray[np.float32]]:
    """Return the display values of each dimension that a job's strategy looks at.

    Parameters
    ----------
    tube
        Clean events, uncompensated.
    job
        The tube with its scales.
    compensated
        As `compensated_for` returns it, where it is at hand.

    Raises
    ------
    TubeError
        When the tube lacks a marker, a channel or a matrix.
    """
    if job.strategy.is_fixed:
        exact = events_of(tube, job).columns(tuple(job.strategy.dimensions))
        return {name: values.astype(np.float32) for name, values in exact.items()}
    ready = compensated or compensated_for(tube, job)
    markers = markers_of(ready, job)
    return display_columns(ready, job.strategy, markers=markers, scales=job.scales)
