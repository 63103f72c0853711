"""Protocols as data, and screening values against them."""

from pathlib import Path

import pandas as pd
import pytest

from immunerecon.errors import StudyError
from immunerecon.trial.eligibility import eligibility_table, eligible_patients
from immunerecon.trial.protocol import load_protocol

PROTOCOL = load_protocol("nct00846833")
FIT = {
    "patient": "P1",
    **{
        condition.column: {True: "yes", False: "no"}[condition.equals]
        for criterion in PROTOCOL.criteria
        for condition in criterion.requires
        if condition.equals is not None
    },
    "haploidentical_donors": 1,
    "ecog": 1,
    "age": 75,
    "lvef_percent": 45,
    "dlco_percent_predicted": 50,
    "anc": 1.5,
    "platelets": 100,
    "haemoglobin_g_per_dl": 9,
    "bilirubin_x_uln": 1.0,
    "ast_x_uln": 2.5,
    "alt_x_uln": 2.5,
    "alp_x_uln": 2.5,
    "creatinine_x_uln": 1.0,
    "expected_survival_months": 3,
}


def _check(**changed: object) -> pd.DataFrame:
    return eligibility_table(pd.DataFrame([FIT | changed]), PROTOCOL).set_index("criterion")


def test_a_patient_on_every_limit_is_eligible() -> None:
    checked = _check()
    assert (checked["status"] == "met").all()
    assert eligible_patients(checked.reset_index())["verdict"].to_list() == ["eligible"]


@pytest.mark.parametrize(
    ("column", "value", "criterion"),
    [
        ("age", 76, "age"),
        ("age", 17, "age"),
        ("ecog", 2, "ecog"),
        ("lvef_percent", 44.9, "lvef"),
        ("dlco_percent_predicted", 49, "dlco"),
        ("anc", 1.4, "anc"),
        ("platelets", 99, "platelets"),
        ("haemoglobin_g_per_dl", 8.9, "haemoglobin"),
        ("bilirubin_x_uln", 1.1, "bilirubin"),
        ("ast_x_uln", 2.6, "ast"),
        ("alp_x_uln", 2.6, "alp"),
        ("expected_survival_months", 2, "survival"),
        ("haploidentical_donors", 0, "haploidentical_donor"),
        ("consent", "no", "consent"),
        ("pregnant_or_lactating", True, "pregnancy"),
        ("hiv_hbv_or_hcv", 1, "viral_infection"),
    ],
)
def test_each_criterion_can_fail(column: str, value: object, criterion: str) -> None:
    checked = _check(**{column: value})
    assert checked.index[checked["status"] == "not_met"].to_list() == [criterion]
    told = eligible_patients(checked.reset_index()).iloc[0]
    assert (told["verdict"], told["not_met"]) == ("not_eligible", criterion)


@pytest.mark.parametrize(
    ("creatinine", "clearance", "said"),
    [(1.2, 60, "met"), (1.2, 59, "not_met"), (1.2, None, "unknown"), (None, 70, "met")],
)
def test_creatinine_or_clearance(creatinine: object, clearance: object, said: str) -> None:
    checked = _check(creatinine_x_uln=creatinine, creatinine_clearance=clearance)
    assert checked.loc["kidney", "status"] == said


def test_a_missing_value_is_unknown_and_the_verdict_incomplete() -> None:
    checked = _check(anc="")
    assert (checked.loc["anc", "status"], checked.loc["anc", "value"]) == ("unknown", "")
    told = eligible_patients(checked.reset_index()).iloc[0]
    assert (told["verdict"], told["unknown"]) == ("incomplete", "anc")


def test_words_where_numbers_belong_are_all_named() -> None:
    screened = pd.DataFrame([FIT, FIT | {"age": "old"}])
    with pytest.raises(StudyError, match=r"row 3, column age: 'old' \(accepted: a number"):
        eligibility_table(screened, PROTOCOL)
    with pytest.raises(StudyError, match=r"'maybe'.*yes or no"):
        _check(consent="maybe")


def test_the_value_found_is_shown_with_its_unit() -> None:
    assert _check().loc["age", "value"] == "75 years"
    assert _check().loc["consent", "value"] == "yes"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: X\nsource: Y\ncriteria: [{id: a, kind: maybe, text: t, requires: []}]", "kind"),
        ("name: X\nsource: Y\nproduct: [{column: a, at_most: 1, equals: true}]", "at_least and/or"),
        ("name: [", "is not YAML"),
        ("name: !!python/object:os.system {}", "is not YAML"),
    ],
)
def test_a_file_that_is_no_protocol_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(StudyError, match=said):
        load_protocol(path)


def test_an_unknown_protocol_names_the_shipped_ones() -> None:
    with pytest.raises(StudyError, match="nct00846833, or a file"):
        load_protocol("nct1")
