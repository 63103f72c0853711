"""A mixture of kinds of cells: where each lies, how far it spreads, how likely an event is one."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

# Squared deviate; farther is as far, and a product of nine stays in single precision.
_FARTHEST = np.float32(1e3)
_FREEDOMS = np.array([3.0, 4.0, 6.0, 9.0, 14.0, 25.0, 50.0])
_SETTLED, _NOTHING = 1e-4, 1e-8  # relative change of a share, and a share of no event
_NO_RIVAL = 1e-9  # of the likeliest component's density
STRAY_SCALE = 2.5  # how much wider whole cells lie that stray
_BLOCK = 4_096  # events judged at once, so that intermediate arrays stay in the processor's cache


@dataclass(frozen=True)
class Mixture:
    """Kinds of cells, each a cloud with heavy tails along every one of its axes.

    Parameters
    ----------
    names : tuple of str, length k
        Kinds of cells.
    dimensions : tuple of str, length d
        Markers and scatter.
    means : ndarray, shape (k, d)
        Centres, in the features of `features`.
    covariances : ndarray, shape (k, d, d)
        Scale matrices.
    freedom : ndarray, shape (k,)
        Degrees of freedom of the tails; few make them heavy.
    everything : ndarray, shape (2, d)
        Mean and standard deviation of all events together: the background, which takes what is no
        listed kind.
    stray : 0-1
        Share of whole cells that stray.

    Notes
    -----
    After whitening, each axis of a kind follows Student's t on its own: staining that failed for
    one marker makes an event an outlier on one axis, and leaves it a member by all others. A
    multivariate t would lengthen all axes together. Some cells do stray as a whole, though (size,
    stickiness, a cell that carries debris): they lie in a cloud 2.5 times as wide, or they would
    be taken for the background.
    """

    names: tuple[str, ...]
    dimensions: tuple[str, ...]
    means: Doubles
    covariances: Doubles
    freedom: Doubles
    everything: Doubles
    stray: float = 0.0


def roots(covariances: Doubles) -> tuple[Doubles, Doubles]:
    """Return the symmetric square root of each scale matrix, and its inverse, shape (k, d, d)."""
    values, vectors = np.linalg.eigh(covariances)
    widths = np.sqrt(values)[:, None, :]
    turned = vectors.transpose(0, 2, 1)
    return (vectors * widths) @ turned, (vectors / widths) @ turned


def log_densities(mixture: Mixture) -> Callable[[Floats, Doubles], Floats]:
    """Return the log density of each kind, and of the background, as a function of events.

    Parameters
    ----------
    mixture
        Shapes of the kinds.

    Returns
    -------
    function
        Of events (ndarray, shape (n, d)) and the centres in the tube that they are from (shape
        (k, d)), it makes an ndarray of float32, shape (n, k + 1); the background comes last.
    """
    d = mixture.means.shape[1]
    _, whiten = roots(mixture.covariances)
    # Scaled so that the square of a deviate is over its degrees of freedom.
    scaled = whiten / np.sqrt(mixture.freedom)[:, None, None]
    axes = np.ascontiguousarray(scaled.transpose(2, 0, 1).astype(np.float32))
    power = (-(mixture.freedom + 1) / 2).astype(np.float32)[:, None]
    constants = d * log_t_constants(mixture.freedom) + np.linalg.slogdet(whiten)[1]
    constants = constants.astype(np.float32)[:, None]
    constants += np.float32(math.log1p(-mixture.stray))
    stray = _stray_odds(mixture.stray, d)
    middle, width = mixture.everything.astype(np.float32)[:, :, None]
    narrowness = np.log(width).sum() + d / 2 * math.log(2 * math.pi)

    def of_events(values: Floats, means: Doubles) -> Floats:
        centres = np.einsum("kd,kde->ek", means, scaled).astype(np.float32)[:, :, None]
        # A row a kind: what follows runs along the events.
        density = np.empty((len(means) + 1, len(values)), dtype=np.float32)
        for first in range(0, len(values), _BLOCK):
            block = np.ascontiguousarray(values[first : first + _BLOCK].T)
            nearer, wider = _log_products(block, axes, centres)
            nearer *= power
            wider *= power
            wider += stray
            density[:-1, first : first + _BLOCK] = _log_of_sum(nearer, wider) + constants
            apart = np.square((block - middle) / width).sum(axis=0)
            density[-1, first : first + _BLOCK] = -0.5 * apart
        density[-1] -= narrowness
        return density.T

    return of_events


def _log_products(block: Floats, axes: Floats, centres: Floats) -> tuple[Floats, Floats]:
    """Return what tails make of events, shape (d, n): of cells that are near, and that stray."""
    product = np.ones((axes.shape[1], block.shape[1]), dtype=np.float32)
    wider = np.ones_like(product)
    deviate = np.empty_like(product)
    one, narrow = np.float32(1), np.float32(STRAY_SCALE**-2)
    for axis, centre in zip(axes, centres, strict=True):
        np.matmul(axis, block, out=deviate)
        deviate -= centre
        deviate *= deviate
        deviate += 1
        np.clip(deviate, one, _FARTHEST, out=deviate)  # several times as fast as the minimum
        product *= deviate
        deviate *= narrow
        deviate += 1 - narrow
        wider *= deviate
    return np.log(product, out=product), np.log(wider, out=wider)


def _log_of_sum(first: Floats, second: Floats) -> Floats:
    """Return the logarithm of the sum of what both hold the logarithms of; the first is used up."""
    larger = np.maximum(first, second)
    first -= second
    np.exp(-np.abs(first, out=first), out=first)
    first += 1
    return np.asarray(np.log(first, out=first) + larger)


def _stray_odds(stray: float, dimensions: int) -> np.float32:
    """Return the log odds that a cell at the very centre of its kind strays."""
    odds = max(stray, 1e-300) / (1 - stray)  # whose logarithm is finite
    return np.float32(math.log(odds) - dimensions * math.log(STRAY_SCALE))


def stray_cells(deviates: Floats, freedom: float, stray: float) -> Floats:
    """Return the probability that each cell of a kind strays as a whole.

    Parameters
    ----------
    deviates : ndarray, shape (n, d)
        Whitened.
    freedom
        Degrees of freedom of the kind's tails.
    stray
        Share of the cells that stray.

    Returns
    -------
    ndarray, shape (n,)

    Examples
    --------
    >>> stray_cells(np.float32([[0, 0, 0], [4, 4, -4]]), 50, 0.03).round(2).tolist()
    [0.0, 1.0]
    """
    squares = np.square(deviates.T, order="C") / np.float32(freedom)
    nearer, wider = np.prod(1 + squares, axis=0), np.prod(1 + squares / STRAY_SCALE**2, axis=0)
    odds = _stray_odds(stray, len(squares)) + (freedom + 1) / 2 * np.log(nearer / wider)
    return np.asarray(1 / (1 + np.exp(-np.minimum(odds, 80))), dtype=np.float32)


def log_t_constants(freedom: Doubles) -> Doubles:
    """Return the logarithm of the normalising constant of Student's t."""
    return np.array(
        [
            math.lgamma((nu + 1) / 2) - math.lgamma(nu / 2) - math.log(nu * math.pi) / 2
            for nu in freedom
        ]
    )


def fit_tails(deviates: Floats, weights: Doubles) -> float:
    """Return the degrees of freedom that fit whitened deviates best.

    Parameters
    ----------
    deviates : ndarray, shape (n, d)
        Whitened.
    weights : ndarray, shape (n,)
        How many events each stands for.

    Returns
    -------
    float
        One of a few steps between 3 and 50.
    """
    constants = log_t_constants(_FREEDOMS)
    squares = np.square(deviates.T, order="C", dtype=np.float64)
    shares = weights / (weights.sum() * len(squares))
    scores = [
        # The logarithm of a product is one for all axes.
        constant - (nu + 1) / 2 * float(np.log(np.prod(1 + squares / nu, axis=0)) @ shares)
        for nu, constant in zip(_FREEDOMS, constants, strict=True)
    ]
    return float(_FREEDOMS[int(np.argmax(scores))])


def mixing_shares(
    log_density: Floats, *, weights: Floats | None = None, rounds: int = 40
) -> tuple[Doubles, Doubles]:
    """Return how large a share of the events each component makes up, and whose each event is.

    Parameters
    ----------
    log_density : ndarray, shape (n, k)
        Of each component at each event.
    weights : ndarray, shape (n,)
        How many events each stands for; one when left out.
    rounds
        Of expectation and maximisation at the most; only the shares are free.

    Returns
    -------
    shares : ndarray, shape (k,)
        Sum 1.
    memberships : ndarray, shape (n, k)
        Probability of each component for each event; rows sum to 1.

    Examples
    --------
    >>> far_apart = np.log(np.array([[1, 1e-9], [1, 1e-9], [1, 1e-9], [1e-9, 1]]))
    >>> shares, _ = mixing_shares(far_apart.astype(np.float32))
    >>> shares.round(3)
    array([0.75, 0.25])
    """
    n, k = log_density.shape
    shares = np.full(k, 1 / k)
    if n == 0:
        return shares, np.empty((0, k))
    number = np.ones(n) if weights is None else weights.astype(np.float64)
    density = log_density.T - log_density.max(axis=1)
    np.exp(density, out=density)
    # An event that only one component comes near is told at once, whatever the shares.
    open_cases = np.count_nonzero(density > _NO_RIVAL, axis=0) > 1
    told = ~open_cases
    sure = np.bincount(density[:, told].argmax(axis=0), number[told], minlength=k)
    doubtful, each = density[:, open_cases].astype(np.float64), number[open_cases]
    for _ in range(rounds):
        before = shares
        shares = (before * (doubtful @ (each / (before @ doubtful + 1e-300))) + sure) / number.sum()
        if np.all(np.abs(shares - before) <= _SETTLED * before + _NOTHING):
            break
    joint = density * shares[:, None]
    return shares, (joint / joint.sum(axis=0)).T
