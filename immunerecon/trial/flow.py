"""Flow of patients and tubes through the trial, as a CONSORT diagram counts them."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping

import pandas as pd

from immunerecon.kinetics.columns import require_columns, require_values
from immunerecon.kinetics.visits import name_visits
from immunerecon.trial.dlt import dlt_by_patient
from immunerecon.trial.follow_up import follow_up_table

# Windows that meet half-way between the planned draws, so that no draw falls between them.
VISITS: Mapping[str, tuple[float, float]] = {
    "before": (-math.inf, 0.0),
    "day 0": (0.0, 0.5),
    "day 1": (0.5, 1.5),
    "day 2": (1.5, 4.5),
    "day 7": (4.5, 10.5),
    "day 14": (10.5, 17.5),
    "day 21": (17.5, 24.5),
    "day 28": (24.5, 35.0),
    "day 42": (35.0, 51.0),
    "month 2": (51.0, 75.0),
    "month 3": (75.0, 135.0),
    "month 6": (135.0, 225.0),
    "month 9": (225.0, 320.0),
    "month 12": (320.0, 456.0),
    "month 18": (456.0, 640.0),
    "month 24": (640.0, math.inf),
}
STATUSES = ("ok", "flagged", "failed")


def attended_visits(
    samples: pd.DataFrame, visits: Mapping[str, tuple[float, float]] = VISITS
) -> dict[str, tuple[float, float]]:
    """Return the visits at which anyone was drawn, for a study without a written schedule.

    Parameters
    ----------
    samples, visits
        As in `patient_flow`.

    Examples
    --------
    >>> tubes = pd.DataFrame({"patient": ["P1"], "day": [15], "panel": ["NK"], "role": ["draw"],
    ...                       "status": ["ok"]})
    >>> attended_visits(tubes)
    {'day 14': (10.5, 17.5)}
    """
    seen = set(_draws(samples, visits)["visit"])
    return {name: window for name, window in visits.items() if name in seen}


def patient_flow(
    patients: pd.DataFrame,
    clinical_events: pd.DataFrame,
    samples: pd.DataFrame,
    *,
    visits: Mapping[str, tuple[float, float]] = VISITS,
    window_days: float = 365.0,
) -> pd.DataFrame:
    """Count patients from enrolment to the last visit, with what lost the others.

    Parameters
    ----------
    patients, clinical_events
        As in `immunerecon.trial.follow_up.follow_up_table`.
    samples
        One row a tube: `patient, day, panel, role, status`, as in the results folder.
    visits
        Visit -> (first day, end), ``first day <= day < end``.
    window_days
        Days in which a dose-limiting toxicity counts.

    Returns
    -------
    DataFrame
        One row a stage: `stage` (``enrolled``, ``infused``, ``DLT-evaluable`` and
        ``immune-evaluable``), `visit`, `n`, `n_of` (those it starts from) and `lost` (why, with
        numbers). Visits start from the infused, those before the infusion from the enrolled;
        immune-evaluable is who has a draw that is ``ok`` or ``flagged``.

    Raises
    ------
    StudyError
        When a column is missing, a word is unknown or an event's patient is not in `patients`.

    References
    ----------
    Schulz KF, Altman DG, Moher D. BMJ 2010;340:c332. doi:10.1136/bmj.c332

    Examples
    --------
    >>> patients = pd.DataFrame({"patient": ["P1", "P2"]})
    >>> events = pd.DataFrame({"patient": ["P1", "P2", "P2"], "day": [0, 0, 9],
    ...                        "event": ["infusion", "infusion", "death"]})
    >>> tubes = pd.DataFrame({"patient": ["P1"], "day": [14], "panel": ["NK"], "role": ["draw"],
    ...                       "status": ["ok"]})
    >>> flow = patient_flow(patients, events, tubes, visits={"day 14": (11, 18)})
    >>> flow[["stage", "n", "n_of", "lost"]].tail(1)
                  stage  n  n_of     lost
    3  immune-evaluable  1     2  died: 1
    """
    followed = follow_up_table(patients, clinical_events)
    told = dlt_by_patient(patients, clinical_events, window_days=window_days)
    infused = int(followed["infused"].sum())
    n_dlt, n = int(told["evaluable"].sum()), len(followed)
    rows = [
        ("enrolled", "", n, n, ""),
        ("infused", "", infused, n, _tell({"not infused": n - infused})),
        ("DLT-evaluable", "", n_dlt, infused, _tell({"followed too short": infused - n_dlt})),
    ]
    draws = _draws(samples, visits)
    for visit, (start, end) in visits.items():
        expected = followed if end <= 0 else followed[followed["infused"]]
        fates = Counter(_fates(expected, draws[draws["visit"] == visit], start))
        evaluable = fates.pop("", 0)
        rows.append(("immune-evaluable", visit, evaluable, len(expected), _tell(fates)))
    return pd.DataFrame(rows, columns=["stage", "visit", "n", "n_of", "lost"])


def tube_flow(
    patients: pd.DataFrame,
    clinical_events: pd.DataFrame,
    samples: pd.DataFrame,
    *,
    visits: Mapping[str, tuple[float, float]] = VISITS,
) -> pd.DataFrame:
    """Count draw tubes by panel and visit: planned, acquired, usable.

    Parameters
    ----------
    patients, clinical_events, samples, visits
        As in `patient_flow`.

    Returns
    -------
    DataFrame
        One row a panel and visit: `panel, visit, planned, acquired, ok, flagged, failed, missing`.
        Planned is one tube for every patient who is in follow-up when the visit begins or has a
        tube of it; missing counts those of them without a tube of the panel. Replicates count as
        acquired.

    Raises
    ------
    StudyError
        As in `patient_flow`.
    """
    followed = follow_up_table(patients, clinical_events)
    draws = _draws(samples, visits)
    rows = []
    for panel in samples.loc[samples["role"] == "draw", "panel"].unique():
        for visit, (start, end) in visits.items():
            drawn = draws[draws["visit"] == visit]
            tubes = drawn[drawn["panel"] == panel]
            present = _present(
                followed if end <= 0 else followed[followed["infused"]], drawn, start
            )
            by_status = Counter(tubes["status"])
            rows.append(
                {"panel": panel, "visit": visit, "planned": len(present), "acquired": len(tubes)}
                | {status: by_status[status] for status in STATUSES}
                | {"missing": len(present - set(tubes["patient"]))}
            )
    columns = ["panel", "visit", "planned", "acquired", *STATUSES, "missing"]
    return pd.DataFrame(rows, columns=columns)


def _present(followed: pd.DataFrame, drawn: pd.DataFrame, start: float) -> set[str]:
    """Return who is in follow-up when a visit begins, or has a tube of it."""
    known = zip(followed["patient"], followed["followed_to"].fillna(-math.inf), strict=True)
    seen = set(drawn["patient"])
    return {patient for patient, day in known if patient in seen or day >= start}


def _draws(samples: pd.DataFrame, visits: Mapping[str, tuple[float, float]]) -> pd.DataFrame:
    """Return the draw tubes with their visit."""
    require_columns(samples, "samples", ("patient", "day", "panel", "role", "status"))
    draws = samples[samples["role"] == "draw"]
    require_values(draws, "samples", "status", STATUSES)
    return name_visits(draws, visits)


def _fates(expected: pd.DataFrame, draws: pd.DataFrame, start: float) -> Iterator[str]:
    """Say what became of each patient at a visit: empty for a usable draw."""
    drawn, usable = set(draws["patient"]), set(draws.loc[draws["status"] != "failed", "patient"])
    columns = (expected[name] for name in ("patient", "death_day", "followed_to"))
    for patient, death_day, followed_to in zip(*columns, strict=True):
        if patient in usable:
            yield ""
        elif patient in drawn:
            yield "every tube failed"
        elif death_day < start:
            yield "died"
        else:
            yield "follow-up ended" if followed_to < start else "no draw"


def _tell(losses: Mapping[str, int]) -> str:
    """Join reasons and their numbers, leaving out what lost nobody."""
    return "; ".join(f"{reason}: {n}" for reason, n in losses.items() if n)
