"""Associations of one row a patient, and how the rows are laid out."""

import numpy as np
import pandas as pd
import pytest

from immunerecon.errors import StudyError
from immunerecon.trial.associations import (
    QUESTIONS,
    Question,
    association_table,
    patient_outcomes,
)


def _ask(outcomes: pd.DataFrame, *questions: Question) -> pd.DataFrame:
    return association_table(outcomes, questions, rng=np.random.default_rng(0))


def test_proportions_show_all_counts_and_leave_out_the_missing() -> None:
    table = pd.DataFrame(
        {
            "persistent": pd.array([True] * 3 + [False] * 3 + [pd.NA], dtype="boolean"),
            "responded": pd.array([True] * 3 + [False] * 3 + [True], dtype="boolean"),
        }
    )
    answer = _ask(table, Question("persistent", "responded", "planned")).iloc[0]
    assert (answer["n"], answer["by_group"]) == (6, "yes 3/3, no 0/3")
    assert answer["p_value"] == pytest.approx(1 / 32, abs=1e-4)
    assert np.isinf(answer["high"])


def test_an_empty_group_gives_a_reason_and_no_number() -> None:
    table = pd.DataFrame({"persistent": [True, True], "responded": [True, False], "grade": [1, 2]})
    answers = _ask(
        table,
        Question("persistent", "responded", "planned"),
        Question("persistent", "grade", "planned"),
    )
    assert answers["p_value"].isna().all()
    assert answers["p_adjusted"].isna().all()
    assert "found 2 and 0" in answers["reason"].iloc[0]
    assert "two groups" in answers["reason"].iloc[1]


def test_families_are_adjusted_apart() -> None:
    rng = np.random.default_rng(3)
    table = pd.DataFrame(
        {"group": [0] * 6 + [1] * 6, **{f"v{i}": rng.normal(size=12) for i in "abcd"}}
    )
    table["va"] += 9 * table["group"]
    asked = [Question("group", f"v{i}", "planned" if i in "ab" else "exploratory") for i in "abcd"]
    answers = _ask(table, *asked)
    planned, exploratory = answers.iloc[:2], answers.iloc[2:]
    assert planned["p_adjusted"].iloc[0] == pytest.approx(2 * planned["p_value"].min())
    small, large = sorted(exploratory["p_value"])
    assert exploratory["p_adjusted"].min() == pytest.approx(min(2 * small, large))


def test_levels_keep_their_order_and_yes_no_their_names() -> None:
    level = pd.Categorical(["2", "10", "2", "10"], categories=["2", "10"], ordered=True)
    table = pd.DataFrame({"level": level, "peak": [1.0, 5, 2, 6], "sick": [True, False] * 2})
    answers = _ask(table, Question("level", "peak", "planned"), Question("sick", "peak", "planned"))
    assert answers["by_group"].to_list() == ["2: 2, 10: 2", "no: 2, yes: 2"]
    assert answers["effect"].to_list() == [4.0, -4.0]


def test_columns_that_are_missing_are_named() -> None:
    with pytest.raises(StudyError, match="column dose_level"):
        _ask(pd.DataFrame({"patient": []}), Question("dose_level", "patient", "planned"))


PATIENTS = pd.DataFrame({"patient": list("ABCD"), "dose_level": [1, 1, 2, 2]})
EVENTS = pd.DataFrame(
    [(name, 0, "infusion", None, None, None) for name in "ABCD"]
    + [
        ("A", 42, "response", "PR", None, None),
        ("B", 42, "response", "SD", None, None),
        ("B", 3, "adverse_event", None, "Fever", 3),
        ("C", 10, "death", None, None, None),
        ("D", 42, "response", "SD", None, None),
    ]
    + [(name, 700, "last_follow_up", None, None, None) for name in "ABD"],
    columns=["patient", "day", "event", "value", "term", "grade"],
)
CELLS = pd.DataFrame(
    [
        ("A", 14, 0.2, "detected"),
        ("A", 28, 0.0, "not_detected"),
        ("B", 14, 0.0, "not_detected"),
        ("C", 7, 0.3, "detected"),
        ("D", 14, 0.1, "detected"),
        ("D", 28, 0.1, "detected"),
    ],
    columns=["patient", "day", "donor_fraction", "call"],
).assign(population="NK", lod=0.002)
PERSISTENCE = pd.DataFrame(
    [
        ("A", 150.0, "lost"),
        ("A", 900.0, "lost"),
        ("B", float("nan"), "never_detected"),
        ("C", float("nan"), "not_evaluable"),
        ("D", 40.0, "persisting"),
    ],
    columns=["patient", "c_max", "persistence_status"],
).assign(population="NK", measure="cells_per_ul")
RECOVERY = pd.DataFrame(
    [
        ("A", "recovered", 14, 21),
        ("B", "recovered", 21, 60),
        ("D", "not_recovered", 180, np.inf),
        ("C", "died_first", 7, 10),
    ],
    columns=["patient", "status", "time_low", "time_high"],
).assign(population="CD4_T", threshold=50.0)


def _outcomes() -> pd.DataFrame:
    return patient_outcomes(
        PATIENTS, EVENTS, donor_cells=CELLS, persistence=PERSISTENCE, recovery=RECOVERY
    ).set_index("patient")


def test_landmarks_leave_out_who_cannot_be_judged() -> None:
    table = _outcomes()
    assert table["persistent_day_14"].to_dict() == {"A": True, "B": False, "C": None, "D": True}
    assert table["persistent_day_28"].isna().to_dict() == {
        "A": False,
        "B": True,
        "C": True,
        "D": False,
    }
    assert table["responded_after_day_14"].to_dict() == {
        "A": True,
        "B": False,
        "C": None,
        "D": False,
    }


def test_recovery_by_a_day_is_open_when_the_interval_spans_it() -> None:
    table = _outcomes()
    assert table["recovered_by_day_28"].to_dict() == {"A": True, "B": None, "C": None, "D": False}
    assert table["recovered_by_day_90"].to_dict() == {"A": True, "B": True, "C": None, "D": False}


def test_who_never_had_donor_cells_ranks_lowest_and_is_not_left_out() -> None:
    peaks = _outcomes()["peak_donor_nk_per_ul"]
    assert peaks.fillna(-1).to_dict() == {"A": 150.0, "B": 0.0, "C": -1.0, "D": 40.0}


def test_who_had_no_adverse_event_has_grade_0() -> None:
    assert _outcomes()["worst_grade"].to_dict() == {"A": 0.0, "B": 3.0, "C": 0.0, "D": 0.0}


def test_default_questions_are_answered_or_say_why() -> None:
    answers = association_table(_outcomes().reset_index(), rng=np.random.default_rng(0))
    assert len(answers) == len(QUESTIONS)
    assert (answers["p_value"].notna() | (answers["reason"] != "")).all()
