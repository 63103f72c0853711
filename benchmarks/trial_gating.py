"""Gate every tube of a simulated trial, in each of the ways that are compared."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import flowutils
import numpy as np
import pandas as pd

from immunerecon.cytometry.fcs import read_fcs
from immunerecon.cytometry.tube import Tube
from immunerecon.gating.borrowing import TubeIdentity, borrow
from immunerecon.gating.engine import evidence_of, gate_tube
from immunerecon.gating.gated_tube import GatedTube
from immunerecon.gating.placement import ALONE
from immunerecon.gating.strategy import Strategy
from immunerecon.gating.strategy_file import load_strategy

WAYS = ("alone", "borrowed", "shipped")
TOP = 262144.0


class Scatter:
    """The linear display scale of scatter."""

    def apply(self, values):
        """Return display values."""
        return (np.asarray(values) / TOP).astype(np.float32)

    def inverse(self, display):
        """Return linear values."""
        return np.asarray(display) * TOP


class Fluorescence:
    """The logicle display scale of fluorescence, the same for all."""

    def apply(self, values):
        """Return display values."""
        column = np.array(values, dtype=np.float64).reshape(-1, 1)
        return (
            flowutils.transforms.logicle(column, None, TOP, 4.5, 0.8, 0).ravel().astype(np.float32)
        )

    def inverse(self, display):
        """Return linear values."""
        column = np.array(display, dtype=np.float64).reshape(-1, 1)
        return flowutils.transforms.logicle_inverse(column, None, TOP, 4.5, 0.8, 0).ravel()


@cache
def _compensated(path: Path) -> Tube:
    tube = read_fcs(path)
    keyword = tube.keywords.get("$SPILLOVER", "")
    matrix, names = flowutils.compensate.get_spill(keyword)
    columns = [tube.index(name.strip()) for name in names]
    events = tube.events.astype(np.float64)
    events = flowutils.compensate.compensate(events, matrix, columns)
    return Tube(np.asfortranarray(events, dtype=np.float32), tube.channels)


def _markers(tube: Tube) -> dict[str, str]:
    """Return the channel of each marker, by the simulator's labels."""
    found = {}
    for channel in tube.channels:
        label = channel.label.replace("HLA ", "HLA-").replace("cd", "CD")
        name = label.split(" ")[0] if " " in label else label.rpartition("-")[0] or label
        name = "HLA-" + name[4:] if name.startswith("HLA-") else name.partition("-")[0]
        if channel.is_scatter:
            found[channel.name] = channel.name
        elif channel.label:
            found[name] = channel.name
    return found


def gate_trial(trial: Path, way: str) -> Mapping[str, GatedTube]:
    """Return the gated tubes of a trial by file."""
    samples = pd.read_csv(trial / "samples.csv")
    samples = samples[
        samples["role"].isin(["draw", "donor_control", "recipient_control", "product"])
    ]
    jobs = {number: _job(trial, sample) for number, sample in samples.iterrows()}
    placements = dict.fromkeys(jobs, ALONE)
    if way != "alone":
        evidence = {n: evidence_of(job.tube, job.strategy, **job.how) for n, job in jobs.items()}
        if way == "borrowed":  # boundaries alone
            evidence = {n: replace(found, cells=()) for n, found in evidence.items()}
        placements = borrow(evidence, {n: job.identity for n, job in jobs.items()})
    return {
        job.file: gate_tube(job.tube, job.strategy, **job.how, placement=placements[n])
        for n, job in jobs.items()
    }


@dataclass(frozen=True)
class _Job:
    """A tube to gate, and how."""

    file: str
    tube: Tube
    strategy: Strategy
    how: dict[str, Mapping[str, object]]
    identity: TubeIdentity


def _job(trial: Path, sample: pd.Series) -> _Job:
    tube = _compensated(trial / sample["file"])
    markers = _markers(tube)
    scales = {m: Scatter() if m[:3] in ("FSC", "SSC") else Fluorescence() for m in markers}
    text = sample.fillna("")
    identity = TubeIdentity(
        patient=str(text["patient"]),
        panel=sample["panel"],
        role=sample["role"],
        day=sample["day"],
        instrument=" ".join(markers.values()),
        batch=str(text.get("batch", "")),
    )
    how = {"markers": markers, "scales": scales}
    return _Job(sample["file"], tube, load_strategy(sample["panel"]), how, identity)
