"""Donor cells by flow cytometry beside chimerism by STR, qPCR or sequencing."""

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
import pandas as pd

from immunerecon.errors import EstimationError
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
        One row a chimerism result: `patient, population, method, day, flow_day, donor_percent,
        reference_low, reference_high, flow_percent, flow_low, flow_high, difference` (flow minus
        the other), `disagrees` and `reason`. Each draw is used once a method, for the nearest
        result. Where there is no draw, or no limit of the method, what cannot be told is missing
        and `reason` says why.

    Raises
    ------
    StudyError
        When a column is missing.

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
    evaluable = donor_cells[donor_cells["call"] != "not_evaluable"]
    draws = evaluable.dropna(subset=["donor_fraction"])[[*keys, *needed]]
    results = chimerism[[*keys, "method", "day", "donor_percent"]].reset_index(drop=True)
    both = (
        results.rename_axis("result")
        .reset_index()
        .merge(draws.rename(columns={"day": "flow_day"}), on=keys)
    )
    both["distance"] = (both["flow_day"] - both["day"]).abs()
    near = both[both["distance"] <= window_days].sort_values("distance", kind="stable")
    once = near.drop_duplicates("result").drop_duplicates([*keys, "method", "flow_day"])
    pairs = results.join(once.set_index("result")[["flow_day", *needed[1:]]])
    return _compare(pairs, limits_percent, window_days)


def agreement_table(pairs: pd.DataFrame) -> pd.DataFrame:
    """Measure the agreement of flow with each other method.

    Parameters
    ----------
    pairs
        From `pair_chimerism`.

    Returns
    -------
    DataFrame
        One row a method and population: `method, population, n_results` (with or without a draw
        beside them), the fields of `immunerecon.trial.agreement.Agreement` in percentage points
        (intervals as `_low` and `_high`), `n_disagree` and `reason` where it cannot be measured.

    Notes
    -----
    Pairs in which either method found nothing are kept at what it reported; many of them draw the
    slope towards that of the rest.
    """
    rows = []
    for (method, population), results in pairs.groupby(["method", "population"]):
        own = results.dropna(subset=["difference"])
        row = {
            "method": method,
            "population": population,
            "n_results": len(results),
            "n_pairs": len(own),
            "n_patients": own["patient"].nunique(),
            "n_disagree": int(own["disagrees"].sum()),
        }
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


def _compare(
    pairs: pd.DataFrame, limits_percent: Mapping[str, float], window_days: float
) -> pd.DataFrame:
    """Add both methods' ranges, whether they meet, and why that cannot be told."""
    limit = pairs["method"].map(limits_percent).astype(float)
    missed = pairs["call"] == "not_detected"
    flow_high = 100 * pairs["fraction_high"]
    table = pairs.assign(
        reference_low=(pairs["donor_percent"] - limit).clip(lower=0),
        reference_high=(pairs["donor_percent"] + limit).clip(upper=100),
        flow_percent=100 * pairs["donor_fraction"],
        flow_low=(100 * pairs["fraction_low"]).mask(missed, 0.0),
        flow_high=flow_high.mask(missed, np.fmax(flow_high, 100 * pairs["lod"])),
    )
    apart = (table["flow_low"] > table["reference_high"]) | (
        table["flow_high"] < table["reference_low"]
    )
    bounds = ["reference_low", "reference_high", "flow_low", "flow_high"]
    unpaired = f"no evaluable draw of the population within {window_days:g} days"
    reason = pd.Series("", index=pairs.index).mask(limit.isna(), "no limit known for the method")
    table = table.assign(
        difference=table["flow_percent"] - table["donor_percent"],
        disagrees=apart.astype("boolean").mask(table[bounds].isna().any(axis=1)),
        reason=reason.mask(pairs["flow_day"].isna(), unpaired),
    )
    return table[
        [
            *("patient", "population", "method", "day", "flow_day", "donor_percent"),
            *("reference_low", "reference_high", "flow_percent", "flow_low", "flow_high"),
            *("difference", "disagrees", "reason"),
        ]
    ]
