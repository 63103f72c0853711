"""DLT tables, 3+3 and BOIN against the published rules and numbers."""

import pandas as pd
import pytest

from immunerecon.errors import EstimationError, StudyError
from immunerecon.trial.boin import (
    boin_boundaries,
    boin_decision,
    boin_decision_table,
    isotonic_rates,
)
from immunerecon.trial.dlt import dlt_by_level, dlt_by_patient
from immunerecon.trial.dose_escalation import (
    boin_mtd,
    escalation_table,
    three_plus_three_decision,
    three_plus_three_mtd,
)
from immunerecon.trial.dose_levels import level_of_patients


def _levels(*counts: tuple[int, int]) -> pd.DataFrame:
    """Return DLTs of evaluable patients at levels 1, 2 ..."""
    return pd.DataFrame(
        {
            "dose_level": [str(place + 1) for place in range(len(counts))],
            "n_dlt": [dlt for dlt, _ in counts],
            "n_evaluable": [n for _, n in counts],
        }
    )


# Liu and Yuan 2015, with the default 0.6 and 1.4.
@pytest.mark.parametrize(
    ("target", "up", "down"),
    [(0.20, 0.1572, 0.2385), (0.25, 0.1968, 0.2984), (0.30, 0.2365, 0.3585)],
)
def test_boin_boundaries_are_the_published_ones(target: float, up: float, down: float) -> None:
    rule = boin_boundaries(target)
    assert round(rule.escalate_at_most, 4) == up
    assert round(rule.de_escalate_at_least, 4) == down


def test_boin_table_for_target_30_percent() -> None:
    table = boin_decision_table([3, 6, 9, 12])
    assert table["escalate_at_most"].to_list() == [0, 1, 2, 2]
    assert table["de_escalate_at_least"].to_list() == [2, 3, 4, 5]
    assert table["eliminate_at_least"].to_list() == [3, 4, 5, 7]


def test_boin_table_and_decision_agree() -> None:
    for row in boin_decision_table(range(1, 13)).itertuples():
        for n_dlt in range(row.n_evaluable + 1):
            if not pd.isna(row.eliminate_at_least) and n_dlt >= row.eliminate_at_least:
                expected = "eliminate"
            elif n_dlt >= row.de_escalate_at_least:
                expected = "de-escalate"
            else:
                expected = "escalate" if n_dlt <= row.escalate_at_most else "stay"
            assert boin_decision(n_dlt, row.n_evaluable) == expected


def test_two_patients_never_eliminate() -> None:
    assert boin_decision(2, 2) == "de-escalate"
    assert pd.isna(boin_decision_table([2])["eliminate_at_least"].iloc[0])


def test_boin_refuses_impossible_targets_and_empty_levels() -> None:
    with pytest.raises(EstimationError, match="too high"):
        boin_boundaries(0.8)
    with pytest.raises(EstimationError, match="one evaluable"):
        boin_decision(0, 0)


def test_boin_mtd_of_the_authors_example() -> None:
    """The example of the R package's manual: 3, 3, 15, 9, 0 treated, MTD at level 3."""
    levels = _levels((0, 3), (0, 3), (4, 15), (4, 9), (0, 0))
    assert boin_mtd(levels).dose_level == "3"


def test_boin_mtd_breaks_ties_towards_the_target() -> None:
    below = boin_mtd(_levels((1, 6), (1, 6)))
    above = boin_mtd(_levels((3, 7), (3, 7)))
    assert (below.dose_level, above.dose_level) == ("2", "1")


def test_boin_mtd_never_takes_an_eliminated_level() -> None:
    assert boin_mtd(_levels((0, 6), (4, 6))).dose_level == "1"
    assert boin_mtd(_levels((3, 3), (0, 3))).dose_level == ""


def test_isotonic_rates_pool_violators_and_leave_untried_levels_open() -> None:
    rates = isotonic_rates([1, 0, 0], [3, 3, 0])
    assert rates[0] == pytest.approx(rates[1])
    assert pd.isna(rates[2])
    # Without a violation they are the posterior means under Beta(0.05, 0.05).
    assert isotonic_rates([0, 4], [3, 15])[1] == pytest.approx(4.05 / 15.1)


@pytest.mark.parametrize(
    ("n_dlt", "n", "said"),
    [
        (0, 2, "enrol to 3"),
        (1, 2, "enrol to 3"),
        (2, 2, "stop"),
        (0, 3, "escalate"),
        (1, 3, "expand to 6"),
        (2, 3, "stop"),
        (1, 5, "expand to 6"),
        (1, 6, "escalate"),
        (2, 6, "stop"),
        (2, 12, "escalate"),
        (2, 11, "stop"),
    ],
)
def test_three_plus_three_decisions(n_dlt: int, n: int, said: str) -> None:
    assert three_plus_three_decision(n_dlt, n) == said


def test_three_plus_three_mtd_needs_six_patients() -> None:
    mtd = three_plus_three_mtd(_levels((0, 3), (2, 3)))
    assert mtd.dose_level == ""
    assert "level 1 has 3 of the 6" in mtd.reason
    assert three_plus_three_mtd(_levels((1, 6), (2, 3))).dose_level == "1"


def test_three_plus_three_mtd_lies_below_the_level_that_stopped() -> None:
    assert three_plus_three_mtd(_levels((0, 6), (2, 6), (0, 6))).dose_level == "1"
    assert "may lie higher" in three_plus_three_mtd(_levels((0, 6), (1, 6))).reason
    assert three_plus_three_mtd(_levels((2, 3))).dose_level == ""


PATIENTS = pd.DataFrame({"patient": ["P1", "P2", "P3", "P4"], "dose_level": [1, 1, 2, 2]})
EVENTS = pd.DataFrame(
    [
        ("P1", 0, "infusion", ""),
        ("P1", 730, "last_follow_up", ""),
        ("P2", 0, "infusion", ""),
        ("P2", 9, "dlt", "Capillary leak syndrome"),
        ("P2", 40, "death", ""),
        ("P3", 0, "infusion", ""),
        ("P3", 366, "dlt", "Late"),
    ],
    columns=["patient", "day", "event", "term"],
)


def test_who_had_a_dlt_and_who_is_evaluable() -> None:
    table = dlt_by_patient(PATIENTS, EVENTS).set_index("patient")
    assert table["evaluable"].to_dict() == {"P1": True, "P2": True, "P3": True, "P4": False}
    assert table["dlt"].to_dict() == {"P1": False, "P2": True, "P3": False, "P4": False}
    assert table.loc["P2", "dlt_day"] == 9
    assert table.loc["P2", "dlt_term"] == "Capillary leak syndrome"
    assert table.loc["P4", "reason"] == "not infused"


def test_the_window_decides_what_counts() -> None:
    assert dlt_by_patient(PATIENTS, EVENTS, window_days=366)["dlt"].sum() == 2
    early = EVENTS[EVENTS["day"] < 100]
    told = dlt_by_patient(PATIENTS, early).set_index("patient")
    assert told.loc["P1", "reason"] == "no DLT, but followed to day 0 only"


def test_exact_intervals_by_level() -> None:
    table = dlt_by_level(dlt_by_patient(PATIENTS, EVENTS)).set_index("dose_level")
    assert table[["n_treated", "n_evaluable", "n_dlt"]].to_numpy().tolist() == [
        [2, 2, 1],
        [1, 1, 0],
    ]
    told = pd.DataFrame(
        {
            "dose_level": pd.Categorical(["1"] * 6 + ["2"] * 3),
            "infused": True,
            "evaluable": True,
            "dlt": [True] + [False] * 6 + [True, False],
        }
    )
    low, high = dlt_by_level(told)[["low", "high"]].round(4).T.to_numpy()
    assert low.tolist() == [0.0042, 0.0084]  # 1/6 and 1/3
    assert high.tolist() == [0.6412, 0.9057]


def test_decisions_stand_beside_each_level() -> None:
    table = escalation_table(_levels((0, 3), (2, 3), (0, 0)))
    assert table["three_plus_three"].to_list() == ["escalate", "stop", "enrol to 3"]
    assert table["boin"].to_list() == ["escalate", "de-escalate", ""]


def test_patients_without_a_dose_level_stop_the_decision() -> None:
    with pytest.raises(EstimationError, match="dose level of every patient"):
        three_plus_three_mtd(dlt_by_level(dlt_by_patient(PATIENTS[["patient"]], EVENTS)))


def test_an_event_of_an_unknown_patient_is_refused() -> None:
    with pytest.raises(StudyError, match="'P4' is not in the table of patients"):
        dlt_by_patient(PATIENTS.iloc[:3], EVENTS.assign(patient="P4"))


@pytest.mark.parametrize(
    ("given", "order"),
    [
        (["10", "2", "-1"], ["-1", "2", "10"]),
        (["low", "high", "low"], ["low", "high"]),
        ([2.0, float("nan"), 1.0], ["1", "2", "not stated"]),
    ],
)
def test_levels_are_ordered_as_the_trial_climbs(given: list[object], order: list[str]) -> None:
    patients = pd.DataFrame({"patient": range(3), "dose_level": given})
    assert list(level_of_patients(patients).cat.categories) == order


def test_ten_is_above_two_in_the_table_of_levels() -> None:
    patients = pd.DataFrame({"patient": ["P1", "P2"], "dose_level": ["10", "2"]})
    table = dlt_by_level(dlt_by_patient(patients, EVENTS.iloc[:3]))
    assert table["dose_level"].to_list() == ["2", "10"]
