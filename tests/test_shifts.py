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
    assert moved[5:] == pytest.approx(0.2, abs=0.01)
    assert moved[4] < 0.01
    assert moved[:4] == pytest.approx(0, abs=0.001)


def test_before_batches_are_known_every_kind_is_followed() -> None:
    levers = name_levers(["FSC-A"], [frozenset()])
    residuals = Residuals(np.full((1, 1, 1), 0.2), np.full((1, 1, 1), 1e-6), np.ones((1, 1)))
    moved = moved_means(np.zeros((1, 1)), residuals, levers, np.zeros((1, 1)))
    assert moved == pytest.approx(0.2, abs=0.01)
