"""Draws of a cohort as the trajectories need them: a value, or a limit above it."""

from typing import Literal

import numpy as np
import pandas as pd

from immunerecon.errors import EstimationError
from immunerecon.kinetics.columns import require_columns
from immunerecon.kinetics.donor_course import donor_courses
from immunerecon.kinetics.estimators.mixed_likelihood import MixedData
from immunerecon.kinetics.recovery import one_count_a_draw

COLUMNS = ["patient", "day", "value", "below"]


def donor_draws(
    donor_cells: pd.DataFrame,
    clinical_events: pd.DataFrame,
    *,
    population: str = "NK",
    measure: Literal["fraction", "cells_per_ul"] = "cells_per_ul",
) -> pd.DataFrame:
    """Give the donor cells of a population after the first infusion, up to the second.

    Parameters
    ----------
    donor_cells, clinical_events
        As in `immunerecon.kinetics.persistence.persistence_table`.
    population
        Which cells.
    measure
        ``fraction`` or ``cells_per_ul``.

    Returns
    -------
    DataFrame
        `patient, day, value, below`: where `below` is true, `value` is the limit of detection
        below which the draw lies. Draws without number or limit are left out.

    Raises
    ------
    StudyError
        When a table lacks a column, or a call or event is not one of those accepted.

    Examples
    --------
    >>> cells = pd.DataFrame({"patient": "P1", "population": "NK", "day": [7.0, 28.0],
    ...     "donor_fraction": [0.3, 0.0], "lod": 0.002, "call": ["detected", "not_detected"]})
    >>> events = pd.DataFrame({"patient": ["P1"], "day": [0.0], "event": ["infusion"]})
    >>> donor_draws(cells, events, measure="fraction")
      patient   day  value  below
    0      P1   7.0  0.300  False
    1      P1  28.0  0.002   True
    """
    tables = [
        pd.DataFrame(
            {
                "patient": course.patient,
                "day": course.day,
                "value": np.where(course.detected, course.value, course.lod),
                "below": ~course.detected,
            }
        )
        for course in donor_courses(donor_cells, clinical_events, second_infusion="split")
        if course.population == population and course.measure == measure and course.course == 1
    ]
    if not tables:
        return pd.DataFrame(columns=COLUMNS)
    return pd.concat(tables, ignore_index=True).dropna(subset=["value"]).reset_index(drop=True)


def count_draws(populations: pd.DataFrame, *, population: str) -> pd.DataFrame:
    """Give the cells/µL of a population from the day of infusion on.

    Parameters
    ----------
    populations
        One row a draw and population: `patient, day, population, cells_per_ul` and, for draws
        without a single cell, `cells_per_ul_high`.
    population
        Which cells.

    Returns
    -------
    DataFrame
        As `donor_draws`. A draw with no cell lies below `cells_per_ul_high`, the upper end of its
        interval; without that it is left out.

    Raises
    ------
    StudyError
        When a column is missing.

    Examples
    --------
    >>> draws = pd.DataFrame({"patient": "P1", "population": "B", "day": [0.0, 28.0],
    ...     "cells_per_ul": [0.0, 12.0], "cells_per_ul_high": [0.4, 14.0]})
    >>> count_draws(draws, population="B")
      patient   day  value  below
    0      P1   0.0    0.4   True
    1      P1  28.0   12.0  False
    """
    require_columns(populations, "populations", ("patient", "day", "population", "cells_per_ul"))
    rows = one_count_a_draw(populations[populations["population"] == population], "cells_per_ul")
    rows = rows[rows["day"] >= 0].dropna(subset=["cells_per_ul"])
    below = rows["cells_per_ul"] <= 0
    high = rows.get("cells_per_ul_high", pd.Series(np.nan, index=rows.index))
    table = rows.assign(value=rows["cells_per_ul"].mask(below, high), below=below)
    return table.loc[table["value"] > 0, COLUMNS].sort_values(["patient", "day"], ignore_index=True)


def log_data(draws: pd.DataFrame) -> tuple[MixedData, list[str]]:
    """Lay draws out for a mixed model, values as natural logarithms.

    Parameters
    ----------
    draws
        `patient, day, value, below`.

    Returns
    -------
    data : MixedData
        Days and log values.
    patients : list of str
        Who is number 0, 1, 2 ...

    Raises
    ------
    StudyError
        When a column is missing.
    EstimationError
        When there is no draw, or a value is not above 0.
    """
    require_columns(draws, "draws", COLUMNS)
    value = draws["value"].to_numpy(dtype=float)
    if not len(draws) or not (value > 0).all():
        found = "none" if not len(draws) else f"{value[~(value > 0)][0]:g}"
        raise EstimationError(f"the logarithm needs values above 0, found {found}")
    codes, names = pd.factorize(draws["patient"], sort=True)
    data = MixedData(
        np.asarray(codes, dtype=np.int64),
        draws["day"].to_numpy(dtype=float),
        np.log(value),
        draws["below"].to_numpy(dtype=bool),
    )
    return data, [str(name) for name in names]
