"""Check that a table has the columns that a statistic needs."""

from collections.abc import Sequence

import pandas as pd

from immunerecon.errors import Problem, StudyError


def require_columns(table: pd.DataFrame, name: str, columns: Sequence[str]) -> None:
    """Raise when a table lacks columns, naming all of them at once.

    Parameters
    ----------
    table
        The table as given.
    name
        What the documentation calls the table, e.g. ``donor_cells``.
    columns
        Columns that must be there.

    Raises
    ------
    StudyError
        When one or more of the columns are missing.
    """
    missing = [column for column in columns if column not in table.columns]
    if missing:
        found = ", ".join(map(str, table.columns)) or "none"
        raise StudyError(
            [
                Problem(file=name, column=column, message=f"column is missing; found {found}")
                for column in missing
            ]
        )


def require_values(table: pd.DataFrame, name: str, column: str, accepted: Sequence[str]) -> None:
    """Raise when a column holds a word that is not accepted.

    Parameters
    ----------
    table
        The table as given.
    name
        What the documentation calls the table.
    column
        Column to check.
    accepted
        The words that may stand there.

    Raises
    ------
    StudyError
        When another word, or nothing, stands in the column.
    """
    wrong = table.loc[~table[column].isin(list(accepted)), column]
    if not wrong.empty:
        raise StudyError(
            [
                Problem(
                    file=name, column=column, message=f"{value!r}", accepted=", ".join(accepted)
                )
                for value in dict.fromkeys(wrong)
            ]
        )
