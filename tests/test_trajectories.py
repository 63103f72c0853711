"""Trajectories, declines and rises fitted to draws with values below detection."""

import numpy as np
import pandas as pd
import pytest

from immunerecon.errors import EstimationError
from immunerecon.kinetics.biexponential import fit_biexponential
from immunerecon.kinetics.decline import fit_cohort_decline
from immunerecon.kinetics.draws import count_draws, donor_draws
from immunerecon.kinetics.estimators.mixed_likelihood import (
    MixedData,
    MixedParameters,
    marginal_log_likelihood,
)
from immunerecon.kinetics.estimators.mixed_model import fit_mixed_model
from immunerecon.kinetics.trajectories import fit_trajectory

DAYS = np.array([1.0, 2, 7, 14, 21, 28, 42, 56])
HALF_LIFE = 7.0


def simulate(
    rng: np.random.Generator, *, limit: float, n_patients: int = 30, rise: float = 0.5
) -> pd.DataFrame:
    """Rise at a rate per day and decline with a half-life of about a week."""
    patient = np.repeat(np.arange(n_patients), DAYS.size)
    day = np.tile(DAYS, n_patients)
    decline = np.log(2) / HALF_LIFE * np.exp(0.25 * rng.normal(size=n_patients))[patient]
    level = 40 * np.exp(0.6 * rng.normal(size=n_patients))[patient]
    value = level * (np.exp(-decline * day) - np.exp(-(rise + decline) * day))
    value = value * np.exp(0.25 * rng.normal(size=value.size))
    return pd.DataFrame(
        {
            "patient": [f"P{n:02d}" for n in patient],
            "day": day,
            "value": np.maximum(value, limit),
            "below": value < limit,
        }
    )


@pytest.fixture(scope="module")
def censored() -> pd.DataFrame:
    draws = simulate(np.random.default_rng(1), limit=2.0)
    assert 0.2 < draws.below.mean() < 0.4
    return draws


def line(parameters: np.ndarray, x: np.ndarray) -> np.ndarray:
    return parameters[0] + parameters[1] * x


def small_data() -> tuple[MixedData, MixedParameters]:
    rng = np.random.default_rng(6)
    patient = np.repeat(np.arange(3), 5)
    x = np.tile(np.arange(5.0), 3)
    y = 2 - 0.5 * x + rng.normal(size=3)[patient] + 0.5 * rng.normal(size=15)
    below = y < 0.3
    data = MixedData(patient, x, np.maximum(y, 0.3), below)
    return data, MixedParameters(np.array([2.0, -0.5]), np.array([[0.8], [0.0]]), 0.5)


def test_censored_likelihood_against_quadrature() -> None:
    from scipy.integrate import quad
    from scipy.stats import norm

    data, parameters = small_data()
    assert data.below.sum() >= 4

    def density(level: float, own: np.ndarray) -> float:
        mean = line(parameters.fixed, data.x[own]) + level
        seen = norm.pdf(data.y[own], mean, 0.5)
        hidden = norm.cdf(data.y[own], mean, 0.5)
        return float(np.prod(np.where(data.below[own], hidden, seen)) * norm.pdf(level, 0, 0.8))

    exact = sum(
        np.log(quad(density, -6, 6, args=(data.patient == number,), epsabs=1e-14)[0])
        for number in range(3)
    )
    value, _ = marginal_log_likelihood(line, data, parameters)
    # Laplace's approximation; the error is that of three patients with five draws each.
    assert value == pytest.approx(exact, abs=0.03)


def test_random_intercept_against_statsmodels() -> None:
    from statsmodels.regression.mixed_linear_model import MixedLM

    rng = np.random.default_rng(7)
    patient = np.repeat(np.arange(12), 6)
    x = rng.uniform(0, 5, 72)
    y = 1 + 0.3 * x + 0.8 * rng.normal(size=12)[patient] + 0.4 * rng.normal(size=72)
    other = MixedLM(y, np.column_stack([np.ones(72), x]), groups=patient).fit(reml=False)
    data = MixedData(patient, x, y, np.zeros(72, dtype=bool))
    start = MixedParameters(np.array([0.0, 0.0]), np.array([[1.0], [0.0]]), 1.0)
    fit = fit_mixed_model(line, data, start=start, random=[0])
    assert fit.log_likelihood == pytest.approx(other.llf, abs=1e-5)
    assert fit.fixed == pytest.approx(other.fe_params, abs=1e-4)
    assert fit.fixed_se == pytest.approx(other.bse_fe, rel=1e-2)


def test_spread_of_zero_is_no_failure() -> None:
    rng = np.random.default_rng(8)
    patient = np.repeat(np.arange(6), 4)
    x = np.tile(np.arange(4.0), 6)
    y = x + np.tile([0.1, -0.1, -0.1, 0.1], 6) + 1e-3 * rng.normal(size=24)
    data = MixedData(patient, x, y, np.zeros(24, dtype=bool))
    start = MixedParameters(np.array([0.0, 1.0]), np.array([[0.1], [0.0]]), 0.1)
    fit = fit_mixed_model(line, data, start=start, random=[0])
    assert fit.random_covariance[0, 0] == pytest.approx(0, abs=1e-10)
    assert fit.fixed == pytest.approx([0, 1], abs=1e-2)


def test_decline_of_the_cohort() -> None:
    draws = simulate(np.random.default_rng(1), limit=2.0, rise=3.0)
    fit = fit_cohort_decline(draws)
    assert fit.half_life == pytest.approx(HALF_LIFE, rel=0.1)
    assert fit.half_life_low < HALF_LIFE < fit.half_life_high
    assert fit.patients.n_below.sum() > 0
    assert fit.n_left_out == 0


def test_half_of_the_limit_lengthens_the_half_life(censored: pd.DataFrame) -> None:
    halved = censored.assign(value=censored.value.where(~censored.below, 1.0), below=False)
    assert fit_cohort_decline(halved).half_life > 1.3 * fit_cohort_decline(censored).half_life


def test_decline_needs_three_patients(censored: pd.DataFrame) -> None:
    two = censored[censored.patient.isin(["P00", "P01"])]
    with pytest.raises(EstimationError, match="2 patients have draws after their maximum"):
        fit_cohort_decline(two)


def test_biexponential_recovers_the_truth(censored: pd.DataFrame) -> None:
    fit = fit_biexponential(censored)
    typical = fit.typical.set_index("quantity")
    assert typical.estimate["half_life"] == pytest.approx(HALF_LIFE, rel=0.1)
    decline = np.log(2) / HALF_LIFE
    assert typical.estimate["rise_half_life"] == pytest.approx(np.log(2) / (0.5 + decline), rel=0.2)
    assert (typical.low < typical.estimate).all()
    t_max = typical.estimate["t_max"]
    around = fit.value_at(np.array([t_max - 0.1, t_max, t_max + 0.1]))
    assert around.argmax() == 1
    assert around[1] == pytest.approx(typical.estimate["c_max"])


def test_biexponential_without_a_rise_fails_loudly(censored: pd.DataFrame) -> None:
    late = censored[censored.day >= 14]
    with pytest.raises(EstimationError):
        fit_biexponential(late)


def test_biexponential_needs_draws_after_the_infusion(censored: pd.DataFrame) -> None:
    with pytest.raises(EstimationError, match="not after the infusion"):
        fit_biexponential(censored.assign(day=censored.day - 1))


def test_trajectory_recovers_the_truth() -> None:
    rng = np.random.default_rng(9)
    patient = np.repeat(np.arange(20), DAYS.size)
    day = np.tile(DAYS, 20)
    truth = 5 * (1 + day) ** 0.8
    value = truth * np.exp(0.5 * rng.normal(size=20)[patient] + 0.3 * rng.normal(size=day.size))
    limit = 12.0
    draws = pd.DataFrame(
        {
            "patient": patient.astype(str),
            "day": day,
            "value": np.maximum(value, limit),
            "below": value < limit,
        }
    )
    fit = fit_trajectory(draws)
    typical = fit.typical(DAYS)
    expected = 5 * (1 + DAYS) ** 0.8
    assert typical.value.to_numpy() == pytest.approx(expected, rel=0.25)
    assert ((typical.low < expected) & (expected < typical.high)).sum() >= 7
    individual = fit.individual(DAYS)
    assert len(individual) == 20 * DAYS.size
    highest = draws.groupby("patient").value.mean().idxmax()
    assert individual.groupby("patient").value.mean().idxmax() == highest


def test_trajectory_is_not_extrapolated() -> None:
    draws = simulate(np.random.default_rng(10), limit=0.01, n_patients=6)
    typical = fit_trajectory(draws).typical(np.array([0.5, 7.0, 100.0]))
    assert typical.value.isna().tolist() == [True, False, True]


def test_trajectory_needs_more_draws_than_knots() -> None:
    draws = simulate(np.random.default_rng(11), limit=0.01, n_patients=2)
    with pytest.raises(EstimationError, match="2 patients"):
        fit_trajectory(draws)


def test_values_must_have_a_logarithm() -> None:
    draws = simulate(np.random.default_rng(12), limit=0.01, n_patients=4).assign(value=0.0)
    with pytest.raises(EstimationError, match="above 0, found 0"):
        fit_trajectory(draws)


def test_draw_without_cells_lies_below_its_upper_limit() -> None:
    table = pd.DataFrame(
        {
            "patient": "P1",
            "day": [-7.0, 0.0, 28.0],
            "population": "B",
            "cells_per_ul": [100.0, 0.0, 12.0],
            "cells_per_ul_high": [110.0, 0.4, 14.0],
        }
    )
    found = count_draws(table, population="B")
    assert found.day.tolist() == [0, 28]
    assert found.value.tolist() == [0.4, 12]
    assert found.below.tolist() == [True, False]


def test_limit_in_cells_follows_the_counts() -> None:
    cells = pd.DataFrame(
        {
            "patient": "P1",
            "population": "NK",
            "day": [7.0, 14.0, 28.0],
            "donor_fraction": [0.5, 0.001, 0.0],
            "fraction_high": [0.6, 0.003, 0.002],
            "donor_cells_per_ul": [50.0, 0.3, 0.0],
            "donor_cells_per_ul_high": [60.0, 0.9, 0.8],
            "lod": 0.01,
            "call": ["detected", "not_detected", "not_detected"],
        }
    )
    events = pd.DataFrame({"patient": ["P1"], "day": [0.0], "event": ["infusion"]})
    found = donor_draws(cells, events)
    assert found.value.tolist() == pytest.approx([50, 3.0, 4.0])
