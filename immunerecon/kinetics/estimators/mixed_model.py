"""Maximum-likelihood fit of a mixed model, linear or not, with values below detection."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from immunerecon.errors import EstimationError
from immunerecon.kinetics.estimators.mixed_likelihood import (
    Curve,
    MixedData,
    MixedParameters,
    marginal_log_likelihood,
    patient_parameters,
)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MixedFit:
    """A fitted mixed model.

    Parameters
    ----------
    fixed : ndarray of float, shape (n_fixed,)
        Parameters of the typical patient.
    fixed_covariance : ndarray of float, shape (n_fixed, n_fixed)
        Their covariance, from the observed information of all parameters.
    random_covariance : ndarray of float, shape (n_random, n_random)
        Covariance of the parameters that differ between patients, in their order.
    sigma
        Standard deviation around the patients' own curves.
    log_likelihood
        Marginal, at the maximum.
    individual : ndarray of float, shape (n_fixed, n_patients)
        Each patient's parameters.
    """

    fixed: Floats
    fixed_covariance: Floats
    random_covariance: Floats
    sigma: float
    log_likelihood: float
    individual: Floats

    @property
    def fixed_se(self) -> Floats:
        """Standard errors of the fixed parameters."""
        return np.asarray(np.sqrt(np.diag(self.fixed_covariance)))


def fit_mixed_model(
    curve: Curve,
    data: MixedData,
    *,
    start: MixedParameters,
    random: Sequence[int],
    correlated: bool = False,
) -> MixedFit:
    """Fit a mixed model by maximum likelihood.

    Parameters
    ----------
    curve
        As in `immunerecon.kinetics.estimators.mixed_likelihood.marginal_log_likelihood`.
    data
        The observations.
    start
        Where to begin.
    random
        Positions of the parameters that differ between patients.
    correlated
        Whether these are correlated, or independent.

    Returns
    -------
    MixedFit
        The fit.

    Raises
    ------
    EstimationError
        When the data do not determine the parameters: no maximum was found, the information at it
        is not positive, or the scatter goes to zero.

    Examples
    --------
    >>> patient = np.repeat(np.arange(4), 3)
    >>> data = MixedData(patient, np.tile([0.0, 1, 2], 4),
    ...     np.array([1.0, 2.1, 2.9, 2, 3.2, 3.9, 0, 0.8, 2.1, 1.4, 2.6, 3.4]), patient > 4)
    >>> start = MixedParameters(np.array([1.0, 1.0]), np.array([[1.0], [0.0]]), 0.5)
    >>> fit = fit_mixed_model(lambda p, x: p[0] + p[1] * x, data, start=start, random=[0])
    >>> [round(float(value), 3) for value in fit.fixed]
    [1.129, 0.988]
    """
    from scipy.optimize import minimize

    layout = _Layout(len(start.fixed), tuple(random), correlated)

    def loss(vector: Floats) -> float:
        value, _ = marginal_log_likelihood(curve, data, layout.unpack(vector))
        return -value if np.isfinite(value) else 1e10

    found = minimize(loss, layout.pack(start), method="BFGS", options={"gtol": 1e-4})
    vector, free = layout.at_boundary(loss, found.x)
    vector, information = _polish(loss, vector, free)
    covariance = np.asarray(np.linalg.inv(information), dtype=float)
    parameters = layout.unpack(vector)
    log_likelihood, modes = marginal_log_likelihood(curve, data, parameters)
    moving = parameters.root[list(random)]
    return MixedFit(
        parameters.fixed,
        covariance[: layout.n_fixed, : layout.n_fixed],
        moving @ moving.T,
        parameters.sigma,
        log_likelihood,
        patient_parameters(parameters, modes),
    )


_NO_SPREAD = -15.0


@dataclass(frozen=True)
class _Layout:
    """How the parameters of a model lie in one vector."""

    n_fixed: int
    random: tuple[int, ...]
    correlated: bool

    @property
    def _lower(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows and columns of the elements below the diagonal of the root."""
        rows, columns = np.tril_indices(
            len(self.random), -1 if self.correlated else -len(self.random)
        )
        return rows, columns

    def at_boundary(
        self, loss: Callable[[Floats], float], vector: Floats
    ) -> tuple[Floats, NDArray[np.int64]]:
        """Set to zero the spreads that the likelihood does not miss; say what stays free."""
        vector, free = vector.copy(), list(range(vector.size))
        if self.correlated:
            return vector, np.array(free)
        for position in range(self.n_fixed, self.n_fixed + len(self.random)):
            without = vector.copy()
            without[position] = _NO_SPREAD
            if loss(without) < loss(vector) + 1e-3:
                vector = without
                free.remove(position)
        return vector, np.array(free)

    def pack(self, parameters: MixedParameters) -> Floats:
        """Lay parameters into a vector."""
        root = parameters.root[list(self.random)]
        return np.concatenate(
            [
                parameters.fixed,
                np.log(np.diag(root)),
                root[self._lower],
                [np.log(parameters.sigma)],
            ]
        )

    def unpack(self, vector: Floats) -> MixedParameters:
        """Read parameters from a vector."""
        q = len(self.random)
        spread = np.diag(np.exp(np.clip(vector[self.n_fixed : self.n_fixed + q], -30, 30)))
        spread[self._lower] = vector[self.n_fixed + q : -1]
        root = np.zeros((self.n_fixed, q))
        root[list(self.random)] = spread
        return MixedParameters(
            vector[: self.n_fixed], root, float(np.exp(np.clip(vector[-1], -30, 30)))
        )


def _polish(
    loss: Callable[[Floats], float], vector: Floats, free: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Take Newton steps in the free coordinates; return the place and their information."""

    def moved(step: Floats) -> Floats:
        place = vector.copy()
        place[free] += step
        return place

    scale = 1e-3 * np.maximum(np.abs(vector[free]), 1.0)
    for _ in range(20):
        gradient, information = _derivatives(lambda step: loss(moved(step)), scale)
        values = np.linalg.eigvalsh(information * np.outer(scale, scale))
        if values[0] <= 1e-9 * values[-1]:
            raise EstimationError(
                "the data do not determine every parameter (information is not positive)"
            )
        step = np.asarray(np.linalg.solve(information, -gradient), dtype=float)
        if -float(gradient @ step) < 1e-8:
            return vector, information
        length, here = 1.0, loss(vector)
        while loss(moved(length * step)) > here and length > 1e-6:
            length /= 2
        vector = moved(length * step)
        # Differences over a fiftieth of a standard error stand well above rounding.
        scale = 0.02 * np.sqrt(np.diag(np.linalg.inv(information)))
    raise EstimationError("no maximum of the likelihood was found")


def _derivatives(loss: Callable[[Floats], float], step: Floats) -> tuple[Floats, Floats]:
    """Gradient and Hessian at 0 by central differences of given steps."""
    n = step.size
    here = loss(np.zeros(n))
    moves = np.diag(step)
    up = np.array([loss(move) for move in moves])
    down = np.array([loss(-move) for move in moves])
    hessian = np.diag((up - 2 * here + down) / step**2)
    for i in range(n):
        for j in range(i):
            both = loss(moves[i] + moves[j]) + loss(-moves[i] - moves[j])
            mixed = (both - up[i] - up[j] - down[i] - down[j] + 2 * here) / (2 * step[i] * step[j])
            hessian[i, j] = hessian[j, i] = mixed
    return (up - down) / (2 * step), hessian
