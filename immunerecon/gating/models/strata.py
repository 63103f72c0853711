"""Which of a tube's many events a model looks at: all of the rare kinds, some of the others."""

import numpy as np
from numpy.typing import NDArray

from immunerecon.gating.models.mixture import Mixture, roots

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Indices = NDArray[np.intp]

ENOUGH_EVENTS = 20_000  # a tube with no more is looked at as a whole
_A_CLEAR_STRATUM, _A_DOUBTFUL_STRATUM = 300, 1_500  # events
_CLEAR_LEAD = 12.0  # log likelihood ratio to the next kind
_CLEAR_SQUARES = 2.0  # mean squared deviate an axis; farther from its kind an event is doubtful
_BLOCK = 8_192  # events, so that what is in between stays in the processor's cache


def stratified_sample(values: Floats, means: Doubles, mixture: Mixture) -> tuple[Indices, Floats]:
    """Choose events so that no kind of cell loses any precision that matters.

    Parameters
    ----------
    values : ndarray, shape (n, d)
        Events as the model sees them.
    means : ndarray, shape (k, d)
        Centre of each kind in the tube.
    mixture
        Their shapes.

    Returns
    -------
    positions : ndarray of int, shape (m,)
        Ascending; all events where there are no more than 20,000.
    weights : ndarray of float32, shape (m,)
        How many events each stands for; they sum to n.

    Notes
    -----
    Events are put into strata by the kind that is nearest in a metric that all kinds share (a
    linear discriminant, one matrix product), and by whether another kind is nearly as near. Nearly
    all events of a clear stratum are of one kind, so a few hundred tell its composition as well
    as all would; rare kinds and doubtful events are looked at in greater number, or all of them.
    This is stratified sampling with an allocation by the spread within strata (Neyman J. J R Stat
    Soc 1934;97:558-625. doi:10.2307/2342192). Nothing is left to chance: events are taken at even
    steps.

    Examples
    --------
    >>> at, wide = np.zeros((2, 1)) + [[0.2], [0.7]], np.full((2, 1, 1), 0.001)
    >>> one = Mixture(("B", "T"), ("CD3",), at, wide, np.full(2, 9.0), np.ones((2, 1)))
    >>> positions, weights = stratified_sample(np.full((30_000, 1), 0.2, np.float32), at, one)
    >>> len(positions), float(weights.sum())
    (300, 30000.0)
    """
    n = len(values)
    if n <= ENOUGH_EVENTS:
        return np.arange(n), np.ones(n, dtype=np.float32)
    strata = _strata(values, means, mixture)
    order = np.argsort(strata, kind="stable")
    edges = np.searchsorted(strata[order], np.arange(2 * len(means) + 1))
    positions: list[Indices] = []
    weights: list[Floats] = []
    for stratum, size in enumerate(np.diff(edges)):
        limit = (_A_CLEAR_STRATUM, _A_DOUBTFUL_STRATUM)[stratum % 2]
        taken = np.linspace(0, size - 1, min(size, limit)).astype(np.intp)
        positions.append(order[edges[stratum] + taken])
        weights.append(np.full(len(taken), size / max(len(taken), 1), dtype=np.float32))
    chosen, stands_for = np.concatenate(positions), np.concatenate(weights)
    back = np.argsort(chosen)
    return chosen[back], stands_for[back]


def _strata(values: Floats, means: Doubles, mixture: Mixture) -> NDArray[np.int8]:
    """Return twice the number of the nearest kind, plus one where that is in doubt."""
    pooled = mixture.covariances.mean(axis=0)
    (whiten,) = roots(pooled[None])[1]
    middle = means.mean(axis=0)
    turn = np.ascontiguousarray(whiten.T, dtype=np.float32)
    shift = (whiten.T @ middle).astype(np.float32)[:, None]
    centres = ((means - middle) @ whiten).astype(np.float32)
    squares, twice = np.square(centres).sum(axis=1)[:, None], -2 * centres
    found = np.empty(len(values), dtype=np.int8)
    for first in range(0, len(values), _BLOCK):
        block = turn @ values[first : first + _BLOCK].T
        block -= shift
        # Squared distance to each centre, less what is the same for all centres; a row a kind.
        apart = twice @ block
        apart += squares
        nearest, least = _nearest(apart)
        rivals = np.add.reduce(apart < least + np.float32(2 * _CLEAR_LEAD), dtype=np.uint8)
        np.square(block, out=block)
        far = block.sum(axis=0) + least > _CLEAR_SQUARES * len(block)
        doubtful = (rivals > 1) | far
        found[first : first + _BLOCK] = 2 * nearest + doubtful
    return found


def _nearest(apart: Floats) -> tuple[NDArray[np.int8], Floats]:
    """Return which row is least in each column, and its value.

    The number of its row takes the last bits of each value, so that the least one brings it along.
    """
    last = (1 << len(apart).bit_length()) - 1
    bits = apart.view(np.int32)
    bits &= ~last
    bits |= np.arange(len(apart), dtype=np.int32)[:, None]
    least = apart.min(axis=0)
    return (least.view(np.int32) & last).astype(np.int8), least
