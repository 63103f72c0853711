"""The most donor NK cells that each patient was seen to have."""

from collections.abc import Sequence

import pandas as pd

from immunerecon.kinetics.columns import require_columns
from immunerecon.trial.expansion import DETECTED
from immunerecon.trial.verdicts import judge_interval

PEAK = "peak"
_NUMBERS = ("donor_cells_per_ul", "donor_cells_per_ul_low", "donor_cells_per_ul_high")


def peak_table(
    donor_cells: pd.DataFrame,
    *,
    at_least: float = 100.0,
    patients: Sequence[str] | None = None,
    population: str = "NK",
) -> pd.DataFrame:
    """Return each patient's draw with the most donor cells, beside the rules of expansion.

    Parameters
    ----------
    donor_cells
        One row a draw and population: `patient, day, population, call, donor_cells_per_ul,
        donor_cells_per_ul_low, donor_cells_per_ul_high`; draws after day 0 count.
    at_least
        Cells/µL that the verdict is about.
    patients
        Who is judged; by default everyone in `donor_cells`.
    population
        Whose donor cells.

    Returns
    -------
    DataFrame
        One row a patient: `patient, rule` (``peak``), `verdict, day, cells_per_ul, low, high`, as
        in `immunerecon.trial.expansion.expansion_table`.

    Raises
    ------
    StudyError
        When a column is missing.

    Notes
    -----
    Where donor cells were never detected, `cells_per_ul` is 0 and `high` the highest upper limit
    of the draws. The highest of several draws lies above the true peak by chance, and a peak
    between two draws is missed.

    Examples
    --------
    >>> cells = pd.DataFrame({"patient": "P1", "day": [7.0, 14], "population": "NK",
    ...     "call": "detected", "donor_cells_per_ul": [40.0, 180],
    ...     "donor_cells_per_ul_low": [30.0, 150], "donor_cells_per_ul_high": [52.0, 210]})
    >>> peak_table(cells)[["verdict", "day"]].to_numpy().tolist()
    [['met', 14.0]]
    """
    require_columns(donor_cells, "donor_cells", ("patient", "day", "population", "call", *_NUMBERS))
    rows = donor_cells[donor_cells["population"] == population]
    names = list(dict.fromkeys(donor_cells["patient"])) if patients is None else patients
    told = [
        {"patient": patient, "rule": PEAK}
        | _peak(rows[(rows["patient"] == patient) & (rows["day"] > 0)], at_least)
        for patient in names
    ]
    columns = ["patient", "rule", "verdict", "day", "cells_per_ul", "low", "high"]
    return pd.DataFrame(told, columns=columns)


def _peak(draws: pd.DataFrame, at_least: float) -> dict[str, object]:
    """Judge the highest draw, or the highest limit where none was above it."""
    counted = draws[(draws["call"] != "not_evaluable") & draws["donor_cells_per_ul_high"].notna()]
    if counted.empty:
        return {"verdict": "not_evaluable"}
    found = counted[counted["call"].isin(DETECTED)]
    if found.empty:
        highest = counted.sort_values("donor_cells_per_ul_high", kind="stable").iloc[-1]
        value, low = 0.0, 0.0
    else:
        highest = found.sort_values("donor_cells_per_ul", kind="stable").iloc[-1]
        value, low = highest["donor_cells_per_ul"], highest["donor_cells_per_ul_low"]
    high = highest["donor_cells_per_ul_high"]
    verdict = judge_interval(low, high, at_least=at_least)
    return {"verdict": verdict, "day": highest["day"]} | {
        "cells_per_ul": value,
        "low": low,
        "high": high,
    }
