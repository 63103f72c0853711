"""Mixed models against R's lme4 and nlme.

Maximum likelihood is compared with lme4's. Restricted maximum likelihood is not used by the
package; the figures are compared with statsmodels', a second witness. nlme's estimates for
nonlinear curves are those of Lindstrom and Bates' alternation, which does not end at the maximum
of the likelihood that it reports: the likelihood is compared at nlme's own estimates, and the
maximum is no lower.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from immunerecon.kinetics.estimators.mixed_likelihood import (
    MixedData,
    MixedParameters,
    marginal_log_likelihood,
)
from immunerecon.kinetics.estimators.mixed_model import MixedFit, fit_mixed_model

DATA = Path(__file__).parent / "r"


def read(name: str, subject: str, x: str, y: str) -> MixedData:
    table = pd.read_csv(DATA / f"{name}.csv")
    number, _ = pd.factorize(table[subject])
    nothing_below = np.zeros(len(table), dtype=bool)
    return MixedData(number, table[x].to_numpy(float), table[y].to_numpy(float), nothing_below)


def line(parameters: np.ndarray, x: np.ndarray) -> np.ndarray:
    return parameters[0] + parameters[1] * x


def logistic(parameters: np.ndarray, x: np.ndarray) -> np.ndarray:
    return parameters[0] / (1 + np.exp((parameters[1] - x) / parameters[2]))


def two_exponentials(parameters: np.ndarray, x: np.ndarray) -> np.ndarray:
    a1, rate1, a2, rate2 = parameters
    return a1 * np.exp(-np.exp(rate1) * x) + a2 * np.exp(-np.exp(rate2) * x)


@pytest.fixture(scope="module")
def sleep() -> MixedFit:
    start = MixedParameters(np.array([250.0, 10.0]), np.diag([20.0, 5.0]), 30.0)
    data = read("sleepstudy", "Subject", "Days", "Reaction")
    return fit_mixed_model(line, data, start=start, random=[0, 1], correlated=True)


def test_sleepstudy_likelihood(sleep: MixedFit) -> None:
    assert sleep.log_likelihood == pytest.approx(-875.9697, abs=5e-5)


def test_sleepstudy_fixed_effects(sleep: MixedFit) -> None:
    # In this balanced design they are the same by maximum and restricted maximum likelihood.
    assert sleep.fixed == pytest.approx([251.405, 10.467], abs=1.5e-3)


def test_orthodont_fixed_effects() -> None:
    start = MixedParameters(np.array([17.0, 0.6]), np.diag([2.0, 0.3]), 1.3)
    data = read("orthodont", "Subject", "age", "distance")
    fit = fit_mixed_model(line, data, start=start, random=[0, 1], correlated=True)
    assert fit.fixed == pytest.approx([16.76111, 0.66019], abs=1e-5)
    # Both are balanced: restricted standard errors are larger by sqrt(n / (n - 1)), n = 27.
    assert fit.fixed_se * np.sqrt(27 / 26) == pytest.approx([0.77525, 0.07125], abs=1e-5)


def test_restricted_likelihood_of_statsmodels() -> None:
    from statsmodels.regression.mixed_linear_model import MixedLM

    table = pd.read_csv(DATA / "sleepstudy.csv")
    fit = MixedLM.from_formula("Reaction ~ Days", table, groups="Subject", re_formula="~Days").fit()
    assert fit.fe_params.tolist() == pytest.approx([251.405, 10.467], abs=5e-4)
    assert fit.bse_fe.tolist() == pytest.approx([6.825, 1.546], abs=5e-4)
    variances = np.diag(fit.cov_re).tolist()
    assert variances == pytest.approx([612.10, 35.07], abs=2e-2)
    assert fit.llf == pytest.approx(-871.8141, abs=5e-5)


def test_likelihood_at_estimates_of_nlme_orange() -> None:
    data = read("orange", "Tree", "age", "circumference")
    spread = np.array([[np.sqrt(991.15127)], [0.0], [0.0]])
    nlme = MixedParameters(
        np.array([191.0500, 722.5595, 344.1685]), spread, float(np.sqrt(61.56371))
    )
    value, _ = marginal_log_likelihood(logistic, data, nlme)
    assert value == pytest.approx(-131.5846, abs=5e-5)


def test_maximum_is_not_below_nlme_orange() -> None:
    data = read("orange", "Tree", "age", "circumference")
    start = MixedParameters(np.array([190.0, 700, 350]), np.array([[30.0], [0], [0]]), 8.0)
    fit = fit_mixed_model(logistic, data, start=start, random=[0])
    assert -131.5846 < fit.log_likelihood < -131.56
    assert fit.fixed == pytest.approx([191.0500, 722.5595, 344.1685], rel=0.02)


def test_likelihood_at_estimates_of_nlme_indometh() -> None:
    # Spreads as printed by nlme for this model (Pinheiro & Bates 2000, section 6.2).
    data = read("indometh", "Subject", "time", "conc")
    root = np.zeros((4, 3))
    root[:3] = np.diag([0.5714, 0.1581, 0.1115])
    fixed = np.array([2.8275639, 0.7734725, 0.4612883, -1.3444685])
    value, _ = marginal_log_likelihood(two_exponentials, data, MixedParameters(fixed, root, 0.0815))
    assert value == pytest.approx(54.59494, abs=1e-3)


def test_maximum_is_not_below_nlme_indometh() -> None:
    data = read("indometh", "Subject", "time", "conc")
    root = np.zeros((4, 3))
    root[:3] = np.diag([0.5, 0.15, 0.1])
    start = MixedParameters(np.array([2.8, 0.8, 0.45, -1.3]), root, 0.08)
    fit = fit_mixed_model(two_exponentials, data, start=start, random=[0, 1, 2])
    assert fit.log_likelihood > 54.59494
