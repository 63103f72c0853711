"""Likelihood of a draw as a mixture of recipient and donor cells over uncertain background."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from immunerecon.enumeration.donor_shapes import Shapes

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

LEAK, MISS, GAIN, LAG = range(4)  # the nuisance parameters, see Mixture
EMPTY = 1e-12  # share of a bin that no cell of either kind falls into
HELD = 1e30  # information that keeps a fraction where it is
MOST = float(np.log(0.6))  # a tail that outgrows its core is no tail
LONGEST = np.array([1.0, 1.0, 1.0, 0.3, 0.3])  # step of the fraction and the nuisances
TAILS = 8.0  # degrees of freedom of the priors
ROUNDS = 15
SETTLED, SETTLED_HELD = 0.1, 0.5  # standard errors; the last step is taken by its parabola


@dataclass(frozen=True)
class Mixture:
    """Binned model of a draw.

    Parameters
    ----------
    shapes
        Distributions of the controls.
    edges : ndarray, shape (bins - 1,)
        Where the bins meet; the outer two are open.
    mean, sd : ndarray, shape (4,)
        Priors of the nuisance parameters: log share of recipient cells beyond their peak (leak),
        log share of donor cells short of theirs (miss), shift of all cells against the controls
        (gain), further shift of donor cells (lag). They are Student's t: now and then a tube is
        unlike its fellows, many of its cells dead or the expression of HLA itself changed.
    """

    shapes: Shapes
    edges: Floats
    mean: Floats
    sd: Floats


class Tubes(NamedTuple):
    """Tubes to evaluate, one row each.

    Parameters
    ----------
    fraction : ndarray, shape (tubes,)
        Donor fraction.
    nuisance : ndarray, shape (tubes, 4)
        Nuisance parameters.
    replicate : ndarray, shape (tubes,)
        Row of the shapes that each tube is compared with.
    """

    fraction: Floats
    nuisance: Floats
    replicate: Rows


class Fit(NamedTuple):
    """Fitted tubes, one row each.

    Parameters
    ----------
    fraction, nuisance
        As in `Tubes`, fitted.
    log_marginal : ndarray, shape (tubes,)
        Log likelihood, the nuisance parameters integrated out (Laplace).
    information, score : ndarray, shape (tubes,)
        Of the fraction, with the nuisance parameters unknown.
    """

    fraction: Floats
    nuisance: Floats
    log_marginal: Floats
    information: Floats
    score: Floats


class Parts(NamedTuple):
    """Bin probabilities of recipient (0) and donor cells (1), shape (2, tubes, bins).

    Parameters
    ----------
    cells
        The probabilities.
    by_tail
        Their slopes by leak of the recipient's, by miss of the donor's cells.
    by_gain
        Their slopes as the cells move up.
    """

    cells: Floats
    by_tail: Floats
    by_gain: Floats


def expect_parts(model: Mixture, tubes: Tubes) -> Parts:
    """Return what the recipient's and the donor's cells look like in these tubes.

    Parameters
    ----------
    model
        Shapes and priors.
    tubes
        Tubes; their fractions do not matter.
    """
    nuisance, grid = tubes.nuisance, model.shapes.grid
    moved = np.empty((2, len(nuisance), len(model.edges) + 1))
    moved[..., -1] = np.inf  # where the last bin ends
    moved[0, :, :-1] = model.edges - nuisance[:, [GAIN]]
    moved[1, :, :-1] = moved[0, :, :-1] - nuisance[:, [LAG]]
    moved -= grid[0]
    moved /= grid[1] - grid[0]
    moved.clip(0, len(grid) - 1.001, out=moved)
    cell = moved.astype(np.intp)
    moved -= cell
    below, rise = model.shapes.at(cell, tubes.replicate)
    below += moved * rise
    below[..., -1], rise[..., -1] = 1.0, 0.0
    mass, slope = _between(below), _between(rise)
    slope /= grid[0] - grid[1]
    tail = np.exp(nuisance[:, : MISS + 1]).T[:, :, None]
    by_tail = tail * (mass[1] - mass[0])
    return Parts(mass[0] + by_tail, by_tail, slope[0] + tail * (slope[1] - slope[0]))


def _between(values: Floats) -> Floats:
    """Return the differences along the bins, the first one from 0."""
    steps = np.empty_like(values)
    # Across the rows too, which is quicker; the first column is set right.
    np.subtract(values.ravel()[1:], values.ravel()[:-1], out=steps.ravel()[1:])
    steps[..., 0] = values[..., 0]
    return steps


def mixed(cells: Floats, fraction: Floats) -> Floats:
    """Return bin probabilities of all cells; `cells` as in `Parts`, for each donor fraction."""
    share = fraction[..., None]
    return np.asarray(np.maximum(share * cells[1] + (1 - share) * cells[0], 1e-15))


def log_density(model: Mixture, counts: Floats, nuisance: Floats, expected: Floats) -> Floats:
    """Return the log density of events and nuisance parameters.

    Parameters
    ----------
    model
        Shapes and priors.
    counts, expected : ndarray, shape (..., bins)
        Events, and the probabilities of `mixed`.
    nuisance : ndarray, shape (..., 4)
        Nuisance parameters.
    """
    square = ((nuisance - model.mean) / model.sd) ** 2
    log_prior = -(TAILS + 1) / 2 * np.log1p(square / TAILS).sum(axis=-1)
    return np.asarray((counts * np.log(expected)).sum(axis=-1) + log_prior)


def blank_sd(model: Mixture, total: float, fit: Fit) -> Floats:
    """Return the standard error of the fraction in blanks like the fitted tubes, shape (tubes,).

    Parameters
    ----------
    model
        Shapes and priors.
    total
        Parents in each tube.
    fit
        Of the tubes: their background, gain and lag count, their fractions do not.
    """
    rows = len(fit.fraction)
    blanks = Tubes(np.zeros(rows), fit.nuisance, np.zeros(rows, dtype=np.intp))
    parts = expect_parts(model, blanks)
    expected = mixed(parts.cells, blanks.fraction)
    slope, curvature = _derivatives(model, total * parts.cells[0], blanks, parts, expected)
    _, information, _ = _without_nuisance(slope[:, 0], slope, curvature, np.zeros_like(slope))
    return np.asarray(information**-0.5)


def fit_tubes(model: Mixture, counts: Floats, tubes: Tubes, *, held: bool) -> Fit:
    """Fit many tubes at once by Fisher scoring.

    Parameters
    ----------
    model
        Shapes and priors.
    counts : ndarray, shape (tubes or 1, bins)
        Events of each tube.
    tubes
        Where to start.
    held
        Whether the fractions stay where they are and only the nuisance parameters are fitted.

    Notes
    -----
    A tube is done when its next step is a short one. That step is still taken, and the likelihood
    at its end is that of the parabola the step goes by, so nothing is evaluated again there.
    """
    fraction, nuisance = tubes.fraction.copy(), tubes.nuisance.copy()
    log_marginal, information, score = np.empty((3, len(fraction)))
    counts = np.broadcast_to(counts, (len(fraction), counts.shape[1]))
    active = np.arange(len(fraction))
    for rounds_left in reversed(range(ROUNDS)):
        now = Tubes(fraction[active], nuisance[active], tubes.replicate[active])
        parts = expect_parts(model, now)
        expected = mixed(parts.cells, now.fraction)
        slope, curvature = _derivatives(model, counts[active], now, parts, expected)
        step = _step(now, slope, curvature, held=held)
        fraction[active] += step[:, 0]
        nuisance[active] += step[:, 1:]
        spread = np.sqrt(np.diagonal(curvature, axis1=1, axis2=2))
        far = np.abs(step * spread).max(axis=1) > (SETTLED_HELD if held else SETTLED)
        done = np.flatnonzero(~far) if rounds_left else np.arange(len(far))
        if len(done):
            ended = active[done]
            joint = log_density(model, counts[ended], now.nuisance[done], expected[done])
            log_marginal[ended], information[ended], score[ended] = _without_nuisance(
                joint, slope[done], curvature[done], step[done]
            )
        active = active[far]
        if not len(active):
            break
    return Fit(fraction, nuisance, log_marginal, information, score)


def _step(tubes: Tubes, slope: Floats, curvature: Floats, *, held: bool) -> Floats:
    """Return Newton's step, shape (tubes, 5), no longer than allowed and to nowhere impossible."""
    uphill = slope[:, 0] > 0
    stuck = held | (tubes.fraction <= 0) & ~uphill | (tubes.fraction >= 1) & uphill
    stiff = curvature.copy()
    stiff[:, 0, 0] += np.where(stuck, HELD, 1e-9)
    step = np.linalg.solve(stiff, slope[:, :, None])[:, :, 0]
    step = np.clip(step, -LONGEST, LONGEST)
    step[:, 0] = np.where(stuck, 0.0, np.clip(step[:, 0], -tubes.fraction, 1 - tubes.fraction))
    tails = step[:, 1 : 1 + GAIN]
    np.minimum(tails, MOST - tubes.nuisance[:, :GAIN], out=tails)
    return np.asarray(step)


def _without_nuisance(
    log_joint: Floats, slope: Floats, curvature: Floats, step: Floats
) -> tuple[Floats, Floats, Floats]:
    """Take the nuisance parameters out of likelihood, information and score at a step's end."""
    bent = np.matmul(curvature, step[:, :, None])[:, :, 0]
    log_joint = log_joint + (step * (slope - bent / 2)).sum(axis=1)
    slope = slope - bent
    inner = curvature[:, 1:, 1:]
    across = np.linalg.solve(inner, curvature[:, 1:, :1])[:, :, 0]
    return (
        log_joint - np.linalg.slogdet(inner)[1] / 2,
        curvature[:, 0, 0] - (curvature[:, 0, 1:] * across).sum(axis=1),
        slope[:, 0] - (slope[:, 1:] * across).sum(axis=1),
    )


def _precision(model: Mixture, tubes: Tubes) -> Floats:
    """Return the precision of each prior where the tubes are, shape (tubes, 4)."""
    square = ((tubes.nuisance - model.mean) / model.sd) ** 2
    return np.asarray((TAILS + 1) / (TAILS + square) / model.sd**2)


def _derivatives(
    model: Mixture, counts: Floats, tubes: Tubes, parts: Parts, expected: Floats
) -> tuple[Floats, Floats]:
    """Return slopes (tubes, 5) and expected information (tubes, 5, 5) of the log density."""
    # Where neither kind of cell has any mass, slopes over next to nothing would be infinite
    # information, and hide that two shifts cannot be told apart.
    expected = np.where(expected > EMPTY, expected, np.inf)
    shares = np.stack([1 - tubes.fraction, tubes.fraction])[:, :, None]
    slopes = np.empty((len(expected), 5, expected.shape[1]))
    by_fraction, by_leak, by_miss, by_gain, by_lag = slopes.swapaxes(0, 1)
    np.subtract(parts.cells[1], parts.cells[0], out=by_fraction)
    np.multiply(shares[0], parts.by_tail[0], out=by_leak)
    np.multiply(shares[1], parts.by_tail[1], out=by_miss)
    np.multiply(shares[1], parts.by_gain[1], out=by_lag)
    np.add(shares[0] * parts.by_gain[0], by_lag, out=by_gain)
    score = np.matmul(slopes, (counts / expected)[:, :, None])[:, :, 0]
    precision = _precision(model, tubes)
    score[:, 1:] -= (tubes.nuisance - model.mean) * precision
    slopes /= np.sqrt(expected)[:, None]
    information = np.matmul(slopes, slopes.transpose(0, 2, 1)) * counts.sum(axis=1)[:, None, None]
    diagonal = np.arange(1, 5)
    information[:, diagonal, diagonal] += precision
    return score, information
