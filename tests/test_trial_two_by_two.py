"""Comparison of two proportions against published and independent values."""

import math

import pytest

from immunerecon.errors import EstimationError
from immunerecon.trial.two_by_two import compare_proportions


def test_bachanova_2014_responses() -> None:
    """53 % of 15 against 21 % of 42 (Blood 2014;123:3855); p values by R."""
    compared = compare_proportions((8, 15), (9, 42))
    assert compared.p_chi_squared == pytest.approx(0.02042168, abs=5e-9)
    assert compared.p_chi_squared_corrected == pytest.approx(0.04661682, abs=5e-9)
    assert compared.p_fisher == pytest.approx(0.04512063, abs=5e-9)


def test_fisher_of_the_tea_tasting() -> None:
    """R's fisher.test of 3, 1, 1, 3: p 0.4857, odds ratio 6.408309."""
    compared = compare_proportions((3, 4), (1, 4))
    assert compared.p_fisher == pytest.approx(0.4857143, abs=5e-8)
    assert compared.odds_ratio == pytest.approx(6.408309, rel=1e-5)


def test_odds_ratio_bounds_leave_2_5_percent_on_each_side() -> None:
    from scipy.stats import nchypergeom_fisher

    compared = compare_proportions((8, 15), (9, 42))
    given = (57, 15, 17)
    assert nchypergeom_fisher.sf(7, *given, compared.odds_low) == pytest.approx(0.025, rel=1e-4)
    assert nchypergeom_fisher.cdf(8, *given, compared.odds_high) == pytest.approx(0.025, rel=1e-4)


def test_barnards_own_example() -> None:
    """Barnard 1945 (Nature 156:177): 3 of 3 against 0 of 3 is 1/32, Fisher's 1/10 two-sided."""
    compared = compare_proportions((3, 3), (0, 3))
    assert compared.p_barnard == pytest.approx(1 / 32, abs=1e-4)
    assert compared.p_fisher == pytest.approx(0.1)
    assert math.isinf(compared.odds_high)
    assert compared.odds_low > 0


def test_difference_is_miettinen_and_nurminens() -> None:
    compared = compare_proportions((56, 70), (48, 80))
    assert round(compared.difference_low, 4) == 0.0528
    assert round(compared.difference_high, 4) == 0.3382


def test_same_outcome_in_all_is_no_evidence() -> None:
    compared = compare_proportions((0, 5), (0, 7))
    assert (compared.p_barnard, compared.p_fisher) == (1.0, 1.0)
    assert math.isnan(compared.p_chi_squared)


def test_an_empty_group_is_refused() -> None:
    with pytest.raises(EstimationError, match="found 0 and 5"):
        compare_proportions((0, 0), (2, 5))
