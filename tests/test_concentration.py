"""Cells per µL against sums done by hand and simulated tubes."""

import math

import numpy as np
import pytest

from immunerecon.enumeration.concentration import (
    BeadPlatform,
    BloodCountPlatform,
    VolumePlatform,
    blood_count_platform,
)


def test_beads_scale_by_beads_added_and_blood() -> None:
    found = BeadPlatform(beads_added=52_060, blood_volume_ul=50, beads=2_150).concentration(430)
    assert found.cells_per_ul == pytest.approx(430 / 2_150 * 52_060 / 50)
    # log-ratio standard error sqrt(1/cells + 1/beads)
    factor = math.exp(1.959964 * math.sqrt(1 / 430 + 1 / 2_150))
    assert found.high / found.cells_per_ul == pytest.approx(factor, rel=1e-6)
    assert found.method == "single-platform"


def test_bead_interval_covers_simulated_truth() -> None:
    rng = np.random.default_rng(1)
    true_per_ul, blood_ul, share = 200.0, 50.0, 0.02
    covered = 0
    for cells, beads in zip(
        rng.poisson(true_per_ul * blood_ul * share, 2000),
        rng.poisson(50_000 * share, 2000),
        strict=True,
    ):
        found = BeadPlatform(50_000, blood_ul, int(beads)).concentration(int(cells))
        covered += found.low <= true_per_ul <= found.high
    assert 0.93 <= covered / 2000 <= 0.97


def test_no_beads_is_not_evaluable_rather_than_infinite() -> None:
    found = BeadPlatform(50_000, 50, beads=0).concentration(10)
    assert math.isnan(found.cells_per_ul)
    assert found.method == "none"


def test_volume_counts_dilution_and_bounds_a_zero() -> None:
    found = VolumePlatform(30.5, dilution=10).concentration(0)
    assert (found.cells_per_ul, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(3.6888795 * 10 / 30.5)  # Garwood, FACTS


def test_blood_count_is_a_share_of_the_analysers_cells() -> None:
    found = BloodCountPlatform(1_200.0, reference_events=6_000).concentration(400)
    assert found.cells_per_ul == pytest.approx(80.0)
    assert found.low < 80.0 < found.high


@pytest.mark.parametrize(
    ("lineage", "alc", "wbc", "expected"),
    [
        (("NK", "Lymphocytes", "Leukocytes"), 1.2, 5.0, (1_200.0, 600)),
        (("NK", "Lymphocytes", "Leukocytes"), math.nan, 5.0, (5_000.0, 3_000)),
        (("Monocytes", "Leukocytes"), 1.2, 5.0, (5_000.0, 3_000)),
        (("Monocytes", "Leukocytes"), 1.2, math.nan, None),
        (("Live", "Singlets"), 1.2, 5.0, None),
    ],
)
def test_the_analysers_count_serves_only_what_it_counts(
    lineage: tuple[str, ...],
    alc: float,
    wbc: float,
    expected: tuple[float, int] | None,
) -> None:
    found = blood_count_platform(lineage, alc=alc, wbc=wbc, lymphocytes=600, leukocytes=3_000)
    got = None if found is None else (found.reference_cells_per_ul, found.reference_events)
    assert got == expected


def test_overlap_widens_the_interval_and_leaves_the_estimate() -> None:
    for platform in (
        BeadPlatform(50_000, 50, beads=5_000),
        VolumePlatform(30.0),
        BloodCountPlatform(1_200.0, reference_events=6_000),
    ):
        clear, overlapping = platform.concentration(400), platform.concentration(400, 0.5)
        assert overlapping.cells_per_ul == clear.cells_per_ul
        assert overlapping.low < clear.low
        assert overlapping.high > clear.high
