"""Marginal likelihood of curves that differ between patients, some values below detection."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Curve of the parameters (one row each, one column an observation) and the times; it must be
#: analytic in the parameters, as they come with an imaginary part to differentiate it.
Curve = Callable[[NDArray[np.complex128], Floats], NDArray[np.complex128]]

_STEP = 1e-20


@dataclass(frozen=True)
class MixedData:
    """Observations of several patients.

    Parameters
    ----------
    patient : ndarray of int, shape (n_observations,)
        0, 1, 2 ... whose.
    x : ndarray of float, shape (n_observations,)
        Times.
    y : ndarray of float, shape (n_observations,)
        Values, usually logarithms; for an observation below its limit, the limit.
    below : ndarray of bool, shape (n_observations,)
        Which observations are only known to lie below `y`.
    """

    patient: NDArray[np.int64]
    x: Floats
    y: Floats
    below: NDArray[np.bool_]

    @cached_property
    def membership(self) -> Floats:
        """Whose each observation is, 0 or 1, shape (n_patients, n_observations)."""
        whose = np.arange(int(self.patient.max()) + 1)[:, None]
        return np.asarray(self.patient == whose, dtype=float)

    @property
    def n_patients(self) -> int:
        """Number of patients."""
        return len(self.membership)


@dataclass(frozen=True)
class MixedParameters:
    """Values at which the likelihood is evaluated.

    Parameters
    ----------
    fixed : ndarray of float, shape (n_fixed,)
        Parameters of the typical patient's curve.
    root : ndarray of float, shape (n_fixed, n_random)
        Patient's parameters are ``fixed + root @ z`` with independent standard normal `z`; rows
        of parameters that do not differ between patients are 0.
    sigma
        Standard deviation around the patient's own curve.
    """

    fixed: Floats
    root: Floats
    sigma: float


def marginal_log_likelihood(
    curve: Curve, data: MixedData, parameters: MixedParameters
) -> tuple[float, Floats]:
    """Integrate the patients' own parameters out of the likelihood.

    Parameters
    ----------
    curve
        Value at each observation, from parameters of shape (n_fixed, n_observations) and times.
    data
        The observations.
    parameters
        Where to evaluate.

    Returns
    -------
    log_likelihood : float
        Of all observations.
    modes : ndarray of float, shape (n_patients, n_random)
        The most likely `z` of each patient.

    Notes
    -----
    Laplace's approximation at each patient's mode, with the expected curvature of the curve
    (first-order conditional estimation); exact for curves linear in the patients' parameters with
    nothing below detection. Observations below detection enter with the probability of lying there
    (Beal's method M3).

    References
    ----------
    Lindstrom & Bates, Biometrics 1990;46:673, doi 10.2307/2532087.
    Wolfinger & Lin, Comput Stat Data Anal 1997;25:465, doi 10.1016/S0167-9473(97)00012-1.
    Beal, J Pharmacokinet Pharmacodyn 2001;28:481, doi 10.1023/A:1012299115474.

    Examples
    --------
    >>> data = MixedData(np.array([0, 0, 1, 1]), np.zeros(4), np.array([1.0, 1.2, 2.0, 2.4]),
    ...                  np.zeros(4, dtype=bool))
    >>> level = MixedParameters(np.array([1.65]), np.array([[0.5]]), 0.2)
    >>> round(marginal_log_likelihood(lambda parameters, x: parameters[0], data, level)[0], 4)
    -2.2111
    """
    z = np.zeros((data.n_patients, parameters.root.shape[1]))
    value, gradient, curvature = _joint(curve, data, parameters, z)
    for _ in range(60):
        step = np.linalg.solve(curvature, gradient[:, :, None])[:, :, 0]
        gain = (gradient * step).sum(axis=1)
        if gain.max() < 1e-12:
            break
        length = np.ones(data.n_patients)
        for _ in range(30):
            new = _joint(curve, data, parameters, z + length[:, None] * step)
            worse = ~(new[0] >= value + 1e-4 * length * gain - 1e-11)
            if not worse.any():
                break
            length[worse] /= 2
        z = z + length[:, None] * step
        value, gradient, curvature = new
    _, log_determinant = np.linalg.slogdet(curvature)
    return float((value - log_determinant / 2).sum()), z


def patient_parameters(parameters: MixedParameters, modes: Floats) -> Floats:
    """Return each patient's parameters, shape (n_fixed, n_patients), at given modes."""
    return np.asarray(parameters.fixed[:, None] + parameters.root @ modes.T)


def _joint(
    curve: Curve, data: MixedData, parameters: MixedParameters, z: Floats
) -> tuple[Floats, Floats, Floats]:
    """Each patient's log-likelihood with its `z`, its gradient and expected curvature in `z`."""
    own = patient_parameters(parameters, z)[:, data.patient]
    moved = [curve(own + 1j * _STEP * column[:, None], data.x) for column in parameters.root.T]
    slopes = [values.imag / _STEP for values in moved]
    value, score, weight = _observation(data, moved[0].real, parameters.sigma)
    q = len(slopes)
    terms = [value, *(score * slope for slope in slopes)]
    terms += [weight * a * b for a in slopes for b in slopes]
    sums = data.membership @ np.stack(terms, axis=1)
    total = sums[:, 0] - 0.5 * (z**2).sum(axis=1)
    return total, sums[:, 1 : q + 1] - z, sums[:, q + 1 :].reshape(-1, q, q) + np.eye(q)


def _observation(data: MixedData, fitted: Floats, sigma: float) -> tuple[Floats, Floats, Floats]:
    """Log-likelihood of each observation, its slope in the fitted value and its information."""
    from scipy.special import log_ndtr

    residual = (data.y - fitted) / sigma
    value = -0.5 * residual**2 - np.log(sigma) - 0.5 * np.log(2 * np.pi)
    score, weight = residual / sigma, np.full_like(residual, 1 / sigma**2)
    if data.below.any():
        hidden = residual[data.below]
        log_phi = log_ndtr(hidden)
        mills = np.exp(-0.5 * hidden**2 - 0.5 * np.log(2 * np.pi) - log_phi)
        value[data.below] = log_phi
        score[data.below] = -mills / sigma
        weight[data.below] = mills * (mills + hidden) / sigma**2
    return value, score, weight
