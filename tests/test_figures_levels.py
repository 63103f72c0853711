"""Curves of dose levels: told apart without colour, with the test that compares them."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from immunerecon.figures.levels import draw_incidence_by_level, levels_data, levels_page
from immunerecon.figures.saving import render_figure
from immunerecon.kinetics.cohort import cohort_recovery_table
from immunerecon.kinetics.comparison import compare_dose_levels

PATIENTS = pd.DataFrame({"patient": list("ABCDEF"), "dose_level": ["1"] * 3 + ["2"] * 3})
EVENTS = pd.DataFrame({"patient": ["A"], "day": [0.0], "event": ["infusion"]})
RECOVERY = pd.DataFrame(
    {
        "patient": list("ABCDEF"),
        "population": "NK",
        "threshold": 100.0,
        "status": "recovered",
        "time_low": [7.0] * 3 + [28] * 3,
        "time_high": [14.0, 15, 16, 40, 42, 43],
    }
)


@pytest.fixture(scope="module")
def cohort() -> pd.DataFrame:
    return cohort_recovery_table(RECOVERY, EVENTS, PATIENTS)


@pytest.fixture(scope="module")
def comparison() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return compare_dose_levels(RECOVERY, EVENTS, PATIENTS, family="planned", rng=rng)


def test_each_level_has_its_curve_dashes_and_patients_at_risk(cohort, comparison) -> None:
    ax = Figure().add_subplot()
    draw_incidence_by_level(cohort, comparison, population="NK", threshold=100.0, ax=ax)
    first, second = ax.lines
    assert first.get_color() != second.get_color()
    assert first.get_linestyle() != second.get_linestyle()
    by_day = dict(zip(first.get_xdata(), first.get_ydata(), strict=True))
    assert by_day[14.0] == pytest.approx(100 / 3)
    assert by_day[16.0] == pytest.approx(100)
    words = [text.get_text().strip() for text in ax.texts]
    assert {"Level 1", "Level 2"} <= set(words)


def test_the_test_its_exact_p_and_n_are_stated(cohort, comparison) -> None:
    """Complete separation of three from three: 2 of the 20 assignments are as extreme."""
    ax = Figure().add_subplot()
    draw_incidence_by_level(cohort, comparison, population="NK", threshold=100.0, ax=ax)
    told = ax.texts[0].get_text()
    assert "Gray" in told
    assert "P = 0.1\n" in told
    assert "n = 3, 3" in told


def test_why_there_is_no_test_is_said(cohort, comparison) -> None:
    ax = Figure().add_subplot()
    untested = comparison.assign(p_permutation=np.nan, reason="one level only")
    draw_incidence_by_level(cohort, untested, population="NK", threshold=100.0, ax=ax)
    assert ax.texts[0].get_text() == "no test: one level only; n = 3, 3"


def test_page_is_two_columns_wide_and_its_data_are_the_curves(cohort, comparison) -> None:
    page = levels_page(cohort, comparison)
    assert page.get_figwidth() * 25.4 == pytest.approx(183)
    assert render_figure(page, "svg") == render_figure(levels_page(cohort, comparison), "svg")
    data = levels_data(cohort, comparison)
    assert set(data["group"]) == {"1", "2"}
    assert set(data["p_permutation"]) == {0.1}
