"""Intervals of a difference of proportions against published tables and R's PropCIs."""

import pytest

from immunerecon.enumeration.differences import miettinen_nurminen_difference, newcombe_difference

# Newcombe, Stat Med 1998;17:873, table II, cases a to h: Newcombe-10 | Miettinen-Nurminen.
DIFFERENCES = [
    ((56, 70), (48, 80), (0.0524, 0.3339), (0.0528, 0.3382)),
    ((9, 10), (3, 10), (0.1705, 0.8090), (0.1700, 0.8406)),
    ((6, 7), (2, 7), (0.0582, 0.8062), (0.0342, 0.8534)),
    ((5, 56), (0, 29), (-0.0381, 0.1926), (-0.0326, 0.1933)),
    ((0, 10), (0, 20), (-0.1611, 0.2775), (-0.1658, 0.2844)),
    ((0, 10), (0, 10), (-0.2775, 0.2775), (-0.2879, 0.2879)),
    ((10, 10), (0, 20), (0.6791, 1.0), (0.7156, 1.0)),
    ((10, 10), (0, 10), (0.6075, 1.0), (0.6636, 1.0)),
]


@pytest.mark.parametrize(("first", "second", "newcombe", "score"), DIFFERENCES)
def test_differences_match_newcombe_table_2(first, second, newcombe, score):
    assert newcombe_difference(first, second) == pytest.approx(newcombe, abs=5.1e-5)
    assert miettinen_nurminen_difference(first, second) == pytest.approx(score, abs=5.1e-5)


def test_differences_of_rare_events_match_r():
    score = miettinen_nurminen_difference((7, 34), (1, 34))
    assert score == pytest.approx((0.0270416, 0.3452912), abs=5.1e-8)
    rare = (60, 100_000), (20, 80_000)
    assert newcombe_difference(*rare) == pytest.approx((1.591192e-4, 5.434162e-4), abs=5.1e-11)
    # PropCIs halves its step until it is below 1e-7, so its last three digits are not settled.
    score = miettinen_nurminen_difference(*rare)
    assert score == pytest.approx((1.622393e-4, 5.457327e-4), abs=1e-7)
