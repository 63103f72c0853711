"""Who was infused, and how long each patient was followed."""

import math

import pandas as pd

from immunerecon.errors import Problem, StudyError
from immunerecon.kinetics.columns import require_columns
from immunerecon.kinetics.infusions import check_clinical_events, first_day
from immunerecon.trial.dose_levels import level_of_patients


def follow_up_table(patients: pd.DataFrame, clinical_events: pd.DataFrame) -> pd.DataFrame:
    """Return the end points of follow-up, one row a patient.

    Parameters
    ----------
    patients
        One row a patient: `patient`, and `dose_level` and `infusion_date` if there are any.
    clinical_events
        One row an event: `patient`, `day`, `event`.

    Returns
    -------
    DataFrame
        Columns `patient, dose_level, infused, progression_day, death_day, followed_to`. A patient
        is infused who has an event ``infusion`` or an `infusion_date`; `followed_to` is the day of
        the last event of any kind, NaN without events; days of what did not occur are infinite.

    Raises
    ------
    StudyError
        When a column is missing, an event is unknown, or an event's patient is not in `patients`.

    Examples
    --------
    >>> patients = pd.DataFrame({"patient": ["P1"], "dose_level": [1]})
    >>> events = pd.DataFrame(
    ...     {"patient": "P1", "day": [0, 111], "event": ["infusion", "death"]})
    >>> follow_up_table(patients, events)
      patient dose_level  infused  progression_day  death_day  followed_to
    0      P1          1     True              inf      111.0        111.0
    """
    require_columns(patients, "patients", ("patient",))
    check_clinical_events(clinical_events)
    _refuse_strangers(patients, clinical_events)
    names = list(patients["patient"])
    told = clinical_events.loc[clinical_events["event"] == "infusion", "patient"]
    infused = patients["patient"].isin(told)
    if "infusion_date" in patients:
        infused |= patients["infusion_date"].notna() & (patients["infusion_date"] != "")
    last: dict[object, float] = {}
    for name, day in zip(clinical_events["patient"], clinical_events["day"], strict=True):
        if pd.notna(day):
            last[name] = max(float(day), last.get(name, -math.inf))
    return pd.DataFrame(
        {
            "patient": names,
            "dose_level": level_of_patients(patients).array,
            "infused": infused.to_numpy(dtype=bool),
            "progression_day": [first_day(clinical_events, name, "progression") for name in names],
            "death_day": [first_day(clinical_events, name, "death") for name in names],
            "followed_to": [last.get(name, math.nan) for name in names],
        }
    )


def _refuse_strangers(patients: pd.DataFrame, clinical_events: pd.DataFrame) -> None:
    strangers = sorted(set(clinical_events["patient"]) - set(patients["patient"]))
    if strangers:
        raise StudyError(
            [
                Problem(
                    "clinical_events",
                    f"patient {name!r} is not in the table of patients",
                    column="patient",
                    accepted=", ".join(map(str, patients["patient"])),
                )
                for name in strangers
            ]
        )
