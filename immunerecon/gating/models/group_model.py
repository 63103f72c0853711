"""One model of all kinds of cells for the tubes of a panel and cytometer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from immunerecon.gating.evidence import TubeEvidence
from immunerecon.gating.models.batches import batch_centres, find_batches
from immunerecon.gating.models.mixture import Mixture, log_densities, mixing_shares
from immunerecon.gating.models.moments import LEAST_EVENTS, Moments, moments_of
from immunerecon.gating.models.shifts import (
    ACTIVATION_SPREAD,
    BATCH_SPREAD,
    OWN_WOBBLE,
    TUBE_SPREAD,
    Levers,
    Residuals,
    Shifts,
    expected_activation,
    moved_means,
    name_levers,
    slopes_at,
    solve_shifts,
)
from immunerecon.gating.models.starting import Likeness, Pool, likeness, pool_events, start_mixture

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]

_ROUNDS = 16
_ALL_FROM, _EARLY_STRIDE = 10, 3  # rounds before, in which a third of the events does
_BATCHES_FROM = 5  # rounds after which the gains are good enough to tell batches by
_SHARE_ROUNDS, _LAST_SHARE_ROUNDS = 8, 40
_FEWEST_KINDS = 4
_FEWEST_TUBES = 2  # a lone tube cannot tell what a kind looks like from what lies beside it
_MOST_STRANGERS = 0.08  # of the events
_MOST_STRAY = 0.1  # of the cells
# A kind stays near the events that it started from, or a rare one is drawn into a large one.
_REACH, _REACH_BEYOND = 0.5, 0.01  # start spreads, and display
_GROWTH = 1.3  # of the start spread
_PRIOR_EVENTS = 20.0  # by which each kind is held at its start


@dataclass(frozen=True)
class GroupModel:
    """A mixture that a group of tubes shares, and how each tube lies in it.

    Parameters
    ----------
    mixture
        Kinds of cells at the gains of the group's middle.
    means : ndarray, shape (t, k, d)
        Centres in each tube.
    shifts
        Log gains of each tube.
    levers, slopes
        What the gains move, and by how much each centre (shape (k, d)).
    batches : ndarray of int, shape (t,)
        Batch of each tube, as found from the data.
    """

    mixture: Mixture
    means: Doubles
    shifts: Shifts
    levers: Levers
    slopes: Doubles
    batches: NDArray[np.intp]


def fit_group(
    evidence: Sequence[TubeEvidence], *, labels: NDArray[np.intp], resting: NDArray[np.bool_]
) -> GroupModel | None:
    """Fit a mixture to tubes of one panel and cytometer.

    Parameters
    ----------
    evidence
        Of each tube; all with the same kinds of cells and dimensions.
    labels : ndarray of int, shape (t,)
        Tubes with the same label are known to be of one batch.
    resting : ndarray of bool, shape (t,)
        Tubes whose cells are not activated: kinds that activation moves start from them.

    Returns
    -------
    GroupModel or None
        None for a lone tube, and where the tubes show fewer than four kinds of cells, or many
        events of no kind: the strategy does not describe them.

    Notes
    -----
    Expectation-maximisation for a mixture of t distributions, as in [1]_ but with tails along each
    axis on its own. Shapes are shared, the share of each kind of cell is each tube's own, and each
    tube's centres are moved by its gains (`shifts`), whose prior is the batch's.

    References
    ----------
    .. [1] Lo K, Brinkman RR, Gottardo R. Cytometry A 2008;73:321-332. doi:10.1002/cyto.a.20531
    """
    if len(evidence) < _FEWEST_TUBES or len(evidence[0].cells) < _FEWEST_KINDS:
        return None
    pool = pool_events(evidence)
    start, number = start_mixture(evidence, pool, resting)
    if len(start.names) < _FEWEST_KINDS:
        return None
    moves = dict(zip(evidence[0].cells, evidence[0].moves, strict=True))
    alike = likeness(evidence[0], start.names)
    levers = name_levers(start.dimensions, [moves[name] for name in start.names])
    mixture, offsets = start, np.zeros((pool.n_tubes, *start.means.shape))
    centres = np.zeros((pool.n_tubes, len(levers.names)))
    batches = np.zeros(pool.n_tubes, dtype=np.intp)
    spread = np.where(levers.steady, BATCH_SPREAD, ACTIVATION_SPREAD)
    looked_at = pool.thinned(_EARLY_STRIDE)
    number = number[::_EARLY_STRIDE] * np.float32(_EARLY_STRIDE)
    for step in range(_ROUNDS):
        if step == _ALL_FROM:
            looked_at = pool
            number = _expect(pool, mixture, mixture.means + offsets, rounds=_SHARE_ROUNDS)
        moments = moments_of(looked_at, mixture, offsets, number)
        residuals = _residuals(moments, mixture, offsets, evidence[0].slopes)
        shifts = solve_shifts(residuals, levers, centres=centres, spread=spread)
        known = batches if step > _BATCHES_FROM else None
        centred = moved_means(mixture.means, residuals, levers, shifts.gains, batches=known)
        offsets = centred - mixture.means
        left = residuals.distance - offsets
        mixture = _maximise(mixture, start, moments, left=left, alike=alike)
        if step == _BATCHES_FROM:
            batches = find_batches(*_steady(shifts, levers), labels=labels)
        if step >= _BATCHES_FROM:
            centres = batch_centres(shifts.gains, shifts.errors, batches, spread=BATCH_SPREAD)
            added, told = expected_activation(shifts, levers, resting)
            centres = np.where(levers.steady, centres, added)
            spread = np.where(levers.steady, TUBE_SPREAD, told)
        rounds = _SHARE_ROUNDS if step < _ROUNDS - 1 else _LAST_SHARE_ROUNDS
        number = _expect(looked_at, mixture, mixture.means + offsets, rounds=rounds)
    if number.sum() < (1 - _MOST_STRANGERS) * pool.weights.sum():
        return None
    return GroupModel(mixture, mixture.means + offsets, shifts, levers, residuals.slopes, batches)


def _steady(shifts: Shifts, levers: Levers) -> tuple[Doubles, Doubles]:
    return shifts.gains[:, levers.steady], shifts.errors[:, levers.steady]


def _expect(pool: Pool, mixture: Mixture, means: Doubles, *, rounds: int) -> Floats:
    """Return how many events of each kind each sampled event stands for, shape (n, k)."""
    number = np.empty((len(pool.values), len(mixture.names)), dtype=np.float32)
    density_of = log_densities(mixture)
    for tube, centres in enumerate(means):
        rows = pool.rows(tube)
        density = density_of(pool.values[rows], centres)
        weights = pool.weights[rows]
        _, memberships = mixing_shares(density, weights=weights, rounds=rounds)
        number[rows] = memberships[:, :-1] * weights[:, None]
    return number


def _residuals(
    moments: Sequence[Moments], mixture: Mixture, offsets: Doubles, slopes: Floats
) -> Residuals:
    """Return where each kind lies in each tube against the mixture, and how well that is known."""
    variances = np.diagonal(mixture.covariances, axis1=1, axis2=2)
    events = np.stack([kind.events for kind in moments], axis=1)
    seen = events > LEAST_EVENTS
    variance = variances / np.where(seen, events, np.nan)[:, :, None]
    distance = offsets + np.stack([kind.centres for kind in moments], axis=1)
    return Residuals(
        np.where(seen[:, :, None], distance, 0.0),
        np.nan_to_num(variance, nan=np.inf),
        slopes_at(mixture.means, slopes),
    )


def _maximise(
    mixture: Mixture,
    start: Mixture,
    moments: Sequence[Moments],
    *,
    left: Doubles,
    alike: Likeness,
) -> Mixture:
    """Return the mixture moved to its events.

    `left` is what the tubes' gains do not explain. A kind that is like another shares its tails,
    and its place where they do not differ: on its own, a rare kind would take a large one's
    outliers for tails of its own, and settle halfway to a neighbour of which it took a part.
    """
    means, covariances = mixture.means.copy(), mixture.covariances.copy()
    for kind, found in enumerate(moments):
        total = found.pull.sum() + _PRIOR_EVENTS
        step = found.pull @ left[:, kind]
        back = _PRIOR_EVENTS * (start.means[kind] - means[kind])
        means[kind] += (step + back) / total
        covariances[kind] = (
            found.number * found.covariance + _PRIOR_EVENTS * start.covariances[kind]
        ) / (found.number + _PRIOR_EVENTS)
    freedom = np.array([moments[kind].freedom for kind in alike.first])
    spreads = np.sqrt(np.diagonal(start.covariances, axis1=1, axis2=2))
    reach = _REACH * spreads + _REACH_BEYOND
    for kind, model in enumerate(alike.of):
        own = alike.own[kind]
        middle = np.where(own, start.means[kind], means[model])
        near = np.where(own, reach[kind], OWN_WOBBLE)
        means[kind] = np.clip(means[kind], middle - near, middle + near)
    wide = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    narrow = np.minimum(1, _GROWTH * spreads / wide)
    covariances *= narrow[:, :, None] * narrow[:, None, :]
    everyone = sum(kind.number for kind in moments)
    stray = min(sum(kind.stray for kind in moments) / max(everyone, LEAST_EVENTS), _MOST_STRAY)
    return replace(mixture, means=means, covariances=covariances, freedom=freedom, stray=stray)
