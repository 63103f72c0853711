"""Batches found from the data: tubes whose gains agree."""

import math

import numpy as np
from numpy.typing import NDArray

from immunerecon.gating.models.shifts import TUBE_SPREAD

Doubles = NDArray[np.float64]

_CHANCE = 0.999  # tubes of one batch differ less than this share of chance differences


def find_batches(gains: Doubles, errors: Doubles, *, labels: NDArray[np.intp]) -> NDArray[np.intp]:
    """Group tubes whose gains agree within what tubes of one batch differ by.

    Parameters
    ----------
    gains, errors : ndarray, shape (t, f)
        Log gain of each channel in each tube, and its standard error.
    labels : ndarray of int, shape (t,)
        Tubes with the same label are known to belong together.

    Returns
    -------
    ndarray of int, shape (t,)
        Number of the batch of each tube, counted in the order of first appearance.

    Notes
    -----
    Groups are merged, the most alike first, as long as the difference of their mean gains, in
    units of its standard error, is one that chance makes (chi square, 99.9 %). A gain that a tube
    cannot tell, having no cells that bear the marker, has a large error and does not keep it apart.

    Examples
    --------
    >>> gains = np.array([[0.0, 0.0], [0.02, 0.3], [0.5, 0.01], [0.51, -0.2]])
    >>> errors = np.array([[0.01, 0.01], [0.01, 1.0], [0.01, 0.01], [0.01, 1.0]])
    >>> find_batches(gains, errors, labels=np.arange(4)).tolist()
    [0, 0, 1, 1]
    """
    batch = np.unique(labels, return_inverse=True)[1]
    mean, variance = _pooled(gains, errors, batch)
    while len(mean) > 1:
        apart = (mean[:, None] - mean) ** 2 / (variance[:, None] + variance)
        distance = apart.sum(axis=2)
        np.fill_diagonal(distance, np.inf)
        i, j = sorted(np.unravel_index(distance.argmin(), distance.shape))
        if _upper_tail(float(distance[i, j]), gains.shape[1]) < 1 - _CHANCE:
            break
        batch[batch == j] = i
        batch = np.unique(batch, return_inverse=True)[1]
        mean, variance = _pooled(gains, errors, batch)
    _, first, batch = np.unique(batch, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[batch]


def _upper_tail(chi_square: float, freedom: int) -> float:
    """Return the chance of a chi square that is larger.

    By the recurrence of the incomplete gamma function: to import SciPy for this alone would take
    each worker as long as two tubes.

    Examples
    --------
    >>> print(f"{_upper_tail(10.828, 1):.6f} {_upper_tail(18.467, 4):.6f}")
    0.001000 0.001000
    """
    if chi_square <= 0:
        return 1.0
    half, shape = chi_square / 2, 1 - freedom % 2 / 2
    chance = math.exp(-half) if shape == 1 else math.erfc(math.sqrt(half))
    while shape < freedom / 2:
        chance += math.exp(shape * math.log(half) - half - math.lgamma(shape + 1))
        shape += 1
    return chance


def _pooled(gains: Doubles, errors: Doubles, batch: NDArray[np.intp]) -> tuple[Doubles, Doubles]:
    """Return mean gain of each batch, and its variance with the spread between its tubes."""
    precision = 1 / (errors**2 + TUBE_SPREAD**2)
    n = batch.max() + 1
    total, weighted = np.zeros((n, gains.shape[1])), np.zeros((n, gains.shape[1]))
    np.add.at(total, batch, precision)
    np.add.at(weighted, batch, precision * gains)
    return weighted / total, 1 / total


def batch_centres(
    gains: Doubles, errors: Doubles, batch: NDArray[np.intp], *, spread: float
) -> Doubles:
    """Return the gains expected of each tube: its batch's, drawn to none where it tells little.

    Parameters
    ----------
    gains, errors : ndarray, shape (t, f)
        Of each tube.
    batch : ndarray of int, shape (t,)
        Of each tube.
    spread
        Standard deviation of gains between batches.

    Returns
    -------
    ndarray, shape (t, f)
    """
    mean, variance = _pooled(gains, errors, batch)
    return np.asarray((mean * spread**2 / (spread**2 + variance))[batch])
