"""The interval of a product holds on simulated pairs of estimates."""

import numpy as np
import pytest

from immunerecon.enumeration.poisson import garwood
from immunerecon.enumeration.products import product_interval
from immunerecon.enumeration.proportions import wilson


def test_covers_the_true_product_of_a_fraction_and_a_count() -> None:
    rng = np.random.default_rng(3)
    donors, cells = rng.binomial(400, 0.1, 4000), rng.poisson(150, 4000)
    fraction = (donors / 400, *wilson(donors, 400))
    _, low, high = product_interval(fraction, (cells, *garwood(cells)))
    covered = np.mean((low <= 15.0) & (high >= 15.0))
    assert 0.94 <= covered <= 0.975


def test_nothing_found_has_an_upper_bound_and_no_lower() -> None:
    value, low, high = product_interval((0.0, 0.0, 0.01), (100.0, 80.0, 120.0))
    assert (value, low, high) == pytest.approx((0.0, 0.0, 1.2))


def test_what_is_not_known_stays_unknown() -> None:
    value, low, high = product_interval((0.5, 0.4, 0.6), (np.nan, np.nan, np.nan))
    assert np.isnan([value, low, high]).all()
