"""Table of a swimmer plot: one row a span or mark of a patient's lane."""

import numpy as np
import pandas as pd

from immunerecon.trial.follow_up import follow_up_table

RECOVERED = ("CD4_T", 200.0)
FOLLOWED, DETECTED, LOST = "follow-up", "donor NK detected", "donor NK lost"
STILL, NEVER, UNKNOWN = "donor NK at last draw", "never detected", "not evaluable"
RECOVERY, NEVER_BELOW = "recovered", "never below"
RESPONSES = ("CR", "PR", "SD", "PD", "NE")
EVENTS = ("infusion", "dlt", *RESPONSES, "progression", "death", "last_follow_up")
_COLUMNS = ["patient", "dose_level", "lane", "item", "day_low", "day_high"]


def swimmer_rows(
    patients: pd.DataFrame,
    clinical_events: pd.DataFrame,
    persistence: pd.DataFrame,
    recovery: pd.DataFrame,
    *,
    recovered: tuple[str, float] = RECOVERED,
) -> pd.DataFrame:
    """Return the spans and marks that `draw_swimmer` shows, one row each.

    Columns `patient, dose_level, lane` (0 on top)`, item, day_low, day_high`; both days are the
    same for a mark, and NaN for what was never seen or cannot be told.
    """
    followed = follow_up_table(patients, clinical_events)
    followed = followed.sort_values(
        ["dose_level", "followed_to"], ascending=[True, False], kind="stable", ignore_index=True
    )
    first = _first_days(clinical_events)
    spans = pd.DataFrame(
        {
            "patient": followed["patient"],
            "item": FOLLOWED,
            "day_low": followed["patient"].map(first).fillna(0.0),
            "day_high": followed["followed_to"],
        }
    )
    parts = [spans, _event_rows(clinical_events), _donor_rows(persistence)]
    parts.append(_recovery_rows(recovery, *recovered))
    rows = pd.concat([part for part in parts if len(part)] or [spans], ignore_index=True)
    places = pd.Series(followed.index, index=followed["patient"])
    levels = followed.set_index("patient")["dose_level"].astype(str)
    rows = rows[rows["patient"].isin(places.index)]
    told = rows.assign(lane=rows["patient"].map(places), dose_level=rows["patient"].map(levels))
    return told[_COLUMNS].sort_values("lane", kind="stable", ignore_index=True)


def _first_days(clinical_events: pd.DataFrame) -> "pd.Series[float]":
    """Day of each patient's first infusion."""
    infusions = clinical_events[clinical_events["event"] == "infusion"]
    return infusions.groupby("patient")["day"].min().astype(float)


def _event_rows(clinical_events: pd.DataFrame) -> pd.DataFrame:
    """Give the events shown, responses by their RECIST category."""
    responses = clinical_events["event"] == "response"
    item = clinical_events["event"]
    if responses.any():
        item = item.mask(responses, clinical_events["value"])
    day = clinical_events["day"]
    rows = pd.DataFrame(
        {"patient": clinical_events["patient"], "item": item, "day_low": day, "day_high": day}
    )
    return rows[item.isin(list(EVENTS)) & day.notna()]


def _donor_rows(persistence: pd.DataFrame) -> pd.DataFrame:
    """Give when donor NK cells were there, and when they went."""
    shown = (persistence["population"] == "NK") & (persistence["measure"] == "fraction")
    told = []
    for _, course in persistence[shown].iterrows():
        # The contract's own columns speak of one course, which begins with the first infusion.
        start, patient = float(course.get("infusion_day", 0.0)), course["patient"]
        last, gone = start + course["t_last_detected"], start + course["t_first_undetected"]
        status = course["persistence_status"]
        if status == "lost":
            told += [(patient, DETECTED, start, last), (patient, LOST, last, gone)]
        elif status == "persisting":
            told += [(patient, DETECTED, start, last), (patient, STILL, last, last)]
        else:
            words = NEVER if status == "never_detected" else UNKNOWN
            told.append((patient, words, start, np.nan))
    return pd.DataFrame(told, columns=["patient", "item", "day_low", "day_high"])


def _recovery_rows(recovery: pd.DataFrame, population: str, threshold: float) -> pd.DataFrame:
    """Give the days between which a population recovered."""
    own = recovery[(recovery["population"] == population) & (recovery["threshold"] == threshold)]
    back = own[own["status"] == "recovered"]
    never = own[own["status"] == "never_below"].assign(time_low=0.0, time_high=0.0)
    rows = pd.concat([back.assign(item=RECOVERY), never.assign(item=NEVER_BELOW)])
    names = {"time_low": "day_low", "time_high": "day_high"}
    return rows.rename(columns=names)[["patient", "item", "day_low", "day_high"]]
