"""Where the events of each kind of cell lie in each tube, outliers counting less."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from immunerecon.gating.models.mixture import STRAY_SCALE, Mixture, fit_tails, roots, stray_cells
from immunerecon.gating.models.starting import Pool

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]

LEAST_EVENTS = 1e-3  # below which an event, or a kind in a tube, adds nothing
_ENOUGH_FOR_TAILS = 200  # events


@dataclass(frozen=True)
class Moments:
    """Where the events of one kind lie about its centre in each tube.

    Parameters
    ----------
    events : ndarray, shape (t,)
        Effective number of sampled events.
    pull : ndarray, shape (t,)
        Number of events without outliers.
    centres : ndarray, shape (t, d)
        Mean distance from the tube's centre; 0 without events.
    covariance : ndarray, shape (d, d)
        About the tubes' centres.
    number
        Events of all tubes together.
    freedom
        Of the tails.
    stray
        Number of events of cells that stray as a whole.
    """

    events: Doubles
    pull: Doubles
    centres: Doubles
    covariance: Doubles
    number: float
    freedom: float
    stray: float


def moments_of(pool: Pool, mixture: Mixture, offsets: Doubles, number: Floats) -> list[Moments]:
    """Measure each kind of cell in all tubes."""
    centres = (mixture.means + offsets).astype(np.float32)
    shapes = zip(mixture.freedom.tolist(), *roots(mixture.covariances), strict=True)
    return [
        _moments(pool, centres[:, kind], number[:, kind], *shape, stray=mixture.stray)
        for kind, shape in enumerate(shapes)
    ]


def _moments(
    pool: Pool,
    centres: Floats,
    number: Floats,
    freedom: float,
    root: Doubles,
    whiten: Doubles,
    *,
    stray: float,
) -> Moments:
    """Measure one kind of cell in all tubes, outliers on an axis counting less on that axis."""
    rows = np.flatnonzero(number > LEAST_EVENTS)
    number, tubes = number[rows], pool.tubes[rows]
    weights = number.astype(np.float64)
    deviates = (pool.values[rows] - centres[tubes]) @ whiten.astype(np.float32)
    straying = stray_cells(deviates, freedom, stray)
    near = 1 - straying * np.float32(1 - STRAY_SCALE**-2)
    trust = (freedom + 1) / (freedom + np.square(deviates)) * near[:, None]
    counted = trust * number[:, None]
    pull = _sums(counted, tubes, pool.n_tubes)
    pulled = _sums(counted * deviates, tubes, pool.n_tubes)
    squares = np.bincount(tubes, np.square(weights), minlength=pool.n_tubes)
    total = np.bincount(tubes, weights, minlength=pool.n_tubes)
    drawn = np.sqrt(counted) * deviates
    spread = (drawn.T @ drawn).astype(np.float64) / max(total.sum(), LEAST_EVENTS)
    return Moments(
        events=np.square(total) / np.maximum(squares, LEAST_EVENTS),
        pull=pull.mean(axis=1),
        centres=pulled / np.maximum(pull, LEAST_EVENTS) @ root,
        covariance=root @ spread @ root,
        number=float(total.sum()),
        freedom=fit_tails(deviates, weights) if len(rows) >= _ENOUGH_FOR_TAILS else freedom,
        stray=float(straying @ weights),
    )


def _sums(values: Floats, tubes: NDArray[np.intp], n_tubes: int) -> Doubles:
    """Return the sum of the rows of each tube; the rows lie tube by tube."""
    sums = np.zeros((n_tubes, values.shape[1]))
    present, starts = np.unique(tubes, return_index=True)
    if present.size:
        sums[present] = np.add.reduceat(values, starts, axis=0, dtype=np.float64)
    return sums
