import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import t as student

from immunerecon.enumeration.donor_flanks import above_flank, extend_flank

GRID = np.linspace(-12, 24, 721)


def peak(cumulative, number=1e5):
    """Expected events of a peak in each cell."""
    return number * np.diff(cumulative(GRID))


@pytest.mark.parametrize("end", [2.0, 3.0, 4.0])
def test_the_flank_of_a_normal_peak_is_about_right(end):
    events = peak(ndtr)
    beyond = GRID[:-1] >= end
    flank = extend_flank(np.where(beyond, 0, events), GRID, end)
    assert flank[~beyond][:-2].sum() == 0
    assert flank.sum() == pytest.approx(events[beyond].sum(), rel=0.25)


def test_a_heavy_flank_is_not_taken_for_a_normal_one():
    events = peak(lambda x: student.cdf(x * np.sqrt(8 / 6), 8))
    beyond = GRID[:-1] >= 4
    flank = extend_flank(np.where(beyond, 0, events), GRID, 4.0)
    assert 0.3 < flank.sum() / events[beyond].sum() < 1
    assert flank.sum() > 5 * 1e5 * ndtr(-4)


def test_few_events_have_no_flank():
    events = np.zeros(720)
    events[230:250] = 10
    assert extend_flank(events, GRID, 4.0).sum() == 0


def test_what_lies_above_the_flank_is_background():
    share = above_flank(np.array([4.0, 4.0, 4.0, 0.0]), np.array([0.0, 1.0, 8.0, 0.0]))
    assert share.tolist() == [1.0, 0.75, 0.0, 1.0]
