"""Real files that people gated by hand: what to gate, how, and what they counted."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from immunerecon.cytometry.fcs import read_fcs

Members = NDArray[np.bool_]
STRATEGIES = Path(__file__).parents[1] / "tests" / "strategies"


@dataclass(frozen=True)
class Manual:
    """A population as people gated it.

    Parameters
    ----------
    population
        Ours, which it is compared with.
    name
        Theirs.
    count
        Events of the file in it.
    members : ndarray of bool, shape (n_events,), or None
        Which, where the truth tells it.
    """

    population: str
    name: str
    count: float
    members: Members | None = None


@dataclass(frozen=True)
class Case:
    """A file with its manual gates.

    Parameters
    ----------
    name, path, strategy
        What is gated, by which strategy.
    truth
        Returns the manual gates, from the folder of real files.
    channels
        Channel of each marker whose label is missing.
    display_top
        Top of the scale, where fluorescence is stored as display values.
    scatter_top
        Events beyond it were left out before they gated, and so are here.
    compensate
        Whether the file's own spillover is used.
    """

    name: str
    path: str
    strategy: str | Path
    truth: Callable[[Path], tuple[Manual, ...]]
    channels: Mapping[str, str] = field(default_factory=dict)
    display_top: float | None = None
    scatter_top: float | None = None
    compensate: bool = True


_LABELS = {
    "NK": ("NK cells",),
    "NKT_like": ("NK T cells",),
    "B": ("B cells",),
    "GD_T": ("gd T cells",),
    "CD4_T": ("CD4 T cells",),
    "CD8_T": ("CD8 T cells",),
}


def _mouse_labels(folder: Path) -> NDArray[np.object_]:
    table = pd.read_csv(folder / "gated_nk_t_b/flowsom_mouse/gatingResult.csv", header=None)
    return table[0].to_numpy(dtype=object)


def _mouse(folder: Path) -> tuple[Manual, ...]:
    """Labels of the events; T cells, of which some have no label, by FlowJo's count."""
    labels = _mouse_labels(folder)
    found = [
        Manual(
            ours, " + ".join(theirs), int(np.isin(labels, theirs).sum()), np.isin(labels, theirs)
        )
        for ours, theirs in _LABELS.items()
    ]
    return (*found, Manual("T", "T cells", 10745))


def _mouse_lineage(folder: Path) -> tuple[Manual, ...]:
    """As far as `lineage` means the same: its T cells are with NK T cells."""
    told = {manual.population: manual for manual in _mouse(folder)}
    both = Manual("T", "T cells + NK T cells", 10745 + 535)
    return both, told["B"], told["NK"], told["NKT_like"]


_LYOPLATE = {
    "Monocytes": ("CD14+",),
    "Lineage_negative": ("CD14-Lineage-",),
    "NK": ("CD56+",),
    "NK_CD16pos": ("CD16+CD56+",),
    "NK_CD16neg": ("CD16-CD56+",),
    "CD56neg_CD16pos": ("CD16+CD56-",),
    "Dendritic_cells": ("CD16-CD56-", "HLADR+"),
    "Monocytes_CD16pos": ("CD14+Lineage-", "CD14+CD16+"),
}
_LYOPLATE_FILE = "gated_nk_t_b/lyoplate_dc_mono_nk/DC_MONO_NK_12828001_001"


def _lyoplate(folder: Path) -> tuple[Manual, ...]:
    """Members from the thresholds of the reference gates, which give its counts to the event."""
    gates = pd.read_csv(folder / f"{_LYOPLATE_FILE}.gates.csv").set_index("path")
    tube = read_fcs(folder / f"{_LYOPLATE_FILE}.fcs")
    values = {channel.label or channel.name: tube.values(channel.name) for channel in tube.channels}
    members: dict[str, Members] = {"root": np.ones(tube.n_events, dtype=bool)}
    for path, gate in gates.iterrows():
        if gate["gate_type"] in {"range", "rectangle"}:
            inside = members[str(path).rpartition("/")[0]].copy()
            for dimension, low, high in _bounds(gate["gate"]):
                inside &= (values[dimension] >= low) & (values[dimension] < high)
            members[str(path)] = inside
    found = []
    for ours, theirs in _LYOPLATE.items():
        path = next(path for path in members if path.endswith("/" + "/".join(theirs)))
        found.append(Manual(ours, "/".join(theirs), int(gates.loc[path, "count"]), members[path]))
    paths = {p.rpartition("/")[2]: p for p in gates.index}
    for ours, theirs in {"Myeloid_DC": "CD11c+CD123-", "Plasmacytoid_DC": "CD11c-CD123+"}.items():
        found.append(Manual(ours, theirs, int(gates.loc[paths[theirs], "count"])))
    return tuple(found)


def _bounds(text: str) -> list[tuple[str, float, float]]:
    """Read the thresholds of one gate: (dimension, low, high) of each dimension."""
    kind, gate = json.loads(text.replace("Infinity", "1e999"))[-1]
    assert kind in {5, 6}
    parts = gate[0][1]
    names = [value for key, value in parts if key == 1 and isinstance(value, str)]
    if len(names) == 1 and not isinstance(parts[1][1], list):
        return [(names[0], float(parts[1][1]), float(parts[2][1]))]
    names = [
        part[1][0][1] if isinstance(part[1], list) else part[1] for part in parts if part[0] == 1
    ]
    low, high = (part[1] for part in parts if part[0] == 2)
    return [(n, float(a[1]), float(b[1])) for n, a, b in zip(names, low, high, strict=True)]


def _counts(theirs: Mapping[str, tuple[str, float]]) -> Callable[[Path], tuple[Manual, ...]]:
    found = tuple(Manual(ours, name, count) for ours, (name, count) in theirs.items())
    return lambda folder: found


CASES = (
    Case(
        "mouse spleen, as they gated",
        "gated_nk_t_b/flowsom_mouse/68983.fcs",
        STRATEGIES / "mouse_spleen.yaml",
        _mouse,
        channels={"NK1.1": "PE-A"},
    ),
    Case(
        "mouse spleen, lineage",
        "gated_nk_t_b/flowsom_mouse/68983.fcs",
        "lineage",
        _mouse_lineage,
        channels={"CD56": "PE-A"},
    ),
    Case(
        "Lyoplate DC, monocytes, NK",
        f"{_LYOPLATE_FILE}.fcs",
        "dc_mono_nk",
        _lyoplate,
        display_top=4096.0,
        scatter_top=250_000.0,
    ),
    Case(
        "mouse spleen of Saeys, lineage",
        "gated_nk_t_b/saeys_mouse_tubes/Saeys_30.fcs",
        "lineage",
        _counts(
            {
                "T": ("T cells + NK T cells", 9292 + 83),
                "NKT_like": ("NK T cells", 83),
                "B": ("B cells", 17253),
                "NK": ("NK cells", 370),
            }
        ),
        channels={"CD3": "PE-A", "CD19": "PE-Cy5-A", "CD56": "APC-A", "Viability": "APC-Cy7-A"},
        compensate=False,
    ),
    Case(
        "A2004, as they gated",
        "gated_nk_t_b/a2004_flowjo9/a2004_O1T2pb05i_A2_A02.fcs",
        STRATEGIES / "antigen_presenting.yaml",
        _counts(
            {
                "Leukocytes": ("Live", 34469),
                "Monocytes": ("Monocytes", 1846),
                "APC": ("APC", 2839),
                "B": ("B Cell", 1727),
                "mDC": ("mDC", 449),
                "pDC": ("pDC", 81),
            }
        ),
    ),
)
