import numpy as np
import pytest

from immunerecon.enumeration.proportions import (
    clopper_pearson,
    jeffreys,
    lang_reiczigel,
    rogan_gladen,
    wilson,
)


@pytest.mark.parametrize("interval", [wilson, clopper_pearson, jeffreys])
def test_intervals_broadcast_and_say_nan_without_events(interval):
    low, high = interval([[0, 3, 10]], [[0], [10]])
    assert low.shape == high.shape == (2, 3)
    assert np.isnan(low[0]).all() and np.isnan(high[0]).all()
    assert low[1, 0] == 0 and high[1, 2] == 1
    assert interval(3, 10)[0] == low[1, 1]


@pytest.mark.parametrize("interval", [wilson, clopper_pearson, jeffreys])
def test_level_widens(interval):
    assert interval(3, 10, level=0.99)[0] < interval(3, 10, level=0.9)[0]


def test_rogan_gladen_without_separation_is_not_a_number():
    assert np.isnan(rogan_gladen(0.3, sensitivity=0.5, specificity=0.5))


def test_lang_reiczigel_covers_with_counted_controls():
    rng = np.random.default_rng(5)
    share, sensitivity, specificity, rounds = 0.05, 0.9, 0.97, 2000
    inside = share * sensitivity + (1 - share) * (1 - specificity)
    covered = 0
    for _ in range(rounds):
        low, high = lang_reiczigel(
            (rng.binomial(800, inside), 800),
            donor=(rng.binomial(150, sensitivity), 150),
            recipient=(rng.binomial(400, specificity), 400),
        )
        covered += low <= share <= high
    assert 0.94 < covered / rounds < 0.98
