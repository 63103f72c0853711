"""Published criteria of expansion and persistence of donor NK cells, as named rules."""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from immunerecon.errors import Problem, StudyError
from immunerecon.kinetics.columns import require_columns
from immunerecon.trial.verdicts import judge_interval

CELLS_PER_UL = {"/µL": 1.0, "/uL": 1.0, "/mL": 1e-3, "10^6/L": 1.0, "10^9/L": 1e3}
DETECTED = ("detected", "detected_below_loq")


Draw = Mapping[Hashable, Any]  # a row of the table of donor cells


@dataclass(frozen=True)
class ExpansionRule:
    """A criterion that donor cells keep or do not.

    Parameters
    ----------
    name
        Short name with author and year.
    text
        What it asks, in words.
    days
        First and last day, both included, of the draws that count.
    at_least_per_ul
        Donor cells/µL needed at the draw nearest `target_day`; NaN for a rule that asks only
        whether donor cells are detected at any of the draws.
    target_day
        Day of the protocol; NaN for a rule of detection.
    citation
        Where it was published.
    """

    name: str
    text: str
    days: tuple[float, float]
    citation: str
    at_least_per_ul: float = math.nan
    target_day: float = math.nan


GELLER = "Geller MA et al. Cytotherapy 2011;13:98. doi:10.3109/14653249.2010.515582"
RULES = (
    ExpansionRule(
        name="expansion (Geller 2011)",
        text="at least 100 donor NK cells/µL at day 14",
        days=(11, 17),
        citation=GELLER,
        at_least_per_ul=100.0,
        target_day=14,
    ),
    ExpansionRule(
        name="detected at day 7 (Geller 2011)",
        text="donor NK cells detected at day 7",
        days=(5, 9),
        citation=GELLER,
    ),
    ExpansionRule(
        name="persistence (Bachanova 2014)",
        text="donor NK cells detected at day 7 or later",
        days=(7, math.inf),
        citation="Bachanova V et al. Blood 2014;123:3855. doi:10.1182/blood-2013-10-532531",
    ),
    ExpansionRule(
        name="detected at day 7 or 14 (Björklund 2018)",
        text="donor NK cells detected at day 7 or day 14",
        days=(5, 17),
        citation="Björklund AT et al. Clin Cancer Res 2018;24:1834. "
        "doi:10.1158/1078-0432.CCR-17-3196",
    ),
    ExpansionRule(
        name="engraftment (Rubnitz 2010)",
        text="donor NK cells detected at any draw of days 2 to 28",
        days=(2, 28),
        citation="Rubnitz JE et al. J Clin Oncol 2010;28:955. doi:10.1200/JCO.2009.24.4590",
    ),
)


def expansion_table(
    donor_cells: pd.DataFrame,
    *,
    rules: Sequence[ExpansionRule] = RULES,
    patients: Sequence[str] | None = None,
    population: str = "NK",
) -> pd.DataFrame:
    """Judge each patient by each rule, as far as the intervals can tell.

    Parameters
    ----------
    donor_cells
        One row a draw and population: `patient, day, population, call, donor_cells_per_ul,
        donor_cells_per_ul_low, donor_cells_per_ul_high` and `reason` if there is one.
    rules
        The criteria; for another window, `dataclasses.replace` a rule's `days`.
    patients
        Who is judged; by default everyone in `donor_cells`.
    population
        Whose donor cells.

    Returns
    -------
    DataFrame
        One row a patient and rule: `patient, rule, verdict, day, cells_per_ul, low, high, reason,
        citation`. Verdict is ``met``, ``not_met``, ``uncertain`` (the interval spans the limit) or
        ``not_evaluable``; `reason` says why the last, and for detection which draws count.

    Raises
    ------
    StudyError
        When a column is missing.

    Notes
    -----
    The publications detected donor cells by DNA, with limits of about 1 % of cells; flow cytometry
    with a lower limit meets the rules of detection more easily. Publications give counts per µL
    and per mL: convert with `per_ul`.

    Examples
    --------
    >>> cells = pd.DataFrame({"patient": ["P1"], "day": [14], "population": ["NK"],
    ...     "call": ["detected"], "donor_cells_per_ul": [130.0], "donor_cells_per_ul_low": [90.0],
    ...     "donor_cells_per_ul_high": [190.0]})
    >>> expansion_table(cells)["verdict"].to_list()
    ['uncertain', 'not_evaluable', 'met', 'met', 'met']
    """
    numbers = ("donor_cells_per_ul", "donor_cells_per_ul_low", "donor_cells_per_ul_high")
    require_columns(donor_cells, "donor_cells", ("patient", "day", "population", "call", *numbers))
    own = donor_cells[donor_cells["population"] == population].sort_values("day", kind="stable")
    rows = own.to_dict("records")
    names = list(dict.fromkeys(donor_cells["patient"])) if patients is None else list(patients)
    told = []
    for name in names:
        for rule in rules:
            first, last = rule.days
            draws = [r for r in rows if r["patient"] == name and first <= r["day"] <= last]
            said = _detection(draws) if math.isnan(rule.at_least_per_ul) else _count(draws, rule)
            if not draws:
                said |= {"reason": f"no draw on days {first:g} to {last:g}"}
            told.append({"patient": name, "rule": rule.name, "citation": rule.citation} | said)
    columns = ["patient", "rule", "verdict", "day", "cells_per_ul", "low", "high", "reason"]
    return pd.DataFrame(told, columns=[*columns, "citation"])


def per_ul(value: float, unit: str) -> float:
    """Convert a concentration to cells/µL.

    Parameters
    ----------
    value
        As published.
    unit
        ``/µL``, ``/uL``, ``/mL``, ``10^6/L`` or ``10^9/L``.

    Returns
    -------
    float

    Raises
    ------
    StudyError
        When the unit is another one.

    Examples
    --------
    The median of Rubnitz 2010 at day 14, 5,800/mL, is far from 100/µL.

    >>> per_ul(5800, "/mL")
    5.8
    """
    if unit not in CELLS_PER_UL:
        problem = Problem("concentration", f"unit {unit!r}", accepted=", ".join(CELLS_PER_UL))
        raise StudyError([problem])
    return value * CELLS_PER_UL[unit]


def _count(draws: Sequence[Draw], rule: ExpansionRule) -> dict[str, object]:
    """Judge the count of the evaluable draw nearest to the rule's day."""
    counted = [d for d in _evaluable(draws) if pd.notna(d["donor_cells_per_ul_high"])]
    if not counted:
        return {"verdict": "not_evaluable", "reason": _why(draws, "no donor cells/µL")}
    nearest = min(counted, key=lambda draw: abs(draw["day"] - rule.target_day))
    low = nearest["donor_cells_per_ul_low"] if nearest["call"] in DETECTED else 0.0
    high = nearest["donor_cells_per_ul_high"]
    return {
        "verdict": judge_interval(low, high, at_least=rule.at_least_per_ul),
        "day": nearest["day"],
        "cells_per_ul": nearest["donor_cells_per_ul"],
        "low": low,
        "high": high,
        "reason": "",
    }


def _detection(draws: Sequence[Draw]) -> dict[str, object]:
    """Judge whether donor cells were detected at any evaluable draw."""
    evaluable = _evaluable(draws)
    if not evaluable:
        return {"verdict": "not_evaluable", "reason": _why(draws, "no evaluable draw")}
    found = [draw for draw in evaluable if draw["call"] in DETECTED]
    if found:
        first = float(found[0]["day"])
        return {"verdict": "met", "day": first, "reason": f"first detected on day {first:g}"}
    days = ", ".join(f"{draw['day']:g}" for draw in evaluable)
    return {"verdict": "not_met", "reason": f"not detected on day {days}"}


def _evaluable(draws: Sequence[Draw]) -> list[Draw]:
    return [draw for draw in draws if draw["call"] != "not_evaluable"]


def _why(draws: Sequence[Draw], otherwise: str) -> str:
    """Return the reasons that the draws give for not being evaluable."""
    given = (draw.get("reason") for draw in draws)
    told = dict.fromkeys(str(reason) for reason in given if pd.notna(reason) and reason)
    return "; ".join(told) or otherwise
