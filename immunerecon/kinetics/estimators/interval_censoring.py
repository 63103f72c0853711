"""Distribution of times of which only the draws before and after are known."""

from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from immunerecon.errors import EstimationError

Floats = NDArray[np.float64]


def turnbull(left: Floats, right: Floats) -> pd.DataFrame:
    """Estimate the distribution of interval-censored times by Turnbull's method.

    Parameters
    ----------
    left : ndarray of float, shape (n_subjects,)
        Last day on which the event had not happened.
    right : ndarray of float, shape (n_subjects,)
        First day on which it had, infinity when it was never seen; equal to `left` when the day
        is known exactly.

    Returns
    -------
    DataFrame
        One row an interval that may hold mass: `left, right` (the event lies in (left, right], or
        on that day where both are equal), `mass, survival` (after the interval), `at_risk`
        (subjects who could still have the event and were under observation when it begins).

    Raises
    ------
    EstimationError
        When there is no subject, an end is missing, or an interval ends before it begins.

    Notes
    -----
    Intervals are half-open, (left, right], so that one that ends on a day and one that begins on it
    do not overlap. The likelihood's maximum is found by expectation maximisation and polished by
    the constrained Newton method until no shift of mass raises it. How the mass lies within
    an interval the data do not tell.

    References
    ----------
    Turnbull, J R Stat Soc B 1976;38:290, doi 10.1111/j.2517-6161.1976.tb01597.x.
    Wang, J R Stat Soc B 2007;69:185, doi 10.1111/j.1467-9868.2007.00583.x.

    Examples
    --------
    >>> turnbull(np.array([0.0, 7, 7, 14]), np.array([7.0, 14, 28, np.inf]))
       left  right   mass  survival  at_risk
    0   0.0    7.0  0.250     0.750        4
    1   7.0   14.0  0.375     0.375        3
    2  14.0   28.0  0.375     0.000        2
    """
    _check(left, right)
    starts, ends, holds = _innermost(left, right)
    mass = _maximise(holds)
    kept = mass > 0
    observed_until = np.where(np.isfinite(right), right, left)
    starts, ends, mass = starts[kept], ends[kept], mass[kept]
    return pd.DataFrame(
        {
            "left": starts,
            "right": ends,
            "mass": mass,
            "survival": np.maximum(1 - np.cumsum(mass), 0.0).round(12),
            "at_risk": ((right[:, None] >= ends) & (observed_until[:, None] >= starts)).sum(axis=0),
        }
    )


def turnbull_quantile(distribution: pd.DataFrame, probability: float = 0.5) -> tuple[float, float]:
    """Return the interval in which a share of the subjects reached the event.

    Parameters
    ----------
    distribution
        As made by `turnbull`.
    probability
        The share, 0.5 for the median.

    Returns
    -------
    low, high : float
        The quantile lies in (low, high]; high is infinite when the event was not seen so often.

    Examples
    --------
    >>> turnbull_quantile(turnbull(np.array([0.0, 7, 7, 14]), np.array([7.0, 14, 28, np.inf])))
    (7.0, 14.0)
    """
    reached = distribution["mass"].cumsum().to_numpy() >= probability - 1e-9
    row = distribution.iloc[int(np.argmax(reached))]
    return float(row["left"]), float(row["right"])


def _check(left: Floats, right: Floats) -> None:
    """Raise when the intervals make no sense."""
    if left.size == 0:
        raise EstimationError("there is no interval to estimate from")
    wrong = np.flatnonzero(~(left <= right))
    if wrong.size:
        first = int(wrong[0])
        raise EstimationError(
            f"interval {first + 1} runs from {left[first]:g} to {right[first]:g}; "
            "it needs two numbers in order"
        )


def _innermost(left: Floats, right: Floats) -> tuple[Floats, Floats, NDArray[np.float64]]:
    """Find the intervals that may hold mass and which subjects hold each of them.

    On one day, an exact time opens first, then closed right ends, then open left ends.
    """
    opens = list(zip(left, np.where(left == right, -1, 1), strict=True))
    closes = list(zip(right, np.zeros(right.size, dtype=int), strict=True))
    open_places, close_places = set(opens), set(closes)
    places = sorted(open_places | close_places)
    pairs = [
        (start, end)
        for start, end in pairwise(places)
        if start in open_places and end in close_places
    ]
    holds = np.array(
        [
            [o <= start and end <= c for start, end in pairs]
            for o, c in zip(opens, closes, strict=True)
        ],
        dtype=float,
    )
    starts = np.array([start[0] for start, _ in pairs], dtype=float)
    ends = np.array([end[0] for _, end in pairs], dtype=float)
    return starts, ends, holds


def _maximise(holds: Floats) -> Floats:
    """Masses of greatest likelihood."""
    from scipy.optimize import nnls

    n, m = holds.shape
    mass = np.full(m, 1 / m)
    for _ in range(20):
        mass = mass * (holds / (holds @ mass)[:, None]).mean(axis=0)
    for _ in range(200):
        scaled = holds / (holds @ mass)[:, None]
        if scaled.sum(axis=0).max() <= n * (1 + 1e-10):
            break
        # Newton's quadratic model of the likelihood is this least-squares problem (Wang 2007).
        target, _ = nnls(np.vstack([scaled - 2, np.ones(m)]), np.append(np.zeros(n), 1.0))
        mass = _step(holds, mass, target / target.sum())
    mass[mass < 1e-9] = 0.0
    return np.asarray(mass / mass.sum())


def _step(holds: Floats, mass: Floats, target: Floats) -> Floats:
    """Move towards the target, halving until the likelihood does not fall."""
    old = np.log(holds @ mass).sum()
    length = 1.0
    while length > 1e-10:
        moved = mass + length * (target - mass)
        density = holds @ moved
        if density.min() > 0 and np.log(density).sum() >= old:
            return moved
        length /= 2
    return mass
