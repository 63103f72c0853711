"""Names for planned visits; the day on which blood was drawn stays what it was."""

from collections.abc import Mapping

import pandas as pd

from immunerecon.errors import Problem, StudyError
from immunerecon.kinetics.columns import require_columns


def name_visits(draws: pd.DataFrame, windows: Mapping[str, tuple[float, float]]) -> pd.DataFrame:
    """Add the name of the visit in whose window each draw falls.

    Parameters
    ----------
    draws
        Any table with a column `day`.
    windows
        Visit -> (first day, end), ``first day <= day < end``.

    Returns
    -------
    DataFrame
        The table with `visit`, empty for a draw outside every window.

    Raises
    ------
    StudyError
        When `day` is missing, a window is empty or two overlap.

    Examples
    --------
    >>> draws = pd.DataFrame({"day": [13.0, 17.0, 40.0]})
    >>> name_visits(draws, {"day 14": (11, 18), "day 28": (25, 32)})["visit"].tolist()
    ['day 14', 'day 14', '']
    """
    require_columns(draws, "draws", ("day",))
    _check(windows)
    named = {
        day: name
        for day in draws["day"].dropna().unique()
        for name, (low, high) in windows.items()
        if low <= day < high
    }
    visit = [named.get(day, "") for day in draws["day"]]
    return draws.assign(visit=pd.Series(visit, index=draws.index, dtype=object))


def _check(windows: Mapping[str, tuple[float, float]]) -> None:
    """Raise when windows are empty or overlap."""
    problems = []
    previous, previous_end = "", float("-inf")
    for name, (low, high) in sorted(windows.items(), key=lambda window: window[1]):
        if not low < high:
            problems.append(f"{name!r} runs from {low:g} to {high:g}")
        if low < previous_end:
            problems.append(f"{name!r} overlaps {previous!r}")
        previous, previous_end = name, high
    if problems:
        raise StudyError(
            [
                Problem(file="visit windows", message=text, accepted="low < high, none overlapping")
                for text in problems
            ]
        )
