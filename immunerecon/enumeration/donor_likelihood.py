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
    """Bin probabilities of both kinds of cells and their slopes, shape (tubes, bins)."""

    recipient: Floats
    donor: Floats
    recipient_by_leak: Floats
    donor_by_miss: Floats
    recipient_by_gain: Floats
    donor_by_gain: Floats


def expect_parts(model: Mixture, tubes: Tubes) -> Parts:
    """Return what the recipient's and the donor's cells look like in these tubes.

    Parameters
    ----------
    model
        Shapes and priors.
    tubes
        Tubes; their fractions do not matter.
    """
    nuisance, shapes = tubes.nuisance, model.shapes
    leak, miss = np.exp(nuisance[:, [LEAK]]), np.exp(nuisance[:, [MISS]])
    moved = model.edges - nuisance[:, [GAIN]]
    own, own_slope = _masses(shapes.recipient, shapes.grid, moved, tubes.replicate)
    moved = moved - nuisance[:, [LAG]]
    other, other_slope = _masses(shapes.donor, shapes.grid, moved, tubes.replicate)
    by_leak, by_miss = leak * (own[1] - own[0]), miss * (other[1] - other[0])
    return Parts(
        recipient=own[0] + by_leak,
        donor=other[0] + by_miss,
        recipient_by_leak=by_leak,
        donor_by_miss=by_miss,
        recipient_by_gain=own_slope[0] + leak * (own_slope[1] - own_slope[0]),
        donor_by_gain=other_slope[0] + miss * (other_slope[1] - other_slope[0]),
    )


def log_density(model: Mixture, counts: Floats, tubes: Tubes) -> Floats:
    """Return the log density of events, shape (tubes or 1, bins), and nuisance parameters."""
    return _log_joint(model, counts, tubes, expect_parts(model, tubes))


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
    slope, curvature = _derivatives(model, total * parts.recipient, blanks, parts)
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
        slope, curvature = _derivatives(model, counts[active], now, parts)
        step = _step(now, slope, curvature, held=held)
        fraction[active] += step[:, 0]
        nuisance[active] += step[:, 1:]
        spread = np.sqrt(np.diagonal(curvature, axis1=1, axis2=2))
        far = np.abs(step * spread).max(axis=1) > (SETTLED_HELD if held else SETTLED)
        done = np.flatnonzero(~far) if rounds_left else np.arange(len(far))
        ended = active[done]
        there = Tubes(now.fraction[done], now.nuisance[done], now.replicate[done])
        joint = _log_joint(model, counts[ended], there, Parts(*(part[done] for part in parts)))
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


def _log_joint(model: Mixture, counts: Floats, tubes: Tubes, parts: Parts) -> Floats:
    square = ((tubes.nuisance - model.mean) / model.sd) ** 2
    log_expected = np.log(_mixed(parts, tubes.fraction))
    log_prior = -(TAILS + 1) / 2 * np.log1p(square / TAILS).sum(axis=1)
    return np.asarray((counts * log_expected).sum(axis=1) + log_prior)


def _precision(model: Mixture, tubes: Tubes) -> Floats:
    """Return the precision of each prior where the tubes are, shape (tubes, 4)."""
    square = ((tubes.nuisance - model.mean) / model.sd) ** 2
    return np.asarray((TAILS + 1) / (TAILS + square) / model.sd**2)


def _mixed(parts: Parts, fraction: Floats) -> Floats:
    share = fraction[:, None]
    return np.maximum(share * parts.donor + (1 - share) * parts.recipient, 1e-15)


def _derivatives(
    model: Mixture, counts: Floats, tubes: Tubes, parts: Parts
) -> tuple[Floats, Floats]:
    """Return slopes (tubes, 5) and expected information (tubes, 5, 5) of the log density."""
    expected = _mixed(parts, tubes.fraction)
    share = tubes.fraction[:, None]
    by_lag = share * parts.donor_by_gain
    slopes = np.stack(
        [
            parts.donor - parts.recipient,
            (1 - share) * parts.recipient_by_leak,
            share * parts.donor_by_miss,
            (1 - share) * parts.recipient_by_gain + by_lag,
            by_lag,
        ],
        axis=1,
    )
    # Where neither kind of cell has any mass, slopes over next to nothing would be infinite
    # information, and hide that two shifts cannot be told apart.
    slopes *= (expected > EMPTY)[:, None, :]
    score = np.matmul(slopes, (counts / expected)[:, :, None])[:, :, 0]
    precision = _precision(model, tubes)
    score[:, 1:] -= (tubes.nuisance - model.mean) * precision
    scaled = slopes / np.sqrt(expected)[:, None]
    information = np.matmul(scaled, scaled.transpose(0, 2, 1)) * counts.sum(axis=1)[:, None, None]
    diagonal = np.arange(1, 5)
    information[:, diagonal, diagonal] += precision
    return score, information


def _masses(
    cumulative: Floats, grid: Floats, edges: Floats, replicate: Rows
) -> tuple[Floats, Floats]:
    """Return the bin masses of core and tail, and their slopes as the cells move up."""
    width = grid[1] - grid[0]
    place = np.clip((edges - grid[0]) / width, 0, len(grid) - 1.001)
    cell = place.astype(np.intp)
    flat = replicate[:, None] * len(grid) + cell
    rows = cumulative.reshape(2, -1)
    low = rows.take(flat, axis=1)
    rise = rows.take(flat + 1, axis=1)
    rise -= low
    low += (place - cell) * rise
    return _between(low, 1.0), _between(rise, 0.0) / -width


def _between(values: Floats, last: float) -> Floats:
    """Return the differences along the bins, from 0 on the left to `last` on the right."""
    steps = np.empty((*values.shape[:-1], values.shape[-1] + 1))
    steps[..., 0] = values[..., 0]
    np.subtract(values[..., 1:], values[..., :-1], out=steps[..., 1:-1])
    np.subtract(last, values[..., -1], out=steps[..., -1])
    return steps
