"""Intervals of one proportion, and the Rogan-Gladen share, against R's binom and epiR."""

import numpy as np
import pytest
from scipy.stats import binom

from immunerecon.enumeration.proportions import (
    clopper_pearson,
    jeffreys,
    rogan_gladen,
    wilson,
)

# Newcombe, Stat Med 1998;17:857 and R 4.2.2 (binom): exact | Wilson | Jeffreys.
SINGLE = [
    (81, 263, (0.25273675, 0.36762192), (0.25528852, 0.36620958), (0.25452193, 0.3656475)),
    (15, 148, (0.05784401, 0.16165049), (0.0623864, 0.16048724), (0.06044852, 0.15764314)),
    (0, 20, (0.0, 0.16843347), (0.0, 0.16112516), (0.0, 0.11663898)),
    (1, 29, (0.00087265, 0.1776443), (0.00611321, 0.17175522), (0.00374617, 0.15007769)),
]

# Published clinical series (responders or expansions of n), exact interval to four digits.
EXACT = """0/12 0 .2646; 1/12 .0021 .3848; 2/12 .0209 .4841; 3/12 .0549 .5719; 4/12 .0992 .6511;
5/12 .1517 .7233; 6/12 .2109 .7891; 12/12 .7354 1; 0/3 0 .7076; 1/3 .0084 .9057; 1/6 .0042 .6412;
2/6 .0433 .7772; 5/19 .0915 .5120; 4/42 .0266 .2262; 4/15 .0779 .5510; 9/13 .3857 .9091;
6/7 .4213 .9964; 22/23 .7805 .9989"""

# Coverage at n = 5000: p, exact, Wilson, Jeffreys (enumerated in R).
COVERAGE = [
    (5e-4, 0.985837, 0.958021, 0.958021),
    (1e-3, 0.979629, 0.961523, 0.927884),
    (5e-3, 0.955780, 0.944470, 0.955780),
    (1e-2, 0.953740, 0.945610, 0.953740),
]


@pytest.mark.parametrize(("count", "total", "exact", "score", "bayes"), SINGLE)
def test_single_proportions_match_r(count, total, exact, score, bayes):
    assert clopper_pearson(count, total) == pytest.approx(exact, abs=6e-9)
    assert wilson(count, total) == pytest.approx(score, abs=6e-9)
    assert jeffreys(count, total) == pytest.approx(bayes, abs=6e-9)


@pytest.mark.parametrize("case", EXACT.replace("\n", " ").split(";"))
def test_exact_interval_of_published_series(case):
    fraction, low, high = case.split()
    count, total = map(int, fraction.split("/"))
    assert clopper_pearson(count, total) == pytest.approx((float(low), float(high)), abs=5.1e-5)


@pytest.mark.parametrize(("share", "exact", "score", "bayes"), COVERAGE)
def test_coverage_of_rare_events(share, exact, score, bayes):
    counts = np.arange(5001)
    probability = binom.pmf(counts, 5000, share)
    for interval, expected in [(clopper_pearson, exact), (wilson, score), (jeffreys, bayes)]:
        low, high = interval(counts, 5000)
        covered = probability[(low <= share) & (share <= high)].sum()
        assert covered == pytest.approx(expected, abs=5.1e-7)


def test_rogan_gladen_matches_epir():
    blaker = [0.3, 0.22827002, 0.37932123]  # the apparent share and its interval in epiR
    true = rogan_gladen(blaker, sensitivity=0.9, specificity=0.8)
    assert true == pytest.approx([0.14285714, 0.04038574, 0.25617319], abs=2e-8)
    low, high = wilson(4, 80)
    true = rogan_gladen([4 / 80, low, high], sensitivity=0.9, specificity=0.98)
    assert true == pytest.approx([0.03409091, -0.00043914, 0.11548041], abs=5.1e-9)
