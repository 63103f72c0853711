"""Boundaries placed in one tube's density, against the places where two normals cross."""

import math

import numpy as np
import pytest

from immunerecon.gating.boundaries import Evidence, place_boundary, robust_spread


def _two_peaks(rng, low=900, high=300, at=(0.2, 0.6), spread=0.05):
    return np.concatenate([rng.normal(at[0], spread, low), rng.normal(at[1], spread, high)]).astype(
        np.float32
    )


def test_valley_parts_two_peaks_to_the_event():
    rng = np.random.default_rng(0)
    values = _two_peaks(rng)
    value, confidence, method = place_boundary(Evidence(values))
    assert method == "valley"
    assert np.count_nonzero(values >= value) == pytest.approx(300, abs=3)
    assert confidence > 0.9


def test_valley_between_the_right_two_of_three_peaks():
    rng = np.random.default_rng(1)
    values = np.concatenate([_two_peaks(rng), rng.normal(0.95, 0.02, 2000).astype(np.float32)])
    negatives = rng.normal(0.6, 0.05, 200).astype(np.float32)
    value, _, _ = place_boundary(Evidence(values, low=negatives))
    assert 0.75 < value < 0.9  # not in the deeper valley below the reference


def test_one_peak_gives_a_tail_of_low_confidence_beyond_its_reference():
    rng = np.random.default_rng(2)
    values = rng.normal(0.2, 0.04, 500).astype(np.float32)
    value, confidence, method = place_boundary(Evidence(values, low=values))
    centre, spread = robust_spread(values)
    assert method == "tail"
    assert confidence <= 0.3
    assert value == pytest.approx(centre + 3.5 * spread, abs=1e-6)


def test_a_handful_of_outliers_is_no_second_side():
    rng = np.random.default_rng(3)
    values = np.append(rng.normal(0.2, 0.04, 5000), [0.8, 0.81, 0.82]).astype(np.float32)
    assert place_boundary(Evidence(values))[2] == "tail"


def test_window_holds_the_boundary():
    rng = np.random.default_rng(4)
    value, _, _ = place_boundary(Evidence(_two_peaks(rng), window=(0.55, 0.9)))
    assert 0.55 <= value <= 0.9


def test_the_end_of_the_events_is_no_valley():
    rng = np.random.default_rng(6)
    # Debris is cut off by the cytometer's threshold at 0.2: nothing lies below it.
    debris = rng.normal(0.22, 0.04, 4000)
    values = np.append(debris[debris > 0.2], rng.normal(0.5, 0.05, 5000)).astype(np.float32)
    value, _, _ = place_boundary(Evidence(values, window=(0.1, 0.42)))
    assert 0.3 < value < 0.42


def test_saturated_events_are_not_the_tallest_peak():
    rng = np.random.default_rng(7)
    saturated = np.full(3000, 1.0)
    values = np.concatenate([_two_peaks(rng, low=2000, high=6000), saturated]).astype(np.float32)
    value, _, _ = place_boundary(Evidence(values, tallest="high"))
    assert 0.3 < value < 0.5


def test_no_events_give_nothing():
    value, confidence, method = place_boundary(Evidence(np.empty(0, dtype=np.float32)))
    assert math.isnan(value)
    assert (confidence, method) == (0.0, "none")


def test_robust_spread_ignores_outliers():
    rng = np.random.default_rng(5)
    values = np.append(rng.normal(0.5, 0.1, 20_000), np.full(200, 50.0)).astype(np.float32)
    assert robust_spread(values) == pytest.approx((0.5, 0.1), abs=0.005)
