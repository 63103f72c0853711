"""From a draw and its model to the estimate, its interval and the limit of blank."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from immunerecon.enumeration.donor_controls import Controls
from immunerecon.enumeration.donor_likelihood import (
    GAIN,
    LAG,
    LEAK,
    MOST,
    TAILS,
    Fit,
    Mixture,
    Tubes,
    blank_sd,
    expect_parts,
    fit_tubes,
    log_density,
    mixed,
)
from immunerecon.enumeration.donor_shapes import Shapes, bin_edges, leaked_events
from immunerecon.enumeration.limits import predict_background

Floats = NDArray[np.float64]

NEAREST = 4.0  # a donor's peak is not looked for further down than a quarter of its distance
POINTS = 13  # of the fraction, where its posterior is evaluated
CELLS_BETWEEN = 4096  # the outermost edges of a draw's bins, to find an event's bin by
BETWEEN = 10  # steps from one to the next, over which its logarithm is interpolated


def build_mixture(controls: Controls, shapes: Shapes) -> Mixture:
    """Return the model of a draw that these controls lead one to expect.

    Parameters
    ----------
    controls
        Aligned control tubes.
    shapes
        Their smoothed distributions.
    """
    leaked = leaked_events(controls).sum(axis=1)
    leak = predict_background(leaked.tolist(), controls.blanks.sum(axis=1).tolist())
    missed = controls.donor[~controls.graft].sum()
    miss = predict_background([missed], [controls.donor.sum()])
    return Mixture(
        shapes=shapes,
        edges=bin_edges(controls),
        mean=np.array([np.log(leak.rate), np.log(miss.rate), 0.0, 0.0]),
        sd=np.array([leak.log_sd, miss.log_sd, 2 * max(controls.gain_sd, 0.25), controls.gain_sd]),
    )


def bin_draw(values: Floats, edges: Floats) -> Floats:
    """Return the events between edges as one row, the outer bins being open.

    Parameters
    ----------
    values : ndarray, shape (n_events,)
        Of a tube.
    edges : ndarray, shape (bins - 1,)
        Ascending.

    Notes
    -----
    Events are sorted into narrow even cells, which is quick; only those that share a cell with an
    edge are compared with it.
    """
    scale = CELLS_BETWEEN / (edges[-1] - edges[0])

    def cell_of(places: Floats) -> NDArray[np.intp]:
        even = (places - edges[0]) * scale
        return np.asarray(even.clip(0, CELLS_BETWEEN), dtype=np.intp)

    cells, crossed = cell_of(values), cell_of(edges)
    events = np.bincount(cells, minlength=CELLS_BETWEEN + 1)
    events[crossed] = 0
    shared = np.zeros(len(events), dtype=bool)
    shared[crossed] = True
    bins = np.searchsorted(crossed, np.arange(len(events)))
    compared = np.searchsorted(edges, values[shared.take(cells)], side="right")
    counts = np.bincount(bins, events, len(edges) + 1) + np.bincount(compared, None, len(edges) + 1)
    return np.asarray(counts[None], dtype=float)


def fit_draw(model: Mixture, counts: Floats) -> Fit:
    """Return the most likely fraction and nuisance parameters of one draw.

    Parameters
    ----------
    model
        Shapes and priors; row 0 of the shapes is used.
    counts : ndarray, shape (1, bins)
        Events of the draw.
    """
    usual = _best_start(model, counts, GAIN, np.arange(-20, 21) / 5, model.mean)
    lags = np.arange(-8, 9) / 2
    # Nearer to the recipient's cells, the donor's would be told from the flank of their peak by
    # its shape alone, which is not known that well.
    lags = lags[lags >= -_donor_median(model) / NEAREST]
    lagging = _best_start(model, counts, LAG, lags, usual.nuisance[0])
    both = Tubes(*(np.concatenate(pair) for pair in zip(usual, lagging, strict=True)))
    fits = fit_tubes(model, counts, both, held=False)
    best = [int(np.argmax(fits.log_marginal))]  # the mode that holds more, not the higher one
    return Fit(*(field[best] for field in fits))


def _donor_median(model: Mixture) -> float:
    """Return where the donor's peak lies in the controls, the recipient's being at 0."""
    return float(np.interp(0.5, model.shapes.donor[0, 0], model.shapes.grid))


def _best_start(
    model: Mixture, counts: Floats, which: int, shifts: Floats, nuisance: Floats
) -> Tubes:
    """Return the likeliest of many fractions and shifts, all else being as it is."""
    shares = np.array([0.0005, 0.01, 0.1, 0.3, 0.6, 0.9, 0.98, 0.999])
    tried = np.tile(nuisance, (len(shifts), 1))
    tried[:, which] = shifts
    first = np.zeros(len(shifts), dtype=np.intp)
    parts = expect_parts(model, Tubes(np.zeros(len(shifts)), tried, first))
    expected = mixed(parts.cells[:, :, None], shares)
    density = log_density(model, counts, tried[:, None], expected)
    shift, share = np.unravel_index(np.argmax(density), density.shape)
    return Tubes(shares[[share]], tried[[shift]], first[:1])


def raw_fraction(fit: Fit) -> float:
    """Return the fitted fraction, or how far below 0 the draw points.

    Parameters
    ----------
    fit
        Of the draw.

    Notes
    -----
    The likelihood ends at 0. Where it falls from there on, the value is the first
    Newton step from 0, negative: fewer events than background alone would bring.
    """
    if fit.fraction[0] > 0:
        return float(fit.fraction[0])
    return float(fit.score[0] / fit.information[0])


def simulate_lob(
    model: Mixture, total: float, fit: Fit, *, tubes: int, rng: np.random.Generator
) -> float:
    """Return the fraction that 95 % of blank draws do not exceed, seen as this draw is.

    Parameters
    ----------
    model
        Shapes and priors.
    total
        Parents in the draw.
    fit
        Of the draw.
    tubes
        Number of simulated blanks.
    rng
        Source of randomness.

    Notes
    -----
    The blanks have the draw's gain, a background drawn from its prior and the shapes of the
    replicates, and are fitted, as the draw is, with row 0. What is held against their 95 % point
    is the fraction over its standard error in a blank, which differs with the background; the
    limit is that point times the standard error of the draw. The draw's background is the one
    fitted beside its donor cells: taken for a blank's, it would hold the donor cells as well.
    """
    nuisance = np.tile(model.mean, (tubes, 1))
    nuisance[:, LEAK] += model.sd[LEAK] * rng.standard_t(TAILS, tubes)
    nuisance[:, LEAK] = np.minimum(nuisance[:, LEAK], MOST)
    nuisance[:, GAIN] = fit.nuisance[0, GAIN]
    replicates = model.shapes.recipient.shape[1] - 1
    drawn = Tubes(np.zeros(tubes), nuisance, 1 + np.arange(tubes) % replicates)
    counts = rng.poisson(total * expect_parts(model, drawn).cells[0]).astype(float)
    start = Tubes(np.full(tubes, 1 / total), nuisance, np.zeros(tubes, dtype=np.intp))
    blanks = fit_tubes(model, counts, start, held=False)
    errors = blanks.fraction / blank_sd(model, total, blanks)
    highest = np.quantile(errors, 0.95, method="hazen")  # rank 0.5 + 0.95 n, as EP17 has it
    return float(highest * blank_sd(model, total, fit)[0])


def posterior_interval(
    model: Mixture, counts: Floats, fit: Fit, *, level: float
) -> tuple[float, float]:
    """Return the equal-tailed interval of the fraction, the controls' own error included.

    Parameters
    ----------
    model, counts, fit
        Of the draw.
    level
        Coverage, 0-1.

    Notes
    -----
    One posterior for each bootstrap replicate of the controls, with Jeffreys' prior
    (the root of the information on the fraction); the replicates are averaged.
    """
    spread = _fraction_grid(fit, float(counts.sum()))
    grid = spread(np.linspace(0, 1, POINTS))
    first = Tubes(grid, np.tile(fit.nuisance, (POINTS, 1)), np.zeros(POINTS, dtype=np.intp))
    profile = fit_tubes(model, counts, first, held=True)
    replicates = model.shapes.recipient.shape[1] - 1
    tubes = Tubes(
        np.tile(grid, replicates),
        np.tile(profile.nuisance, (replicates, 1)),
        np.repeat(np.arange(1, replicates + 1), POINTS),
    )
    fitted = fit_tubes(model, counts, tubes, held=True)
    log_prior = np.log(np.maximum(fitted.information, 1e-300)) / 2
    log_density = (fitted.log_marginal + log_prior).reshape(replicates, POINTS)
    fine = np.linspace(0, POINTS - 1, (POINTS - 1) * BETWEEN + 1)
    log_density = log_density @ spline_weights(POINTS, fine).T
    density = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    fractions = spread(fine / (POINTS - 1))
    mass = (density[:, 1:] + density[:, :-1]) / 2 * np.diff(fractions)
    cumulated = np.cumsum(mass / mass.sum(axis=1, keepdims=True), axis=1).mean(axis=0)
    tail = (1 - level) / 2
    low, high = np.interp([tail, 1 - tail], np.concatenate([[0.0], cumulated]), fractions)
    return float(low), float(high)


def spline_weights(knots: int, places: Floats) -> Floats:
    """Return what each knot weighs in a cubic spline through values at 0, 1, 2 ...

    Parameters
    ----------
    knots
        Their number, at least 4.
    places : ndarray, shape (n,)
        From 0 to ``knots - 1``.

    Returns
    -------
    ndarray, shape (n, knots)
        The first two and the last two pieces are one cubic each ("not a knot").

    Examples
    --------
    >>> cubes = np.arange(5.0) ** 3
    >>> float(spline_weights(5, np.array([2.5]))[0] @ cubes)  # 2.5 cubed
    15.625
    """
    # Second derivatives, as weights of the values.
    curved, steps = np.zeros((2, knots, knots))
    for row in range(1, knots - 1):
        curved[row, row - 1 : row + 2] = (1, 4, 1)
        steps[row, row - 1 : row + 2] = (6, -12, 6)
    curved[0, :3] = curved[-1, -3:] = (1, -2, 1)
    second = np.linalg.solve(curved, steps)
    left = np.minimum(places.astype(np.intp), knots - 2)
    after = (places - left)[:, None]
    before, value = 1 - after, np.eye(knots)
    return np.asarray(
        before * value[left]
        + after * value[left + 1]
        + (before**3 - before) * second[left] / 6
        + (after**3 - after) * second[left + 1] / 6
    )


def split_draw(model: Mixture, total: float, fit: Fit, edges: Floats) -> tuple[Floats, Floats]:
    """Return the fitted recipient and donor events between other edges.

    Parameters
    ----------
    model, total, fit
        Of the draw.
    edges : ndarray, shape (bins + 1,)
        On the controls' scale; the outer bins take what lies beyond.
    """
    tube = Tubes(fit.fraction, fit.nuisance, np.zeros(1, dtype=np.intp))
    parts = expect_parts(replace(model, edges=edges[1:-1]), tube)
    share = fit.fraction[0]
    recipient, donor = parts.cells[:, 0]
    return total * (1 - share) * recipient, total * share * donor


def _fraction_grid(fit: Fit, total: float) -> Callable[[Floats], Floats]:
    """Return what maps 0-1 evenly over the posterior, on the root scale of the rarer cells."""
    centre, sd = float(fit.fraction[0]), 1.3 / np.sqrt(fit.information[0])
    low, high = max(centre - 7 * sd, 0.0), min(centre + 7 * sd + 8 / total, 1.0)
    if centre > 0.5:
        low = max(low - 8 / total, 0.0)
        ends = np.sqrt([1 - low, 1 - high])
        return lambda place: 1 - (ends[0] + place * (ends[1] - ends[0])) ** 2
    ends = np.sqrt([low, high])
    return lambda place: (ends[0] + place * (ends[1] - ends[0])) ** 2
