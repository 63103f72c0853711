"""The tubes of a run as a list: what each is, and what a person should look at first."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from immunerecon.gating.override import Override
from immunerecon.gating.overrides import overrides_for
from immunerecon.pipeline.results import Results
from immunerecon.pipeline.tube_overrides import overrides_of_run


class RunTables(Protocol):
    """The tables of a run that a review looks at."""

    @property
    def samples(self) -> pd.DataFrame:
        """One row a file."""

    @property
    def populations(self) -> pd.DataFrame:
        """One row a file and population."""

    @property
    def gates(self) -> pd.DataFrame:
        """One row a file and gate."""


FEWEST = 5  # tubes without which none can be called unusual
_TOLD = ("file", "patient", "panel", "role", "batch", "status", "reason")


def list_tubes(results: RunTables) -> list[dict[str, Any]]:
    """Return one entry a gated tube, in the order of samples.csv.

    Parameters
    ----------
    results
        Of a run.

    Returns
    -------
    list of dict
        The columns of `samples`; `day` is None where there is none.
    """
    gated = results.samples[results.samples["file"].isin(results.populations["file"])]
    texts = gated.reindex(columns=list(_TOLD), fill_value="").fillna("").to_dict("records")
    days = [None if pd.isna(day) else float(day) for day in gated["day"]]
    return [
        {**{str(key): value for key, value in row.items()}, "day": day}
        for row, day in zip(texts, days, strict=True)
    ]


def list_populations(results: RunTables) -> dict[str, list[str]]:
    """Return the populations of each panel, in the order of gating."""
    return {
        str(panel): list(dict.fromkeys(rows["population"]))
        for panel, rows in results.populations.groupby("panel", sort=False)
    }


def find_oddities(results: RunTables, population: str) -> dict[str, dict[str, float]]:
    """Return how unusual a population's gate is in each tube.

    Parameters
    ----------
    results
        Of a run.
    population
        Whose gate.

    Returns
    -------
    dict of dict
        By file: ``confidence`` of the gate, and ``far``, the share of its parent on a logit scale
        in robust standard deviations from the median of the panel's tubes; 0 where fewer than
        five tubes can be compared.
    """
    rows = results.populations[results.populations["population"] == population]
    rows = rows[rows["count"].notna()]
    gates = results.gates[results.gates["population"] == population].set_index("file")
    found: dict[str, dict[str, float]] = {}
    for _, group in rows.groupby("panel"):
        for file, far in zip(group["file"], _distances(group), strict=True):
            confidence = round(float(gates["confidence"].get(file, 1.0)), 3)
            found[file] = {"far": round(float(far), 2), "confidence": confidence}
    return found


def _distances(group: pd.DataFrame) -> NDArray[np.float64]:
    """Return each tube's distance from the median, in robust standard deviations."""
    count = group["count"].to_numpy(dtype=np.float64)
    others = group["parent_count"].to_numpy(dtype=np.float64) - count
    # Half an event more on either side keeps empty gates finite.
    logit = np.log((count + 0.5) / (others + 0.5))
    middle = np.median(logit)
    spread = 1.4826 * np.median(np.abs(logit - middle))
    if len(group) < FEWEST or spread == 0:
        return np.zeros(len(group))
    return np.asarray((logit - middle) / spread)


def find_changed(results: Results, overrides: Sequence[Override]) -> list[str]:
    """Return the files that the run gated with other overrides than these."""
    used = overrides_of_run(results.run)
    places = (
        {key: tube[key] for key in ("file", "patient", "batch", "panel")}
        for tube in list_tubes(results)
    )
    return [
        place["file"]
        for place in places
        if overrides_for(overrides, **place) != overrides_for(used, **place)
    ]
