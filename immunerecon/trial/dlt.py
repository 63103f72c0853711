"""Dose-limiting toxicity (DLT) by patient and by dose level."""

import pandas as pd

from immunerecon.enumeration.proportions import clopper_pearson
from immunerecon.trial.follow_up import follow_up_table


def dlt_by_patient(
    patients: pd.DataFrame, clinical_events: pd.DataFrame, *, window_days: float = 365.0
) -> pd.DataFrame:
    """Return who had a DLT within the window, and who cannot tell.

    Parameters
    ----------
    patients, clinical_events
        As in `follow_up_table`; DLTs are the events ``dlt``, with their `term` if there is one.
    window_days
        Days from the first infusion in which a DLT counts, the last one included. The model trial
        (NCT00846833) looks for the maximum tolerated dose over one year.

    Returns
    -------
    DataFrame
        One row a patient: `patient, dose_level, infused, evaluable, dlt, dlt_day, dlt_term,
        reason`. Evaluable is who was infused and either had a DLT or was followed to the end of
        the window; `reason` says why the others are not.

    Raises
    ------
    StudyError
        As in `follow_up_table`.

    Examples
    --------
    >>> patients = pd.DataFrame({"patient": ["P1", "P2"], "dose_level": 1})
    >>> events = pd.DataFrame({"patient": ["P1", "P1", "P2", "P2"], "day": [0, 9, 0, 80],
    ...                        "event": ["infusion", "dlt", "infusion", "last_follow_up"]})
    >>> dlt_by_patient(patients, events)[["evaluable", "dlt", "reason"]].to_numpy().tolist()
    [[True, True, ''], [False, False, 'no DLT, but followed to day 80 only']]
    """
    table = follow_up_table(patients, clinical_events)
    rows = clinical_events[
        (clinical_events["event"] == "dlt") & clinical_events["day"].between(0, window_days)
    ]
    first = rows.sort_values("day", kind="stable").drop_duplicates("patient").set_index("patient")
    table["dlt"] = table["infused"] & table["patient"].isin(first.index)
    table["dlt_day"] = table["patient"].map(first["day"]).astype(float)
    terms = first.get("term", pd.Series(index=first.index, dtype=object))
    table["dlt_term"] = table["patient"].map(terms).astype(object).fillna("")
    told = zip(table["infused"], table["dlt"], table["followed_to"], strict=True)
    table["reason"] = [_reason(*patient, window_days) for patient in told]
    table["evaluable"] = table["reason"] == ""
    return table[
        [
            *("patient", "dose_level", "infused", "evaluable", "dlt", "dlt_day", "dlt_term"),
            "reason",
        ]
    ]


def dlt_by_level(dlt_patients: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Count DLTs at each dose level, with exact intervals.

    Parameters
    ----------
    dlt_patients
        From `dlt_by_patient`.
    level
        Coverage of the interval, 0-1.

    Returns
    -------
    DataFrame
        One row a dose level, lowest first: `dose_level, n_treated, n_evaluable, n_dlt, dlt_rate`
        (0-1) and its Clopper-Pearson bounds `low, high`; NaN where nobody is evaluable.

    References
    ----------
    Clopper CJ, Pearson ES. Biometrika 1934;26:404. doi:10.1093/biomet/26.4.404

    Examples
    --------
    >>> told = pd.DataFrame({"dose_level": pd.Categorical(["1"] * 6), "infused": True,
    ...                      "evaluable": True, "dlt": [True] + [False] * 5})
    >>> dlt_by_level(told)[["n_dlt", "n_evaluable", "low", "high"]].round(4)
       n_dlt  n_evaluable     low    high
    0      1            6  0.0042  0.6412
    """
    evaluable = dlt_patients[dlt_patients["evaluable"]]
    treated = dlt_patients[dlt_patients["infused"]]
    counts = pd.DataFrame(
        {
            "n_treated": treated.groupby("dose_level", observed=False).size(),
            "n_evaluable": evaluable.groupby("dose_level", observed=False).size(),
            "n_dlt": evaluable.groupby("dose_level", observed=False)["dlt"].sum().astype(int),
        }
    ).reset_index()
    counts["dose_level"] = counts["dose_level"].astype(str)
    counts["dlt_rate"] = counts["n_dlt"] / counts["n_evaluable"].where(counts["n_evaluable"] > 0)
    counts["low"], counts["high"] = clopper_pearson(
        counts["n_dlt"], counts["n_evaluable"], level=level
    )
    return counts


def _reason(infused: bool, dlt: bool, followed_to: float, window_days: float) -> str:
    """Say why a patient cannot tell whether the dose is tolerated; empty for those who can."""
    if not infused:
        return "not infused"
    if dlt or followed_to >= window_days:
        return ""
    if pd.isna(followed_to):
        return "no DLT, but no follow-up is recorded"
    return f"no DLT, but followed to day {followed_to:g} only"
