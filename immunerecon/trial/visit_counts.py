"""Counts by planned visit: one draw of each patient, and the median of those who were counted."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from immunerecon.kinetics.columns import require_columns
from immunerecon.kinetics.recovery import one_count_a_draw
from immunerecon.kinetics.visits import name_visits
from immunerecon.trial.flow import VISITS

FEWEST_FOR_MEDIAN = 3
FEWEST_FOR_QUARTILES = 4
_NUMBERS = ("cells_per_ul", "cells_per_ul_low", "cells_per_ul_high")


def visit_counts(
    populations: pd.DataFrame, *, visits: Mapping[str, tuple[float, float]] = VISITS
) -> pd.DataFrame:
    """Return the draw of each patient and population that stands for each visit.

    Parameters
    ----------
    populations
        One row a draw and population: `patient, day, population, cells_per_ul, cells_per_ul_low,
        cells_per_ul_high`; draws only where there is a column `role`.
    visits
        Visit -> first day, and end, which no longer belongs to it.

    Returns
    -------
    DataFrame
        One row a patient, population and visit that the patient attended, by visit: `patient,
        population, visit, visit_day, day`, and the three numbers, NaN for a draw without one.

    Raises
    ------
    StudyError
        When a column is missing, or visits overlap.

    Notes
    -----
    `visit_day` is the median over patients of the day of their last draw in the visit. Of several
    draws of a patient in one visit, one with a number stands for it, the nearest to that day.

    Examples
    --------
    >>> draws = pd.DataFrame({"patient": ["P1", "P2", "P2"], "day": [14.0, 11, 15],
    ...     "population": "NK", "cells_per_ul": [80.0, 50, 60], "cells_per_ul_low": [70.0, 40, 50],
    ...     "cells_per_ul_high": [90.0, 60, 70]})
    >>> visit_counts(draws)[["patient", "visit", "visit_day", "day"]].to_numpy().tolist()
    [['P1', 'day 14', 14.5, 14.0], ['P2', 'day 14', 14.5, 15.0]]
    """
    require_columns(populations, "populations", ("patient", "day", "population", *_NUMBERS))
    named = name_visits(one_count_a_draw(populations, "cells_per_ul"), visits)
    named = named[named["visit"] != ""]
    last = named.groupby(["visit", "patient"])["day"].max()
    usual = last.groupby("visit").median()
    rows = named.assign(visit_day=named["visit"].map(usual).astype(float))
    rows = rows.assign(
        _missing=rows["cells_per_ul"].isna(), _distance=(rows["day"] - rows["visit_day"]).abs()
    ).sort_values(["visit_day", "_missing", "_distance"], kind="stable")
    chosen = rows.drop_duplicates(["patient", "population", "visit"])
    columns = ["patient", "population", "visit", "visit_day", "day", *_NUMBERS]
    return chosen[columns].sort_values(["visit_day", "patient"], kind="stable", ignore_index=True)


def follow_up_ends(populations: pd.DataFrame, clinical_events: pd.DataFrame) -> "pd.Series[float]":
    """Return the last day on which each patient was heard of.

    Parameters
    ----------
    populations
        One row a draw and population: `patient, day`.
    clinical_events
        One row an event: `patient, day, event`.

    Returns
    -------
    Series of float
        Indexed by patient, in the order of the tables: day of the last draw or event.

    Examples
    --------
    >>> draws = pd.DataFrame({"patient": ["P1", "P1"], "day": [0.0, 28]})
    >>> events = pd.DataFrame({"patient": ["P1"], "day": [40.0], "event": ["death"]})
    >>> follow_up_ends(draws, events).to_dict()
    {'P1': 40.0}
    """
    seen = [table[["patient", "day"]] for table in (populations, clinical_events) if len(table)]
    if not seen:
        return pd.Series(dtype=float)
    dated = pd.concat(seen).dropna()
    return dated.groupby("patient", sort=False)["day"].max().astype(float)


def visit_medians(
    counts: pd.DataFrame,
    follow_up: "pd.Series[float]",
    *,
    visits: Mapping[str, tuple[float, float]] = VISITS,
) -> pd.DataFrame:
    """Return the median count of each population at each visit, and of how many patients it is.

    Parameters
    ----------
    counts
        As made by `visit_counts`.
    follow_up
        Patient -> last day of follow-up, as made by `follow_up_ends`.
    visits
        As in `visit_counts`.

    Returns
    -------
    DataFrame
        One row a population and visit: `population, visit, visit_day, n_followed, n_drawn,
        n_counted, n_none_found, median_low, median_high, quartile_low, quartile_high`.

    Notes
    -----
    A patient is followed at a visit whose follow-up reaches its first day. The median is that of
    the `n_counted` patients with a number; those who died or missed the draw are not in it. A
    draw in which no cell was seen lies between 0 and its upper limit: the median lies in
    [`median_low`, `median_high`], one number unless such draws reach the middle, and the quartiles
    are the widest. Quantiles interpolate linearly (type 7 of Hyndman and Fan). Fewer than 3
    patients give no median, fewer than 4 no quartiles.

    References
    ----------
    Hyndman RJ, Fan Y. Am Stat 1996;50:361. doi:10.1080/00031305.1996.10473566

    Examples
    --------
    >>> counts = pd.DataFrame({"patient": ["P1", "P2", "P3"], "population": "NK",
    ...     "visit": "day 14", "visit_day": 14.0, "day": 14.0, "cells_per_ul": [0.0, 20, 90],
    ...     "cells_per_ul_low": [0.0, 15, 80], "cells_per_ul_high": [4.0, 27, 99]})
    >>> ends = pd.Series({"P1": 30.0, "P2": 30, "P3": 30, "P4": 10, "P5": 11})
    >>> medians = visit_medians(counts, ends)
    >>> medians[["n_followed", "n_counted", "median_low", "median_high"]].to_numpy().tolist()
    [[4.0, 3.0, 20.0, 20.0]]
    """
    rows = []
    for (population, visit), draws in counts.groupby(["population", "visit"], sort=False):
        start = visits[str(visit)][0]
        present = set(follow_up[follow_up >= start].index) | set(draws["patient"])
        rows.append(
            {"population": population, "visit": visit, "visit_day": draws["visit_day"].iloc[0]}
            | {"n_followed": len(present), "n_drawn": len(draws)}
            | _quantiles(draws.dropna(subset=["cells_per_ul"]))
        )
    table = pd.DataFrame(rows, columns=_COLUMNS)
    return table.astype({"visit_day": float, **dict.fromkeys(_COLUMNS[-4:], float)})


_COLUMNS = [
    "population",
    "visit",
    "visit_day",
    "n_followed",
    "n_drawn",
    "n_counted",
    "n_none_found",
    "median_low",
    "median_high",
    "quartile_low",
    "quartile_high",
]


def _quantiles(counted: pd.DataFrame) -> dict[str, Any]:
    """Summarise the draws with a number, those without a cell at both ends of what they can be."""
    low = counted["cells_per_ul"].to_numpy(dtype=float)
    none = low == 0
    high = np.where(none, counted["cells_per_ul_high"].to_numpy(dtype=float), low)
    n = len(low)
    middle = n >= FEWEST_FOR_MEDIAN
    sides = n >= FEWEST_FOR_QUARTILES
    return {
        "n_counted": n,
        "n_none_found": int(none.sum()),
        "median_low": float(np.median(low)) if middle else math.nan,
        "median_high": float(np.median(high)) if middle else math.nan,
        "quartile_low": float(np.quantile(low, 0.25)) if sides else math.nan,
        "quartile_high": float(np.quantile(high, 0.75)) if sides else math.nan,
    }
