"""CTCAE grades of counts, before and after the infusion."""

import numpy as np
import pandas as pd
import pytest

from immunerecon.errors import StudyError
from immunerecon.trial.lymphopenia import ctcae_grade, lymphocyte_counts, lymphopenia_table

RANGES = pd.DataFrame({"population": ["Lymphocytes", "CD4_T"], "low": [1147.0, 396.0]})


def _draws(*draws: tuple[float, str, float]) -> pd.DataFrame:
    table = pd.DataFrame(draws, columns=["day", "population", "cells_per_ul"])
    return table.assign(patient="P1")


def test_lymphocytes_by_ctcae_5() -> None:
    counts = [1147, 1146, 800, 799.9, 500, 499, 200, 199, 0, np.nan]
    grades = ctcae_grade(counts, "Lymphocytes", lower_limit_of_normal=1147)
    np.testing.assert_array_equal(grades, [0, 1, 1, 2, 2, 3, 3, 4, 4, np.nan])


def test_cd4_by_ctcae_5() -> None:
    grades = ctcae_grade([600, 500, 499, 200, 199, 50, 49], "CD4_T", lower_limit_of_normal=650)
    np.testing.assert_array_equal(grades, [1, 1, 2, 2, 3, 3, 4])


def test_a_normal_count_is_grade_0_below_the_bound_of_grade_2() -> None:
    assert ctcae_grade(450, "CD4_T", lower_limit_of_normal=396) == 0
    assert ctcae_grade(395, "CD4_T", lower_limit_of_normal=396) == 2


def test_worst_after_infusion_stands_beside_the_last_before() -> None:
    draws = _draws(
        (-30, "Lymphocytes", 2000),
        (-7, "Lymphocytes", 1000),
        (-7, "NK", 5),
        (3, "Lymphocytes", np.nan),
        (7, "Lymphocytes", 90),
        (28, "Lymphocytes", 700),
    )
    row = lymphopenia_table(draws, RANGES).iloc[0]
    assert (row["baseline_day"], row["baseline_grade"]) == (-7, 1)
    assert (row["worst_day"], row["worst_cells_per_ul"], row["worst_grade"]) == (7, 90, 4)
    assert (row["n_draws"], row["worsened"]) == (2, True)


def test_lymphodepletion_before_the_infusion_is_no_baseline() -> None:
    draws = _draws((-7, "Lymphocytes", 1500), (-2, "Lymphocytes", 60), (3, "Lymphocytes", 50))
    row = lymphopenia_table(draws, RANGES, before_day=-6).iloc[0]
    assert (row["baseline_grade"], row["worst_grade"]) == (0, 4)


def test_missing_draws_are_said_and_not_graded() -> None:
    row = lymphopenia_table(_draws((7, "CD4_T", 40)), RANGES).iloc[0]
    assert np.isnan(row["baseline_grade"])
    assert pd.isna(row["worsened"])
    assert row["reason"] == "no draw before lymphodepletion"


def test_a_population_without_range_is_refused() -> None:
    with pytest.raises(StudyError, match="no range of CD4_T"):
        lymphopenia_table(_draws((7, "CD4_T", 40)), RANGES.iloc[:1])


def test_blood_counts_are_thousands_per_ul() -> None:
    counts = pd.DataFrame(
        {
            "patient": "P1",
            "day": [0, 1, 2],
            "alc": [0.3, None, None],
            "wbc": [4, 2, None],
            "lymphocytes_percent": [50, 10, 10],
        }
    )
    np.testing.assert_allclose(lymphocyte_counts(counts)["cells_per_ul"], [300, 200, np.nan])
