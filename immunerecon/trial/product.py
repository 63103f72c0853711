"""The infused product: purity, viability, T cells left, doses, and whether it may be released."""

import math
from collections.abc import Hashable, Iterator, Mapping

import pandas as pd

from immunerecon.enumeration.poisson import exact_rate_ratio
from immunerecon.enumeration.proportions import clopper_pearson
from immunerecon.kinetics.columns import require_columns
from immunerecon.trial.depletion import Bounded, log10_depletion
from immunerecon.trial.protocol import Protocol
from immunerecon.trial.verdicts import judge_interval

CELLS = ("Leukocytes", "Live", "Singlets")  # what purity is a percentage of: the first counted
UNKNOWN = (math.nan, math.nan, math.nan)
REPORTED, TUBE = "patients", "tube"


def product_table(
    populations: pd.DataFrame, patients: pd.DataFrame, protocol: Protocol
) -> pd.DataFrame:
    """Return what is known of each patient's product, against the protocol's limits.

    Parameters
    ----------
    populations
        One row a tube and population: `file, patient, role, population, count, parent_count`; the
        tubes with the role ``product`` are read.
    patients
        One row a patient: `patient` and, as far as known, `nk_cells_per_kg`, `cd3_cells_per_kg`,
        `weight_kg` and `cd3_cells_per_kg_start` (T cells of the apheresis before depletion).
    protocol
        Whose limits on the product apply, by the names of the measures below.

    Returns
    -------
    DataFrame
        One row a patient, product tube and measure: `patient, file, measure, source, value, low,
        high, unit, limit, verdict, reason`. Measures from the tube: `nk_purity_percent` and
        `t_cells_percent` (of leukocytes, or what comes next: live cells, singlets),
        `viability_percent` (live among singlets), `cd3_cells_per_kg` (reported NK dose times T/NK
        events) and `log10_t_depletion`; from the table of patients, which gives no intervals:
        `nk_cells_per_kg, cd3_cells_per_kg, nk_cells`. Verdict is ``met``, ``not_met``,
        ``uncertain`` (the interval spans the limit), ``not_evaluable`` or, without limit, empty.

    Raises
    ------
    StudyError
        When a column is missing.

    Notes
    -----
    Percentages have Clopper-Pearson intervals; the T cell dose that of a ratio of two Poisson
    counts. Log10 depletion is of absolute numbers, since a percentage also falls when other cells
    are lost. `T` holds CD3+CD56+ cells, too.

    References
    ----------
    Przyborowski J, Wilenski H. Biometrika 1940;31:313. doi:10.1093/biomet/31.3-4.313

    Examples
    --------
    >>> from immunerecon.trial.protocol import load_protocol
    >>> tube = pd.DataFrame({"file": "p.fcs", "patient": "P1", "role": "product",
    ...     "population": ["Live", "NK", "T"], "count": [9000, 4000, 12], "parent_count": 10000})
    >>> patients = pd.DataFrame({"patient": ["P1"], "nk_cells_per_kg": [3e7]})
    >>> table = product_table(tube, patients, load_protocol("nct00846833"))
    >>> judged = table[table["verdict"] != ""].set_index(["measure", "source"])["verdict"]
    >>> judged.to_dict()[("cd3_cells_per_kg", "tube")]
    'met'
    """
    needed = ("file", "patient", "role", "population", "count", "parent_count")
    require_columns(populations, "populations", needed)
    require_columns(patients, "patients", ("patient",))
    tubes = populations[populations["role"] == "product"]
    rows = []
    for patient in patients.to_dict("records"):
        own = tubes[tubes["patient"] == patient["patient"]]
        rows += [{"patient": patient["patient"], "file": ""} | row for row in _reported(patient)]
        if own.empty:
            rows += [_gap(patient["patient"], measure) for measure, _ in _measures({}, {}, {})]
        for file, tube in own.groupby("file", sort=False):
            names = {"patient": patient["patient"], "file": file}
            rows += [names | row for row in _measured(tube, patient)]
    table = pd.DataFrame(rows, columns=[*_COLUMNS[:7], "reason"])
    return _judge(table, protocol)


def release_table(product: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """Say for each patient whether the product keeps all limits of the protocol.

    Parameters
    ----------
    product
        From `product_table`.
    protocol
        The same as there.

    Returns
    -------
    DataFrame
        One row a patient: `patient, verdict, not_met, open`. Verdict is ``released`` (every limit
        met by all that was measured), ``not_released``, or ``incomplete``: a limit is open, being
        uncertain or not evaluable. The last columns name the measures.
    """
    rows = []
    for patient, own in product.groupby("patient", sort=False):
        said = {
            condition.column: set(own.loc[own["measure"] == condition.column, "verdict"])
            for condition in protocol.product
        }
        failed = [name for name, verdicts in said.items() if "not_met" in verdicts]
        unsettled = [
            name
            for name, verdicts in said.items()
            if name not in failed and ("met" not in verdicts or "uncertain" in verdicts)
        ]
        verdict = "not_released" if failed else "incomplete" if unsettled else "released"
        rows.append((patient, verdict, ", ".join(failed), ", ".join(unsettled)))
    return pd.DataFrame(rows, columns=["patient", "verdict", "not_met", "open"])


_COLUMNS = (
    *("patient", "file", "measure", "source", "value", "low", "high"),
    *("unit", "limit", "verdict", "reason"),
)


def _reported(patient: Mapping[Hashable, object]) -> Iterator[dict[str, object]]:
    """Yield what the table of patients tells of the product."""
    nk, weight = _number(patient, "nk_cells_per_kg"), _number(patient, "weight_kg")
    told = {
        "nk_cells_per_kg": nk,
        "cd3_cells_per_kg": _number(patient, "cd3_cells_per_kg"),
        "nk_cells": nk * weight,
    }
    for measure, value in told.items():
        yield _row(measure, REPORTED, (value, value, value), "is not in the table of patients")


def _measured(
    tube: pd.DataFrame, patient: Mapping[Hashable, object]
) -> Iterator[dict[str, object]]:
    """Yield what one tube of the product tells."""
    counted = tube.dropna(subset=["count"]).set_index("population")
    counts = {str(name): int(count) for name, count in counted["count"].items()}
    totals = {str(name): int(count) for name, count in counted["parent_count"].dropna().items()}
    for measure, bounded in _measures(counts, totals, patient):
        yield _row(measure, TUBE, bounded, "lacks a population or dose that it needs")


def _measures(
    counts: Mapping[str, int], totals: Mapping[str, int], patient: Mapping[Hashable, object]
) -> Iterator[tuple[str, Bounded]]:
    """Yield each measure with its interval, unknown where a count or dose is missing."""
    cells = next((counts[name] for name in CELLS if name in counts), 0)
    yield "nk_purity_percent", _percent(counts.get("NK"), cells)
    yield "t_cells_percent", _percent(counts.get("T"), cells)
    yield "viability_percent", _percent(counts.get("Live"), totals.get("Live", 0))
    dose, start = _number(patient, "nk_cells_per_kg"), _number(patient, "cd3_cells_per_kg_start")
    residual = UNKNOWN
    if counts.get("NK") and "T" in counts:
        low, high, _ = exact_rate_ratio((counts["T"], 1.0), (counts["NK"], 1.0))
        residual = (dose * counts["T"] / counts["NK"], dose * low, dose * high)
    yield "cd3_cells_per_kg", residual
    known = not math.isnan(residual[0] + start)
    yield "log10_t_depletion", log10_depletion((start,) * 3, residual) if known else UNKNOWN


def _row(measure: str, source: str, bounded: Bounded, lack: str) -> dict[str, object]:
    value, low, high = bounded
    reason = f"{measure} {lack}" if math.isnan(value) else ""
    return {
        "measure": measure,
        "source": source,
        "value": value,
        "low": low,
        "high": high,
        "reason": reason,
    }


def _gap(patient: object, measure: str) -> dict[str, object]:
    """Return the row of a measure for want of a product tube."""
    row = _row(measure, TUBE, UNKNOWN, "")
    return {"patient": patient, "file": ""} | row | {"reason": "no product tube"}


def _judge(table: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """Add unit, limit and verdict."""
    limits = {condition.column: condition for condition in protocol.product}
    verdicts, shown = [], []
    for measure, low, high in zip(table["measure"], table["low"], table["high"], strict=True):
        limit = limits.get(measure)
        at_least, at_most = limit.bounds if limit else (-math.inf, math.inf)
        verdicts.append(
            judge_interval(low, high, at_least=at_least, at_most=at_most) if limit else ""
        )
        shown.append(str(limit) if limit else "")
    units = table["measure"].map(_UNITS)
    return table.assign(unit=units, limit=shown, verdict=verdicts)[list(_COLUMNS)]


_UNITS = {
    **dict.fromkeys(("nk_purity_percent", "t_cells_percent", "viability_percent"), "%"),
    **dict.fromkeys(("nk_cells_per_kg", "cd3_cells_per_kg"), "cells/kg"),
    "nk_cells": "cells",
    "log10_t_depletion": "log10",
}


def _percent(count: int | None, total: int) -> Bounded:
    if count is None or not total:
        return UNKNOWN
    low, high = clopper_pearson(count, total)
    return 100 * count / total, 100 * float(low), 100 * float(high)


def _number(patient: Mapping[Hashable, object], column: str) -> float:
    """Return a number of the table of patients, NaN where it is not given."""
    value = pd.to_numeric(patient.get(column, math.nan))  # type: ignore[call-overload]  # a cell
    return math.nan if pd.isna(value) else float(value)
