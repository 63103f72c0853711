"""Dose decisions and the maximum tolerated dose (MTD): 3+3 and BOIN."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from immunerecon.errors import EstimationError
from immunerecon.kinetics.columns import require_columns
from immunerecon.trial.boin import boin_decision, eliminated_levels, isotonic_rates
from immunerecon.trial.dose_levels import NOT_STATED

ThreePlusThree = Literal["enrol to 3", "expand to 6", "escalate", "stop"]
STORER = "Storer BE. Biometrics 1989;45:925. doi:10.2307/2531693"
YUAN = "Yuan Y et al. Clin Cancer Res 2016;22:4291. doi:10.1158/1078-0432.CCR-16-0592"


@dataclass(frozen=True)
class MaximumToleratedDose:
    """The MTD and how it was found.

    Parameters
    ----------
    dose_level
        Name of the level; empty when no level qualifies.
    rule
        What makes a level the MTD.
    reason
        Why this level, or why none.
    citation
        Of the rule.
    """

    dose_level: str
    rule: str
    reason: str
    citation: str


def three_plus_three_decision(n_dlt: int, n_evaluable: int) -> ThreePlusThree:
    """Return what the 3+3 design does next after these patients at the current level.

    Parameters
    ----------
    n_dlt, n_evaluable
        Patients with a DLT, and evaluable patients.

    Returns
    -------
    str
        ``stop``: this level exceeds the MTD.

    Notes
    -----
    0 of 3 goes up, 1 of 3 takes three more, 1 of 6 goes up, and 2 stop. Beyond six patients (an
    expansion), a level is tolerated while at most one patient in six had a DLT.

    References
    ----------
    Storer BE. Biometrics 1989;45:925. doi:10.2307/2531693

    Examples
    --------
    >>> [three_plus_three_decision(*seen) for seen in ((0, 3), (1, 3), (1, 6), (2, 3))]
    ['escalate', 'expand to 6', 'escalate', 'stop']
    """
    if n_dlt >= 2 and 6 * n_dlt > n_evaluable:
        return "stop"
    if n_evaluable < 3:
        return "enrol to 3"
    return "expand to 6" if n_dlt == 1 and n_evaluable < 6 else "escalate"


def three_plus_three_mtd(dlt_levels: pd.DataFrame) -> MaximumToleratedDose:
    """Return the MTD by the 3+3 rule.

    Parameters
    ----------
    dlt_levels
        From `dlt_by_level`: levels from low to high.

    Returns
    -------
    MaximumToleratedDose
        The highest level, below any that stopped the trial, with six or more evaluable patients of
        whom at most one in six had a DLT. Where no level stopped the trial the reason says that
        the MTD may lie higher.

    Raises
    ------
    EstimationError
        When patients have no dose level.

    References
    ----------
    Storer BE. Biometrics 1989;45:925. doi:10.2307/2531693

    Examples
    --------
    >>> seen = pd.DataFrame({"dose_level": ["1", "2"], "n_evaluable": [6, 3], "n_dlt": [1, 2]})
    >>> mtd = three_plus_three_mtd(seen)
    >>> mtd.dose_level, mtd.reason
    ('1', '1 of 6 had a DLT; level 2 stopped the trial with 2 of 3')
    """
    levels = _levels(dlt_levels)
    rule = "3+3: highest level with at most 1 DLT in 6, below any level with 2 or more"
    decisions = [three_plus_three_decision(dlt, n) for _, dlt, n in levels]
    end = decisions.index("stop") if "stop" in decisions else len(levels)
    stopped = "no level stopped the trial: the MTD may lie higher"
    if end < len(levels):
        name, dlt, n = levels[end]
        stopped = f"level {name} stopped the trial with {dlt} of {n}"
    below = levels[:end]
    tolerated = [
        level
        for level, said in zip(below, decisions, strict=False)
        if said == "escalate" and level[2] >= 6
    ]
    if tolerated:
        name, dlt, n = tolerated[-1]
        return MaximumToleratedDose(name, rule, f"{dlt} of {n} had a DLT; {stopped}", STORER)
    few = "; ".join(f"level {name} has {n} of the 6 evaluable patients" for name, _, n in below)
    return MaximumToleratedDose("", rule, "; ".join(filter(None, (few, stopped))), STORER)


def boin_mtd(dlt_levels: pd.DataFrame, *, target: float = 0.30) -> MaximumToleratedDose:
    """Return the MTD by BOIN's rule.

    Parameters
    ----------
    dlt_levels
        From `dlt_by_level`: levels from low to high.
    target
        DLT rate aimed at, 0-1.

    Returns
    -------
    MaximumToleratedDose
        The level, among those tried and not eliminated, whose isotonic DLT rate lies closest to
        the target; of several, the highest below the target, else the lowest above it.

    Raises
    ------
    EstimationError
        When patients have no dose level.

    References
    ----------
    Yuan Y, Hess KR, Hilsenbeck SG, Gilbert MR. Clin Cancer Res 2016;22:4291.
    doi:10.1158/1078-0432.CCR-16-0592

    Examples
    --------
    >>> seen = pd.DataFrame({"dose_level": list("1234"), "n_evaluable": [3, 3, 15, 9],
    ...                      "n_dlt": [0, 0, 4, 4]})
    >>> boin_mtd(seen).dose_level
    '3'
    """
    levels = _levels(dlt_levels)
    rule = f"BOIN: isotonic DLT rate closest to {target:g} among levels not eliminated"
    names, n_dlt, n = (np.array(column) for column in zip(*levels, strict=True))
    kept = ~eliminated_levels(n_dlt, n, target=target) & (n > 0)
    if not kept.any():
        reason = "every level that was tried is too toxic"
        return MaximumToleratedDose("", rule, reason, YUAN)
    rates = isotonic_rates(n_dlt[kept], n[kept])
    distance = np.abs(rates - target)
    closest = np.flatnonzero(np.isclose(distance, distance.min(), rtol=0, atol=1e-9))
    chosen = closest[-1] if rates[closest[0]] < target else closest[0]
    reason = f"{n_dlt[kept][chosen]} of {n[kept][chosen]}, isotonic rate {rates[chosen]:.3f}"
    return MaximumToleratedDose(str(names[kept][chosen]), rule, reason, YUAN)


def escalation_table(dlt_levels: pd.DataFrame, *, target: float = 0.30) -> pd.DataFrame:
    """Add to each dose level what 3+3 and BOIN decide there.

    Parameters
    ----------
    dlt_levels
        From `dlt_by_level`: levels from low to high.
    target
        DLT rate that BOIN aims at, 0-1.

    Returns
    -------
    DataFrame
        `dlt_levels` with `three_plus_three`, `boin` and `isotonic_rate` (0-1).

    Raises
    ------
    EstimationError
        When patients have no dose level.
    """
    levels = _levels(dlt_levels)
    return dlt_levels.assign(
        three_plus_three=[three_plus_three_decision(dlt, n) for _, dlt, n in levels],
        boin=[boin_decision(dlt, n, target=target) if n else "" for _, dlt, n in levels],
        isotonic_rate=isotonic_rates(dlt_levels["n_dlt"], dlt_levels["n_evaluable"]),
    )


def _levels(dlt_levels: pd.DataFrame) -> list[tuple[str, int, int]]:
    """Return name, DLTs and evaluable patients of each level."""
    require_columns(dlt_levels, "dlt_levels", ("dose_level", "n_dlt", "n_evaluable"))
    rows = dlt_levels[["dose_level", "n_dlt", "n_evaluable"]].itertuples(index=False, name=None)
    levels = [(str(name), int(dlt), int(n)) for name, dlt, n in rows]
    if not levels or NOT_STATED in [name for name, _, _ in levels]:
        raise EstimationError("a dose decision needs the dose level of every patient")
    return levels
