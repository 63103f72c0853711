"""Tubes whose picture is unlike that of the others."""

import numpy as np
import pytest

from immunerecon.gating.geometry.gates import Range, RectangleGate
from immunerecon.gating.outliers import APART, outlier_scores
from immunerecon.gating.pictures import BINS, HIGH, LOW, GatePicture


def _tube(rng, *, cd3=0.6, share=0.2, n=2000):
    """Return the picture of a tube with T and NK cells, NK making up a share of both."""
    is_nk = rng.random(n) < share
    x = np.where(is_nk, rng.normal(0.15, 0.05, n), rng.normal(cd3, 0.05, n))
    y = np.where(is_nk, rng.normal(0.6, 0.06, n), rng.normal(0.2, 0.05, n))
    counts, *_ = np.histogram2d(x, y, BINS, range=[(LOW, HIGH)] * 2)
    gate = RectangleGate({"CD3": Range(high=0.35), "CD56": Range(low=0.4)})
    inside = int(is_nk.sum())
    return [
        GatePicture(
            "NK", "Lymphocytes", "CD3", "CD56", counts.astype(np.uint32), gate, inside, n, "data", 1
        )
    ]


def _series(n=40):
    rng = np.random.default_rng(0)
    return {f"tube {k}": _tube(rng, share=rng.uniform(0.05, 0.5)) for k in range(n)}


def test_tubes_alike_are_not_apart_though_their_shares_differ():
    scores = outlier_scores(_series(), "NK")
    assert max(scores.values()) < APART


@pytest.mark.parametrize("spoiled", [{"cd3": 0.3}, {"cd3": 0.9}, {"share": 0.0005}])
def test_a_spoiled_tube_is_the_farthest(spoiled):
    tubes = _series() | {"spoiled": _tube(np.random.default_rng(1), **spoiled)}
    scores = outlier_scores(tubes, "NK")
    assert max(scores, key=scores.get) == "spoiled"
    assert scores["spoiled"] > APART


def test_what_cannot_be_scored_is_nan():
    tubes = _series() | {"few": _tube(np.random.default_rng(2), n=30), "none": []}
    scores = outlier_scores(tubes, "NK")
    assert np.isnan([scores["few"], scores["none"]]).all()
    assert np.isnan(list(outlier_scores(_series(5), "NK").values())).all()
