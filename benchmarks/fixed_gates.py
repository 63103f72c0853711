"""Twelve fixed gates over all twelve fluorescences of a large tube, as rectangles and polygons."""

from collections.abc import Mapping

import numpy as np

from immunerecon.cytometry.transforms import Linear, Logicle, Scale
from immunerecon.gating.gated_tube import PlacedGate
from immunerecon.gating.geometry.dimensions import FILE, UNCOMPENSATED, Dimension
from immunerecon.gating.geometry.exact_scale import exact_of
from immunerecon.gating.geometry.gates import Gate, PolygonGate, Range, RectangleGate

TOP = 262144.0
SCATTER = ("FSC-A", "FSC-H", "SSC-A")
STAINS = (
    *("BV510-A", "PerCP-Cy5-5-A", "FITC-A", "PE-Cy7-A", "APC-H7-A", "APC-A"),
    *("PE-A", "BV421-A", "BV605-A", "BV711-A", "BV786-A", "BUV395-A"),
)
_TILTED = ((0.3, 0.35), (0.75, 0.3), (0.9, 0.62), (0.6, 0.85), (0.28, 0.7))


def fixed_scales() -> dict[str, Scale]:
    """Return the display scale of each channel."""
    scatter: Mapping[str, Scale] = {name: Linear(TOP) for name in SCATTER}
    return {**scatter, **{name: Logicle(TOP, 0.8) for name in STAINS}}


def fixed_dimensions() -> dict[str, Dimension]:
    """Return what Gating-ML says of each channel."""
    return {
        name: Dimension(name, FILE if name in STAINS else UNCOMPENSATED, exact_of(scale))
        for name, scale in fixed_scales().items()
    }


def logicle_table() -> tuple[np.ndarray, np.ndarray]:
    """Return offset and slope of the stains' display for each upper half of a float32's bits."""
    lower = np.arange(0x10000, dtype=np.uint32) << 16
    ends = [half.view(np.float32) for half in (lower, lower | 0xFFFF)]
    with np.errstate(all="ignore"):  # infinite values and those that are no numbers
        low, high = (fixed_scales()[STAINS[0]].apply(end) for end in ends)
        slopes = ((high - low) / (ends[1] - ends[0])).astype(np.float32)
        offsets = (low - slopes * ends[0]).astype(np.float32)
    return np.nan_to_num(offsets), np.nan_to_num(slopes)


def fixed_gates() -> tuple[PlacedGate, ...]:
    """Return the gates, parents first."""
    return tuple(PlacedGate(name, parent, gate) for name, parent, gate in _gates())


def _gates() -> list[tuple[str, str, Gate]]:
    wedge = ((0.0, 0.0), (1.1, 0.78), (1.1, 1.05))
    lymphoid = ((0.45, 0.0), (1.0, 0.0), (1.0, 0.25), (0.7, 0.3), (0.5, 0.2))
    return [
        ("singlets", "", PolygonGate(("FSC-A", "FSC-H"), wedge)),
        ("live", "singlets", RectangleGate({"PerCP-Cy5-5-A": Range(high=0.6)})),
        ("cells", "live", RectangleGate({"BV510-A": Range(low=0.35), "FSC-A": Range(low=0.05)})),
        ("lymphocytes", "cells", PolygonGate(("BV510-A", "SSC-A"), lymphoid)),
        ("one", "lymphocytes", RectangleGate({"FITC-A": Range(low=0.45)})),
        ("two", "one", PolygonGate(("PE-Cy7-A", "APC-H7-A"), _TILTED)),
        ("three", "one", RectangleGate({"PE-A": Range(0.3, 0.7)})),
        ("four", "lymphocytes", RectangleGate({"FITC-A": Range(high=0.45), "PE-A": Range(0.4)})),
        ("five", "four", PolygonGate(("BV421-A", "PE-A"), _TILTED)),
        ("six", "lymphocytes", RectangleGate({"APC-A": Range(low=0.4)})),
        ("seven", "lymphocytes", RectangleGate({"BV605-A": Range(0.3), "BV711-A": Range(0.3)})),
        ("eight", "lymphocytes", PolygonGate(("BV786-A", "BUV395-A"), _TILTED)),
    ]
