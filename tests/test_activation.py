"""Activation of a tube with few cells: the likeliest multiple of what is usual."""

import numpy as np
import pytest

from immunerecon.gating.models.activation import likeliest_activation
from immunerecon.gating.models.mixture import Mixture
from immunerecon.gating.models.shifts import name_levers
from immunerecon.gating.models.starting import Pool

_MOVES = frozenset({"CD56", "CD16"})
_MEANS = np.array([[0.60, 0.70], [0.80, 0.25], [0.20, 0.20]])  # dim, bright, others
_MIXTURE = Mixture(
    names=("dim", "bright", "others"),
    dimensions=("CD56", "CD16"),
    means=_MEANS,
    covariances=np.tile(np.eye(2) * 0.03**2, (3, 1, 1)),
    freedom=np.full(3, 50.0),
    everything=np.array([[0.5, 0.5], [0.4, 0.4]]),
)


@pytest.mark.parametrize("times", [0.0, 1.0, 2.0])
def test_dim_cells_that_look_like_bright_ones_are_known_by_where_activation_leads(times) -> None:
    levers = name_levers(("CD56", "CD16"), [_MOVES, _MOVES, frozenset()])
    usual = np.array([[0.0, 0.0, 0.08, -0.15]])
    rng = np.random.default_rng(1)
    centres = np.repeat(_MEANS[:2] + times * usual[0, 2:], [30, 6], axis=0)
    values = rng.normal(centres, 0.03).astype(np.float32)
    pool = Pool(
        values=values,
        labels=np.full(36, -1, dtype=np.int8),
        weights=np.ones(36, dtype=np.float32),
        tubes=np.zeros(36, dtype=np.intp),
        n_tubes=1,
    )
    all_bright = np.tile(np.float32([0, 1, 0]), (36, 1))  # what the tube believes so far
    found = likeliest_activation(
        pool, all_bright, _MIXTURE, levers, slopes=np.ones((3, 2)), usual=usual
    )
    assert found.tolist() == [times]


def test_a_tube_without_such_cells_takes_what_is_usual() -> None:
    levers = name_levers(("CD56", "CD16"), [_MOVES, _MOVES, frozenset()])
    pool = Pool(
        values=np.float32([[0.2, 0.2]]),
        labels=np.full(1, -1, dtype=np.int8),
        weights=np.ones(1, dtype=np.float32),
        tubes=np.zeros(1, dtype=np.intp),
        n_tubes=1,
    )
    usual = np.array([[0.0, 0.0, 0.08, -0.15]])
    others = np.float32([[0, 0, 1]])
    found = likeliest_activation(
        pool, others, _MIXTURE, levers, slopes=np.ones((3, 2)), usual=usual
    )
    assert found.tolist() == [1.0]
