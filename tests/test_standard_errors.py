"""The standard error of a boundary, against its spread over repeated samples."""

import math

import numpy as np
import pytest

from immunerecon.gating.boundaries import Boundary, Evidence, place_boundary
from immunerecon.gating.standard_errors import borrowed_error, standard_error


def _placed(values: np.ndarray, **more) -> tuple[float, float]:
    evidence = Evidence(values.astype(np.float32), **more)
    value, _, method = place_boundary(evidence)
    return value, standard_error(evidence, value, method)


@pytest.mark.parametrize(("n", "apart"), [(300, 0.2), (3000, 0.2), (30_000, 0.18)])
def test_a_valley_is_as_sure_as_repeated_samples_say(n: int, apart: float) -> None:
    rng = np.random.default_rng(5)
    found = np.array(
        [
            _placed(np.concatenate([rng.normal(0.3, 0.05, n), rng.normal(0.3 + apart, 0.05, n)]))
            for _ in range(60)
        ]
    )
    assert 0.4 < np.median(found[:, 1]) / found[:, 0].std() < 2.5


def test_a_tail_cut_is_as_sure_as_repeated_samples_say() -> None:
    rng = np.random.default_rng(6)
    samples = [rng.normal(0.2, 0.05, 400) for _ in range(200)]
    found = np.array([_placed(sample, low=sample.astype(np.float32)) for sample in samples])
    assert found[:, 1].mean() == pytest.approx(found[:, 0].std(), rel=0.25)


def test_fewer_events_make_a_boundary_less_sure() -> None:
    rng = np.random.default_rng(7)
    values = np.concatenate([rng.normal(0.3, 0.05, 20_000), rng.normal(0.5, 0.05, 20_000)])
    assert _placed(values[::100])[1] > 1.5 * _placed(values)[1]


def test_what_is_not_placed_has_no_error_and_what_is_fixed_none() -> None:
    nothing = Evidence(np.empty(0, dtype=np.float32))
    assert math.isnan(standard_error(nothing, math.nan, "none"))
    assert standard_error(nothing, 0.4, "fixed") == 0


def test_a_borrowed_boundary_keeps_the_spread_between_tubes() -> None:
    rng = np.random.default_rng(8)
    tubes = [Boundary("CD3", "CD3", value) for value in rng.normal(0.4, 0.02, 400)]
    assert borrowed_error(tubes) == pytest.approx(0.02, rel=0.15)
