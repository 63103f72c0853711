"""Gates of a Gating-ML file or a FlowJo workspace as overrides of a study."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from immunerecon.errors import Problem, StrategyError, StudyError
from immunerecon.gating.exchange.flowjo import flowjo_samples, load_flowjo
from immunerecon.gating.exchange.gating_document import GatingDocument
from immunerecon.gating.exchange.gating_ml_import import load_gating_ml
from immunerecon.gating.geometry.dimensions import UNCOMPENSATED, Dimension
from immunerecon.gating.geometry.linear_gates import linear_gate
from immunerecon.gating.overrides.override import SCOPES, Override
from immunerecon.pipeline.jobs import TubeJob, markers_of, open_tube, spillover_for
from immunerecon.pipeline.plan import plan_study
from immunerecon.study.folder import Study

_CLOSE = 1e-3  # of two compensation matrices that are the same but for rounding


@dataclass(frozen=True)
class Scope:
    """The tubes that imported gates are for.

    Parameters
    ----------
    file, patient, batch
        One of them, as in samples.csv; none for a workspace whose samples are files of the study.
    panel
        Narrows patient and batch.
    """

    file: str = ""
    patient: str = ""
    batch: str = ""
    panel: str = ""


@dataclass
class ImportedGates:
    """What became of the gates of a file.

    Parameters
    ----------
    overrides
        What was taken over.
    left_out
        Why the rest was not, by name.
    notes
        What a person should know of what was taken over.
    """

    overrides: list[Override] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def import_gates(
    study: Study,
    path: Path,
    *,
    populations: Mapping[str, str],
    scope: Scope,
    said: Mapping[str, str],
) -> ImportedGates:
    """Turn the gates of a file into overrides.

    Parameters
    ----------
    study
        Whose populations they are to move.
    path
        Gating-ML 2.0 (.xml) or a FlowJo 10 workspace (.wsp).
    populations
        The study's name of a population of the file, where it has another one.
    scope
        The tubes.
    said
        ``who``, ``when`` and ``why``.

    Returns
    -------
    ImportedGates

    Raises
    ------
    StudyError
        When the scope meets no tube, or several panels.
    StrategyError
        When the file cannot be read at all.
    TubeError
        When the tube cannot be read that tells which channel bears which marker.
    """
    found = ImportedGates()
    if path.suffix.lower() == ".wsp" and not any(getattr(scope, key) for key in SCOPES):
        _import_samples(study, path, populations, said, found)
    else:
        index = _first_tube(study, scope)
        job = plan_study(study).jobs[index]
        name = Path(study.samples[index].file).name
        wsp = path.suffix.lower() == ".wsp"
        document = load_flowjo(path, name) if wsp else load_gating_ml(path)
        _take_over(document, job, populations, {**_told(scope), **said}, found)
    return found


def _told(scope: Scope) -> dict[str, str]:
    return {key: getattr(scope, key) for key in (*SCOPES, "panel") if getattr(scope, key)}


def _import_samples(
    study: Study,
    path: Path,
    populations: Mapping[str, str],
    said: Mapping[str, str],
    found: ImportedGates,
) -> None:
    """Take over the gates of each sample of a workspace that is a file of the study."""
    jobs = plan_study(study).jobs
    files = {Path(study.samples[i].file).name: i for i, job in jobs.items() if job.gated}
    for sample in flowjo_samples(path):
        if sample not in files:
            found.left_out[f"sample {sample}"] = "is no file of the study that is gated"
            continue
        index = files[sample]
        told = {"file": study.samples[index].file, **said}
        _take_over(load_flowjo(path, sample), jobs[index], populations, told, found)


def _first_tube(study: Study, scope: Scope) -> int:
    """Return the position of the first tube of a scope."""
    told = _told(scope)
    given = [key for key in SCOPES if key in told]
    if len(given) != 1:
        message = f"gives {' and '.join(given) or 'none of them'}"
        raise StudyError([Problem("scope", message, accepted=f"one of {', '.join(SCOPES)}")])
    jobs = plan_study(study).jobs
    met = [
        index
        for index, sample in enumerate(study.samples)
        if index in jobs
        and jobs[index].gated
        and all(getattr(sample, key) == value for key, value in told.items())
    ]
    panels = {study.samples[index].panel for index in met}
    if len(panels) != 1:
        wanted = " and ".join(f"{key} {value!r}" for key, value in told.items())
        what = f"has tubes of the panels {', '.join(sorted(panels))}" if panels else "has no tube"
        accepted = f"panel: {', '.join(study.settings.panels)}" if panels else "as in samples.csv"
        raise StudyError([Problem("scope", f"{wanted} {what}", accepted=accepted)])
    return met[0]


def _take_over(
    document: GatingDocument,
    job: TubeJob,
    populations: Mapping[str, str],
    told: Mapping[str, Any],
    found: ImportedGates,
) -> None:
    """Turn the gates of one document into overrides of one scope."""
    place = f" of {told['file']}" if "file" in told else ""
    tube = open_tube(job)
    markers = {channel: marker for marker, channel in markers_of(tube, job).items()}
    spillover = spillover_for(tube, job.compensation)
    compensated = spillover.channels if spillover is not None else ()
    wanted = job.strategy.populations
    found.left_out |= {f"{name}{place}": reason for name, reason in document.refused.items()}
    found.notes += [f"{flag}{place}" for flag in document.flags]
    if spillover is not None and _differs(document, spillover.channels, spillover.matrix):
        found.notes.append(
            f"{document.name} has another compensation than the study{place}: the study's is used, "
            "so look at what was taken over"
        )
    for placed in document.gates:
        name = populations.get(placed.population, placed.population)
        try:
            if name not in wanted:
                raise StrategyError(
                    f"is no population of the strategy {job.strategy.name!r}; name the one that it "
                    f"is (there are: {', '.join(wanted)})"
                )
            axes = placed.gate.dimensions if placed.gate else ()
            names = {
                axis: _marker(document.dimensions[axis], markers, compensated) for axis in axes
            }
            _check_markers(names, job)
            gate = linear_gate(placed.gate, document.dimensions, names)
        except StrategyError as error:
            found.left_out[f"{placed.population}{place}"] = str(error)
            continue
        found.overrides.append(Override("replace", **told, population=name, gate=gate))
        theirs = populations.get(placed.parent, placed.parent)
        if theirs != wanted[name].parent:
            found.notes.append(
                f"{name}{place} lies within {theirs or 'all events'} in {document.name}, within "
                f"{wanted[name].parent or 'all events'} in the study: its events follow the study"
            )


def _marker(dimension: Dimension, markers: Mapping[str, str], compensated: tuple[str, ...]) -> str:
    """Return the marker of a dimension."""
    if not isinstance(dimension.channel, str):
        raise StrategyError("is drawn on a ratio of channels")
    channel = dimension.channel
    if channel in compensated and dimension.compensation == UNCOMPENSATED:
        raise StrategyError(f"is drawn on uncompensated {channel}, which the study compensates")
    return markers.get(channel, channel)


def _check_markers(names: Mapping[str, str], job: TubeJob) -> None:
    known = job.strategy.markers()
    if unknown := [name for name in names.values() if name not in known]:
        raise StrategyError(
            f"is drawn on {', '.join(unknown)}, which the strategy does not look at "
            f"(it looks at {', '.join(known)})"
        )


def _differs(
    document: GatingDocument, channels: tuple[str, ...], matrix: NDArray[np.float64]
) -> bool:
    """Return whether a document brings another compensation than the study has."""
    for spectrum in document.matrices.values():
        if sorted(spectrum.detectors) != sorted(channels) or len(spectrum.rows) != len(channels):
            return True
        order = [channels.index(detector) for detector in spectrum.detectors]
        if not np.allclose(np.array(spectrum.rows), matrix[np.ix_(order, order)], atol=_CLOSE):
            return True
    return False
