"""Donor cells by flow cytometry beside chimerism by STR, qPCR or sequencing."""

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
import pandas as pd

from immunerecon.errors import EstimationError, Problem, StudyError
from immunerecon.kinetics.columns import require_columns
from immunerecon.trial.agreement import measure_agreement

# Smallest donor share that a method tells from none, percent; replace by the laboratory's own.
LIMITS_PERCENT: Mapping[str, float] = {"STR": 5.0, "qPCR": 0.1, "NGS": 1.0}


def pair_chimerism(
    chimerism: pd.DataFrame,
    donor_cells: pd.DataFrame,
    *,
    window_days: float = 3.0,
    limits_percent: Mapping[str, float] = LIMITS_PERCENT,
) -> pd.DataFrame:
    """Put each chimerism result beside the nearest donor fraction by flow.

    Parameters
    ----------
    chimerism
        One row a result: `patient, day, population, donor_percent` (0-100), `method`.
    donor_cells
        One row a draw and population: `patient, day, population, donor_fraction, fraction_low,
        fraction_high, lod` (0-1) and `call`. Draws that are not evaluable do not count.
    window_days
        Largest distance in days between the two.
    limits_percent
        Method -> detection limit in percent, at the cautious end of what is published.

    Returns
    -------
    DataFrame
        One row a pair: `patient, population, method, day, flow_day, donor_percent, reference_low,
        reference_high, flow_percent, flow_low, flow_high, difference` (flow minus the other),
        `disagrees`. Each result and each draw is used once, the nearest first.

    Raises
    ------
    StudyError
        When a column is missing, or a method has no limit.

    Notes
    -----
    Methods disagree where their ranges do not meet: that of flow is its interval, from 0 to at
    least its limit of detection where nothing was detected; that of the other method its result
    -/+ its detection limit, for it cannot resolve less.

    Examples
    --------
    >>> typed = pd.DataFrame({"patient": ["P1"], "day": [14], "population": ["NK"],
    ...                       "donor_percent": [40.0], "method": ["STR"]})
    >>> cells = pd.DataFrame({"patient": ["P1"], "day": [15], "population": ["NK"],
    ...     "donor_fraction": [0.55], "fraction_low": [0.52], "fraction_high": [0.58],
    ...     "lod": [0.002], "call": ["detected"]})
    >>> pair_chimerism(typed, cells)[["reference_high", "flow_low", "difference", "disagrees"]]
       reference_high  flow_low  difference  disagrees
    0            45.0      52.0        15.0       True
    """
    keys = ["patient", "population"]
    require_columns(chimerism, "chimerism", (*keys, "day", "donor_percent", "method"))
    needed = ("day", "donor_fraction", "fraction_low", "fraction_high", "lod", "call")
    require_columns(donor_cells, "donor_cells", (*keys, *needed))
    _refuse_unknown_methods(chimerism, limits_percent)
    evaluable = donor_cells[donor_cells["call"] != "not_evaluable"].dropna(
        subset=["donor_fraction"]
    )
    draws = evaluable[[*keys, *needed]].rename(columns={"day": "flow_day"})
    both = chimerism.dropna(subset=["donor_percent"]).merge(draws, on=keys)
    both["distance"] = (both["flow_day"] - both["day"]).abs()
    near = both[both["distance"] <= window_days].sort_values("distance", kind="stable")
    once = near.drop_duplicates([*keys, "method", "day"])
    once = once.drop_duplicates([*keys, "method", "flow_day"])
    return _compare(once.sort_values([*keys, "day"], ignore_index=True), limits_percent)


def agreement_table(pairs: pd.DataFrame) -> pd.DataFrame:
    """Measure the agreement of flow with each other method.

    Parameters
    ----------
    pairs
        From `pair_chimerism`.

    Returns
    -------
    DataFrame
        One row a method and population: `method, population`, the fields of
        `immunerecon.trial.agreement.Agreement` in percentage points (intervals as `_low` and
        `_high`), `n_disagree` and `reason` where it cannot be measured.

    Notes
    -----
    Pairs in which either method found nothing are kept at what it reported; many of them draw the
    slope towards that of the rest.
    """
    rows = []
    for (method, population), own in pairs.groupby(["method", "population"]):
        row = {"method": method, "population": population, "n_pairs": len(own)}
        row |= {"n_patients": own["patient"].nunique(), "n_disagree": int(own["disagrees"].sum())}
        try:
            agreed = measure_agreement(own["donor_percent"], own["flow_percent"], own["patient"])
        except EstimationError as error:
            rows.append(row | {"reason": str(error)})
            continue
        for name, value in asdict(agreed).items():
            if isinstance(value, tuple):
                stem = name.removesuffix("_interval")
                row |= {f"{stem}_low": value[0], f"{stem}_high": value[1]}
            else:
                row[name] = value
        rows.append(row | {"reason": ""})
    return pd.DataFrame(rows)


def _refuse_unknown_methods(chimerism: pd.DataFrame, limits: Mapping[str, float]) -> None:
    unknown = [name for name in chimerism["method"].unique() if name not in limits]
    if unknown:
        accepted = ", ".join(limits)
        raise StudyError(
            [
                Problem("chimerism", f"{name!r} has no limit", column="method", accepted=accepted)
                for name in unknown
            ]
        )


def _compare(pairs: pd.DataFrame, limits: Mapping[str, float]) -> pd.DataFrame:
    """Add both methods' ranges and whether they meet."""
    limit = pairs["method"].map(limits).astype(float)
    missed = pairs["call"] == "not_detected"
    flow_high = 100 * pairs["fraction_high"]
    table = pairs.assign(
        reference_low=(pairs["donor_percent"] - limit).clip(lower=0),
        reference_high=(pairs["donor_percent"] + limit).clip(upper=100),
        flow_percent=100 * pairs["donor_fraction"],
        flow_low=(100 * pairs["fraction_low"]).mask(missed, 0.0),
        flow_high=flow_high.mask(missed, np.fmax(flow_high, 100 * pairs["lod"])),
    )
    return table.assign(
        difference=table["flow_percent"] - table["donor_percent"],
        disagrees=(table["flow_low"] > table["reference_high"])
        | (table["flow_high"] < table["reference_low"]),
    )[
        [
            *("patient", "population", "method", "day", "flow_day", "donor_percent"),
            *("reference_low", "reference_high", "flow_percent", "flow_low", "flow_high"),
            *("difference", "disagrees"),
        ]
    ]
