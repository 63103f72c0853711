"""How far a tube's cells lie from the group's: one gain a channel, and what is left of each kind.

A detector's gain, an antibody lot and the pipetting of a tube move every cell that bears a marker
alike, on a logarithmic scale. One number a channel and tube says it; populations that are absent
from a tube move with those that are there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from immunerecon.gating.models.features import SLOPE_GRID

Doubles = NDArray[np.float64]

OWN_WOBBLE = 0.008  # display; of one kind of cell in one tube, beside the gain
FARTHEST_WOBBLE = 3.0  # standard errors, at which half as much is believed
TUBE_SPREAD = 0.08  # log gain; between tubes of one batch: pipetting, staining
BATCH_SPREAD = 0.5  # log gain; between batches
ACTIVATION_SPREAD = 1.0  # log intensity; of a marker that activation changes


@dataclass(frozen=True)
class Levers:
    """Which number moves each mean.

    Parameters
    ----------
    names : tuple of str, length f
        One for each dimension; then one for each that activation moves on some kinds of cells.
    of_mean : ndarray of int, shape (k, d)
        Position in `names` of what moves each mean.
    base : ndarray of int, shape (f,)
        The dimension that each acts on.
    """

    names: tuple[str, ...]
    of_mean: NDArray[np.intp]
    base: NDArray[np.intp]

    @property
    def steady(self) -> NDArray[np.bool_]:
        """Which of them tell a batch: those that no activation moves."""
        return np.asarray(np.arange(len(self.names)) < self.of_mean.shape[1])


def name_levers(dimensions: Sequence[str], moves: Sequence[frozenset[str]]) -> Levers:
    """Return the levers of a group.

    Parameters
    ----------
    dimensions : length d
        Markers and scatter.
    moves : length k
        For each kind of cell the markers that activation changes on it.
    """
    moved = [name for name in dimensions if any(name in which for which in moves)]
    of_mean = np.tile(np.arange(len(dimensions)), (len(moves), 1))
    for row, which in enumerate(moves):
        for name in which & set(moved):
            of_mean[row, dimensions.index(name)] = len(dimensions) + moved.index(name)
    base = [*range(len(dimensions)), *(dimensions.index(name) for name in moved)]
    names = (*dimensions, *(f"activated {name}" for name in moved))
    return Levers(names, of_mean, np.array(base))


def slopes_at(means: Doubles, slopes: NDArray[np.float32]) -> Doubles:
    """Return how far each mean moves for a unit of log gain, shape (k, d)."""
    return np.column_stack(
        [np.interp(means[:, j], SLOPE_GRID, slopes[j]) for j in range(means.shape[1])]
    )


@dataclass(frozen=True)
class Residuals:
    """Where the kinds of cells lie in each tube, against the group's means.

    Parameters
    ----------
    distance : ndarray, shape (t, k, d)
        Tube's mean less the group's.
    variance : ndarray, shape (t, k, d)
        Of that mean, by its number of events; infinite without any.
    slopes : ndarray, shape (k, d)
        As `slopes_at` returns them.
    """

    distance: Doubles
    variance: Doubles
    slopes: Doubles


@dataclass(frozen=True)
class Shifts:
    """Log gain of each tube, with its standard error, both of shape (t, f)."""

    gains: Doubles
    errors: Doubles


def solve_shifts(
    residuals: Residuals, which: Levers, *, centres: Doubles, spread: Doubles
) -> Shifts:
    """Estimate the gains of every tube.

    Parameters
    ----------
    residuals
        Where the kinds of cells lie.
    which
        What moves each mean.
    centres : ndarray, shape (t, f)
        Gains expected of each tube: its batch's; and what activation is expected to add.
    spread : ndarray, shape (f,) or (t, f)
        Standard deviation of the gains about them.

    Returns
    -------
    Shifts
        Weighted least squares with a normal prior. What activation moves starts from the gain of
        its dimension.
    """
    precision = 1 / (residuals.variance + OWN_WOBBLE**2)
    weight = residuals.slopes * precision
    gains, errors = np.empty_like(centres), np.empty_like(centres)
    spread = np.broadcast_to(spread, centres.shape)
    for f, base in enumerate(which.base):
        moved = which.of_mean[:, base] == f
        prior = 1 / spread[:, f] ** 2
        centre = centres[:, f] if f == base else gains[:, base] + centres[:, f]
        pull = (weight[:, moved, base] * residuals.distance[:, moved, base]).sum(axis=1)
        total = (weight[:, moved, base] * residuals.slopes[moved, base]).sum(axis=1) + prior
        gains[:, f] = (pull + prior * centre) / total
        errors[:, f] = total**-0.5
    return Shifts(gains, errors)


def expected_activation(
    shifts: Shifts, which: Levers, resting: NDArray[np.bool_]
) -> tuple[Doubles, Doubles]:
    """Return what activation adds to each tube by what it adds to the others, and the spread.

    Draws at rest are one group, all others another: a tube with a handful of activated cells
    takes over how far activation moved the cells of the draws that have many.

    Parameters
    ----------
    shifts
        Log gains of all tubes.
    which
        What each of them moves.
    resting : ndarray of bool, shape (t,)
        Tubes whose cells are not activated.

    Returns
    -------
    added, spread : ndarray, shape (t, f)
        Of the gains that tell a batch: 0, and 0. What is added is the median, which a few tubes
        that took one kind for another do not move.
    """
    added, spread = np.zeros_like(shifts.gains), np.zeros_like(shifts.gains)
    for f, base in enumerate(which.base):
        if f == base:
            continue
        own = shifts.gains[:, f] - shifts.gains[:, base]
        told = 1 / (1 + np.square(shifts.errors[:, f] / ACTIVATION_SPREAD))
        for group in (resting, ~resting):
            weight = told[group]
            middle = _median(np.append(own[group], 0.0), np.append(weight, 1.0))
            squares = weight @ np.square(own[group] - middle) + ACTIVATION_SPREAD**2
            added[group, f] = middle
            spread[group, f] = (squares / (weight.sum() + 1)) ** 0.5
    return added, spread


def _median(values: Doubles, weights: Doubles) -> float:
    order = np.argsort(values)
    below = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(below, below[-1] / 2)])


def moved_means(
    means: Doubles,
    residuals: Residuals,
    which: Levers,
    gains: Doubles,
    *,
    batches: NDArray[np.intp] | None = None,
) -> Doubles:
    """Return the means of every tube, moved by its gains, and by what is left of each kind.

    Parameters
    ----------
    means : ndarray, shape (k, d)
        Of the group.
    residuals, which, gains
        Where the kinds lie, and what moves them.
    batches : ndarray of int, shape (t,)
        Once they are known, a kind that lies far from where it lies in the other tubes of its batch
        is not believed: other cells took its place, as monocytes do where there are no NK cells,
        and a kind that followed them would take more of them.

    Returns
    -------
    ndarray, shape (t, k, d)
        What is left of a kind in all tubes alike is not the tubes': it moves the group's mean, as
        far as that may move.
    """
    by_gain = residuals.slopes * gains[:, which.of_mean]
    left = residuals.distance - by_gain
    variance = OWN_WOBBLE**2 + residuals.variance
    left -= _of_batch(left, 1 / variance, np.zeros(len(left), dtype=np.intp))
    kept = OWN_WOBBLE**2 / variance
    if batches is not None:
        believed = np.ones_like(left)
        for _ in range(2):  # once more without those that are not believed
            apart = np.square(left - _of_batch(left, believed / variance, batches)) / variance
            believed = 1 / (1 + np.square(apart / FARTHEST_WOBBLE**2))
        kept = kept * believed
    return np.asarray(means + by_gain + kept * left)


def _of_batch(left: Doubles, weight: Doubles, batches: NDArray[np.intp]) -> Doubles:
    """Return the weighted mean of each tube's batch; 0 where it has no events of a kind."""
    common = np.zeros_like(left)
    for batch in np.unique(batches):
        own = batches == batch
        total = weight[own].sum(axis=0)
        common[own] = (weight[own] * left[own]).sum(axis=0) / np.where(total > 0, total, 1)
    return common
