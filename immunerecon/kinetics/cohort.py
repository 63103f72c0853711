"""How soon a cohort's lymphocytes recover, with what competes against it."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from immunerecon.kinetics.columns import require_columns, require_values
from immunerecon.kinetics.estimators.competing_risks import aalen_johansen
from immunerecon.kinetics.infusions import check_clinical_events

STATUSES = ("recovered", "not_recovered", "never_below", "died_first", "not_evaluable")
COMPETING_EVENTS = ("death", "progression", "infusion")
RECOVERED, COMPETED = 1, 2
EVERYONE = "all"


def recovery_times(recovery: pd.DataFrame, clinical_events: pd.DataFrame) -> pd.DataFrame:
    """Give each patient's time to recovery or to what came first.

    Parameters
    ----------
    recovery
        As made by `immunerecon.kinetics.recovery.recovery_table`.
    clinical_events
        One row an event: `patient`, `day`, `event`; death, progression and infusions are read.

    Returns
    -------
    DataFrame
        The rows of `recovery` that were at risk (neither ``never_below`` nor ``not_evaluable``)
        with `time` (days from the first infusion), `cause` (0 censored, 1 recovered, 2 competing
        event) and `competing_event`.

    Raises
    ------
    StudyError
        When a table lacks a column, or a status or an event is not one of those accepted.

    Notes
    -----
    Death, progression and a second infusion after day 0 compete: the first of them ends the wait,
    even when a later draw reaches the threshold. A recovery counts on the day it was first
    observed (`time_high`); a competing event of the same day comes after it. Who has neither is
    censored at the last draw.

    Examples
    --------
    >>> recovery = pd.DataFrame({
    ...     "patient": ["P1", "P2"], "population": "NK", "threshold": 100.0,
    ...     "status": ["recovered", "not_recovered"],
    ...     "time_low": [14.0, 28], "time_high": [28, np.inf]})
    >>> events = pd.DataFrame({"patient": ["P2"], "day": [40.0], "event": ["progression"]})
    >>> recovery_times(recovery, events)[["patient", "time", "cause"]]
      patient  time  cause
    0      P1  28.0      1
    1      P2  40.0      2
    """
    require_columns(
        recovery,
        "recovery",
        ("patient", "population", "threshold", "status", "time_low", "time_high"),
    )
    require_values(recovery, "recovery", "status", STATUSES)
    check_clinical_events(clinical_events)
    competing = clinical_events[
        clinical_events["event"].isin(COMPETING_EVENTS) & (clinical_events["day"] > 0)
    ]
    first = competing.sort_values("day", kind="stable").drop_duplicates("patient")
    by_patient = first.set_index("patient")
    at_risk = recovery[~recovery["status"].isin(["never_below", "not_evaluable"])]
    competing_day = at_risk["patient"].map(by_patient["day"]).astype(float).fillna(np.inf)
    observed = at_risk["time_high"].where(at_risk["status"] == "recovered", np.inf).astype(float)
    last_draw = at_risk["time_low"]
    if "last_draw_day" in at_risk.columns:
        last_draw = at_risk["last_draw_day"].fillna(last_draw)
    recovered = (observed <= competing_day) & np.isfinite(observed)
    competed = ~recovered & np.isfinite(competing_day)
    name = at_risk["patient"].map(by_patient["event"]).where(competed, "")
    return at_risk.assign(
        time=np.select([recovered, competed], [observed, competing_day], last_draw),
        cause=np.select([recovered, competed], [RECOVERED, COMPETED], 0),
        competing_event=name.replace({"infusion": "second infusion"}),
    ).reset_index(drop=True)


def cohort_recovery_table(
    recovery: pd.DataFrame, clinical_events: pd.DataFrame, patients: pd.DataFrame
) -> pd.DataFrame:
    """Estimate the cumulative incidence of recovery in the cohort and at each dose level.

    Parameters
    ----------
    recovery, clinical_events
        As in `recovery_times`.
    patients
        One row a patient: `patient`, and `dose_level` where there are several.

    Returns
    -------
    DataFrame
        One row a group (``all``, then each dose level), population, threshold and time (day 0 and
        every day on which something happened): `group, population, threshold, time,
        cumulative_incidence, low, high, at_risk, recovered, competing,
        cumulative_incidence_early, n_at_risk_first, n_never_below, n_not_evaluable, estimator,
        variance`.

    Raises
    ------
    StudyError
        When a table lacks a column, or a status or an event is not one of those accepted.

    Notes
    -----
    Aalen-Johansen at the day of first observation, with martingale (Aalen) variance and pointwise
    95 % intervals on the log(-log) scale, undefined while the incidence is 0 or 1. Recovery lies
    between two draws: the estimate is the latest curve that the draws allow, and
    `cumulative_incidence_early`, with each recovery just after the last draw below, the earliest.
    Patients who were ``never_below`` or ``not_evaluable`` are not at risk and are counted beside.

    Examples
    --------
    >>> recovery = pd.DataFrame({
    ...     "patient": ["P1", "P2"], "population": "NK", "threshold": 100.0,
    ...     "status": ["recovered", "not_recovered"],
    ...     "time_low": [14.0, 28], "time_high": [28, np.inf]})
    >>> events = pd.DataFrame({"patient": ["P2"], "day": [40.0], "event": ["progression"]})
    >>> patients = pd.DataFrame({"patient": ["P1", "P2"]})
    >>> table = cohort_recovery_table(recovery, events, patients)
    >>> table[["group", "time", "cumulative_incidence", "at_risk"]]
      group  time  cumulative_incidence  at_risk
    0   all   0.0                   0.0        2
    1   all  28.0                   0.5        2
    2   all  40.0                   0.5        1
    """
    require_columns(patients, "patients", ("patient",))
    times = recovery_times(recovery, clinical_events)
    curves = []
    for group, members in cohort_groups(patients, recovery):
        for (population, threshold), rows in recovery.groupby(["population", "threshold"]):
            own = rows[rows["patient"].isin(members)]
            at_risk = times[
                times["patient"].isin(members)
                & (times["population"] == population)
                & (times["threshold"] == threshold)
            ]
            if at_risk.empty:
                continue
            curves.append(
                _curve(at_risk).assign(
                    group=group,
                    population=rows["population"].iloc[0],
                    threshold=rows["threshold"].iloc[0],
                    n_at_risk_first=len(at_risk),
                    n_never_below=int((own["status"] == "never_below").sum()),
                    n_not_evaluable=int((own["status"] == "not_evaluable").sum()),
                    estimator="Aalen-Johansen, day of first observation",
                    variance="Aalen (martingale), log(-log) interval",
                )
            )
    if not curves:
        return pd.DataFrame(columns=_COLUMNS)
    return pd.concat(curves, ignore_index=True)[_COLUMNS]


_COLUMNS = [
    "group",
    "population",
    "threshold",
    "time",
    "cumulative_incidence",
    "low",
    "high",
    "at_risk",
    "recovered",
    "competing",
    "cumulative_incidence_early",
    "n_at_risk_first",
    "n_never_below",
    "n_not_evaluable",
    "estimator",
    "variance",
]


def dose_levels(patients: pd.DataFrame) -> "pd.Series[str]":
    """Return each patient's dose level as text, indexed by patient; unknown ones are left out."""
    if "dose_level" not in patients.columns:
        return pd.Series(dtype=str)
    known = patients.dropna(subset=["dose_level"]).set_index("patient")["dose_level"]
    return known.map(lambda level: f"{level:g}" if isinstance(level, float) else str(level))


def cohort_groups(patients: pd.DataFrame, recovery: pd.DataFrame) -> Iterator[tuple[str, set[str]]]:
    """Give everyone, then each dose level when there are several, with their patients."""
    yield EVERYONE, set(recovery["patient"])
    levels = dose_levels(patients)
    distinct = sorted(set(levels), key=lambda level: (len(level), level))
    if len(distinct) > 1:
        for level in distinct:
            yield level, set(levels.index[levels == level])


def _curve(at_risk: pd.DataFrame) -> pd.DataFrame:
    """Curve of one group, population and threshold, from day 0."""
    cause = at_risk["cause"].to_numpy(dtype=np.int64)
    time = at_risk["time"].to_numpy(dtype=float)
    late = aalen_johansen(time, cause)
    early_time = np.where(cause == RECOVERED, at_risk["time_low"].to_numpy(dtype=float), time)
    early = aalen_johansen(early_time, cause)
    start = pd.DataFrame(
        {"time": [0.0], "at_risk": [len(at_risk)], "events": [0], "competing": [0]}
    ).assign(cumulative_incidence=0.0, low=np.nan, high=np.nan)
    curve = late if (late["time"] == 0).any() else pd.concat([start, late], ignore_index=True)
    position = np.searchsorted(early["time"], curve["time"], side="right")
    steps = np.concatenate([[0.0], early["cumulative_incidence"].to_numpy()])
    return curve.rename(columns={"events": "recovered"}).assign(
        cumulative_incidence_early=steps[position]
    )
