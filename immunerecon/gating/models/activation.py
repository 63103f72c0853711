"""How far activation moved the cells of a tube: the likeliest multiple of what is usual."""

import numpy as np
from numpy.typing import NDArray

from immunerecon.gating.models.mixture import Mixture, log_densities, mixing_shares
from immunerecon.gating.models.shifts import Levers
from immunerecon.gating.models.starting import Pool

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]

_TIMES = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
_ENOUGH = 200  # events, of which twice as many would choose no other multiple
_TOLD = 0.99  # probability of kinds that activation does not move, beyond which an event is theirs


def likeliest_activation(
    pool: Pool,
    number: Floats,
    mixture: Mixture,
    levers: Levers,
    *,
    slopes: Doubles,
    usual: Doubles,
) -> Doubles:
    """Return how far activation moved the cells of each tube.

    A tube that took activated cells for another kind agrees with itself and never leaves that by
    small steps; so a few multiples of what is usual are tried on its events.

    Parameters
    ----------
    pool
        Events of all tubes.
    number : ndarray, shape (n, k)
        How many events of each kind each of them stands for, so far.
    mixture
        Kinds of cells.
    levers
        What the gains move.
    slopes : ndarray, shape (k, d)
        How far each mean moves for a unit of log gain.
    usual : ndarray, shape (t, f)
        Log gains of each tube, with what activation usually adds to those that it moves.

    Returns
    -------
    ndarray, shape (t,)
        As a multiple of what is usual; 1 where it moves nothing, or no event tells.
    """
    at_rest = slopes * usual[:, levers.base[levers.of_mean]]
    moved = slopes * usual[:, levers.of_mean] - at_rest
    steady = (levers.of_mean < levers.of_mean.shape[1]).all(axis=1)
    times = np.ones(pool.n_tubes)
    for tube in range(pool.n_tubes):
        rows = pool.rows(tube)
        told = number[rows][:, steady].sum(axis=1) >= _TOLD * pool.weights[rows]
        open_cases = np.flatnonzero(~told)
        some = open_cases[:: max(1, len(open_cases) // _ENOUGH)]
        values, weights = pool.values[rows][some], pool.weights[rows][some]
        if not (moved[tube].any() and len(values)):
            continue
        scores = []
        for tried in _TIMES:
            means = mixture.means + at_rest[tube] + tried * moved[tube]
            density = log_densities(values, means, mixture)
            shares, _ = mixing_shares(density, weights=weights)
            scores.append(float(weights @ np.log(np.exp(density, dtype=np.float64) @ shares)))
        times[tube] = _TIMES[int(np.argmax(scores))]
    return times
