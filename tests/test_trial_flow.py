"""Flow of patients and tubes, and Table 1."""

from itertools import pairwise

import pandas as pd
import pytest

from immunerecon.errors import StudyError
from immunerecon.trial.baseline import baseline_table, table_one
from immunerecon.trial.flow import VISITS, patient_flow, tube_flow

PATIENTS = pd.DataFrame({"patient": ["P1", "P2", "P3", "P4"], "dose_level": [1, 1, 2, 2]})
EVENTS = pd.DataFrame(
    [
        ("P1", 0, "infusion"),
        ("P1", 400, "last_follow_up"),
        ("P2", 0, "infusion"),
        ("P2", 9, "death"),
        ("P3", 0, "infusion"),
        ("P3", 100, "last_follow_up"),
    ],
    columns=["patient", "day", "event"],
)
SAMPLES = pd.DataFrame(
    [
        ("P1", -7, "lineage", "draw", "ok"),
        ("P4", -5, "lineage", "draw", "ok"),
        ("P1", 14, "lineage", "draw", "failed"),
        ("P1", 14, "donor", "draw", "flagged"),
        ("P3", 15, "lineage", "draw", "failed"),
        ("P3", 14, "donor", "product", "ok"),
    ],
    columns=["patient", "day", "panel", "role", "status"],
)
WINDOWS = {"before": (-60, 0), "day 14": (11, 18), "month 6": (135, 225)}


def test_patients_from_enrolment_to_each_visit() -> None:
    flow = patient_flow(PATIENTS, EVENTS, SAMPLES, visits=WINDOWS)
    told = list(flow[["n", "n_of", "lost"]].itertuples(index=False, name=None))
    assert told == [
        (4, 4, ""),
        (3, 4, "not infused: 1"),
        (1, 3, "followed too short: 2"),
        (2, 4, "no draw: 2"),
        (1, 3, "died: 1; every tube failed: 1"),
        (0, 3, "no draw: 1; died: 1; follow-up ended: 1"),
    ]


def test_everyone_is_counted_once_at_each_visit() -> None:
    flow = patient_flow(PATIENTS, EVENTS, SAMPLES)
    for row in flow.itertuples():
        lost = sum(int(part.split(": ")[1]) for part in row.lost.split("; ") if part)
        assert row.n + lost == row.n_of


def test_tubes_by_panel_and_visit() -> None:
    table = tube_flow(PATIENTS, EVENTS, SAMPLES, visits=WINDOWS).set_index(["panel", "visit"])
    names = ["planned", "acquired", "ok", "flagged", "failed", "missing"]
    assert table.loc[("lineage", "before"), names].to_list() == [4, 2, 2, 0, 0, 2]
    assert table.loc[("lineage", "day 14"), names].to_list() == [2, 2, 0, 0, 2, 0]
    assert table.loc[("donor", "day 14"), names].to_list() == [2, 1, 0, 1, 0, 1]
    assert table.loc[("donor", "month 6"), names].to_list() == [1, 0, 0, 0, 0, 1]


def test_no_day_falls_between_the_default_visits() -> None:
    windows = list(VISITS.values())
    assert all(one[1] == next_one[0] for one, next_one in pairwise(windows))


def test_samples_without_status_are_refused() -> None:
    with pytest.raises(StudyError, match="column status"):
        patient_flow(PATIENTS, EVENTS, SAMPLES.drop(columns="status"))


TOLD = PATIENTS.assign(
    age=[40, 60, 50, None], sex=["F", "M", "F", ""], nk_cells_per_kg=[5e6, 6e6, 2e7, 3e7]
)


def test_table_one_by_level() -> None:
    table = table_one(TOLD)
    assert list(table.columns) == ["all (n = 4)", "level 1 (n = 2)", "level 2 (n = 2)"]
    assert table.loc["Age, years"].to_list() == [
        "50 (40-60), 1 missing",
        "50 (40-60)",
        "50 (50-50), 1 missing",
    ]
    assert table.loc["Sex: F"].to_list() == ["2 (66.7 %)", "1 (50.0 %)", "1 (100.0 %)"]
    assert table.loc["NK cells/kg", "all (n = 4)"] == "1.3e+07 (5e+06-3e+07)"


def test_a_level_without_values_says_missing() -> None:
    told = TOLD.assign(age=[40, 60, None, None])
    table = baseline_table(told)
    row = table[(table["characteristic"] == "Age, years") & (table["dose_level"] == "2")].iloc[0]
    assert (row["text"], row["n_missing"]) == ("missing", 2)
