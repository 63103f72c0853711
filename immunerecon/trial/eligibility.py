"""Screening values checked against a protocol's criteria."""

import math

import pandas as pd

from immunerecon.errors import Problem, StudyError
from immunerecon.kinetics.columns import require_columns
from immunerecon.trial.protocol import Condition, Criterion, Protocol
from immunerecon.trial.verdicts import judge_interval

_ANSWERS = {"yes": 1.0, "true": 1.0, "1": 1.0, "1.0": 1.0} | {
    "no": 0.0,
    "false": 0.0,
    "0": 0.0,
    "0.0": 0.0,
}


def eligibility_table(screening: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """Check every patient against every criterion.

    Parameters
    ----------
    screening
        One row a patient: `patient` and the columns that the protocol's conditions name; numbers,
        or yes and no.
    protocol
        From `immunerecon.trial.protocol.load_protocol`.

    Returns
    -------
    DataFrame
        One row a patient and criterion: `patient, criterion, kind, text, value, status`. Status is
        ``met``, ``not_met`` or ``unknown``: a value that is needed is missing. `value` shows what
        was found. A criterion with several conditions is met by any one of them.

    Raises
    ------
    StudyError
        When `patient` is missing, or a value is neither a number nor yes or no where it should be.

    Examples
    --------
    >>> from immunerecon.trial.protocol import load_protocol
    >>> screened = pd.DataFrame({"patient": ["P1"], "age": [78], "ecog": [1]})
    >>> table = eligibility_table(screened, load_protocol("nct00846833")).set_index("criterion")
    >>> table.loc[["age", "ecog", "anc"], "status"].to_list()
    ['not_met', 'met', 'unknown']
    """
    require_columns(screening, "screening", ("patient",))
    conditions = [each for criterion in protocol.criteria for each in criterion.requires]
    values = {
        condition.column: _read(screening, condition)
        for condition in conditions
        if condition.column in screening
    }
    rows = []
    for place, patient in enumerate(screening["patient"]):
        own = {column: numbers[place] for column, numbers in values.items()}
        rows += [{"patient": patient} | _check(each, own) for each in protocol.criteria]
    columns = ["patient", "criterion", "kind", "text", "value", "status"]
    return pd.DataFrame(rows, columns=columns)


def eligible_patients(eligibility: pd.DataFrame) -> pd.DataFrame:
    """Sum up who may enter the trial.

    Parameters
    ----------
    eligibility
        From `eligibility_table`.

    Returns
    -------
    DataFrame
        One row a patient: `patient, verdict, not_met, unknown`. Verdict is ``eligible``,
        ``not_eligible`` or ``incomplete``; the others name the criteria.

    Examples
    --------
    >>> checked = pd.DataFrame({"patient": "P1", "criterion": ["age", "anc"],
    ...                         "status": ["met", "unknown"]})
    >>> eligible_patients(checked).iloc[0].to_list()
    ['P1', 'incomplete', '', 'anc']
    """
    rows = []
    for patient, checked in eligibility.groupby("patient", sort=False):
        failed, unknown = (
            ", ".join(checked.loc[checked["status"] == status, "criterion"])
            for status in ("not_met", "unknown")
        )
        verdict = "not_eligible" if failed else "incomplete" if unknown else "eligible"
        rows.append((patient, verdict, failed, unknown))
    return pd.DataFrame(rows, columns=["patient", "verdict", "not_met", "unknown"])


def _check(criterion: Criterion, values: dict[str, float]) -> dict[str, str]:
    """Check one patient's values against one criterion."""
    found = [values.get(condition.column, math.nan) for condition in criterion.requires]
    verdicts = {_keeps(*pair) for pair in zip(criterion.requires, found, strict=True)}
    status = next(said for said in ("met", "not_evaluable", "not_met") if said in verdicts)
    shown = zip(criterion.requires, found, strict=True)
    return {
        "criterion": criterion.id,
        "kind": criterion.kind,
        "text": criterion.text,
        "value": "; ".join(_show(*pair) for pair in shown if not math.isnan(pair[1])),
        "status": "unknown" if status == "not_evaluable" else status,
    }


def _keeps(condition: Condition, value: float) -> str:
    at_least, at_most = condition.bounds
    return judge_interval(value, value, at_least=at_least, at_most=at_most)


def _show(condition: Condition, value: float) -> str:
    if condition.equals is not None:
        return "yes" if value else "no"
    return f"{value:g} {condition.unit}".strip()


def _read(screening: pd.DataFrame, condition: Condition) -> list[float]:
    """Return a column as numbers, yes as 1 and no as 0, NaN where nothing was given."""
    accepted = "yes or no" if condition.equals is not None else "a number, no unit"
    numbers, problems = [], []
    for row, cell in enumerate(screening[condition.column], start=2):
        text = "" if pd.isna(cell) else str(cell).strip()
        try:
            number = math.nan if not text else _number(text, condition)
        except (KeyError, ValueError):
            place = Problem("screening", f"{text!r}", row, condition.column, accepted)
            problems.append(place)
            continue
        numbers.append(number)
    if problems:
        raise StudyError(problems)
    return numbers


def _number(text: str, condition: Condition) -> float:
    return _ANSWERS[text.lower()] if condition.equals is not None else float(text)
