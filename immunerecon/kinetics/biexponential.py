"""Rise and decline of donor cells as the difference of two exponentials."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from immunerecon.errors import EstimationError
from immunerecon.kinetics.draws import log_data
from immunerecon.kinetics.estimators.mixed_likelihood import MixedData, MixedParameters
from immunerecon.kinetics.estimators.mixed_model import MixedFit, fit_mixed_model

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]

QUANTITIES = ("half_life", "rise_half_life", "t_max", "c_max")


@dataclass(frozen=True)
class Biexponential:
    """A fitted rise and decline.

    Parameters
    ----------
    typical
        `quantity, estimate, low, high` of the typical patient, with 95 % intervals: `half_life`
        of the decline, `rise_half_life` and `t_max` in days, `c_max` in the unit of the draws.
    patients
        One row a patient: `patient` and the same quantities.
    fit
        The mixed model in log level, log rate of decline and log excess of the rate of rise.
    method
        Names the estimator.
    """

    typical: pd.DataFrame
    patients: pd.DataFrame
    fit: MixedFit
    method: str = "nonlinear mixed model, Laplace, left-censored below LOD (Beal M3)"

    def value_at(self, day: Floats) -> Floats:
        """Return the typical patient's values on days after the infusion."""
        own = np.repeat(self.fit.fixed[:, None], day.size, axis=1).astype(complex)
        return np.asarray(np.exp(_log_curve(own, day).real))


def fit_biexponential(draws: pd.DataFrame) -> Biexponential:
    """Fit rise and decline of donor cells in a cohort.

    Parameters
    ----------
    draws
        `patient, day, value, below`, days after the infusion, as made by
        `immunerecon.kinetics.draws.donor_draws`.

    Returns
    -------
    Biexponential
        The fit.

    Raises
    ------
    EstimationError
        When fewer than three patients were drawn both before and after their maximum, a
        draw is not after the infusion, or the draws do not determine the model.

    Notes
    -----
    ``value = level * (exp(-decline * day) - exp(-rise * day))`` with ``rise > decline``; level and
    decline differ between patients (log-normally), the rise is common. Fitted to log values by
    the Laplace approximation, draws below detection being censored.

    References
    ----------
    Bateman, Proc Camb Philos Soc 1910;15:423.
    Stein et al., CPT Pharmacometrics Syst Pharmacol 2019;8:285, doi 10.1002/psp4.12388.

    Examples
    --------
    >>> day = np.array([1.0, 2, 7, 14, 21, 28, 42])
    >>> value = np.concatenate([level * (np.exp(-rate * day) - np.exp(-0.4 * day))
    ...     for level, rate in ((40, 0.1), (90, 0.08), (60, 0.12), (120, 0.1))])
    >>> draws = pd.DataFrame({"patient": np.repeat(list("ABCD"), 7), "day": np.tile(day, 4),
    ...     "value": value * (1 + 0.1 * np.sin(np.arange(28))), "below": False})
    >>> fit_biexponential(draws).typical.set_index("quantity")["estimate"].round(1).to_dict()
    {'half_life': 7.2, 'rise_half_life': 1.5, 't_max': 4.3, 'c_max': 33.8}
    """
    data, names = log_data(draws)
    _check(data)
    fit = fit_mixed_model(_log_curve, data, start=_start(data), random=[0, 1])
    own = np.exp(_log_quantities(fit.individual.astype(complex)).real)
    patients = pd.DataFrame({"patient": names, **dict(zip(QUANTITIES, own, strict=True))})
    return Biexponential(_typical(fit, len(names)), patients, fit)


def _log_curve(parameters: Complexes, day: Floats) -> Complexes:
    """Log value from log level, log decline and log (rise - decline)."""
    level, decline, excess = parameters
    log_value = level - np.exp(decline) * day + np.log(-np.expm1(-np.exp(excess) * day))
    return np.asarray(log_value, dtype=complex)


def _log_quantities(parameters: Complexes) -> Complexes:
    """Logarithms of the quantities of `Biexponential.typical`, in order."""
    _, decline, excess = parameters
    rise = np.exp(decline) + np.exp(excess)
    t_max = np.log(rise / np.exp(decline)) / np.exp(excess)
    return np.array(
        [
            np.log(np.log(2)) - decline,
            np.log(np.log(2) / rise),
            np.log(t_max),
            _log_curve(parameters, t_max),
        ]
    )


def _typical(fit: MixedFit, n_patients: int) -> pd.DataFrame:
    """Quantities of the typical patient with intervals by the delta method on the log scale."""
    from scipy.special import stdtrit

    step = 1e-20
    moved = [_log_quantities(fit.fixed + 1j * step * one) for one in np.eye(fit.fixed.size)]
    slopes = np.stack([values.imag / step for values in moved], axis=1)
    log_estimate = moved[0].real
    free = n_patients - 2
    spread = np.sqrt(np.einsum("ij,jk,ik->i", slopes, fit.fixed_covariance, slopes))
    reach = float(stdtrit(free, 0.975)) * spread * np.sqrt(n_patients / free)
    return pd.DataFrame(
        {
            "quantity": QUANTITIES,
            "estimate": np.exp(log_estimate),
            "low": np.exp(log_estimate - reach),
            "high": np.exp(log_estimate + reach),
        }
    )


def _check(data: MixedData) -> None:
    """Raise when too few patients were drawn on both sides of their maximum."""
    if (data.x <= 0).any():
        raise EstimationError(f"a draw is on day {data.x.min():g}, not after the infusion")
    rising, falling = 0, 0
    for number in range(data.n_patients):
        own = data.patient == number
        seen = own & ~data.below
        if seen.any():
            peak = data.x[seen][np.argmax(data.y[seen])]
            rising += bool((data.x[own] < peak).any())
            falling += bool((data.x[own] > peak).any())
    if min(rising, falling) < 3:
        raise EstimationError(
            f"{rising} patients were drawn before their maximum and {falling} after it, "
            "three of each are needed"
        )


def _start(data: MixedData) -> MixedParameters:
    """Begin at a week's half-life and a rise of about a day."""
    fixed = np.array([0.0, np.log(np.log(2) / 7), np.log(0.5)])
    own = np.repeat(fixed[:, None], data.x.size, axis=1).astype(complex)
    fixed[0] = float(np.median((data.y - _log_curve(own, data.x).real)[~data.below]))
    return MixedParameters(fixed, np.diag([0.7, 0.3, 0.0])[:, :2], 0.5)
