"""The rank trend against published statistics and scipy's tests."""

import numpy as np
import pytest

from immunerecon.errors import EstimationError
from immunerecon.trial.rank_trend import rank_trend


def _rng() -> np.random.Generator:
    return np.random.default_rng(1)


def test_jonckheere_statistic_of_hollander_and_wolfe() -> None:
    """Motivation and piecework, three groups of six: J = 79, one-sided p about 0.02."""
    control = [40, 35, 38, 43, 44, 41]
    rough = [38, 40, 47, 44, 40, 42]
    accurate = [48, 40, 45, 43, 46, 44]
    trend = rank_trend(control + rough + accurate, np.repeat([0, 1, 2], 6), rng=_rng())
    assert (trend.concordance + 108) / 2 == 79
    assert trend.p_trend == pytest.approx(0.044, abs=0.006)


def test_two_groups_are_wilcoxons_rank_sum() -> None:
    """R's manual, permeability of the human chorioamnion: exact one-sided p 0.1272."""
    x = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46]
    y = [1.15, 0.88, 0.90, 0.74, 1.21]
    trend = rank_trend(x + y, [1] * 10 + [0] * 5, rng=_rng())
    assert trend.p_trend == pytest.approx(0.2544, abs=5e-5)
    assert trend.step == pytest.approx(0.305)
    assert trend.method == "Wilcoxon rank sum, all permutations"


def test_the_interval_holds_the_steps_that_scipys_test_does_not_refute() -> None:
    from scipy.stats import mannwhitneyu

    rng = np.random.default_rng(4)
    low, high = rng.normal(0, 1, 6), rng.normal(1, 1, 7)
    trend = rank_trend(np.r_[low, high], [0] * 6 + [1] * 7, rng=_rng())

    def p_value(step: float) -> float:
        return float(mannwhitneyu(high - step, low, method="exact").pvalue)

    assert p_value(trend.step_low + 1e-6) > 0.05 >= p_value(trend.step_low - 1e-6)
    assert p_value(trend.step_high - 1e-6) > 0.05 >= p_value(trend.step_high + 1e-6)


def test_any_difference_is_kruskal_and_wallis() -> None:
    from itertools import permutations

    from scipy.stats import kruskal

    value, group = np.array([1.0, 5, 4, 2, 3, 9]), np.array([0, 0, 1, 1, 2, 2])
    trend = rank_trend(value, group, rng=_rng())

    def statistic(order: np.ndarray) -> float:
        return float(kruskal(*(order[group == place] for place in range(3))).statistic)

    every = [statistic(np.array(order)) for order in permutations(value)]
    assert trend.p_any == pytest.approx(np.mean(np.array(every) >= statistic(value) - 1e-9))


def test_three_against_three_can_refute_no_step() -> None:
    trend = rank_trend([1, 2, 3, 10, 11, 12], [0, 0, 0, 1, 1, 1], rng=_rng())
    assert trend.p_trend == pytest.approx(0.1)
    assert (trend.step_low, trend.step_high) == (-np.inf, np.inf)
    assert trend.step == 9


def test_level_is_held_when_nothing_differs() -> None:
    rng, group = np.random.default_rng(8), np.repeat([0, 1, 2], 3)
    found = [rank_trend(rng.normal(size=9), group, rng=rng).p_trend <= 0.05 for _ in range(500)]
    assert 0.02 < np.mean(found) < 0.07


def test_falling_values_mirror_rising_ones() -> None:
    value, group = np.array([1.0, 2, 5, 3, 8, 9, 7]), [1, 1, 1, 2, 2, 3, 3]
    up, down = (rank_trend(sign * value, group, rng=_rng()) for sign in (1, -1))
    assert up.p_trend == down.p_trend
    assert (up.step_low, up.step_high) == (-down.step_high, -down.step_low)


@pytest.mark.parametrize(("value", "group"), [([1, 2], [1, 1]), ([1, np.nan], [1, 2])])
def test_one_group_or_a_missing_value_is_refused(value: list[float], group: list[int]) -> None:
    with pytest.raises(EstimationError, match="two groups or more"):
        rank_trend(value, group, rng=_rng())
