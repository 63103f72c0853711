import numpy as np
import pytest

from immunerecon.enumeration.poisson import blank_limit, count_ratio, exact_rate_ratio


def test_limits_broadcast():
    limits = blank_limit([[0, 1], [3, 20]])
    assert limits.tolist() == [[0, 3], [6, 28]]


def test_exact_rate_ratio_of_nothing():
    low, high, p_value = exact_rate_ratio((0, 100), (5, 100))
    assert low == 0 and high < 1.5 and p_value == 1
    assert exact_rate_ratio((5, 100), (0, 100))[1] == np.inf


def test_count_ratio_has_both_poisson_terms():
    low, high = count_ratio(400, 10_000)
    assert np.log(high / low) / (2 * 1.959964) == pytest.approx(np.sqrt(1 / 400 + 1e-4), rel=1e-6)
    assert np.sqrt(low * high) == pytest.approx(0.04)


def test_count_ratio_of_nothing_is_bounded_and_without_beads_unknown():
    low, high = count_ratio([0, 5], [1000, 0])
    assert low[0] == 0 and high[0] == pytest.approx(3.6888795e-3)
    assert np.isnan(low[1]) and np.isnan(high[1])
