import numpy as np
import pytest

from immunerecon.enumeration.limits import (
    Background,
    blank_count,
    events_needed,
    limits_above,
    limits_from_blanks,
    predict_background,
)
from immunerecon.errors import EstimationError


def overdispersed(rng, rate, cv, totals):
    """Counts of tubes whose background differs by a gamma factor."""
    totals = np.asarray(totals)
    return rng.poisson(rate * rng.gamma(cv**-2, cv**2, totals.shape) * totals)


def test_background_of_many_tubes_is_recovered():
    totals = np.full(400, 50_000)
    counts = overdispersed(np.random.default_rng(1), 1e-3, 0.4, totals)
    background = predict_background(counts, totals)
    # A gamma factor of CV 0.4 has log-mean -0.082 and log-SD 0.42.
    assert background.rate == pytest.approx(1e-3 * np.exp(-0.082), rel=0.05)
    assert background.log_sd == pytest.approx(0.42, abs=0.05)


def test_background_of_like_tubes_spreads_little():
    like = predict_background([1000] * 20, [1_000_000] * 20)
    assert like.rate == pytest.approx(1e-3, rel=0.02) and like.log_sd < 0.08


def test_background_of_one_tube_stays_uncertain():
    one = predict_background([40], [10_000])
    many = predict_background([40] * 10, [10_000] * 10)
    assert one.log_sd > many.log_sd > 0


def test_background_without_a_single_event_is_below_what_could_be_seen():
    none = predict_background([0, 0, 0], [10_000] * 3)
    assert 0 < none.rate < 1 / 30_000 and none.log_sd > 1


def test_background_needs_parents():
    with pytest.raises(EstimationError, match="no blank tube"):
        predict_background([0], [0])


@pytest.mark.parametrize(("mean", "limit"), [(1, 3), (3, 6), (5, 9), (10, 15), (20, 28)])
def test_poisson_is_the_floor_of_the_blank_count(mean, limit):
    assert blank_count(Background(mean / 1e4, 0.0), 10_000) == limit  # R: qpois(.95, mean)
    assert blank_count(Background(mean / 1e4, 1.0), 10_000) > limit


def test_limit_of_blank_holds_for_new_tubes_that_differ():
    rng = np.random.default_rng(2)
    above = []
    for _ in range(300):
        totals = np.full(12, 10_000)
        counts = overdispersed(rng, 2e-3, 0.5, totals)
        background = predict_background(counts, totals)
        limit = blank_count(background, 10_000)
        above.append(overdispersed(rng, 2e-3, 0.5, np.array([10_000]))[0] > limit)
    assert 0.01 < np.mean(above) < 0.08


@pytest.mark.parametrize(("cv", "events"), [(0.1, 100), (0.2, 25), (0.3, 11.1)])
def test_without_background_the_cv_rules(cv, events):
    limits = limits_above(0.0, 100_000, cv=cv)
    assert limits.loq * 100_000 == pytest.approx(events, abs=0.05)
    assert limits.lod * 100_000 == pytest.approx(3.0)


def test_limits_of_few_parents_stay_fractions():
    limits = limits_above(0.7, 10)
    assert limits == type(limits)(0.7, 1.0, 1.0)


def test_limits_above_a_large_background_are_currie():
    blank_sd = 20.0  # events, as of a background of 400
    limits = limits_above(1.645 * blank_sd / 1e5, 100_000)
    assert limits.lod * 1e5 == pytest.approx(1.645**2 + 2 * 1.645 * blank_sd)
    share = limits.loq * 1e5
    assert np.sqrt(share + blank_sd**2) / share == pytest.approx(0.2)


def test_limits_from_blanks_grow_with_what_the_blanks_differ():
    like = limits_from_blanks([20] * 8, [10_000] * 8, events=10_000)
    unlike = limits_from_blanks([2, 60, 9, 33, 5, 41, 1, 9], [10_000] * 8, events=10_000)
    assert like.lob < unlike.lob and like.lod < unlike.lod and like.loq < unlike.loq
    assert like.lob < like.lod < like.loq


def test_events_needed_by_cv_alone():
    assert events_needed(0.001, cv=0.1) == 100_000
    assert events_needed(0.001, cv=2.0) == 3_000  # three events, to be found at all


@pytest.mark.parametrize(("fraction", "cv"), [(1e-3, 0.2), (5e-4, 0.9), (1e-2, 0.1)])
def test_events_needed_are_enough_and_not_too_many(fraction, cv):
    background = Background(rate=5e-4, log_sd=0.2)
    events = events_needed(fraction, cv=cv, background=background)
    between = 5e-4 * np.sqrt(np.exp(0.2**2) - 1)

    def enough(number):
        blank_sd = np.sqrt(5e-4 / number + between**2)
        limits = limits_above(1.645 * blank_sd, number)
        reached = np.sqrt(fraction / number + blank_sd**2) / fraction
        return limits.lod <= fraction and reached <= cv

    assert enough(events) and not enough(0.99 * events)


def test_no_number_of_events_helps_against_an_unsteady_background():
    with pytest.raises(EstimationError, match="reduce the background"):
        events_needed(1e-4, background=Background(rate=1e-3, log_sd=0.5))
