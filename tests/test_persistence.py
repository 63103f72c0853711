"""Persistence of donor cells: status, durations, areas, half-lives."""

import numpy as np
import pandas as pd
import pytest

from immunerecon.errors import EstimationError, StudyError
from immunerecon.kinetics.cohort_persistence import (
    persistence_distribution,
    summarise_persistence,
)
from immunerecon.kinetics.estimators.censored_line import fit_censored_line
from immunerecon.kinetics.exposure import area_under_curve, fit_terminal_phase
from immunerecon.kinetics.persistence import persistence_table
from immunerecon.kinetics.sensitivity import sensitivity_table

LOD = 0.002


def donor_cells(fractions: dict[float, float | None], patient: str = "P1") -> pd.DataFrame:
    """One row a draw: a fraction, 0.0 for not detected, None for not evaluable."""
    rows = [
        {
            "patient": patient,
            "day": float(day),
            "population": "NK",
            "donor_fraction": np.nan if fraction is None else fraction,
            "lod": LOD,
            "call": "not_evaluable"
            if fraction is None
            else ("detected" if fraction else "not_detected"),
            "donor_cells_per_ul": np.nan if fraction is None else 200 * fraction,
        }
        for day, fraction in fractions.items()
    ]
    return pd.DataFrame(rows)


def infusions(*days: float, patient: str = "P1") -> pd.DataFrame:
    return pd.DataFrame({"patient": patient, "day": list(days), "event": "infusion"})


def fraction_row(cells: pd.DataFrame, events: pd.DataFrame | None = None) -> pd.Series:
    table = persistence_table(cells, infusions(0) if events is None else events)
    return table[table.measure == "fraction"].iloc[0]


def test_lost() -> None:
    row = fraction_row(donor_cells({1: 0.1, 7: 0.4, 14: 0.2, 21: 0.1, 28: 0.0, 42: 0.0}))
    assert row.persistence_status == "lost"
    assert (row.c_max, row.t_max) == (0.4, 7)
    assert (row.t_last_detected, row.t_first_undetected) == (21, 28)
    assert (row.duration_low, row.duration_high) == (21, 28)


def test_persisting_is_right_censored() -> None:
    row = fraction_row(donor_cells({1: 0.1, 7: 0.0, 14: 0.2}))
    assert row.persistence_status == "persisting"
    assert (row.duration_low, row.duration_high) == (14, np.inf)
    assert np.isnan(row.t_first_undetected)


def test_never_detected_is_not_zero() -> None:
    row = fraction_row(donor_cells({7: 0.0, 14: 0.0, 28: 0.0}))
    assert row.persistence_status == "never_detected"
    assert np.isnan([row.c_max, row.t_max, row.auc_0_28, row.half_life]).all()
    assert (row.duration_low, row.duration_high) == (0, 7)
    assert "no draw was detected" in row.reason


def test_not_evaluable_draws_are_missing() -> None:
    gap = fraction_row(donor_cells({1: 0.1, 7: 0.4, 14: None, 21: 0.1, 28: 0.05, 35: 0.0}))
    without = fraction_row(donor_cells({1: 0.1, 7: 0.4, 21: 0.1, 28: 0.05, 35: 0.0}))
    pd.testing.assert_series_equal(gap, without)


def test_no_evaluable_draw() -> None:
    row = fraction_row(donor_cells({7: None, 14: None}))
    assert row.persistence_status == "not_evaluable"
    assert np.isnan([row.c_max, row.t_last_detected, row.duration_low]).all()


def test_first_evaluable_row_of_a_day_counts() -> None:
    first = donor_cells({7: None}).assign(panel="A")
    second = donor_cells({7: 0.3}).assign(panel="B")
    third = donor_cells({7: 0.5}).assign(panel="C")
    assert fraction_row(pd.concat([first, second, third])).c_max == 0.3


def test_draw_on_the_day_of_infusion_precedes_it() -> None:
    row = fraction_row(donor_cells({-7: 0.0, 0: 0.0, 7: 0.3, 14: 0.1}))
    assert row.n_draws == 2


def test_second_infusion_splits() -> None:
    cells = donor_cells({7: 0.4, 14: 0.1, 30: 0.0, 37: 0.6, 44: 0.2})
    table = persistence_table(cells, infusions(0, 30)).query("measure == 'fraction'")
    assert table.course.tolist() == [1, 2]
    assert table.persistence_status.tolist() == ["lost", "persisting"]
    assert table.t_last_detected.tolist() == [14, 14]
    assert table.c_max.tolist() == [0.4, 0.6]
    assert table.infusion_day.tolist() == [0, 30]


def test_second_infusion_resets() -> None:
    cells = donor_cells({7: 0.4, 14: 0.1, 30: 0.0, 37: 0.6, 44: 0.2})
    table = persistence_table(cells, infusions(0, 30), second_infusion="reset")
    row = table[table.measure == "fraction"]
    assert row.c_max.tolist() == [0.6]
    assert row.t_max.tolist() == [7]


def test_second_course_starts_where_the_first_ended() -> None:
    cells = donor_cells({7: 0.4, 30: 0.2, 37: 0.2, 44: 0.2, 51: 0.2, 58: 0.2})
    table = persistence_table(cells, infusions(0, 30)).query("measure == 'fraction'")
    assert table.auc_0_28.tolist()[1] == pytest.approx(0.2 * 28)


def test_cells_per_ul_follow_the_counts() -> None:
    table = persistence_table(donor_cells({7: 0.4, 14: 0.2, 21: 0.1, 28: 0.05}), infusions(0))
    by = table.set_index("measure")
    assert by.loc["cells_per_ul", "c_max"] == pytest.approx(80)
    ratio = by.loc["cells_per_ul", "auc_0_28"] / by.loc["fraction", "auc_0_28"]
    assert ratio == pytest.approx(200)


def test_without_counts_status_stays() -> None:
    cells = donor_cells({7: 0.4, 14: 0.2, 28: 0.0}).drop(columns="donor_cells_per_ul")
    row = persistence_table(cells, infusions(0)).set_index("measure").loc["cells_per_ul"]
    assert row.persistence_status == "lost"
    assert np.isnan(row.c_max)
    assert "no detected draw has a number" in row.reason


def test_area_by_hand() -> None:
    row = fraction_row(donor_cells({7: 0.4, 14: 0.2, 21: 0.1, 28: 0.05, 60: 0.0}))
    assert row.auc_0_28_linear == pytest.approx(7 * (0.2 + 0.3 + 0.15 + 0.075))
    falling = 7 * (0.2 + 0.1 + 0.05) / np.log(2)
    assert row.auc_0_28 == pytest.approx(7 * 0.2 + falling)


def test_area_is_interpolated_at_day_28() -> None:
    through = fraction_row(donor_cells({7: 0.4, 14: 0.2, 21: 0.1, 35: 0.025}))
    at_28 = fraction_row(donor_cells({7: 0.4, 14: 0.2, 21: 0.1, 28: 0.05}))
    assert through.auc_0_28 == pytest.approx(at_28.auc_0_28)


@pytest.mark.parametrize(
    ("fractions", "reason"),
    [
        ({7: 0.4, 14: 0.2}, "2 usable draws"),
        ({1: 0.1, 2: 0.4, 21: 0.2, 28: 0.1}, "between day 2 and 21"),
        ({2: 0.1, 7: 0.4, 14: 0.2, 17: 0.1}, "last usable draw before day 28 is on day 17"),
        ({2: 0.1, 7: 0.4, 14: 0.2, 22: 0.3}, "nothing says how the course goes on"),
    ],
)
def test_area_not_evaluable(fractions: dict[float, float | None], reason: str) -> None:
    row = fraction_row(donor_cells(fractions))
    assert np.isnan(row.auc_0_28)
    assert reason in row.reason


def test_undetected_draw_never_exceeds_its_limit() -> None:
    seen = {7: 0.4, 14: 0.02}
    row = fraction_row(donor_cells(seen | {21: 0.0, 28: 0.0}))
    high = 7 * 0.2 + 7 * (0.4 - 0.02) / np.log(20) + 7 * (0.02 - LOD) / np.log(10) + 7 * LOD
    low = 7 * 0.2 + 7 * (0.4 - 0.02) / np.log(20)
    assert low < row.auc_0_28 < high


@pytest.mark.parametrize(
    ("fractions", "count"),
    [({7: 0.4, 14: 0.2, 21: 0.1, 28: 0.0}, 2), ({7: 0.4, 14: 0.0, 21: 0.0}, 0)],
)
def test_half_life_needs_three_points(fractions: dict[float, float | None], count: int) -> None:
    row = fraction_row(donor_cells(fractions))
    assert np.isnan(row.half_life)
    assert f"half_life: {count} draws above" in row.reason


def test_half_life_of_rising_course_is_not_evaluable() -> None:
    row = fraction_row(donor_cells({7: 0.5, 14: 0.1, 21: 0.2, 28: 0.3}))
    assert np.isnan(row.half_life)
    assert "do not fall" in row.reason


def test_undetected_draws_shorten_the_half_life() -> None:
    # The last detected draw stands above its line; those after it say that it fell on.
    cells = donor_cells({7: 0.5, 14: 0.12, 21: 0.02, 28: 0.009, 35: 0.0, 42: 0.0, 49: 0.0})
    row = fraction_row(cells)
    table = sensitivity_table(cells, infusions(0)).query("measure == 'fraction'")
    by_rule = table.set_index("rule").half_life
    assert by_rule["censored"] == row.half_life
    assert by_rule["censored"] < by_rule["dropped"] < by_rule["half of LOD"] < by_rule["LOD"]


def test_sensitivity_of_the_area_is_ordered() -> None:
    cells = donor_cells({7: 0.05, 14: 0.01, 21: 0.0, 28: 0.0, 35: 0.0})
    table = sensitivity_table(cells, infusions(0)).query("measure == 'fraction'")
    area = table.set_index("rule").auc_0_28_linear
    assert area["zero"] < area["half of LOD"] < area["LOD"]
    assert area["zero"] < area["censored"] < area["LOD"]


def test_unknown_call_is_refused() -> None:
    with pytest.raises(StudyError, match=r"'maybe'.*accepted: detected, detected_below_loq"):
        persistence_table(donor_cells({7: 0.1}).assign(call="maybe"), infusions(0))


def test_missing_columns_are_named_together() -> None:
    cells = donor_cells({7: 0.1}).drop(columns=["lod", "call"])
    with pytest.raises(StudyError) as caught:
        persistence_table(cells, infusions(0))
    assert [problem.column for problem in caught.value.problems] == ["call", "lod"]


def test_empty_table_keeps_its_columns() -> None:
    empty = persistence_table(donor_cells({7: 0.1}).iloc[:0], infusions(0))
    assert empty.empty
    assert "persistence_status" in empty.columns


def test_area_beyond_the_course_is_refused() -> None:
    with pytest.raises(EstimationError, match="ends before day 28"):
        area_under_curve(np.array([0.0, 7]), np.array([0.0, 1]), 28.0, method="linear")


def test_censored_line_without_censoring_is_least_squares() -> None:
    rng = np.random.default_rng(1)
    x = np.arange(8.0)
    y = 3 - 0.4 * x + 0.2 * rng.normal(size=8)
    line = fit_censored_line(x, y, np.zeros(8, dtype=bool))
    slope, intercept = np.polyfit(x, y, 1)
    assert (line.intercept, line.slope) == pytest.approx((intercept, slope))
    residual = y - intercept - slope * x
    se = np.sqrt(residual @ residual / 6 / np.sum((x - x.mean()) ** 2))
    assert line.slope_se == pytest.approx(se, rel=1e-6)


def test_censored_line_maximises_the_likelihood() -> None:
    from scipy.optimize import minimize
    from scipy.stats import norm

    rng = np.random.default_rng(2)
    x = np.arange(12.0)
    y = 2 - 0.3 * x + 0.5 * rng.normal(size=12)
    limit = -0.5
    below = y < limit
    y = np.maximum(y, limit)

    def loss(p: np.ndarray) -> float:
        mean, sigma = p[0] + p[1] * x, np.exp(p[2])
        seen = norm.logpdf(y, mean, sigma)[~below].sum()
        return -float(seen + norm.logcdf((limit - mean) / sigma)[below].sum())

    best = minimize(loss, [2, -0.3, -1], method="Nelder-Mead", options={"fatol": 1e-12}).x
    line = fit_censored_line(x, y, below)
    assert below.sum() >= 3
    assert (line.intercept, line.slope) == pytest.approx(best[:2], rel=1e-4)
    assert line.sigma == pytest.approx(np.exp(best[2]), rel=1e-4)


def test_half_life_of_points_on_one_line_is_exact() -> None:
    day = np.array([7.0, 14, 21, 28, 35, 42])
    value = np.maximum(0.4 * 0.5 ** ((day - 7) / 7), LOD * 10)
    below = value <= LOD * 10
    phase = fit_terminal_phase(day, value, below)
    assert phase.half_life == pytest.approx(7)
    assert (phase.n_seen, phase.n_below) == (4, 1)


def test_summary_is_students_interval_of_logs() -> None:
    cells = pd.concat(
        [donor_cells({7: peak, 14: peak / 4}, f"P{n}") for n, peak in enumerate([0.1, 0.2, 0.4])]
    )
    summary = summarise_persistence(persistence_table(cells, infusions(0)))
    row = summary.query("measure == 'fraction' and quantity == 'c_max'").iloc[0]
    assert row.geometric_mean == pytest.approx(0.2)
    reach = 4.302653 * np.log(2) / np.sqrt(3)
    assert (row.low, row.high) == pytest.approx((0.2 * np.exp(-reach), 0.2 * np.exp(reach)))


def test_duration_in_the_cohort() -> None:
    courses = [{7: 0.1, 14: 0.0}, {7: 0.1, 14: 0.1, 28: 0.0}, {7: 0.1, 14: 0.1, 28: 0.1}]
    cells = pd.concat([donor_cells(course, f"P{n}") for n, course in enumerate(courses)])
    found = persistence_distribution(persistence_table(cells, infusions(0)))
    assert found.right.tolist() == [14, 28, np.inf]
    assert found.mass.tolist() == pytest.approx([1 / 3] * 3)
