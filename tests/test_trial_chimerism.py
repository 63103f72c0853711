"""Flow cytometry beside other chimerism, and the statistics of agreement."""

import math

import numpy as np
import pandas as pd
import pytest

from immunerecon.errors import EstimationError, StudyError
from immunerecon.trial.agreement import measure_agreement
from immunerecon.trial.chimerism import agreement_table, pair_chimerism

# Peak expiratory flow by two meters, first readings: Bland and Altman, Lancet 1986;327:307, table.
WRIGHT = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]


def test_bland_and_altmans_own_data() -> None:
    """Mean difference -2.1 L/min, SD 38.8, its 95 % interval -22.0 to 17.8."""
    agreed = measure_agreement(MINI, WRIGHT, range(17))
    low, high = agreed.limits
    assert round(agreed.bias, 1) == -2.1
    assert round((high - low) / (2 * 1.959964), 1) == 38.8
    assert [round(bound, 1) for bound in agreed.bias_interval] == [-22.0, 17.8]
    # Their interval of a limit is 69.1 wide, by the large-sample error sqrt(3/n) SD.
    bounds = (agreed.lower_limit_interval, agreed.upper_limit_interval)
    assert np.mean(np.diff(bounds)) == pytest.approx(69.1, rel=0.1)


def test_demings_line_is_the_principal_axis() -> None:
    agreed = measure_agreement(WRIGHT, MINI, range(17))
    axis = np.linalg.svd(np.column_stack([WRIGHT, MINI]) - [np.mean(WRIGHT), np.mean(MINI)])[2][0]
    assert agreed.slope == pytest.approx(axis[1] / axis[0])
    swapped = measure_agreement(MINI, WRIGHT, range(17))
    assert agreed.slope == pytest.approx(1 / swapped.slope)


def test_error_ratio_reaches_ordinary_regression() -> None:
    """With all error in the second method, Deming's line is that of least squares."""
    agreed = measure_agreement(WRIGHT, MINI, range(17), error_ratio=1e9)
    assert agreed.slope == pytest.approx(np.polyfit(WRIGHT, MINI, 1)[0], rel=1e-4)


def test_deming_interval_covers_the_true_slope() -> None:
    rng = np.random.default_rng(5)
    hits = []
    for _ in range(300):
        true = rng.uniform(0, 100, 25)
        agreed = measure_agreement(
            true + rng.normal(0, 5, 25), 3 + 0.9 * true + rng.normal(0, 5, 25), range(25)
        )
        hits.append(agreed.slope_interval[0] < 0.9 < agreed.slope_interval[1])
    assert 0.90 <= np.mean(hits) <= 0.99


def test_repeated_draws_of_a_patient_do_not_narrow_the_interval() -> None:
    once = measure_agreement(WRIGHT, MINI, range(17))
    thrice = measure_agreement(WRIGHT * 3, MINI * 3, list(range(17)) * 3)
    assert (thrice.n_pairs, thrice.n_patients) == (51, 17)
    assert thrice.bias_interval == pytest.approx(once.bias_interval)
    assert thrice.slope_interval == pytest.approx(once.slope_interval)


@pytest.mark.parametrize(("first", "patient"), [([1, 2, 3], "AAB"), ([5, 5, 5], "ABC")])
def test_too_few_patients_or_no_spread_is_refused(first: list[int], patient: str) -> None:
    with pytest.raises(EstimationError, match="3 patients or more"):
        measure_agreement(first, [1, 2, 4], list(patient))


def _typed(*results: tuple[str, float, float], method: str = "STR") -> pd.DataFrame:
    table = pd.DataFrame(results, columns=["patient", "day", "donor_percent"])
    return table.assign(population="NK", method=method)


def _cells(*draws: tuple[str, float, float, float, float, str]) -> pd.DataFrame:
    columns = ["patient", "day", "donor_fraction", "fraction_low", "fraction_high", "call"]
    return pd.DataFrame(draws, columns=columns).assign(population="NK", lod=0.002)


def test_pairs_are_the_nearest_within_the_window_and_used_once() -> None:
    typed = _typed(("P1", 14, 40), ("P1", 15, 42), ("P1", 28, 10), ("P2", 14, 5))
    cells = _cells(
        ("P1", 15, 0.4, 0.3, 0.5, "detected"),
        ("P1", 32, 0.1, 0.05, 0.2, "detected"),
        ("P2", 13, math.nan, math.nan, math.nan, "not_evaluable"),
    )
    pairs = pair_chimerism(typed, cells)
    assert pairs["flow_day"].fillna(-1).to_list() == [-1, 15, -1, -1]
    assert set(pairs.loc[pairs["flow_day"].isna(), "reason"]) == {
        "no evaluable draw of the population within 3 days"
    }
    wider = pair_chimerism(typed, cells, window_days=4)
    assert wider["flow_day"].fillna(-1).to_list() == [-1, 15, 32, -1]


@pytest.mark.parametrize(
    ("percent", "low", "high", "call", "said"),
    [
        (40, 0.30, 0.36, "detected", False),  # 36 reaches 40 - 5
        (40, 0.30, 0.349, "detected", True),
        (40, 0.451, 0.60, "detected", True),
        (0, 0.01, 0.04, "detected", False),  # STR cannot see 4 %
        (0, 0.06, 0.08, "detected", True),
        (10, math.nan, 0.001, "not_detected", True),
        (5, math.nan, 0.001, "not_detected", False),
    ],
)
def test_disagreement_is_beyond_both_methods_limits(
    percent: float, low: float, high: float, call: str, said: bool
) -> None:
    cells = _cells(("P1", 14, 0.0, low, high, call))
    assert pair_chimerism(_typed(("P1", 14, percent)), cells)["disagrees"].to_list() == [said]


def test_a_finer_method_disagrees_sooner() -> None:
    cells = _cells(("P1", 14, 0.02, 0.01, 0.04, "detected"))
    pairs = pair_chimerism(_typed(("P1", 14, 0), method="qPCR"), cells)
    assert pairs["disagrees"].to_list() == [True]


def test_a_method_without_limit_cannot_disagree() -> None:
    cells = _cells(("P1", 14, 0.02, 0.01, 0.04, "detected"))
    row = pair_chimerism(_typed(("P1", 14, 90), method="FISH"), cells).iloc[0]
    assert pd.isna(row["disagrees"])
    assert row["difference"] == -88
    assert row["reason"] == "no limit known for the method"


def test_missing_columns_are_named() -> None:
    with pytest.raises(StudyError, match="column lod"):
        pair_chimerism(_typed(), _cells().drop(columns="lod"))


def test_agreement_of_each_method_or_why_not() -> None:
    days = ("A", 14), ("B", 14), ("C", 14), ("C", 28)
    typed = _typed(*((name, day, 20 * place + 10) for place, (name, day) in enumerate(days)))
    cells = _cells(
        *((name, day, 0.2 * place + 0.13, 0.0, 1.0, "detected")
          for place, (name, day) in enumerate(days))
    )  # fmt: skip
    few = _typed(("A", 14, 12.0), ("B", 90, 12.0), method="NGS")
    table = agreement_table(pair_chimerism(pd.concat([typed, few]), cells)).set_index("method")
    assert table.loc["STR", "bias"] == pytest.approx(3)
    assert table.loc["STR", "slope"] == pytest.approx(1)
    assert table.loc["STR", ["n_pairs", "n_patients", "n_disagree"]].to_list() == [4, 3, 0]
    assert table.loc["NGS", ["n_results", "n_pairs"]].to_list() == [2, 1]
    assert "found 1 patient" in table.loc["NGS", "reason"]
