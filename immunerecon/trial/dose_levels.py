"""Dose levels by name, in the order in which the trial climbed them."""

import pandas as pd

NOT_STATED = "not stated"


def level_of_patients(patients: pd.DataFrame) -> pd.Series:
    """Return each patient's dose level as a category, lowest level first.

    Parameters
    ----------
    patients
        One row a patient: `patient` and, if the trial has levels, `dose_level`.

    Returns
    -------
    Series of category
        Indexed by patient. Ordered by number where all levels are numbers, else as first listed;
        ``not stated`` comes last.

    Examples
    --------
    >>> patients = pd.DataFrame({"patient": ["P1", "P2", "P3"], "dose_level": [10, 2, None]})
    >>> levels = level_of_patients(patients)
    >>> list(levels), list(levels.cat.categories)
    (['10', '2', 'not stated'], ['2', '10', 'not stated'])
    """
    given = patients.get("dose_level", pd.Series(index=patients.index, dtype=object))
    names = [
        NOT_STATED if missing else _name(level)
        for level, missing in zip(given, given.isna(), strict=True)
    ]
    stated = [name for name in dict.fromkeys(names) if name != NOT_STATED]
    if not pd.to_numeric(pd.Series(stated, dtype=object), errors="coerce").isna().any():
        stated.sort(key=float)
    order = stated + [NOT_STATED] * (NOT_STATED in names)
    return pd.Series(
        pd.Categorical(names, categories=order, ordered=True),
        index=pd.Index(patients["patient"], name="patient"),
        name="dose_level",
    )


def _name(level: object) -> str:
    """Name a level; a whole number that a column with gaps made a float loses its `.0`."""
    if isinstance(level, float) and level.is_integer():
        return str(int(level))
    return str(level).strip() or NOT_STATED
