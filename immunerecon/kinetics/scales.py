"""Counts as percent of the patient's own baseline or of a reference range."""

from importlib.resources import files

import numpy as np
import pandas as pd

from immunerecon.kinetics.columns import require_columns
from immunerecon.kinetics.recovery import one_count_a_draw


def percent_of_baseline(populations: pd.DataFrame, *, before_day: float = 0.0) -> pd.DataFrame:
    """Add each count as percent of the patient's baseline.

    Parameters
    ----------
    populations
        One row a draw and population: `patient, day, population, cells_per_ul`.
    before_day
        The baseline is the last draw with a number before this day. Set it to the first day of
        lymphodepletion when draws were taken between that and the infusion.

    Returns
    -------
    DataFrame
        The table with `percent_of_baseline`, NaN where there is no baseline or it is 0.

    Raises
    ------
    StudyError
        When a column is missing.

    Examples
    --------
    >>> draws = pd.DataFrame({"patient": "P1", "population": "NK", "day": [-7.0, 0.0, 28.0],
    ...                       "cells_per_ul": [200.0, 20.0, 150.0]})
    >>> percent_of_baseline(draws)["percent_of_baseline"].tolist()
    [100.0, 10.0, 75.0]
    """
    require_columns(populations, "populations", ("patient", "day", "population", "cells_per_ul"))
    counted = one_count_a_draw(populations, "cells_per_ul").dropna(subset=["cells_per_ul"])
    before = counted[counted["day"] < before_day]
    last = before.drop_duplicates(["patient", "population"], keep="last")
    keys = pd.MultiIndex.from_frame(populations[["patient", "population"]])
    baseline = last.set_index(["patient", "population"])["cells_per_ul"].reindex(keys)
    return populations.assign(
        percent_of_baseline=_percent(populations["cells_per_ul"], baseline.to_numpy(dtype=float))
    )


def percent_of_reference(populations: pd.DataFrame, reference_ranges: pd.DataFrame) -> pd.DataFrame:
    """Add each count as percent of the lower limit of its reference range.

    Parameters
    ----------
    populations
        One row a draw and population: `population, cells_per_ul`.
    reference_ranges
        One row a population: `population`, `low` (cells/µL), as in the study folder or
        `shipped_reference_ranges`.

    Returns
    -------
    DataFrame
        The table with `percent_of_reference` (100 = the lower limit), NaN for populations without
        a range.

    Raises
    ------
    StudyError
        When a column is missing.

    Examples
    --------
    >>> draws = pd.DataFrame({"population": ["NK", "Monocytes"], "cells_per_ul": [122.0, 300.0]})
    >>> ranges = pd.DataFrame({"population": ["NK"], "low": [61.0], "high": [607.0]})
    >>> percent_of_reference(draws, ranges)["percent_of_reference"].tolist()
    [200.0, nan]
    """
    require_columns(populations, "populations", ("population", "cells_per_ul"))
    require_columns(reference_ranges, "reference_ranges", ("population", "low"))
    low = populations["population"].map(reference_ranges.set_index("population")["low"])
    return populations.assign(
        percent_of_reference=_percent(populations["cells_per_ul"], low.to_numpy(dtype=float))
    )


def shipped_reference_ranges() -> pd.DataFrame:
    """Return the reference ranges that come with the package, each with its source.

    Returns
    -------
    DataFrame
        `population, low, high` (cells/µL), `source`. Every laboratory has its own: put them in
        `reference_ranges` of study.yaml.

    Examples
    --------
    >>> shipped_reference_ranges().columns.tolist()
    ['population', 'low', 'high', 'source']
    """
    with (files("immunerecon.study") / "reference_ranges.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file)


def _percent(count: "pd.Series[float]", whole: np.ndarray) -> np.ndarray:
    """Count as percent of something above 0, else NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(whole > 0, 100 * count.to_numpy(dtype=float) / whole, np.nan)
