"""The mixture's densities, and shares, against scipy and counted events."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from immunerecon.gating.models.mixture import (
    Mixture,
    fit_tails,
    log_densities,
    mixing_shares,
    stray_cells,
)
from immunerecon.gating.models.shifts import (
    Residuals,
    Shifts,
    expected_activation,
    name_levers,
    solve_shifts,
)


def _mixture(freedom=(6.0, 50.0)):
    return Mixture(
        names=("A", "B"),
        dimensions=("CD3", "CD56"),
        means=np.array([[0.2, 0.3], [0.6, 0.5]]),
        covariances=np.array([np.diag([0.03, 0.05]) ** 2, np.diag([0.04, 0.04]) ** 2]),
        freedom=np.array(freedom),
        everything=np.array([[0.4, 0.4], [0.3, 0.2]]),
    )


def test_densities_are_those_of_student_and_normal():
    mixture = _mixture()
    points = np.random.default_rng(0).uniform(0.1, 0.7, (50, 2)).astype(np.float32)
    found = log_densities(mixture)(points, mixture.means)
    a = stats.t.logpdf(points, 6, loc=[0.2, 0.3], scale=[0.03, 0.05]).sum(axis=1)
    b = stats.t.logpdf(points, 50, loc=[0.6, 0.5], scale=[0.04, 0.04]).sum(axis=1)
    rest = stats.norm.logpdf(points, [0.4, 0.4], [0.3, 0.2]).sum(axis=1)
    expected = np.column_stack([a, b, rest])
    # Beyond some 30 spreads on an axis all distances are alike.
    near = expected > -40
    assert found[near] == pytest.approx(expected[near], abs=2e-3)


def test_cells_that_stray_as_a_whole_lie_in_a_wider_cloud_of_the_same_tails():
    mixture = replace(_mixture(), stray=0.1)
    points = np.random.default_rng(0).uniform(0.1, 0.7, (200, 2)).astype(np.float32)
    found = log_densities(mixture)(points, mixture.means)[:, 0]
    near, wide = (
        stats.t.logpdf(points, 6, loc=[0.2, 0.3], scale=[w * 0.03, w * 0.05]).sum(axis=1)
        for w in (1, 2.5)
    )
    expected = np.logaddexp(near + np.log(0.9), wide + np.log(0.1))
    close = near > -40
    assert found[close] == pytest.approx(expected[close], abs=2e-3)
    whitened = (points - np.float32([0.2, 0.3])) / np.float32([0.03, 0.05])
    strays = stray_cells(whitened[close], 6, 0.1)
    assert strays == pytest.approx(np.exp(wide + np.log(0.1) - expected)[close], abs=1e-3)


def test_correlated_axes_keep_the_determinant():
    covariance = np.array([[4.0, 1.5], [1.5, 1.0]]) * 1e-3
    mixture = Mixture(
        ("A",), ("x", "y"), np.zeros((1, 2)), covariance[None], np.array([50.0]), np.ones((2, 2))
    )
    points = np.random.default_rng(1).multivariate_normal([0, 0], covariance, 4000)
    found = log_densities(mixture)(points.astype(np.float32), mixture.means)[:, 0]
    expected = stats.multivariate_normal([0, 0], covariance).logpdf(points)
    assert found.mean() == pytest.approx(expected.mean(), abs=0.05)


def test_shares_of_overlapping_kinds_are_unbiased():
    rng = np.random.default_rng(2)
    values = np.concatenate([rng.normal(0, 1, 9700), rng.normal(2.5, 1, 300)])[:, None]
    density = np.column_stack([stats.norm.logpdf(values, 0), stats.norm.logpdf(values, 2.5)])
    shares, memberships = mixing_shares(density.astype(np.float32), rounds=200)
    assert shares[1] * len(values) == pytest.approx(300, rel=0.15)
    likeliest = np.count_nonzero(memberships.argmax(axis=1) == 1)
    assert likeliest < 0.75 * 300  # what a plain majority would count


def test_weights_stand_for_events():
    density = np.log(np.array([[1, 1e-9], [1e-9, 1]], dtype=np.float32))
    shares, _ = mixing_shares(density, weights=np.float32([3, 1]))
    assert shares == pytest.approx([0.75, 0.25], abs=1e-6)


def test_no_events_have_no_members():
    shares, memberships = mixing_shares(np.empty((0, 3), dtype=np.float32))
    assert shares.sum() == pytest.approx(1)
    assert memberships.shape == (0, 3)


@pytest.mark.parametrize("freedom", [3.0, 6.0, 50.0])
def test_tails_are_found(freedom):
    deviates = np.random.default_rng(3).standard_t(freedom, (4000, 3))
    found = fit_tails(deviates, np.ones(4000))
    assert freedom / 1.6 <= found <= freedom * 1.6


def test_activation_of_a_tube_that_cannot_tell_it_is_that_of_the_others() -> None:
    which = name_levers(("CD3", "CD56"), [frozenset(), frozenset({"CD56"})])
    resting = np.array([True] * 5 + [False] * 5)
    gains, errors = np.zeros((10, 3)), np.full((10, 3), 0.05)
    gains[:, 1] = 0.2  # a gain of the channel is no activation
    gains[resting, 2], gains[~resting, 2] = 0.2, 1.2
    gains[9, 2], errors[9, 2] = -3.0, 50.0  # says nothing
    added, spread = expected_activation(Shifts(gains, errors), which, resting)
    assert np.all(added[:, :2] == 0)
    assert added[resting, 2] == pytest.approx(0)
    assert added[~resting, 2] == pytest.approx(1.0)
    assert np.all(spread[:, 2] < 0.6)
    residuals = Residuals(np.zeros((10, 2, 2)), np.full((10, 2, 2), np.inf), np.ones((2, 2)))
    wide = np.where(which.steady, 0.1, spread)
    solved = solve_shifts(residuals, which, centres=added, spread=wide)
    assert solved.gains[9, 2] == pytest.approx(1.0, abs=0.01)


def test_tubes_that_took_one_kind_for_another_do_not_move_the_others() -> None:
    which = name_levers(("CD56",), [frozenset(), frozenset({"CD56"})])
    gains, errors = np.zeros((9, 2)), np.full((9, 2), 0.05)
    gains[:, 1] = [0.8, 0.9, 1.0, 1.1, 1.2, 1.0, -2.0, -2.5, -2.2]
    added, _ = expected_activation(Shifts(gains, errors), which, np.zeros(9, dtype=bool))
    assert added[:, 1] == pytest.approx(0.9, abs=0.11)
