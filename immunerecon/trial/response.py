"""Best overall response by RECIST 1.1, and the rates with exact intervals."""

import math
from typing import Any

import pandas as pd

from immunerecon.enumeration.proportions import clopper_pearson
from immunerecon.errors import EstimationError
from immunerecon.kinetics.columns import require_columns, require_values
from immunerecon.kinetics.infusions import first_day
from immunerecon.trial.dose_levels import level_of_patients
from immunerecon.trial.follow_up import follow_up_table

RESPONSES = ("CR", "PR", "SD", "PD", "NE")
RATES = {"objective response": ("CR", "PR"), "disease control": ("CR", "PR", "SD")}


def best_responses(
    patients: pd.DataFrame, clinical_events: pd.DataFrame, *, confirmed_after_days: float = 0.0
) -> pd.DataFrame:
    """Return each patient's best overall response.

    Parameters
    ----------
    patients
        One row a patient: `patient` and, if there are levels, `dose_level`.
    clinical_events
        One row an event: `patient, day, event, value`; the events ``response`` carry ``CR``,
        ``PR``, ``SD``, ``PD`` or ``NE`` as `value`.
    confirmed_after_days
        A CR or PR counts when an assessment at least so many days later shows it, too (28 in
        RECIST 1.1 where response is the primary end point); otherwise it counts as SD. 0 asks for
        no confirmation.

    Returns
    -------
    DataFrame
        One row a patient, in the order of `patients`: `patient, dose_level, best_response,
        response_day` (NaN for NE), `n_assessments, reason`. Who was never assessed is NE, with the
        reason.

    Raises
    ------
    StudyError
        When a column is missing, an event or response is unknown, or an event's patient is not in
        `patients`.

    Notes
    -----
    CR > PR > SD > PD > NE, among the assessments after infusion up to the first progression: what
    is seen after that may be due to later treatment.

    References
    ----------
    Eisenhauer EA et al. Eur J Cancer 2009;45:228. doi:10.1016/j.ejca.2008.10.026

    Examples
    --------
    >>> patients = pd.DataFrame({"patient": ["P1", "P2"]})
    >>> events = pd.DataFrame({"patient": "P1", "day": [42, 84], "event": "response",
    ...                        "value": ["SD", "PR"]})
    >>> best_responses(patients, events)[["best_response", "reason"]].to_numpy().tolist()
    [['PR', ''], ['NE', 'no assessment']]
    """
    follow_up_table(patients, clinical_events)
    require_columns(clinical_events, "clinical_events", ("value",))
    seen = clinical_events[(clinical_events["event"] == "response") & (clinical_events["day"] >= 0)]
    require_values(seen, "clinical_events", "value", RESPONSES)
    rows = []
    for patient in patients["patient"]:
        own = seen[seen["patient"] == patient].sort_values("day", kind="stable")
        progression = first_day(clinical_events, patient, "progression")
        rows.append({"patient": patient} | _best(own, progression, confirmed_after_days))
    table = pd.DataFrame(rows)
    table.insert(1, "dose_level", level_of_patients(patients).array)
    return table


def response_rates(best: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Return the rates of objective response and disease control, overall and by dose level.

    Parameters
    ----------
    best
        From `best_responses`: one row a patient who counts. Non-evaluable patients stay in the
        denominator.
    level
        Coverage of the intervals, 0-1.

    Returns
    -------
    DataFrame
        One row a dose level (``all`` first) and outcome (``objective response``: CR or PR;
        ``disease control``: CR, PR or SD): `dose_level, outcome, n_with, n_patients,
        n_not_evaluable, percent` and its Clopper-Pearson bounds `percent_low, percent_high`
        (0-100).

    Raises
    ------
    EstimationError
        When there are no patients.

    References
    ----------
    Clopper CJ, Pearson ES. Biometrika 1934;26:404. doi:10.1093/biomet/26.4.404

    Examples
    --------
    >>> best = pd.DataFrame({"best_response": ["CR"] + ["SD"] * 10 + ["NE"]})
    >>> table = response_rates(best)
    >>> table[["n_with", "n_patients", "percent_low", "percent_high"]].round(1).iloc[0].to_list()
    [1.0, 12.0, 0.2, 38.5]
    """
    require_columns(best, "best", ("best_response",))
    require_values(best, "best", "best_response", RESPONSES)
    if best.empty:
        raise EstimationError("a response rate needs one patient or more")
    groups = [("all", best)]
    if "dose_level" in best:
        by_level = best.groupby("dose_level", observed=True, sort=True)
        groups += [(str(name), group) for name, group in by_level]
    rows = []
    for name, group in groups:
        for outcome, responses in RATES.items():
            found, n = int(group["best_response"].isin(responses).sum()), len(group)
            low, high = clopper_pearson(found, n, level=level)
            rows.append(
                {
                    "dose_level": name,
                    "outcome": outcome,
                    "n_with": found,
                    "n_patients": n,
                    "n_not_evaluable": int((group["best_response"] == "NE").sum()),
                    "percent": 100 * found / n,
                    "percent_low": 100 * float(low),
                    "percent_high": 100 * float(high),
                }
            )
    return pd.DataFrame(rows)


def _best(seen: pd.DataFrame, progression_day: float, confirmed_after: float) -> dict[str, Any]:
    """Return the best response of one patient's assessments, given by day."""
    days, values = [float(day) for day in seen["day"]], list(seen["value"])
    shown = [day for day, value in zip(days, values, strict=True) if value == "PD"]
    end = min([progression_day, *shown])
    assessed = [(day, value) for day, value in zip(days, values, strict=True) if day <= end]
    counted = [
        (_confirmed(value, [later for at, later in assessed if at >= day + confirmed_after]), day)
        for day, value in assessed
    ]
    if not counted and progression_day < math.inf:
        counted = [("PD", progression_day)]
    best, day = min(counted, key=lambda item: RESPONSES.index(item[0]), default=("NE", math.nan))
    reason = "" if best != "NE" else "no assessment that can be evaluated"
    return {
        "best_response": best,
        "response_day": day if best != "NE" else math.nan,
        "n_assessments": len(assessed),
        "reason": reason if assessed or not reason else "no assessment",
    }


def _confirmed(value: str, later: list[str]) -> str:
    """Return what a response counts as, given what was seen late enough to confirm it."""
    if value == "CR" and "CR" not in later:
        return "PR" if "PR" in later else "SD"
    if value == "PR" and not {"CR", "PR"} & set(later):
        return "SD"
    return value
