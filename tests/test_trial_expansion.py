"""Published criteria of expansion and persistence."""

from dataclasses import replace

import pandas as pd
import pytest

from immunerecon.errors import StudyError
from immunerecon.trial.expansion import RULES, expansion_table, per_ul

EXPANSION = RULES[0]


def _cells(*draws: tuple[float, str, float, float, float]) -> pd.DataFrame:
    numbers = ["donor_cells_per_ul", "donor_cells_per_ul_low", "donor_cells_per_ul_high"]
    table = pd.DataFrame(draws, columns=["day", "call", *numbers])
    return table.assign(patient="P1", population="NK", reason="")


def _verdicts(cells: pd.DataFrame) -> dict[str, str]:
    return expansion_table(cells).set_index("rule")["verdict"].to_dict()


@pytest.mark.parametrize(
    ("low", "value", "high", "said"),
    [
        (100, 130, 170, "met"),
        (99.9, 130, 170, "uncertain"),
        (60, 80, 99.9, "not_met"),
        (60, 80, 100, "uncertain"),
    ],
)
def test_expansion_only_where_the_interval_says_so(
    low: float, value: float, high: float, said: str
) -> None:
    cells = _cells((14, "detected", value, low, high))
    assert expansion_table(cells, rules=[EXPANSION])["verdict"].to_list() == [said]


def test_the_draw_nearest_to_day_14_counts() -> None:
    cells = _cells((11, "detected", 300, 250, 350), (15, "detected", 20, 15, 25))
    row = expansion_table(cells, rules=[EXPANSION]).iloc[0]
    assert (row["verdict"], row["day"]) == ("not_met", 15)


def test_the_window_is_the_rules() -> None:
    cells = _cells((10, "detected", 300, 250, 350))
    row = expansion_table(cells, rules=[EXPANSION]).iloc[0]
    assert (row["verdict"], row["reason"]) == ("not_evaluable", "no draw on days 11 to 17")
    wider = replace(EXPANSION, days=(9, 19))
    assert expansion_table(cells, rules=[wider])["verdict"].to_list() == ["met"]


def test_nothing_detected_is_judged_by_the_upper_bound() -> None:
    nan = float("nan")
    below = _cells((14, "not_detected", 0.0, nan, 0.4))
    blind = _cells((14, "not_detected", 0.0, nan, 140.0))
    assert _verdicts(below)[EXPANSION.name] == "not_met"
    assert _verdicts(blind)[EXPANSION.name] == "uncertain"


def test_draws_that_cannot_be_evaluated_give_their_reason() -> None:
    nan = float("nan")
    cells = _cells((14, "not_evaluable", nan, nan, nan)).assign(reason="no informative marker")
    table = expansion_table(cells)
    within = table[table["rule"].isin([EXPANSION.name, RULES[3].name])]
    assert set(within["verdict"]) == {"not_evaluable"}
    assert set(within["reason"]) == {"no informative marker"}


def test_detection_rules_and_their_days() -> None:
    nan = float("nan")
    cells = _cells(
        (2, "detected", 5, 3, 8), (7, "not_detected", 0, nan, 1),
        (14, "detected_below_loq", 1, 0.2, 3), (60, "not_detected", 0, nan, 1),
    )  # fmt: skip
    assert list(_verdicts(cells).values()) == ["not_met", "not_met", "met", "met", "met"]
    lost = _cells((2, "detected", 5, 3, 8), (7, "not_detected", 0, nan, 1))
    assert list(_verdicts(lost).values()) == [
        "not_evaluable",
        "not_met",
        "not_met",
        "not_met",
        "met",
    ]


def test_patients_without_any_draw_stay_in_the_table() -> None:
    table = expansion_table(_cells(), rules=[EXPANSION], patients=["P1", "P2"])
    assert table["patient"].to_list() == ["P1", "P2"]
    assert set(table["verdict"]) == {"not_evaluable"}


def test_only_the_population_asked_for_counts() -> None:
    cells = _cells((14, "detected", 900, 800, 990)).assign(population="T")
    assert expansion_table(cells, rules=[EXPANSION])["verdict"].to_list() == ["not_evaluable"]


def test_a_count_per_ml_is_no_count_per_ul() -> None:
    """Rubnitz 2010: median 5,800 donor NK cells/mL at day 14, which is 5.8/µL and no expansion."""
    value = per_ul(5800, "/mL")
    assert value == pytest.approx(5.8)
    assert _verdicts(_cells((14, "detected", value, 4.0, 8.0)))[EXPANSION.name] == "not_met"
    assert per_ul(0.1, "10^9/L") == pytest.approx(100)
    with pytest.raises(StudyError, match="'/dL'"):
        per_ul(1, "/dL")


def test_every_rule_has_its_own_name_and_a_citation() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all("doi:10." in rule.citation for rule in RULES)
