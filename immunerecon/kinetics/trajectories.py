"""Typical and individual courses of a count over time, on the log scale."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from immunerecon.errors import EstimationError
from immunerecon.kinetics.draws import log_data
from immunerecon.kinetics.estimators.mixed_likelihood import MixedParameters
from immunerecon.kinetics.estimators.mixed_model import MixedFit, fit_mixed_model

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Trajectory:
    """A fitted course of a cohort.

    Parameters
    ----------
    knots : ndarray of float, shape (n_knots,)
        Days between which the course bends, the first and last being the range of the draws.
    patients
        Who was fitted.
    last_days : ndarray of float, shape (n_patients,)
        Last draw of each.
    fit
        The mixed model; its first parameter is the log value at the first knot, the others the
        rise from there to the other knots.
    method
        Names the estimator.
    """

    knots: Floats
    patients: tuple[str, ...]
    last_days: Floats
    fit: MixedFit
    method: str = "log-scale mixed model, maximum likelihood, left-censored below LOD (Beal M3)"

    def typical(self, day: Floats, *, level: float = 0.95) -> pd.DataFrame:
        """Return the typical patient's course with its band.

        Parameters
        ----------
        day : ndarray of float
            Days within the range of the draws; others give NaN.
        level
            Level of the pointwise band, Student's with patients less one degrees of freedom.

        Returns
        -------
        DataFrame
            `day, at_risk, value, low, high`, on the original scale; `at_risk` counts the patients
            drawn on that day or later.
        """
        from scipy.special import stdtrit

        basis = _basis(self.knots, day)
        log_value = basis @ self.fit.fixed
        spread = np.sqrt(np.einsum("ij,jk,ik->i", basis, self.fit.fixed_covariance, basis))
        reach = float(stdtrit(len(self.patients) - 1, 0.5 + level / 2)) * spread
        return pd.DataFrame(
            {
                "day": day,
                "at_risk": (self.last_days[:, None] >= day).sum(axis=0),
                "value": np.exp(log_value),
                "low": np.exp(log_value - reach),
                "high": np.exp(log_value + reach),
            }
        )

    def individual(self, day: Floats) -> pd.DataFrame:
        """Return each patient's course, drawn towards the typical one where draws are few.

        Parameters
        ----------
        day : ndarray of float
            Days within the range of the draws; others give NaN.

        Returns
        -------
        DataFrame
            `patient, day, value`.
        """
        value = np.exp(_basis(self.knots, day) @ self.fit.individual)
        return pd.DataFrame(
            {
                "patient": np.repeat(self.patients, day.size),
                "day": np.tile(day, len(self.patients)),
                "value": value.T.ravel(),
            }
        )


def fit_trajectory(draws: pd.DataFrame, *, n_knots: int = 4) -> Trajectory:
    """Fit the course of a count in a cohort.

    Parameters
    ----------
    draws
        `patient, day, value, below`, as made by `immunerecon.kinetics.draws`.
    n_knots
        Number of knots of the spline, 3 or more, at even quantiles of the draws' days.

    Returns
    -------
    Trajectory
        The fit.

    Raises
    ------
    EstimationError
        When fewer than three patients were drawn, draws above the limit are fewer than the
        parameters, or the draws do not determine the model.

    Notes
    -----
    The log value follows a natural cubic spline in log(1 + day), plus a level of the patient's own,
    plus scatter, both normal. Draws below their limit enter with the probability of lying there.

    References
    ----------
    Beal, J Pharmacokinet Pharmacodyn 2001;28:481, doi 10.1023/A:1012299115474.
    Laird & Ware, Biometrics 1982;38:963, doi 10.2307/2529876.

    Examples
    --------
    >>> day = np.tile([0.0, 7, 14, 28, 56, 112], 4)
    >>> level = np.repeat([50.0, 80, 100, 160], 6)
    >>> value = level * (1 + day / 28) * (1 + 0.2 * np.sin(np.arange(24)))
    >>> draws = pd.DataFrame({"patient": np.repeat(list("ABCD"), 6), "day": day,
    ...                       "value": value, "below": False})
    >>> fit_trajectory(draws, n_knots=3).typical(np.array([28.0])).round(0)
        day  at_risk  value   low   high
    0  28.0        4  194.0  99.0  380.0
    """
    data, names = log_data(draws)
    seen = ~data.below
    if len(names) < 3 or seen.sum() < n_knots + 2:
        raise EstimationError(
            f"{len(names)} patients with {int(seen.sum())} draws above their limit; three patients "
            f"and {n_knots + 2} draws are needed"
        )
    knots = np.expm1(np.quantile(np.log1p(data.x), np.linspace(0, 1, n_knots)))
    if np.unique(knots).size < n_knots:
        raise EstimationError(f"the draws lie on too few days for {n_knots} knots")
    basis = _basis(knots, data.x)
    begin, *_ = np.linalg.lstsq(basis[seen], data.y[seen], rcond=None)
    scatter = max(float(np.std(data.y[seen] - basis[seen] @ begin)), 0.05)
    level = np.zeros((n_knots, 1))
    level[0] = scatter / 2
    fit = fit_mixed_model(
        lambda parameters, _: (basis.T * parameters).sum(axis=0),
        data,
        start=MixedParameters(np.asarray(begin, dtype=float), level, scatter),
        random=[0],
    )
    last_days = np.array([data.x[data.patient == number].max() for number in range(len(names))])
    return Trajectory(knots, tuple(names), last_days, fit)


def _basis(knots: Floats, day: Floats) -> Floats:
    """Natural spline in log(1 + day): level at the first knot, then the rise to each other."""
    from scipy.interpolate import CubicSpline

    at_knots = np.eye(knots.size)
    at_knots[:, 0] = 1.0
    spline = CubicSpline(np.log1p(knots), at_knots, bc_type="natural")
    values = np.asarray(spline(np.log1p(day)), dtype=float)
    values[(day < knots[0] - 1e-9) | (day > knots[-1] + 1e-9)] = np.nan
    return values
