"""The tubes of a run as a list: what each is, and what a person should look at first."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from immunerecon.gating.overrides.applied_overrides import overrides_for
from immunerecon.gating.overrides.override import Override
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
WIDTH = 0.02  # of the display, within which gates lie alike
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
        By file: ``confidence`` of the gate, and how far the tube lies from the median of its
        panel's tubes in robust standard deviations: ``share`` of the parent on a logit scale, and
        ``place``, the farthest end of the gate along any dimension. 0 where fewer than five tubes
        can be compared.
    """
    rows = results.populations[results.populations["population"] == population]
    rows = rows[rows["count"].notna()]
    gates = results.gates[results.gates["population"] == population].set_index("file")
    found: dict[str, dict[str, float]] = {}
    for _, group in rows.groupby("panel"):
        own = gates.reindex(group["file"])
        told = zip(group["file"], own["confidence"], _shares(group), _places(own), strict=True)
        for file, confidence, share, place in told:
            found[file] = {
                "confidence": 1.0 if pd.isna(confidence) else round(float(confidence), 3),
                "share": round(float(share), 2),
                "place": round(float(place), 2),
            }
    return found


def _shares(group: pd.DataFrame) -> NDArray[np.float64]:
    """Return how far each tube's share of the parent lies from the median."""
    count = group["count"].to_numpy(dtype=np.float64)
    others = group["parent_count"].to_numpy(dtype=np.float64) - count
    # Half an event more on either side keeps empty gates finite.
    return _distances(np.log((count + 0.5) / (others + 0.5)), least=1e-9)


def _places(gates: pd.DataFrame) -> NDArray[np.float64]:
    """Return how far the farthest end of each gate lies from the median of that end."""
    if "kind" not in gates:
        return np.zeros(len(gates))
    ends = pd.DataFrame([_ends(gate) for gate in gates.to_dict("records")])
    far = [np.abs(_distances(ends[name].to_numpy(dtype=np.float64), WIDTH)) for name in ends]
    return np.asarray(np.nanmax([np.zeros(len(gates)), *far], axis=0))


def _ends(gate: Mapping[Any, Any]) -> dict[str, float]:
    """Return the ends of a gate along each dimension, none for one without a geometry."""
    if gate["kind"] == "rectangle":
        ranges = json.loads(gate["parameters"])
        return {f"{d} {end}": place for d, ends in ranges.items() for end, place in ends.items()}
    if gate["kind"] != "polygon":
        return {}
    corners = np.array(json.loads(gate["parameters"])["vertices"])
    both = zip((gate["dimension_x"], gate["dimension_y"]), corners.T, strict=True)
    return {
        f"{name} {end}": float(place)
        for name, values in both
        for end, place in (("low", values.min()), ("high", values.max()))
    }


def _distances(values: NDArray[np.float64], least: float) -> NDArray[np.float64]:
    """Return distances from the median in robust standard deviations of `least` or more.

    Each side has a spread of its own: after a transplant many tubes lie far to one side together.
    """
    if np.count_nonzero(np.isfinite(values)) < FEWEST:
        return np.zeros(len(values))
    low, middle, high = np.nanpercentile(values, (25, 50, 75))
    below, above = (max(half / 0.6745, least) for half in (middle - low, high - middle))
    away = values - middle
    return np.asarray(away / np.where(away < 0, below, above))


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
