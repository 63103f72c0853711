"""The cohort in two tables: recovery by threshold, persistence by patient."""

from dataclasses import dataclass

import pandas as pd

from immunerecon.report.contents import ReportData
from immunerecon.report.wording import DASH, tell_cells, tell_day, tell_percent

STATUSES = {
    "recovered": "recovered",
    "not_recovered": "not recovered",
    "died_first": "died first",
    "never_below": "never below",
    "not_evaluable": "not evaluable",
}
PERSISTENCE = {
    "persisting": "persisting",
    "lost": "lost",
    "never_detected": "never detected",
    "not_evaluable": "not evaluable",
}


@dataclass(frozen=True)
class RecoveryRow:
    """How many patients reached one threshold.

    Parameters
    ----------
    population, threshold
        Which cells, and cells/µL.
    numbers
        Patients of each of `STATUSES`, in that order.
    earliest, latest
        First and last day on which a recovery was first observed.
    """

    population: str
    threshold: str
    numbers: tuple[int, ...]
    earliest: str
    latest: str


@dataclass(frozen=True)
class PersistenceRow:
    """How long donor NK cells were seen in one patient; numbers as text."""

    patient: str
    status: str
    peak_percent: str
    peak_day: str
    peak_cells: str
    half_life: str
    last_detected: str
    first_undetected: str
    reason: str


@dataclass(frozen=True)
class KirRow:
    """One KIR ligand that donor and patient do not share, or may not."""

    patient: str
    ligand: str
    receptor: str
    graft_versus_host: str
    host_versus_graft: str
    reason: str


def kir_rows(data: ReportData) -> tuple[KirRow, ...]:
    """Return one row a patient and ligand that is mismatched, or whose typing leaves that open.

    Parameters
    ----------
    data
        Tables of a run.
    """
    directions = ("graft_versus_host", "host_versus_graft")
    rows = []
    for row in data.kir_mismatch.to_dict("records"):
        told = {
            name: row[name] if row[name] != "ambiguous" else f"ambiguous ({row[f'usual_{name}']})"
            for name in directions
        }
        told = {name: text.replace(" (ambiguous)", "") for name, text in told.items()}
        if set(told.values()) != {"no"}:
            names = {name: row[name] for name in ("patient", "ligand", "receptor", "reason")}
            rows.append(KirRow(**names, **told))
    return tuple(rows)


def recovery_rows(data: ReportData) -> tuple[RecoveryRow, ...]:
    """Return one row a population and threshold.

    Parameters
    ----------
    data
        Tables of a run.
    """
    rows = []
    for (population, threshold), group in data.recovery.groupby(["population", "threshold"]):
        counts = group["status"].value_counts()
        days = group.loc[group["status"] == "recovered", "time_high"]
        rows.append(
            RecoveryRow(
                str(population),
                f"{threshold:g}",
                tuple(int(counts.get(status, 0)) for status in STATUSES),
                tell_day(float(days.min())) if len(days) else DASH,
                tell_day(float(days.max())) if len(days) else DASH,
            )
        )
    return tuple(rows)


def persistence_rows(data: ReportData) -> tuple[PersistenceRow, ...]:
    """Return one row a patient (and infusion): donor NK cells as a share, and their peak per µL.

    Parameters
    ----------
    data
        Tables of a run.
    """
    table = data.persistence[data.persistence["population"] == "NK"]
    fractions = table[table["measure"] == "fraction"]
    cells = table[table["measure"] == "cells_per_ul"]
    keys = ["patient", *(["course"] if "course" in table else [])]
    joined = fractions.merge(cells[[*keys, "c_max"]], on=keys, how="left", suffixes=("", "_cells"))
    return tuple(_persistence(row) for _, row in joined.iterrows())


def _persistence(row: "pd.Series") -> PersistenceRow:
    course = f", infusion {row['course']}" if row.get("course", 1) > 1 else ""
    return PersistenceRow(
        patient=f"{row['patient']}{course}",
        status=PERSISTENCE[row["persistence_status"]],
        peak_percent=tell_percent(float(row["c_max"])),
        peak_day=tell_day(float(row["t_max"])),
        peak_cells=tell_cells(float(row["c_max_cells"])),
        half_life=tell_cells(float(row["half_life"])),
        last_detected=tell_day(float(row["t_last_detected"])),
        first_undetected=tell_day(float(row["t_first_undetected"])),
        reason=str(row.get("reason", "") or ""),
    )
