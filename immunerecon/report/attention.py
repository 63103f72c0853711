"""What needs a person first: tubes without numbers, flags, gates of low confidence."""

from dataclasses import dataclass

import pandas as pd

from immunerecon.gating.engine import LOW_CONFIDENCE
from immunerecon.report.contents import ReportData

_TOLD_ELSEWHERE = "low confidence in the gates"  # by population
_COLUMNS = ["file", "patient", "day", "panel", "role", "reason"]


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
    """One thing to look at, and the tubes that it is said of."""

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
    """Group tubes by each thing that is said of them."""
    told: dict[str, list[Tube]] = {}
    for tube in tubes:
        for flag in tube.reason.split("; "):
            if not flag.startswith(_TOLD_ELSEWHERE):
                told.setdefault(flag, []).append(tube)
    flags = [Flag(flag, tuple(said_of)) for flag, said_of in told.items()]
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
