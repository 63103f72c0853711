"""Gate every tube of a simulated trial, in each of the ways that are compared."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pandas as pd

from immunerecon.cytometry.compensation import compensate
from immunerecon.cytometry.fcs import read_fcs
from immunerecon.cytometry.quality import clean
from immunerecon.cytometry.spillover import spillover_from_keyword
from immunerecon.cytometry.transforms import Linear, Logicle
from immunerecon.cytometry.tube import Tube
from immunerecon.gating.borrowing import TubeIdentity, borrow
from immunerecon.gating.engine import evidence_of, gate_tube
from immunerecon.gating.gated_tube import GatedTube
from immunerecon.gating.models.features import is_scatter
from immunerecon.gating.placement import ALONE
from immunerecon.gating.strategy import Strategy
from immunerecon.gating.strategy_file import load_strategy
from immunerecon.study.panel import find_markers

WAYS = ("alone", "borrowed", "shipped")
TOP = 262144.0
WIDTH = 0.8  # decades of the logicle scales' linear part; the pipeline chooses it by the data


@cache
def _clean(path: Path) -> Tube:
    raw = read_fcs(path)
    tube = raw.select(clean(raw).kept)
    return compensate(tube, spillover_from_keyword(tube))


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
    tube = _clean(trial / sample["file"])
    strategy = load_strategy(sample["panel"])
    found = find_markers([(channel.name, channel.label) for channel in tube.channels], {})
    markers = {marker: found[marker] for marker in strategy.markers() if marker in found}
    scales = {m: Linear(TOP) if is_scatter(m) else Logicle(TOP, WIDTH) for m in markers}
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
    return _Job(sample["file"], tube, strategy, how, identity)
