"""What needs a person first: tubes without numbers, flags, gates of low confidence."""

import re
from dataclasses import dataclass, replace

import pandas as pd

from immunerecon.gating.engine import LOW_CONFIDENCE
from immunerecon.report.contents import ReportData

_TOLD_ELSEWHERE = "low confidence in the gates"  # by population
_COLUMNS = ["file", "patient", "day", "panel", "role", "reason"]


# Numbers as flags have them, not those in the names of markers (CD16).
_NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*")


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
class Flag:
    """One thing to look at, and the tubes that it is said of.

    Parameters
    ----------
    reason
        What is said; with … for the numbers where they differ from tube to tube.
    tubes
        Each with what is said of it in `reason`, empty where that is the same of all.
    """

    reason: str
    tubes: tuple[Tube, ...]


@dataclass(frozen=True)
class DoubtfulGate:
    """A gate that the data determine poorly in some tubes.

    Parameters
    ----------
    population
        Whose gate.
    lowest
        Least confidence.
    gated
        Tubes in which the population was gated.
    tubes
        Those in which the confidence is low, the least first.
    """

    population: str
    lowest: float
    gated: int
    tubes: tuple[Tube, ...]


@dataclass(frozen=True)
class Disagreement:
    """A draw in which flow cytometry and another method find unlike shares of donor cells.

    Parameters
    ----------
    patient, day, population, method
        Which result.
    told
        What both found.
    """

    patient: str
    day: float
    population: str
    method: str
    told: str


@dataclass(frozen=True)
class Attention:
    """What needs a person.

    Parameters
    ----------
    failed
        Files without numbers.
    n_flagged
        Files with numbers and something to look at.
    flags
        What that is, the most frequent first; doubtful gates are told in `gates`.
    gates
        Gates of low confidence by population, the most frequent first.
    disagreements
        Draws in which another chimerism result and flow cytometry exclude each other.
    """

    failed: tuple[Tube, ...]
    n_flagged: int
    flags: tuple[Flag, ...]
    gates: tuple[DoubtfulGate, ...]
    disagreements: tuple[Disagreement, ...]


def find_attention(data: ReportData) -> Attention:
    """Collect what a person should look at, worst first.

    Parameters
    ----------
    data
        Tables of a run.
    """
    flagged = _tubes(data.samples, "flagged")
    return Attention(
        failed=_tubes(data.samples, "failed"),
        n_flagged=len(flagged),
        flags=_flags(flagged),
        gates=_gates(data),
        disagreements=_disagreements(data.chimerism_pairs),
    )


def _disagreements(pairs: pd.DataFrame) -> tuple[Disagreement, ...]:
    if pairs.empty:
        return ()
    apart = pairs[pairs["disagrees"].fillna(False).astype(bool)]
    return tuple(
        Disagreement(
            row["patient"],
            row["day"],
            row["population"],
            row["method"],
            f"{row['method']} {row['donor_percent']:.3g} %, flow on day {row['flow_day']:g} "
            f"{row['flow_percent']:.3g} % ({row['flow_low']:.3g} to {row['flow_high']:.3g})",
        )
        for row in apart.sort_values(["patient", "day"], kind="stable").to_dict("records")
    )


def _tubes(samples: pd.DataFrame, status: str) -> tuple[Tube, ...]:
    rows = samples[samples["status"] == status].sort_values(["patient", "day", "file"])
    return tuple(Tube(*row) for row in rows[_COLUMNS].itertuples(index=False))


def _flags(tubes: tuple[Tube, ...]) -> tuple[Flag, ...]:
    """Group tubes by each thing that is said of them, whatever the numbers in it."""
    told: dict[str, dict[str, list[Tube]]] = {}
    for tube in tubes:
        for flag in tube.reason.split("; "):
            if not flag.startswith(_TOLD_ELSEWHERE):
                kind = _NUMBER.sub("…", flag)
                told.setdefault(kind, {}).setdefault(flag, []).append(tube)
    flags = []
    for kind, worded in told.items():
        same = len(worded) == 1
        said_of = [
            replace(tube, reason="" if same else flag) for flag, of in worded.items() for tube in of
        ]
        flags.append(Flag(next(iter(worded)) if same else kind, tuple(said_of)))
    return tuple(sorted(flags, key=lambda flag: -len(flag.tubes)))


def _gates(data: ReportData) -> tuple[DoubtfulGate, ...]:
    placed = data.gates.merge(data.samples[_COLUMNS], on="file")
    low = placed[placed["confidence"] < LOW_CONFIDENCE].sort_values("confidence", kind="stable")
    found = [
        DoubtfulGate(
            str(population),
            float(rows["confidence"].iloc[0]),
            int((placed["population"] == population).sum()),
            tuple(Tube(*row) for row in rows[_COLUMNS].itertuples(index=False)),
        )
        for population, rows in low.groupby("population", sort=False)
    ]
    return tuple(sorted(found, key=lambda gate: (-len(gate.tubes), gate.lowest)))
