"""How far a tube's cells lie from the group's, and which cells are believed."""

import numpy as np
import pytest

from immunerecon.gating.models.shifts import Residuals, moved_means, name_levers


def test_a_kind_that_leaves_its_batch_is_not_followed_and_a_whole_batch_is() -> None:
    levers = name_levers(["FSC-A"], [frozenset()])
    batches = np.repeat([0, 1], 5)
    distance = np.repeat([0.0, 0.2], 5)  # the second batch lies elsewhere
    distance[4] = 0.2  # and a tube of the first, of whose batch no other does
    residuals = Residuals(
        distance=distance[:, None, None],
        variance=np.full((10, 1, 1), 1e-6),
        slopes=np.ones((1, 1)),
    )
    moved = moved_means(
        np.zeros((1, 1)), residuals, levers, np.zeros((10, 1)), batches=batches
    ).ravel()
    # What all tubes share, six tenths of 0.2, is the group's.
    assert moved[5:] == pytest.approx(0.2 - 0.12, abs=0.01)
    assert moved[4] < 0.01
    assert moved[:4] == pytest.approx(-0.12, abs=0.01)


def test_before_batches_are_known_every_kind_is_followed() -> None:
    levers = name_levers(["FSC-A"], [frozenset()])
    distance = np.array([0.0, 0.2])[:, None, None]
    residuals = Residuals(distance, np.full((2, 1, 1), 1e-6), np.ones((1, 1)))
    moved = moved_means(np.zeros((1, 1)), residuals, levers, np.zeros((2, 1))).ravel()
    assert moved == pytest.approx([-0.1, 0.1], abs=0.01)


def test_what_all_tubes_share_is_left_to_the_mean_of_the_group() -> None:
    levers = name_levers(["FSC-A"], [frozenset()])
    residuals = Residuals(np.full((4, 1, 1), 0.2), np.full((4, 1, 1), 1e-6), np.ones((1, 1)))
    moved = moved_means(np.full((1, 1), 0.5), residuals, levers, np.zeros((4, 1)))
    assert moved == pytest.approx(0.5)
