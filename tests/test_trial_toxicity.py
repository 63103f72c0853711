"""Adverse events by patient and term."""

import math

import pandas as pd
import pytest

from immunerecon.errors import StudyError
from immunerecon.trial.toxicity import toxicity_table, worst_grades

EVENTS = pd.DataFrame(
    [
        ("P1", -3, "adverse_event", "Fever", 1),
        ("P1", 0, "adverse_event", "Fever", 2),
        ("P1", 5, "adverse_event", "Fever", 3),
        ("P1", 6, "adverse_event", "Fever", 3),
        ("P2", 9, "adverse_event", "Capillary leak syndrome", 4),
        ("P2", 9, "dlt", "Capillary leak syndrome", 4),
        ("P2", 1, "adverse_event", "Nausea", None),
        ("P3", 1, "adverse_event", None, 5),
        ("P3", 42, "response", None, None),
    ],
    columns=["patient", "day", "event", "term", "grade"],
)


def test_the_worst_grade_counts_once_with_its_first_day() -> None:
    worst = worst_grades(EVENTS).set_index(["patient", "term"])
    assert len(worst) == 4
    fever = worst.loc[("P1", "Fever")]
    assert (fever["worst_grade"], fever["worst_day"], fever["onset_day"]) == (3, 5, 0)
    assert fever["baseline_grade"] == 1
    assert worst["dlt"].to_dict()[("P2", "Capillary leak syndrome")]
    assert not fever["dlt"]


def test_missing_grades_and_terms_stay_visible() -> None:
    worst = worst_grades(EVENTS).set_index(["patient", "term"])
    assert math.isnan(worst.loc[("P2", "Nausea"), "worst_grade"])
    assert worst.loc[("P3", "not named"), "worst_grade"] == 5


def test_the_window_of_the_infusion() -> None:
    worst = worst_grades(EVENTS, last_day=1).set_index(["patient", "term"])
    assert worst.loc[("P1", "Fever"), "worst_grade"] == 2
    assert ("P2", "Capillary leak syndrome") not in worst.index


def test_patients_are_counted_once_a_term_and_once_in_all() -> None:
    table = toxicity_table(worst_grades(EVENTS), ["P1", "P2", "P3", "P4"]).set_index("term")
    assert table.loc["any", ["grade_3", "grade_4", "grade_5", "any_grade"]].to_list() == [
        1,
        1,
        1,
        3,
    ]
    assert table.loc["Nausea", ["not_graded", "any_grade", "grade_3_or_more"]].to_list() == [
        1,
        1,
        0,
    ]
    assert (table["n_patients"] == 4).all()
    assert table.loc["any", "percent_grade_3_or_more"] == 75


def test_exact_interval_of_12_patients() -> None:
    worst = pd.DataFrame({"patient": ["P1", "P2"], "term": "Fever", "worst_grade": 3.0})
    row = toxicity_table(worst, [f"P{i}" for i in range(1, 13)]).iloc[0]
    assert [round(row["percent_low"], 2), round(row["percent_high"], 2)] == [2.09, 48.41]


def test_nobody_treated_is_not_evaluable() -> None:
    table = toxicity_table(worst_grades(EVENTS), [])
    assert table[["percent_grade_3_or_more", "percent_low"]].isna().all(axis=None)


def test_an_unknown_event_is_refused() -> None:
    with pytest.raises(StudyError, match="'toxicity'"):
        worst_grades(EVENTS.assign(event="toxicity"))
