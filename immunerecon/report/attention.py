"""What needs a person first: tubes without numbers, flags, gates of low confidence."""

from dataclasses import dataclass

import pandas as pd

from immunerecon.gating.engine import LOW_CONFIDENCE
from immunerecon.report.contents import ReportData


@dataclass(frozen=True)
class Tube:
    """A file that a person should look at."""

    file: str
    patient: str
    day: float
    panel: str
    role: str
    reason: str


@dataclass(frozen=True)
class DoubtfulGate:
    """A gate that the data determine poorly."""

    population: str
    tubes: int
    lowest: float
    where: tuple[str, ...]


@dataclass(frozen=True)
class Attention:
    """What needs a person.

    Parameters
    ----------
    failed
        Files without numbers.
    flagged
        Files with numbers and something to look at.
    gates
        Gates of low confidence by population, the most frequent first.
    """

    failed: tuple[Tube, ...]
    flagged: tuple[Tube, ...]
    gates: tuple[DoubtfulGate, ...]


def find_attention(data: ReportData) -> Attention:
    """Collect what a person should look at, worst first.

    Parameters
    ----------
    data
        Tables of a run.
    """
    return Attention(
        failed=_tubes(data.samples, "failed"),
        flagged=_tubes(data.samples, "flagged"),
        gates=_gates(data),
    )


def _tubes(samples: pd.DataFrame, status: str) -> tuple[Tube, ...]:
    rows = samples[samples["status"] == status].sort_values(["patient", "day", "file"])
    columns = ["file", "patient", "day", "panel", "role", "reason"]
    return tuple(Tube(*row) for row in rows[columns].itertuples(index=False))


def _gates(data: ReportData) -> tuple[DoubtfulGate, ...]:
    low = data.gates[data.gates["confidence"] < LOW_CONFIDENCE]
    rows = low.merge(data.samples[["file", "patient", "day", "panel"]], on="file", how="left")
    found = [
        DoubtfulGate(
            str(population),
            len(group),
            float(group["confidence"].min()),
            tuple(group.sort_values("confidence")["file"]),
        )
        for population, group in rows.groupby("population", sort=False)
    ]
    return tuple(sorted(found, key=lambda gate: (-gate.tubes, gate.lowest)))
