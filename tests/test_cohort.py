"""Cohort statistics on tables of recovery and persistence."""

import numpy as np
import pandas as pd
import pytest

from immunerecon.errors import EstimationError, StudyError
from immunerecon.kinetics.cohort import cohort_recovery_table, recovery_times
from immunerecon.kinetics.cohort_median import incidence_quantile, median_recovery_table
from immunerecon.kinetics.comparison import adjust_p_values, compare_dose_levels
from immunerecon.kinetics.counts import kinetics_of_counts
from immunerecon.kinetics.estimators.competing_risks import aalen_johansen
from immunerecon.kinetics.estimators.group_tests import (
    gray_permutation_test,
    gray_test,
    logrank_permutation_test,
    logrank_test,
)
from immunerecon.kinetics.estimators.interval_censoring import turnbull, turnbull_quantile
from immunerecon.kinetics.estimators.permutation import deal_labels
from immunerecon.kinetics.estimators.survival import kaplan_meier, survival_quantile
from immunerecon.kinetics.landmark import landmark_cohort, landmark_table


def recovery(*rows: tuple[str, str, float, float, float]) -> pd.DataFrame:
    table = pd.DataFrame(
        rows, columns=["patient", "status", "time_low", "time_high", "last_draw_day"]
    )
    return table.assign(population="NK", threshold=100.0)


def clinical(*rows: tuple[str, str, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["patient", "event", "day"])


FOUR = recovery(
    ("A", "recovered", 14, 28, 90),
    ("B", "died_first", 14, np.inf, 14),
    ("C", "not_recovered", 28, np.inf, 42),
    ("D", "never_below", np.nan, np.nan, 90),
)
DEATH_OF_B = clinical(("B", "death", 20))


def test_times_and_causes() -> None:
    times = recovery_times(FOUR, DEATH_OF_B).set_index("patient")
    assert times.time.to_dict() == {"A": 28, "B": 20, "C": 42}
    assert times.cause.to_dict() == {"A": 1, "B": 2, "C": 0}
    assert times.competing_event.to_dict() == {"A": "", "B": "death", "C": ""}


@pytest.mark.parametrize("event", ["progression", "infusion"])
def test_first_event_wins(event: str) -> None:
    times = recovery_times(FOUR, clinical(("A", event, 20), ("B", "death", 20)))
    assert times.set_index("patient").loc["A", ["time", "cause"]].tolist() == [20, 2]


def test_recovery_on_the_day_of_progression_counts() -> None:
    times = recovery_times(FOUR, clinical(("A", "progression", 28), ("B", "death", 20)))
    assert times.cause.tolist()[0] == 1


def test_events_before_the_infusion_do_not_compete() -> None:
    times = recovery_times(FOUR, clinical(("A", "progression", -30), ("A", "infusion", 0)))
    assert times.cause.tolist()[0] == 1


def test_cumulative_incidence_by_hand() -> None:
    table = cohort_recovery_table(FOUR, DEATH_OF_B, FOUR[["patient"]])
    assert table.time.tolist() == [0, 20, 28, 42]
    assert table.at_risk.tolist() == [3, 3, 2, 1]
    assert table.cumulative_incidence.tolist() == pytest.approx([0, 0, 1 / 3, 1 / 3])
    assert table.n_never_below.tolist() == [1] * 4
    assert table.competing.tolist() == [0, 1, 0, 0]


def test_earliest_curve_begins_at_the_last_draw_below() -> None:
    table = cohort_recovery_table(FOUR, DEATH_OF_B, FOUR[["patient"]]).set_index("time")
    assert table.cumulative_incidence_early[20] == pytest.approx(1 / 3)
    assert table.cumulative_incidence[20] == 0


def test_dose_levels_stand_beside_all() -> None:
    patients = pd.DataFrame({"patient": list("ABCD"), "dose_level": [1, 1, 2, 10]})
    table = cohort_recovery_table(FOUR, DEATH_OF_B, patients)
    assert list(dict.fromkeys(table.group)) == ["all", "1", "2"]
    assert table[table.group == "1"].cumulative_incidence.iloc[-1] == pytest.approx(0.5)


def test_nobody_at_risk_gives_an_empty_table() -> None:
    table = cohort_recovery_table(FOUR.iloc[3:], DEATH_OF_B, FOUR[["patient"]])
    assert table.empty
    assert "cumulative_incidence" in table.columns


def test_incidences_and_survival_add_to_one() -> None:
    rng = np.random.default_rng(4)
    time, cause = rng.integers(1, 20, 60).astype(float), rng.integers(0, 3, 60)
    parts = [aalen_johansen(time, cause, of=of).cumulative_incidence for of in (1, 2)]
    free = kaplan_meier(time, cause > 0).survival
    assert (parts[0] + parts[1] + free).tolist() == pytest.approx([1.0] * len(free))


def test_delta_variance_without_censoring_is_the_binomial_one() -> None:
    time, cause = np.arange(1.0, 41.0), np.repeat([1, 2], 20)
    row = aalen_johansen(time, cause, variance="delta").iloc[19]
    assert row.variance == pytest.approx(0.5 * 0.5 / 40)


def test_median_interval_is_the_binomial_one() -> None:
    # 12 uncensored times: the interval by order statistics (3, 10) covers 96 %.
    time = np.arange(1.0, 13.0)
    assert incidence_quantile(time, np.ones(12, dtype=int)) == (6, 3, 10)


def test_median_not_reached() -> None:
    median, low, high = incidence_quantile(np.arange(1.0, 9.0), np.array([1, 1, 2, 2, 2, 2, 2, 2]))
    assert median == high == np.inf
    assert low < np.inf


def test_median_of_three_is_not_bounded() -> None:
    assert incidence_quantile(np.array([7.0, 14, 28]), np.ones(3, dtype=int)) == (14, 0, np.inf)


def test_patients_may_be_numbers() -> None:
    sheet = pd.DataFrame({"patient": [1, 1, 1, 2, 2, 2], "day": [0, 7, 28] * 2, "NK": [9] * 6})
    death = pd.DataFrame({"patient": [2], "day": [40], "event": ["death"]})
    table = kinetics_of_counts(sheet, clinical_events=death)["recovery"]
    assert table.status.tolist() == ["not_recovered", "died_first"]


def test_median_table() -> None:
    rows = [(f"P{n}", "recovered", 7.0 * n, 7.0 * n + 7, 200.0) for n in range(1, 13)]
    table = median_recovery_table(recovery(*rows), clinical(), recovery(*rows)[["patient"]])
    assert table.median_day.tolist() == [6 * 7 + 3.5]
    assert (table.turnbull_low[0], table.turnbull_high[0]) == (42, 49)
    assert (table.n_recovered[0], table.n_competing[0]) == (12, 0)


def test_gray_without_competing_events_is_near_the_logrank_test() -> None:
    rng = np.random.default_rng(3)
    time = np.concatenate([rng.exponential(1, 60), rng.exponential(1.6, 60)])
    group = np.repeat(["a", "b"], 60)
    gray = gray_test(time, np.ones(120, dtype=int), group)
    logrank = logrank_test(time, np.ones(120, dtype=bool), group)
    assert gray.statistic == pytest.approx(logrank.statistic, rel=0.1)


def test_permutations_agree_with_chi_squared_in_large_groups() -> None:
    rng = np.random.default_rng(5)
    time, cause = rng.exponential(1, 120), rng.integers(0, 3, 120)
    group = rng.permutation(np.repeat([0, 1, 2], 40))
    asymptotic = gray_test(time, cause, group)
    permuted = gray_permutation_test(time, cause, group, rng=rng)
    assert permuted.p_value == pytest.approx(asymptotic.p_value, abs=0.03)


def test_exact_permutation_p_value() -> None:
    time = np.array([1.0, 2, 3, 10, 11, 12])
    test = logrank_permutation_test(
        time, np.ones(6, dtype=bool), np.repeat([0, 1], 3), rng=np.random.default_rng(0)
    )
    assert test.p_value == pytest.approx(2 / 20)
    assert test.method == "log-rank, all permutations"


def test_every_arrangement_is_dealt_once() -> None:
    dealt = deal_labels(np.array([0, 0, 1, 1, 2]), rng=np.random.default_rng(0))[1:]
    assert len(dealt) == 30
    assert len(np.unique(dealt, axis=0)) == 30


def test_one_group_cannot_be_compared() -> None:
    with pytest.raises(EstimationError, match="found 1"):
        gray_test(np.array([1.0, 2]), np.array([1, 1]), np.array(["a", "a"]))


def test_quantile_of_survival() -> None:
    curve = kaplan_meier(np.array([2.0, 4, 6, 8]), np.ones(4, dtype=bool))
    assert survival_quantile(curve, bound="survival") == 5
    assert survival_quantile(curve, 0.25, bound="survival") == 3


def test_turnbull_of_exact_times_is_empirical() -> None:
    days = np.array([3.0, 5, 5, 8])
    found = turnbull(days, days)
    assert found.left.tolist() == [3, 5, 8]
    assert found.mass.tolist() == pytest.approx([0.25, 0.5, 0.25])


def test_turnbull_does_not_join_intervals_that_touch() -> None:
    found = turnbull(np.array([0.0, 7]), np.array([7.0, 14]))
    assert found.mass.tolist() == pytest.approx([0.5, 0.5])


def test_turnbull_with_right_censoring_is_kaplan_meier() -> None:
    time, seen = np.array([2.0, 3, 5, 7, 9]), np.array([True, False, True, False, True])
    curve = kaplan_meier(time, seen).query("events > 0")
    found = turnbull(time, np.where(seen, time, np.inf))
    assert found.right.tolist() == curve.time.tolist()
    assert found.survival.tolist() == pytest.approx(curve.survival.tolist(), abs=1e-7)


def test_turnbull_quantile_beyond_the_last_draw() -> None:
    assert turnbull_quantile(turnbull(np.array([0.0, 9]), np.array([7.0, np.inf])), 0.75) == (
        9,
        np.inf,
    )


def test_turnbull_refuses_reversed_intervals() -> None:
    with pytest.raises(EstimationError, match="interval 2 runs from 9 to 7"):
        turnbull(np.array([0.0, 9]), np.array([7.0, 7]))


def test_adjusted_p_values_by_hand() -> None:
    raw = [0.01, 0.02, 0.03, np.nan]
    assert adjust_p_values(raw, family="planned")[:3] == pytest.approx([0.03, 0.04, 0.04])
    assert adjust_p_values(raw, family="exploratory")[:3] == pytest.approx([0.03, 0.03, 0.03])


def test_dose_levels_that_cannot_be_compared_say_why() -> None:
    patients = pd.DataFrame({"patient": list("ABCD"), "dose_level": [1, 1, 1, 2]})
    table = compare_dose_levels(
        FOUR, DEATH_OF_B, patients, family="planned", rng=np.random.default_rng(0)
    )
    assert np.isnan(table.p_permutation[0])
    assert "two groups" in table.reason[0]


def landmark_data() -> tuple[pd.DataFrame, pd.DataFrame]:
    cells = pd.DataFrame(
        [
            (patient, 14.0, "detected" if patient in "ABCDEFGH" else "not_detected")
            for patient in "ABCDEFGHIJKLMNOPQ"
        ]
        + [("A", 28.0, "not_detected"), ("X", 40.0, "detected")],
        columns=["patient", "day", "call"],
    ).assign(population="NK", donor_fraction=0.1, lod=0.002)
    events = [(patient, "response", 30.0, "CR") for patient in "ABCDEFI"]
    events += [
        ("G", "death", 16.0, None),
        ("H", "response", 5.0, "CR"),
        ("P", "death", 100.0, None),
    ]
    return cells, pd.DataFrame(events, columns=["patient", "event", "day", "value"])


def test_landmark_excludes_those_who_could_not_be_judged() -> None:
    cells, events = landmark_data()
    cohort = landmark_cohort(cells, events, landmark_day=14).set_index("patient")
    assert cohort.loc["G", "reason"] == "died or progressed on day 16"
    assert cohort.loc["H", "reason"] == "responded on day 5"
    assert cohort.loc["X", "reason"] == "no evaluable draw in the window"
    assert cohort.included.sum() == 15
    assert (cohort.loc["P", "time"], cohort.loc["P", "died"]) == (83, True)


def test_landmark_table() -> None:
    from scipy.stats import fisher_exact

    row = landmark_table(*landmark_data(), landmark_days=[14]).iloc[0]
    counts = row[["responders_persistent", "n_persistent", "responders_lost", "n_lost"]]
    assert counts.tolist() == [6, 6, 1, 9]
    assert row.difference == pytest.approx(8 / 9)
    assert row.p_fisher == pytest.approx(fisher_exact([[6, 1], [0, 8]])[1])
    assert row.low < row.difference < row.high
    assert row.p_barnard < row.p_fisher


def test_landmark_table_on_published_counts() -> None:
    """Remission by day 28 in 8 of 15 and 9 of 42 (Bachanova 2014, counts from its percentages)."""
    names = [f"P{n}" for n in range(57)]
    cells = pd.DataFrame({"patient": names, "day": 14.0, "population": "NK", "lod": 0.002}).assign(
        donor_fraction=0.1, call=["detected"] * 15 + ["not_detected"] * 42
    )
    events = pd.DataFrame({"patient": names[:8] + names[15:24], "day": 28.0}).assign(
        event="response", value="CR"
    )
    row = landmark_table(cells, events, landmark_days=[14]).iloc[0]
    assert row.p_fisher == pytest.approx(0.04512063, abs=5e-9)


def test_counts_of_a_spreadsheet() -> None:
    wide = pd.DataFrame(
        {"patient": "P1", "day": [-7, 0, 7, 28, 56], "CD4_T": [640, 120, 30, 180, 260], "note": "x"}
    )
    long = wide.melt(["patient", "day"], ["CD4_T"], "population", "cells_per_ul")
    first = kinetics_of_counts(wide, thresholds={"CD4_T": [200]})
    second = kinetics_of_counts(long, thresholds={"CD4_T": [200]})
    assert first["recovery"].time_high.tolist() == [56]
    assert set(first) == {"recovery", "cohort_recovery", "median_recovery"}
    for name, table in first.items():
        pd.testing.assert_frame_equal(table, second[name])


def test_donor_cells_of_a_spreadsheet() -> None:
    sheet = pd.DataFrame(
        {
            "patient": "P1",
            "day": [1, 7, 14, 21, 28],
            "population": "NK",
            "cells_per_ul": 100,
            "donor_percent": [5, 40, 10, 0.1, None],
            "lod_percent": 0.2,
        }
    )
    table = kinetics_of_counts(sheet)["persistence"].set_index("measure")
    assert table.loc["fraction", "c_max"] == pytest.approx(0.4)
    assert table.loc["cells_per_ul", "c_max"] == pytest.approx(40)
    assert table.loc["fraction", "t_first_undetected"] == 21


def test_every_fault_of_a_spreadsheet_is_told_at_once() -> None:
    sheet = pd.DataFrame(
        {
            "patient": ["P1", "P1", "P1", None],
            "day": [0, "x", 0, 7],
            "NK": [10, "<5", -3, 4],
        }
    )
    with pytest.raises(StudyError) as caught:
        kinetics_of_counts(sheet, thresholds={"NK": [100]})
    places = {(problem.row, problem.column) for problem in caught.value.problems}
    assert places == {(3, "day"), (3, "NK"), (4, "NK"), (5, "patient"), (4, None)}
    assert "second time" in str(caught.value)


def test_spreadsheet_without_counts() -> None:
    with pytest.raises(StudyError, match=r"no column of counts \(accepted: NK\)"):
        kinetics_of_counts(pd.DataFrame({"patient": [], "day": []}), thresholds={"NK": [100]})
