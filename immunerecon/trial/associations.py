"""Persistence and recovery with dose, response and toxicity, tested as small cohorts allow."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import pandas as pd

from immunerecon.errors import EstimationError
from immunerecon.kinetics.columns import require_columns
from immunerecon.kinetics.comparison import Family, adjust_p_values
from immunerecon.kinetics.landmark import landmark_cohort
from immunerecon.trial.dose_levels import NOT_STATED, level_of_patients
from immunerecon.trial.rank_trend import rank_trend
from immunerecon.trial.toxicity import worst_grades
from immunerecon.trial.two_by_two import compare_proportions


@dataclass(frozen=True)
class Question:
    """Whether an outcome goes with an exposure.

    Parameters
    ----------
    exposure
        Column of yes and no, or of ordered groups.
    outcome
        Column of yes and no, or of numbers.
    family
        ``planned`` (adjusted by Holm) or ``exploratory`` (by Benjamini and Hochberg).
    """

    exposure: str
    outcome: str
    family: Family


QUESTIONS = (
    Question("persistent_day_14", "responded_after_day_14", "planned"),
    Question("persistent_day_28", "responded_after_day_28", "planned"),
    Question("dose_level", "peak_donor_nk_per_ul", "planned"),
    Question("dose_level", "worst_grade", "exploratory"),
    Question("persistent_day_14", "worst_grade", "exploratory"),
    Question("persistent_day_28", "recovered_by_day_90", "exploratory"),
    Question("recovered_by_day_28", "responded_after_day_28", "exploratory"),
)


def patient_outcomes(
    patients: pd.DataFrame,
    clinical_events: pd.DataFrame,
    *,
    donor_cells: pd.DataFrame,
    persistence: pd.DataFrame,
    recovery: pd.DataFrame,
    recovered: tuple[str, float] = ("CD4_T", 50.0),
) -> pd.DataFrame:
    """Lay out one row a patient with the columns that the default questions need.

    Parameters
    ----------
    patients, clinical_events, donor_cells, persistence, recovery
        Tables of the study and of the results.
    recovered
        Population and threshold (cells/µL) of recovery.

    Returns
    -------
    DataFrame
        `patient, dose_level, peak_donor_nk_per_ul` (0, which ranks lowest, where donor cells were
        never detected), `worst_grade` (0 for no adverse event),
        `persistent_day_14, responded_after_day_14`, the same for day 28, `recovered_by_day_28,
        recovered_by_day_90`; missing where a patient cannot tell, such as those who died,
        progressed or responded before a landmark.

    Raises
    ------
    StudyError
        When a column is missing or a word is unknown.
    """
    levels = pd.Series(level_of_patients(patients).array)
    stated = [name for name in levels.cat.categories if name != NOT_STATED]
    table = pd.DataFrame({"patient": list(patients["patient"])})
    worst = worst_grades(clinical_events).groupby("patient")["worst_grade"].max()
    without = ~table["patient"].isin(worst.index)
    table["dose_level"] = levels.cat.set_categories(stated)
    table["peak_donor_nk_per_ul"] = table["patient"].map(_peaks(persistence))
    table["worst_grade"] = table["patient"].map(worst).mask(without, 0.0)
    for day in (14, 28):
        cohort = landmark_cohort(donor_cells, clinical_events, landmark_day=day)
        kept = cohort[cohort["included"].astype(bool)].set_index("patient")
        for column, name in (("persistent", "persistent"), ("responded", "responded_after")):
            values = table["patient"].map(kept[column])
            table[f"{name}_day_{day}"] = values.astype("boolean")
    chosen = recovery["population"].eq(recovered[0]) & recovery["threshold"].eq(recovered[1])
    own = recovery[chosen].drop_duplicates("patient").set_index("patient")
    for day in (28, 90):
        by_day = pd.Series({name: _by_day(row, day) for name, row in own.iterrows()}, dtype=object)
        table[f"recovered_by_day_{day}"] = table["patient"].map(by_day).astype("boolean")
    return table


def association_table(
    outcomes: pd.DataFrame,
    questions: Sequence[Question] = QUESTIONS,
    *,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Answer questions about associations between columns of one row a patient.

    Parameters
    ----------
    outcomes
        From `patient_outcomes`, or any table with the columns that the questions name.
    questions
        What is asked.
    rng
        Draws permutations when there are too many to list.

    Returns
    -------
    DataFrame
        One row a question: `exposure, outcome, family, n, by_group, method, effect_name, effect,
        low, high, p_value, p_adjusted, reason`. Patients with a missing value are left out of that
        question. An answer that the data do not allow has NaN and the `reason`.

    Raises
    ------
    StudyError
        When a column is missing.

    Notes
    -----
    Two columns of yes and no: `compare_proportions`, Barnard's p and the odds ratio of yes to no
    with its exact interval. Otherwise `rank_trend` over the exposure's groups, with the step from
    one group to the next.

    Examples
    --------
    >>> table = pd.DataFrame({"persistent": [True] * 4 + [False] * 4,
    ...                       "responded": [True, True, True, False] + [False] * 4})
    >>> asked = [Question("persistent", "responded", "planned")]
    >>> answer = association_table(table, asked, rng=np.random.default_rng(0)).iloc[0]
    >>> print(answer["by_group"], round(answer["p_value"], 3))
    yes 3/4, no 0/4 0.047
    """
    require_columns(
        outcomes, "outcomes", sorted({name for q in questions for name in (q.exposure, q.outcome)})
    )
    rows = []
    for question in questions:
        told: dict[str, object] = {
            "exposure": question.exposure,
            "outcome": question.outcome,
            "family": question.family,
        }
        pairs = outcomes[[question.exposure, question.outcome]].dropna()
        told |= dict.fromkeys(("by_group", "method", "effect_name", "reason"), "")
        told |= dict.fromkeys(("effect", "low", "high", "p_value"), math.nan)
        told["n"] = len(pairs)
        try:
            rows.append(told | _answer(pairs[question.exposure], pairs[question.outcome], rng))
        except EstimationError as error:
            rows.append(told | {"reason": str(error)})
    columns = ["exposure", "outcome", "family", "n", "by_group", "method", "effect_name"]
    table = pd.DataFrame(rows, columns=[*columns, "effect", "low", "high", "p_value", "reason"])
    adjusted = pd.Series(np.nan, index=table.index)
    for family in get_args(Family):
        of = table["family"] == family
        adjusted[of] = adjust_p_values(table.loc[of, "p_value"].tolist(), family=family)
    table.insert(len(table.columns) - 1, "p_adjusted", adjusted)
    return table


def _answer(exposure: pd.Series, outcome: pd.Series, rng: np.random.Generator) -> dict[str, object]:
    """Compare one pair of columns without missing values."""
    if _is_yes_no(exposure) and _is_yes_no(outcome):
        exposed, had = exposure.to_numpy(dtype=bool), outcome.to_numpy(dtype=bool)
        counts = [(int(had[group].sum()), int(group.sum())) for group in (exposed, ~exposed)]
        compared = compare_proportions(*counts)
        (yes, n_yes), (no, n_no) = counts
        return {
            "by_group": f"yes {yes}/{n_yes}, no {no}/{n_no}",
            "method": "Barnard exact",
            "effect_name": "odds ratio",
            "effect": compared.odds_ratio,
            "low": compared.odds_low,
            "high": compared.odds_high,
            "p_value": compared.p_barnard,
        }
    found = pd.Categorical(exposure).remove_unused_categories()
    trend = rank_trend(outcome.to_numpy(dtype=float), found.codes, rng=rng)
    names = ["no", "yes"] if _is_yes_no(exposure) else list(found.categories)
    return {
        "by_group": ", ".join(f"{name}: {n}" for name, n in zip(names, trend.sizes, strict=True)),
        "method": trend.method,
        "effect_name": "step",
        "effect": trend.step,
        "low": trend.step_low,
        "high": trend.step_high,
        "p_value": trend.p_trend,
    }


def _is_yes_no(column: pd.Series) -> bool:
    return pd.api.types.is_bool_dtype(column.dtype)


def _peaks(persistence: pd.DataFrame) -> pd.Series:
    """Return the peak of donor NK cells/µL after the first infusion by patient."""
    measured = persistence["measure"] == "cells_per_ul"
    first = persistence[measured & (persistence["population"] == "NK")].drop_duplicates("patient")
    peaks = first.set_index("patient")["c_max"]
    # Left out, those who never had donor cells would make a dose look better than it is.
    never = first["persistence_status"].eq("never_detected").to_numpy()
    return peaks.mask(never, 0.0)


def _by_day(row: pd.Series, day: float) -> object:
    """Whether a patient had recovered by a day; NA where that is not known."""
    if row["status"] == "recovered" and row["time_high"] <= day:
        return True
    if row["status"] in ("recovered", "not_recovered") and row["time_low"] >= day:
        return False
    return pd.NA
