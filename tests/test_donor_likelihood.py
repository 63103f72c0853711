from dataclasses import replace

import numpy as np
import pytest

from immunerecon.enumeration.donor_controls import align_controls
from immunerecon.enumeration.donor_likelihood import (
    GAIN,
    LEAK,
    Tubes,
    expect_parts,
    fit_tubes,
    log_density,
    mixed,
)
from immunerecon.enumeration.donor_posterior import (
    bin_draw,
    build_mixture,
    fit_draw,
    posterior_interval,
    spline_weights,
)
from immunerecon.enumeration.donor_shapes import smooth_shapes
from immunerecon.enumeration.donor_tubes import collect_controls


def recipient_cells(rng, number):
    leaked = rng.binomial(number, 0.01)
    return np.concatenate([rng.normal(0, 1, number - leaked), rng.uniform(5, 14, leaked)])


@pytest.fixture(scope="module")
def controls():
    rng = np.random.default_rng(1)
    tubes = collect_controls(
        recipient=[recipient_cells(rng, 9_000) for _ in range(3)],
        donor=[rng.normal(10, 1, 9_000)],
        blanks=[],
        donor_positive=True,
    )
    return align_controls(tubes)


@pytest.fixture(scope="module")
def model(controls):
    shapes = smooth_shapes(controls, replicates=12, rng=np.random.default_rng(2))
    return build_mixture(controls, shapes)


@pytest.fixture(scope="module")
def counts(controls, model):
    rng = np.random.default_rng(3)
    draw = np.concatenate([recipient_cells(rng, 2_900), rng.normal(10, 1, 100)])
    return bin_draw(controls.place(draw), model.edges)


def density_of(model, counts, tubes):
    expected = mixed(expect_parts(model, tubes).cells, tubes.fraction)
    return log_density(model, counts, tubes.nuisance, expected)


def one(model, fraction, **nuisance):
    values = model.mean.copy()
    for place, value in nuisance.items():
        values[{"leak": LEAK, "gain": GAIN}[place]] = value
    return Tubes(np.array([fraction]), values[None], np.zeros(1, dtype=np.intp))


def test_controls_lie_on_one_scale(controls):
    assert controls.recipient.sum() == controls.blanks.sum() == 27_000
    middle = (controls.grid[1:] + controls.grid[:-1]) / 2
    assert controls.recipient @ middle / 27_000 == pytest.approx(0.01 * 9.5, abs=0.02)
    assert 3 < controls.boundary < 7
    assert controls.donor_seen == (9_000, 9_000)
    clean, total = controls.blank_clean
    assert (total - clean) / total == pytest.approx(0.01, abs=0.002)


def test_tubes_of_other_gain_are_shifted_onto_the_first():
    rng = np.random.default_rng(4)
    own, other = rng.normal(0, 1, 5_000), rng.normal(0.8, 1, 5_000)
    tubes = collect_controls(recipient=[own], donor=[own + 12], blanks=[other], donor_positive=True)
    aligned = align_controls(tubes)
    middle = (aligned.grid[1:] + aligned.grid[:-1]) / 2
    means = aligned.blanks @ middle / 5_000
    assert means[1] == pytest.approx(means[0], abs=0.06)


def test_parts_are_probabilities_and_move_with_the_gain(model):
    still, moved = (
        expect_parts(model, one(model, 0.1)),
        expect_parts(model, one(model, 0.1, gain=1.0)),
    )
    for parts in (still, moved):
        assert parts.cells.sum(axis=-1) == pytest.approx(1) and parts.cells.min() >= 0
    shifted = expect_parts(replace(model, edges=model.edges - 1.0), one(model, 0.1))
    assert moved.cells == pytest.approx(shifted.cells, abs=1e-12)


def test_replicates_scatter_around_the_estimate(model):
    tails = model.shapes.recipient[1]
    spread = tails[1:].std(axis=0).max()
    assert 0.01 < spread < 0.1  # some 270 events seen
    assert np.abs(tails[1:].mean(axis=0) - tails[0]).max() < 3 * spread / np.sqrt(12) + 0.01


def test_the_fit_is_a_maximum(model, counts):
    fit = fit_draw(model, counts)
    best = density_of(model, counts, Tubes(fit.fraction, fit.nuisance, np.zeros(1, dtype=np.intp)))
    for place in range(4):
        for step in (-0.3, 0.3):
            nuisance = fit.nuisance.copy()
            nuisance[0, place] += step * model.sd[place]
            other = Tubes(fit.fraction, nuisance, np.zeros(1, dtype=np.intp))
            assert density_of(model, counts, other) < best
    for fraction in (0.9, 1.1) * fit.fraction:
        other = Tubes(np.array([fraction]), fit.nuisance, np.zeros(1, dtype=np.intp))
        assert density_of(model, counts, other) < best


def test_many_tubes_at_once_are_fitted_as_one_by_one(model, counts):
    starts = [one(model, fraction) for fraction in (0.0, 0.02, 0.05)]
    stacked = Tubes(*(np.concatenate(part) for part in zip(*starts, strict=True)))
    together = fit_tubes(model, counts, stacked, held=True)
    for place, start in enumerate(starts):
        alone = fit_tubes(model, counts, start, held=True)
        assert alone.log_marginal[0] == pytest.approx(together.log_marginal[place], abs=1e-9)


def test_laplace_agrees_with_quadrature_over_the_leak(model, counts):
    # All other nuisance parameters are pinned, so that the integral has one dimension.
    pinned = replace(model, sd=np.array([model.sd[LEAK], 1e-4, 1e-4, 1e-4]))
    leaks = np.linspace(-5, 15, 2001) * model.sd[LEAK] + model.mean[LEAK]

    def quadrature(fraction):
        nuisance = np.tile(model.mean, (len(leaks), 1))
        nuisance[:, LEAK] = leaks
        tubes = Tubes(np.full(len(leaks), fraction), nuisance, np.zeros(len(leaks), dtype=np.intp))
        values = density_of(pinned, counts, tubes)
        return values.max() + np.log(np.exp(values - values.max()).sum())

    fractions = np.array([0.0, 0.02, 0.03, 0.04, 0.05])
    fitted = [
        fit_tubes(pinned, counts, one(model, f), held=True).log_marginal[0] for f in fractions
    ]
    exact = [quadrature(f) for f in fractions]
    # An interval ends where the log likelihood has dropped by 1.92; without the determinant
    # the first difference would be off by 0.7.
    assert np.diff(fitted) == pytest.approx(np.diff(exact), abs=0.15)


def test_posterior_interval_is_wider_for_a_higher_level(model, counts):
    fit = fit_draw(model, counts)
    low, high = posterior_interval(model, counts, fit, level=0.95)
    inner_low, inner_high = posterior_interval(model, counts, fit, level=0.5)
    assert low < inner_low < fit.fraction[0] < inner_high < high
    # Counting alone allows 100 of 3,000 +- 20; the background of 30 adds little.
    assert (high - low) * 3_000 == pytest.approx(2 * 1.96 * np.sqrt(100), rel=0.25)


def test_the_spline_is_that_of_scipy() -> None:
    from scipy.interpolate import CubicSpline

    values = np.random.default_rng(0).normal(size=(3, 13))
    places = np.linspace(0, 12, 121)
    wanted = CubicSpline(np.arange(13), values, axis=1)(places)
    np.testing.assert_allclose(values @ spline_weights(13, places).T, wanted, atol=1e-12)
