"""Table 1: who the patients were, by dose level."""

from collections.abc import Mapping

import pandas as pd

from immunerecon.kinetics.columns import require_columns
from immunerecon.trial.dose_levels import level_of_patients

MEASURED: Mapping[str, str] = {
    "age": "Age, years",
    "weight_kg": "Weight, kg",
    "nk_cells_per_kg": "NK cells/kg",
    "cd3_cells_per_kg": "CD3+ cells/kg",
}
CATEGORIES: Mapping[str, str] = {"sex": "Sex"}
MISSING = "missing"


def baseline_table(
    patients: pd.DataFrame,
    *,
    measured: Mapping[str, str] = MEASURED,
    categories: Mapping[str, str] = CATEGORIES,
) -> pd.DataFrame:
    """Describe the patients overall and at each dose level.

    Parameters
    ----------
    patients
        One row a patient: `patient` and what is to be described.
    measured
        Column -> label of what is measured: told as median and range.
    categories
        Column -> label of what is named: told as number and percent of those with a value.

    Returns
    -------
    DataFrame
        One row a characteristic, category and dose level (``all`` first): `characteristic,
        category, dose_level, n_patients, n_missing, median, minimum, maximum, count, percent`
        (0-100) and the cell as `text`. Columns that `patients` lacks are left out; a category that
        a level lacks is counted there as 0.

    Notes
    -----
    Groups of a dose escalation are described, not tested.

    Examples
    --------
    >>> patients = pd.DataFrame({"patient": ["P1", "P2", "P3"], "age": [40, 61, 55],
    ...                          "sex": ["F", "M", "F"]})
    >>> baseline_table(patients)["text"].to_list()
    ['55 (40-61)', '2 (66.7 %)', '1 (33.3 %)']
    """
    require_columns(patients, "patients", ("patient",))
    levels = level_of_patients(patients).array
    groups = [("all", patients)]
    if "dose_level" in patients:
        groups += [(str(name), rows) for name, rows in patients.groupby(levels, observed=True)]
    rows: list[dict[str, object]] = []
    for column, label in measured.items():
        if column in patients:
            rows += [_measured(label, name, group[column]) for name, group in groups]
    for column, label in categories.items():
        if column in patients:
            named = _named(patients[column])
            for category in sorted(named.dropna().unique()):
                rows += [
                    _category(label, category, name, named.loc[group.index])
                    for name, group in groups
                ]
    columns = ("characteristic", "category", "dose_level", "n_patients", "n_missing")
    numbers = ("median", "minimum", "maximum", "count", "percent", "text")
    return pd.DataFrame(rows, columns=[*columns, *numbers])


def table_one(patients: pd.DataFrame) -> pd.DataFrame:
    """Return Table 1 as it is printed: a row a characteristic, a column a dose level.

    Parameters
    ----------
    patients
        As in `baseline_table`.

    Returns
    -------
    DataFrame
        Indexed by characteristic; the columns name the level and its number of patients.

    Examples
    --------
    >>> patients = pd.DataFrame({"patient": ["P1", "P2", "P3"], "age": [40, 61, 55],
    ...                          "sex": ["F", "M", "F"]})
    >>> table_one(patients)
                          all (n = 3)
    characteristic
    Age, years             55 (40-61)
    Sex: F                 2 (66.7 %)
    Sex: M                 1 (33.3 %)
    """
    table = baseline_table(patients)
    named = table["characteristic"] + ": " + table["category"]
    heads = table["dose_level"].where(table["dose_level"] == "all", "level " + table["dose_level"])
    cells = table.assign(
        characteristic=named.where(table["category"] != "", table["characteristic"]),
        head=heads + " (n = " + table["n_patients"].astype(str) + ")",
    )
    wide = cells.pivot_table(index="characteristic", columns="head", values="text", aggfunc="first")
    order = (cells["characteristic"].unique(), cells["head"].unique())
    return wide.reindex(index=order[0], columns=order[1]).rename_axis(
        index="characteristic", columns=None
    )


def _measured(label: str, level: str, values: pd.Series) -> dict[str, object]:
    """Describe a measured characteristic by median and range."""
    numbers = pd.to_numeric(values).dropna().astype(float)
    median, low, high = numbers.median(), numbers.min(), numbers.max()
    missing = len(values) - len(numbers)
    text = f"{median:.3g} ({low:.3g}-{high:.3g})" if len(numbers) else MISSING
    return {
        "characteristic": label,
        "category": "",
        "dose_level": level,
        "n_patients": len(values),
        "n_missing": missing,
        "median": median,
        "minimum": low,
        "maximum": high,
        "text": text + f", {missing} missing" * (0 < missing < len(values)),
    }


def _category(label: str, category: str, level: str, values: pd.Series) -> dict[str, object]:
    """Describe one category by number and percent of those with a value."""
    known, count = int(values.notna().sum()), int((values == category).sum())
    percent = 100 * count / known if known else float("nan")
    return {
        "characteristic": label,
        "category": category,
        "dose_level": level,
        "n_patients": len(values),
        "n_missing": len(values) - known,
        "count": count,
        "percent": percent,
        "text": f"{count} ({percent:.1f} %)" if known else MISSING,
    }


def _named(values: pd.Series) -> pd.Series:
    """Return names as text, empty ones as missing."""
    text = values.astype("string").str.strip()
    return text.mask(text == "")
