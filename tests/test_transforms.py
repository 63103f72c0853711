"""Display scales against the exact values of flowutils, and widths for a panel."""

import numpy as np
import pytest
from flowutils import transforms as exact
from hypothesis import given, strategies as st

from immunerecon.cytometry.transforms import (
    Arcsinh,
    Linear,
    Logicle,
    logicle_width,
    scale_for,
)
from immunerecon.cytometry.tube import Channel
from immunerecon.errors import StrategyError

PARAMETERS = [
    Logicle(262144, 0.5),
    Logicle(262144, 0.0),
    Logicle(262144, 1.5, 4.5, 0.0),
    Logicle(10000, 1.0, 4.0, 0.5),
    Logicle(4.2e6, 0.25, 6.0, 0.0),
    Logicle(1024, 0.3, 3.0, -0.2),
    Logicle(1000, 2.2, 4.5),
]


@pytest.mark.parametrize("scale", PARAMETERS, ids=str)
def test_logicle_is_exact_to_a_tenth_of_a_permille(scale: Logicle) -> None:
    rng = np.random.default_rng(0)
    magnitude = scale.t * 10 ** rng.uniform(-9, 0.5, 100_000)
    values = np.concatenate([[0, scale.t, -scale.t], magnitude, -magnitude]).astype(np.float32)
    expected = exact.logicle(values.astype(float), None, t=scale.t, m=scale.m, w=scale.w, a=scale.a)
    assert np.abs(scale.apply(values) - expected).max() < 2e-6


def test_logicle_known_points() -> None:
    """Top at 1, zero at (w + a) / (m + a), by the definition of the scale."""
    scale = Logicle(10000, 1.0, 4.0, 0.5)
    np.testing.assert_allclose(scale.apply([0, 10000]), [1.5 / 4.5, 1], atol=1e-6)


@pytest.mark.parametrize("scale", [*PARAMETERS, Linear(1024), Arcsinh(1000)], ids=str)
def test_inverse_undoes_apply(scale: Logicle) -> None:
    values = np.linspace(-scale.t / 10, scale.t, 1001)
    np.testing.assert_allclose(
        scale.inverse(scale.apply(values)), values, rtol=1e-4, atol=scale.t * 1e-5
    )


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=2, max_size=50))
def test_logicle_keeps_the_order(values: list[float]) -> None:
    display = Logicle(262144, 0.5).apply(np.sort(np.array(values)))
    assert (np.diff(display) >= -2e-7).all()


def test_what_is_no_number_stays_none() -> None:
    display = Logicle(262144, 0.5).apply([np.nan, np.inf, -np.inf, 3e38])
    assert np.isnan(display[:3]).all()
    assert np.isfinite(display[3])


def test_logicle_takes_strided_and_whole_tables() -> None:
    values = np.random.default_rng(0).normal(0, 1000, (50, 4)).astype(np.float32)
    scale = Logicle(262144, 0.5)
    expected = scale.apply(values.ravel()).reshape(50, 4)
    np.testing.assert_array_equal(scale.apply(values[:, 1]), expected[:, 1])
    np.testing.assert_array_equal(scale.apply(values), expected)
    assert scale.apply(values[:, 1]).dtype == np.float32


def test_arcsinh_is_gating_mls() -> None:
    scale = Arcsinh(1000, 5)
    values = np.array([-3.0, 0, 5, 100, 1000])
    expected = exact.asinh(values.copy(), None, t=1000, m=scale.m, a=0)
    np.testing.assert_allclose(scale.apply(values), expected, atol=1e-6)


def test_linear() -> None:
    np.testing.assert_allclose(Linear(1024).apply([0, 256, 2048]), [0, 0.25, 2])


@pytest.mark.parametrize(
    "parameters",
    [
        {"t": 0, "w": 0.5},
        {"t": 1000, "w": -0.1},
        {"t": 1000, "w": 2.3},
        {"t": 1000, "w": 0.5, "m": 0},
        {"t": 1000, "w": 0.5, "a": 4},
        {"t": 1000, "w": 0.5, "a": -0.6},
        {"t": float("nan"), "w": 0.5},
    ],
)
def test_scales_that_do_not_exist(parameters: dict[str, float]) -> None:
    with pytest.raises(StrategyError, match="accepted"):
        Logicle(**parameters)


@pytest.mark.parametrize("spread", [30.0, 100.0, 1000.0])
def test_width_follows_the_spread_of_the_negatives(spread: float) -> None:
    """The 5th percentile of the lower half of a normal is its 2.5 % point, 1.96 spreads."""
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(0, spread, 20_000), rng.lognormal(9, 1, 5000)])
    expected = (4.5 - np.log10(262144 / (1.96 * spread))) / 2
    assert logicle_width(values, 262144) == pytest.approx(max(expected, 0), abs=0.01)


def test_width_bears_outliers() -> None:
    values = np.random.default_rng(0).normal(0, 100, 20_000)
    with_outliers = np.concatenate([values, np.full(100, -2e5)])
    assert logicle_width(with_outliers, 262144) == pytest.approx(
        logicle_width(values, 262144), abs=0.03
    )


def test_width_is_bounded_and_may_be_unknown() -> None:
    assert logicle_width(np.full(100, -1e9), 262144) == pytest.approx(2.24)
    assert logicle_width(np.full(100, -1e-9), 262144) == 0
    assert np.isnan(logicle_width(np.array([-5.0] * 19 + [100.0] * 500), 262144))


def test_one_scale_serves_a_panel() -> None:
    channel = Channel("PE-A", "CD56", 262144)
    assert scale_for(channel, [0.5] * 9 + [1.0]) == Logicle(262144, 0.55)
    assert scale_for(channel, [float("nan")] * 3) == Logicle(262144, 0.5)
    assert scale_for(channel) == Logicle(262144, 0.5)
    assert scale_for(Channel("SSC-A", "", 1024)) == Linear(1024)
    assert scale_for(Channel("Time", "", 60)) == Linear(60)


def test_negatives_are_one_peak_at_the_chosen_width() -> None:
    """Too narrow a width shows the noise around 0 as two peaks with a gap at 0."""
    values = np.random.default_rng(0).normal(0, 300, 50_000).astype(np.float32)

    def density_at_zero(width: float) -> float:
        scale = Logicle(262144, width)
        display = scale.apply(values)
        counts, edges = np.histogram(display, bins=60)
        zero = np.searchsorted(edges, scale.apply([0.0])[0]) - 1
        return float(counts[zero] / counts.max())

    assert density_at_zero(logicle_width(values, 262144)) > 0.9
    assert density_at_zero(0.1) < 0.4
