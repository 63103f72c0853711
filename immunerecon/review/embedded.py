"""The review inside a page that has no program behind it: everything that can be asked, packed."""

import base64
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from immunerecon.cytometry.transforms import Scale
from immunerecon.gating.pictures import BINS, GatePicture
from immunerecon.review.catalogue import RunTables, find_oddities, list_populations, list_tubes
from immunerecon.review.packing import Reply, pack
from immunerecon.review.telling import tell_axes, tell_geometry

SIDE = BINS // 2
SHADES = 8


def embed_review(
    tables: RunTables,
    *,
    study: str,
    pictures: Callable[[str], tuple[GatePicture, ...]],
    scales: Callable[[str], Mapping[str, Scale]],
) -> str:
    """Return a run's gates as JSON that a page can hold, for looking only.

    Parameters
    ----------
    tables
        Of the run.
    study
        Name of the study.
    pictures, scales
        Return the pictures of a file's gates, and the display scale of each of its dimensions.

    Returns
    -------
    str
        Safe inside a script element. Each tube is deflated on its own and opened when it is
        looked at; densities have 48 x 48 bins in 8 shades. Empty where no tube was gated.
    """
    shown = {tube["file"]: pictures(tube["file"]) for tube in list_tubes(tables)}
    tubes = [tube for tube in list_tubes(tables) if shown[tube["file"]]]
    if not tubes:
        return ""
    populations = list_populations(tables)
    counts = dict(iter(tables.populations.groupby("file", sort=False)))
    gates = dict(iter(tables.gates.groupby("file", sort=False)))
    axes: list[dict[str, Any]] = []
    packed: dict[str, str] = {}
    for tube in tubes:
        file = tube["file"]
        told = _tell_tube(counts[file], gates[file], shown[file])
        own = tell_axes(scales(file), dict.fromkeys(told.content["looked"]))
        if own not in axes:
            axes.append(own)
        words = {**told.content, "file": file, "axes": axes.index(own)}
        packed[file] = _deflated(pack(Reply(words, told.buffers)))
    content = {
        "open": {
            "study": study,
            "tubes": tubes,
            "populations": populations,
            "overrides": [],
            "writes": "",
            "changed": [],
        },
        "axes": axes,
        "oddities": {
            name: find_oddities(tables, name)
            for name in dict.fromkeys(n for names in populations.values() for n in names)
        },
        "tubes": packed,
    }
    # "<" would end the script element early.
    return json.dumps(content, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _tell_tube(counts: pd.DataFrame, gates: pd.DataFrame, pictures: Sequence[GatePicture]) -> Reply:
    """Return a tube as the review tells it, each panel's density once."""
    by_name = {picture.population: picture for picture in pictures}
    rows = counts.set_index("population")
    told = [_tell_gate(row, rows, by_name) for row in gates.to_dict("records")]
    panels = {(p.parent, p.x, p.y): p.counts for p in pictures}
    looked = [name for p in pictures for name in (p.x, p.y)]
    words = [{"parent": parent, "x": x, "y": y, "side": SIDE} for parent, x, y in panels]
    levels = tuple(_levels(found).tobytes() for found in panels.values())
    content: dict[str, Any] = {
        "events": max((gate["parentCount"] for gate in told), default=0),
        "gates": told,
        "boundaries": {},
        "dropped": {},
        "flags": [],
        "panels": words,
        "looked": sorted(set(looked)),
    }
    return Reply(content, levels)


def _tell_gate(
    row: Mapping[Any, Any], counts: pd.DataFrame, pictures: Mapping[str, GatePicture]
) -> dict[str, Any]:
    without = json.loads(row["parameters"]).get("without", "")
    picture = pictures.get(row["population"])
    shown = picture or pictures.get(without) or next(iter(pictures.values()))
    return {
        "name": row["population"],
        "parent": row["parent"],
        "without": without if picture is None else "",
        "count": int(counts.loc[row["population"], "count"]),
        "parentCount": int(counts.loc[row["population"], "parent_count"]),
        "source": row["source"],
        "confidence": round(float(row["confidence"]), 3),
        "x": shown.x,
        "y": shown.y,
        "gate": _rounded(tell_geometry(picture.gate)) if picture else None,
        "sides": [],
    }


def _rounded(geometry: Any) -> Any:  # noqa: ANN401 - JSON of any depth
    """Return a geometry in the digits that a screen shows."""
    if isinstance(geometry, float):
        return round(geometry, 4)
    if isinstance(geometry, dict):
        return {key: _rounded(value) for key, value in geometry.items()}
    return [_rounded(value) for value in geometry] if isinstance(geometry, list) else geometry


def _levels(counts: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Return a picture's density in few bins and shades, y first, 0 where a bin is empty."""
    coarse = counts.T.reshape(SIDE, 2, SIDE, 2).sum(axis=(1, 3))
    most = max(int(coarse.max(initial=0)), SHADES)
    shades = np.ceil(np.log1p(coarse) * (SHADES / np.log1p(most))).clip(0, SHADES)
    return np.asarray(shades * (255 // SHADES), dtype=np.uint8)


def _deflated(content: bytes) -> str:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return base64.b64encode(packer.compress(content) + packer.flush()).decode()
