"""Best overall response and exact rates."""

import pandas as pd
import pytest

from immunerecon.errors import EstimationError, StudyError
from immunerecon.trial.response import best_responses, response_rates

PATIENTS = pd.DataFrame({"patient": ["P1"], "dose_level": [1]})


def _best(*events: tuple[float, str, str], confirmed_after_days: float = 0.0) -> pd.Series:
    table = pd.DataFrame(events, columns=["day", "event", "value"]).assign(patient="P1")
    return best_responses(PATIENTS, table, confirmed_after_days=confirmed_after_days).iloc[0]


def test_the_best_of_all_assessments_with_its_first_day() -> None:
    best = _best((84, "response", "PR"), (42, "response", "SD"), (126, "response", "PR"))
    assert (best["best_response"], best["response_day"], best["n_assessments"]) == ("PR", 84, 3)


@pytest.mark.parametrize("end", [("progression", ""), ("response", "PD")])
def test_what_follows_progression_does_not_count(end: tuple[str, str]) -> None:
    best = _best((42, "response", "SD"), (60, *end), (120, "response", "CR"))
    assert best["best_response"] == "SD"


def test_progression_without_assessment_is_progressive_disease() -> None:
    best = _best((41, "progression", ""))
    assert (best["best_response"], best["response_day"], best["n_assessments"]) == ("PD", 41, 0)


def test_assessments_before_the_infusion_do_not_count() -> None:
    best = _best((-14, "response", "PR"), (42, "response", "NE"))
    assert (best["best_response"], best["reason"]) == ("NE", "no assessment that can be evaluated")


@pytest.mark.parametrize(
    ("second", "day", "said"),
    [("CR", 70, "CR"), ("CR", 69, "SD"), ("PR", 70, "PR"), ("SD", 80, "SD")],
)
def test_confirmation_of_a_complete_response(second: str, day: float, said: str) -> None:
    best = _best((42, "response", "CR"), (day, "response", second), confirmed_after_days=28)
    assert best["best_response"] == said


def test_non_evaluable_patients_stay_in_the_denominator() -> None:
    best = pd.DataFrame({"best_response": ["CR", "PR", "PR", *["PD"] * 7, "NE", "NE"]})
    row = response_rates(best).iloc[0]
    assert (row["n_with"], row["n_patients"], row["n_not_evaluable"]) == (3, 12, 2)
    assert [round(row["percent_low"], 2), round(row["percent_high"], 2)] == [5.49, 57.19]


@pytest.mark.parametrize(
    ("found", "n", "low", "high"),
    [
        (0, 12, 0.0, 26.46),
        (1, 12, 0.21, 38.48),
        (6, 12, 21.09, 78.91),
        (12, 12, 73.54, 100.0),
        (8, 8, 63.06, 100.0),  # Rubnitz 2010, given as 63.1-100
        (5, 19, 9.15, 51.20),  # Miller 2005, 26 %
        (4, 42, 2.66, 22.62),  # Bachanova 2014, 10 %
        (4, 15, 7.79, 55.10),  # Bachanova 2014, 27 %
        (9, 13, 38.57, 90.91),  # Geller 2011
        (6, 7, 42.13, 99.64),  # Geller 2011
    ],
)
def test_published_rates(found: int, n: int, low: float, high: float) -> None:
    best = pd.DataFrame({"best_response": ["CR"] * found + ["PD"] * (n - found)})
    row = response_rates(best).iloc[0]
    assert [round(row["percent_low"], 2), round(row["percent_high"], 2)] == [low, high]


def test_rates_by_level_and_outcome() -> None:
    patients = pd.DataFrame({"patient": ["P1", "P2", "P3"], "dose_level": ["10", "2", "2"]})
    events = pd.DataFrame(
        {"patient": ["P1", "P2"], "day": 42, "event": "response", "value": ["PR", "SD"]}
    )
    rates = response_rates(best_responses(patients, events))
    assert rates["dose_level"].to_list() == ["all", "all", "2", "2", "10", "10"]
    control = rates[rates["outcome"] == "disease control"]
    assert control["n_with"].to_list() == [2, 1, 1]
    assert control["n_patients"].to_list() == [3, 2, 1]


def test_an_unknown_response_and_no_patients_are_refused() -> None:
    with pytest.raises(StudyError, match="'MR'"):
        _best((42, "response", "MR"))
    with pytest.raises(EstimationError, match="one patient or more"):
        response_rates(pd.DataFrame({"best_response": []}))
