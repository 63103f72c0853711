"""Recovery of lymphocytes patient by patient."""

import numpy as np
import pandas as pd
import pytest

from immunerecon.errors import StudyError
from immunerecon.kinetics.recovery import recovery_table
from immunerecon.kinetics.scales import (
    percent_of_baseline,
    percent_of_reference,
    shipped_reference_ranges,
)
from immunerecon.kinetics.visits import name_visits

INFUSION = ("infusion", 0.0)


def draws(counts: dict[float, float], population: str = "CD4_T") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "patient": "P1",
            "day": [float(day) for day in counts],
            "population": population,
            "cells_per_ul": list(counts.values()),
        }
    )


def events(*named: tuple[str, float]) -> pd.DataFrame:
    return pd.DataFrame(
        [{"patient": "P1", "day": day, "event": event} for event, day in (INFUSION, *named)]
    )


def outcome(
    counts: dict[float, float],
    *named: tuple[str, float],
    threshold: float = 200,
    confirm: int = 1,
    gap: float = 1.0,
) -> pd.Series:
    table = recovery_table(
        draws(counts),
        events(*named),
        thresholds={"CD4_T": [threshold]},
        confirm=confirm,
        minimum_gap_days=gap,
    )
    return table.iloc[0]


FALL_AND_RISE = {-7: 700, 0: 150, 7: 20, 14: 60, 28: 150, 42: 210, 56: 260, 84: 400}


def test_recovered_in_half_open_interval() -> None:
    row = outcome(FALL_AND_RISE)
    assert (row.status, row.time_low, row.time_high) == ("recovered", 28, 42)
    assert (row.nadir, row.nadir_day) == (20, 7)


def test_at_the_threshold_is_recovered() -> None:
    row = outcome(FALL_AND_RISE, threshold=210)
    assert (row.status, row.time_high) == ("recovered", 42)


def test_confirmed_by_consecutive_draws() -> None:
    blip = {0: 100, 7: 20, 14: 250, 28: 150, 42: 210, 56: 260}
    assert outcome(blip, confirm=1).time_high == 14
    twice = outcome(blip, confirm=2)
    assert (twice.status, twice.time_low, twice.time_high) == ("recovered", 28, 42)
    assert outcome(blip, confirm=3).status == "not_recovered"


def test_missing_draw_does_not_break_a_run() -> None:
    row = outcome({0: 100, 7: 20, 28: 210, 42: np.nan, 56: 260}, confirm=2)
    assert (row.status, row.time_low, row.time_high) == ("recovered", 7, 28)


def test_draws_close_together_do_not_confirm_each_other() -> None:
    counts = {0: 100, 7: 20, 28: 210, 30: 220}
    assert outcome(counts, confirm=2, gap=1).status == "recovered"
    assert outcome(counts, confirm=2, gap=7).status == "not_recovered"
    later = outcome(counts | {36: 230}, confirm=2, gap=7)
    assert (later.status, later.time_high) == ("recovered", 28)


def test_last_draw_unconfirmed() -> None:
    row = outcome({0: 100, 7: 20, 28: 150, 42: 210}, confirm=2)
    assert (row.status, row.time_low, row.time_high) == ("not_recovered", 28, np.inf)
    assert "unconfirmed" in row.reason
    assert row.last_draw_day == 42


def test_never_below_is_not_recovery_on_day_0() -> None:
    row = outcome({-7: 700, 0: 500, 7: 300, 14: 400}, threshold=200)
    assert row.status == "never_below"
    assert np.isnan([row.time_low, row.time_high]).all()


def test_above_before_the_nadir_is_not_recovery() -> None:
    row = outcome({0: 180, 1: 250, 2: 240, 10: 30, 28: 120, 42: 220}, confirm=1)
    assert (row.time_low, row.time_high) == (28, 42)


def test_late_dip_does_not_undo_recovery() -> None:
    row = outcome(FALL_AND_RISE | {300: 10})
    assert (row.status, row.time_low, row.time_high) == ("recovered", 28, 42)


def test_nadir_after_day_28_when_the_count_goes_on_falling() -> None:
    row = outcome({0: 500, 14: 400, 28: 300, 35: 150, 49: 120, 63: 220})
    assert (row.nadir, row.nadir_day) == (120, 49)
    assert (row.status, row.time_low, row.time_high) == ("recovered", 49, 63)


def test_first_draw_after_day_28_below() -> None:
    row = outcome({-7: 700, 35: 100, 60: 300})
    assert (row.status, row.time_low, row.time_high) == ("recovered", 35, 60)


def test_without_a_draw_that_shows_a_nadir() -> None:
    row = outcome({-7: 700, 0: 600, 60: 550})
    assert row.status == "not_evaluable"
    assert "(0, 28]" in row.reason


def test_without_draws_from_day_0() -> None:
    row = outcome({-7: 700})
    assert row.status == "not_evaluable"
    assert np.isnan([row.time_low, row.time_high]).all()


def test_population_that_a_patient_never_had_measured() -> None:
    both = draws(FALL_AND_RISE)
    other = draws({7: 10, 28: 90}, population="NK").assign(patient="P2")
    thresholds = {"CD4_T": [200], "NK": [100], "B": [50]}
    table = recovery_table(pd.concat([both, other]), events(), thresholds=thresholds)
    found = table.set_index(["patient", "population"]).status.to_dict()
    assert found == {
        ("P1", "CD4_T"): "recovered",
        ("P1", "NK"): "not_evaluable",
        ("P2", "CD4_T"): "not_evaluable",
        ("P2", "NK"): "not_recovered",
    }


def test_died_first() -> None:
    row = outcome({0: 100, 7: 20, 28: 90}, ("death", 40.0))
    assert (row.status, row.time_low, row.time_high) == ("died_first", 28, np.inf)
    assert "died on day 40" in row.reason


def test_recovered_before_death() -> None:
    assert outcome(FALL_AND_RISE, ("death", 60.0)).status == "recovered"


def test_draws_after_death_do_not_count() -> None:
    row = outcome(FALL_AND_RISE, ("death", 30.0))
    assert (row.status, row.last_draw_day) == ("died_first", 28)


def test_second_infusion_ends_the_wait() -> None:
    row = outcome(FALL_AND_RISE, ("infusion", 30.0))
    assert (row.status, row.time_low, row.time_high) == ("not_recovered", 28, np.inf)
    assert "second infusion on day 30" in row.reason


def test_first_row_with_a_number_counts() -> None:
    rows = pd.concat(
        [
            draws({0: 100, 7: 20, 28: np.nan}).assign(panel="A"),
            draws({28: 250}).assign(panel="B"),
            draws({28: 90}).assign(panel="C"),
        ]
    )
    table = recovery_table(rows, events(), thresholds={"CD4_T": [200]})
    assert (table.status.tolist(), table.time_high.tolist()) == (["recovered"], [28])


def test_only_draws_count() -> None:
    rows = draws(FALL_AND_RISE).assign(role="draw")
    control = draws({3: 900}).assign(role="product")
    table = recovery_table(pd.concat([rows, control]), events(), thresholds={"CD4_T": [200]})
    assert table.n_draws.tolist() == [7]


def test_mixed_count_methods_are_told() -> None:
    methods = ["dual-platform"] * 4 + [np.nan] + ["volumetric"] * 3
    rows = draws(FALL_AND_RISE).assign(count_method=methods)
    table = recovery_table(rows, events(), thresholds={"CD4_T": [200]})
    assert "dual-platform, volumetric" in table.reason[0]


def test_same_function_on_percent_of_baseline() -> None:
    table = recovery_table(
        percent_of_baseline(draws(FALL_AND_RISE)),
        events(),
        thresholds={"CD4_T": [50]},
        value="percent_of_baseline",
    )
    assert table.scale.tolist() == ["percent_of_baseline"]
    assert (table.time_low[0], table.time_high[0]) == (56, 84)


def test_baseline_before_lymphodepletion() -> None:
    counts = draws({-10: 800, -2: 100, 0: 50, 7: 20, 28: 500})
    late = percent_of_baseline(counts).percent_of_baseline
    early = percent_of_baseline(counts, before_day=-5).percent_of_baseline
    assert (late.iloc[-1], early.iloc[-1]) == (500, 62.5)


def test_same_function_on_percent_of_reference() -> None:
    table = recovery_table(
        percent_of_reference(draws(FALL_AND_RISE), shipped_reference_ranges()),
        events(),
        thresholds={"CD4_T": [100]},
        value="percent_of_reference",
    )
    # The shipped lower limit for CD4 T cells is 396 per µL.
    assert (table.time_low[0], table.time_high[0]) == (56, 84)


def test_confirm_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="confirm is 0"):
        outcome(FALL_AND_RISE, confirm=0)


def test_unknown_event_is_refused() -> None:
    with pytest.raises(StudyError, match=r"'relapse'.*accepted: infusion, death"):
        outcome(FALL_AND_RISE, ("relapse", 3.0))


def test_visits_keep_the_day() -> None:
    named = name_visits(
        pd.DataFrame({"day": [10.0, 11.0, 17.9, 18.0]}), {"d14": (11, 18), "d7": (4, 11)}
    )
    assert named.visit.tolist() == ["d7", "d14", "d14", ""]
    assert named.day.tolist() == [10.0, 11.0, 17.9, 18.0]


def test_overlapping_windows_are_refused() -> None:
    with pytest.raises(StudyError, match="'d14' overlaps 'd7'"):
        name_visits(pd.DataFrame({"day": [1.0]}), {"d14": (10, 18), "d7": (4, 11)})
