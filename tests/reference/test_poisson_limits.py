"""Intervals and limits of counts against R (qgamma, qpois) and Currie's formulas."""

import pytest

from immunerecon.enumeration.poisson import (
    blank_limit,
    currie_limits,
    detection_limit,
    exact_rate_ratio,
    garwood,
)

GARWOOD = [  # R: qgamma
    (0, 0.0, 3.6888795),
    (1, 0.025317808, 5.5716434),
    (5, 1.6234864, 11.668332),
    (10, 4.7953887, 18.390356),
    (20, 12.21652, 30.888378),
    (50, 37.110964, 65.918767),
    (100, 81.363991, 121.62679),
]

LIMITS = [  # R: qpois(.95, B) and the s with P(X > LoB | B + s) = .95
    (0, 0, 2.995732),
    (1, 3, 6.753657),
    (3, 6, 8.842396),
    (5, 9, 10.70522),
    (10, 15, 13.09713),
    (20, 28, 18.3889),
]


@pytest.mark.parametrize(("count", "low", "high"), GARWOOD)
def test_garwood_matches_r(count, low, high):
    assert garwood(count) == pytest.approx((low, high), rel=5.1e-8)


@pytest.mark.parametrize(("background", "blank", "detection"), LIMITS)
def test_limits_over_a_known_background(background, blank, detection):
    assert blank_limit(background) == blank
    assert detection_limit(background) == pytest.approx(detection, rel=1e-6)


def test_currie_paired():
    assert currie_limits(5) == pytest.approx((5.2019, 13.1139), abs=5.1e-5)
    assert currie_limits(20) == pytest.approx((10.4039, 23.5178), abs=5.1e-5)


def test_exact_rate_ratio_matches_r():
    low, high, p_value = exact_rate_ratio((60, 100_000), (20, 80_000))
    assert (low, high) == pytest.approx((1.426158, 4.203764), abs=5.1e-7)
    assert p_value == pytest.approx(2.545424e-4, rel=2e-7)
