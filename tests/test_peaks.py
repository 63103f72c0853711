"""Peaks are those that SciPy finds."""

import numpy as np
import pytest
from scipy.signal import find_peaks

from immunerecon.gating.peaks import prominent_peaks


@pytest.mark.parametrize("seed", range(20))
def test_as_scipy_finds_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    # Rounded, so that some peaks and valleys are flat.
    curve = np.round(np.cumsum(rng.normal(size=300)), seed % 3)
    for prominence in (0.5, 2.0, 5.0):
        theirs, _ = find_peaks(curve, prominence=prominence)
        np.testing.assert_array_equal(prominent_peaks(curve, prominence=prominence), theirs)


@pytest.mark.parametrize("curve", [[], [1.0], [1.0, 2.0], [0.0] * 9])
def test_without_a_peak(curve: list[float]) -> None:
    assert prominent_peaks(np.array(curve), prominence=0.1).size == 0
