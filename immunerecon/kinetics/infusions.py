"""When each patient was infused, and when something ended the wait for recovery."""

import pandas as pd

from immunerecon.kinetics.columns import require_columns, require_values

EVENTS = (
    "infusion",
    "death",
    "progression",
    "response",
    "adverse_event",
    "dlt",
    "last_follow_up",
)


def check_clinical_events(clinical_events: pd.DataFrame) -> None:
    """Raise when the table of clinical events lacks a column or holds an unknown event.

    Parameters
    ----------
    clinical_events
        One row an event: `patient`, `day`, `event`.

    Raises
    ------
    StudyError
        When a column is missing or an event is not one of `EVENTS`.
    """
    require_columns(clinical_events, "clinical_events", ("patient", "day", "event"))
    require_values(clinical_events, "clinical_events", "event", EVENTS)


def infusion_days(clinical_events: pd.DataFrame, patient: object) -> list[float]:
    """Return the days on which a patient was infused, in order.

    Parameters
    ----------
    clinical_events
        One row an event: `patient`, `day`, `event`.
    patient
        Whose infusions.

    Returns
    -------
    list of float
        Days from the first infusion; ``[0.0]`` when the table names none.

    Examples
    --------
    >>> events = pd.DataFrame({"patient": ["P1"], "day": [60.0], "event": ["infusion"]})
    >>> infusion_days(events, "P1")
    [0.0, 60.0]
    """
    return sorted({0.0, *_days_of(clinical_events, patient, "infusion")})


def second_infusion_day(clinical_events: pd.DataFrame, patient: object) -> float:
    """Return the day of the first infusion after day 0, infinity when there was none."""
    return min((day for day in infusion_days(clinical_events, patient) if day > 0), default=_NEVER)


def first_day(clinical_events: pd.DataFrame, patient: object, event: str) -> float:
    """Return the first day of an event in one patient, infinity when it did not occur."""
    return min(_days_of(clinical_events, patient, event), default=_NEVER)


_NEVER = float("inf")


def _days_of(clinical_events: pd.DataFrame, patient: object, event: str) -> list[float]:
    # Patient by patient from tables of some rows: a filter of pandas would take far longer.
    rows = zip(*(clinical_events[name] for name in ("patient", "event", "day")), strict=True)
    return [
        float(day)
        for whose, what, day in rows
        if whose == patient and what == event and pd.notna(day)
    ]
