"""A straight line through points of which some are only known to lie below a limit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from immunerecon.errors import EstimationError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CensoredLine:
    """A fitted line ``y = intercept + slope * x`` with normal scatter.

    Parameters
    ----------
    intercept, slope
        In the units of `y`, and of `y` per unit of `x`.
    sigma
        Maximum-likelihood standard deviation of the scatter, not corrected for the two
        parameters.
    slope_se
        Standard error of the slope, corrected for the two parameters.
    degrees_of_freedom
        Number of points seen, less two.
    """

    intercept: float
    slope: float
    sigma: float
    slope_se: float
    degrees_of_freedom: int


def fit_censored_line(x: Floats, y: Floats, below: NDArray[np.bool_]) -> CensoredLine:
    """Fit a line by maximum likelihood with left-censored points.

    Parameters
    ----------
    x : ndarray of float, shape (n_points,)
        Positions.
    y : ndarray of float, shape (n_points,)
        Values; for a point below its limit, the limit.
    below : ndarray of bool, shape (n_points,)
        Which points are only known to lie below `y`.

    Returns
    -------
    CensoredLine
        The fit; without points below, ordinary least squares.

    Raises
    ------
    EstimationError
        When fewer than three points were seen, all at one place, or no maximum was found.

    Notes
    -----
    Tobin's model in Olsen's parameters, in which the log-likelihood is concave, so that
    Newton's method finds its only maximum. The standard error is that of the observed
    information times ``sqrt(n / (n - 2))``, `n` being the points seen; with nothing below, that is
    the ordinary one.

    References
    ----------
    Tobin, Econometrica 1958;26:24, doi 10.2307/1907382.
    Olsen, Econometrica 1978;46:1211, doi 10.2307/1911445.

    Examples
    --------
    >>> x = np.array([0.0, 1.0, 2.0, 3.0])
    >>> line = fit_censored_line(x, np.array([5.0, 3.9, 3.1, 2.5]), x > 2.5)
    >>> round(line.slope, 3)
    -0.95
    """
    n_seen = int((~below).sum())
    if n_seen < 3 or np.ptp(x[~below]) == 0:
        raise EstimationError(f"a line needs three points at two places or more, found {n_seen}")
    design = np.column_stack([np.ones_like(x), x])
    start, *_ = np.linalg.lstsq(design[~below], y[~below], rcond=None)
    sigma = float(np.sqrt(np.mean((y[~below] - design[~below] @ start) ** 2)))
    # Points on one line give no scatter; the line is then the answer as it stands.
    floor = 1e-12 + 1e-9 * float(np.abs(y[~below]).max())
    if sigma <= floor and np.all(design[below] @ start <= y[below] + floor):
        return CensoredLine(float(start[0]), float(start[1]), 0.0, 0.0, n_seen - 2)
    parameters = np.append(start, 1.0) / max(sigma, 1e-3 * float(np.ptp(y[~below])), floor)
    parameters, information = _maximise(parameters, design, y, below)
    beta, scale = parameters[:2], parameters[2]
    covariance = np.linalg.inv(information)
    # slope = gamma / h, by the delta method.
    gradient = np.array([0.0, 1.0 / scale, -beta[1] / scale**2])
    variance = float(gradient @ covariance @ gradient) * n_seen / (n_seen - 2)
    return CensoredLine(
        float(beta[0] / scale),
        float(beta[1] / scale),
        float(1.0 / scale),
        float(np.sqrt(variance)),
        n_seen - 2,
    )


def _maximise(
    parameters: Floats, design: Floats, y: Floats, below: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Climb to the top of the concave log-likelihood; return it with its information."""
    value, gradient, information = _log_likelihood(parameters, design, y, below)
    for _ in range(100):
        step = np.linalg.solve(information, gradient)
        if float(gradient @ step) < 1e-12:
            return parameters, information
        length = 1.0
        while True:
            candidate = parameters + length * step
            if candidate[2] > 0:
                new = _log_likelihood(candidate, design, y, below)
                if new[0] >= value + 1e-4 * length * float(gradient @ step):
                    break
            length /= 2
            if length < 1e-12:
                return parameters, information
        parameters = candidate
        value, gradient, information = new
    raise EstimationError("no maximum of the likelihood was found for points below their limit")


def _log_likelihood(
    parameters: Floats, design: Floats, y: Floats, below: NDArray[np.bool_]
) -> tuple[float, Floats, Floats]:
    """Log-likelihood, its gradient and information in (intercept, slope, 1) / sigma."""
    from scipy.special import log_ndtr

    z = np.column_stack([-design, y])
    residual = z @ parameters
    seen, hidden = residual[~below], residual[below]
    # d/dr log Phi(r), the inverse Mills ratio, and minus its derivative.
    log_phi = log_ndtr(hidden)
    mills = np.exp(-0.5 * hidden**2 - 0.5 * np.log(2 * np.pi) - log_phi)
    value = len(seen) * np.log(parameters[2]) - 0.5 * float(seen @ seen) + float(log_phi.sum())
    gradient = -z[~below].T @ seen + z[below].T @ mills
    gradient[2] += len(seen) / parameters[2]
    weight = mills * (hidden + mills)
    information = z[~below].T @ z[~below] + (z[below] * weight[:, None]).T @ z[below]
    information[2, 2] += len(seen) / parameters[2] ** 2
    return float(value), gradient, information
