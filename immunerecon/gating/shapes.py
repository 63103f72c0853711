"""Gates whose shape follows from physics: singlets on a line, counting beads in one tight spot."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from immunerecon.gating.boundaries import Evidence, place_boundary, robust_spread
from immunerecon.gating.geometry.gates import PolygonGate, Range, RectangleGate

Values = Mapping[str, NDArray[np.float32]]

_FEWEST = 20  # events below which no shape is fitted
_TOP = 1.1  # beyond the display's end, so that events at the ceiling stay inside
_BEADS_AT_LEAST = 0.55  # display; beads fluoresce brightly in every detector, cells never do
_SPOT_AGREEMENT = 0.5  # share of bright events in the box, below which there are no beads
_SPOT_WIDTHS = 6.0  # beads vary by a few percent; doublets of beads lie beyond


def singlet_gate(values: Values, pair: tuple[str, str]) -> tuple[PolygonGate, float] | None:
    """Place a wedge around the line on which single cells lie.

    Parameters
    ----------
    values
        Display values of the parent's events for each dimension.
    pair
        Area and height of one scatter signal; doublets have more area at the same height.

    Returns
    -------
    gate, confidence
        None with fewer than 20 events.

    Notes
    -----
    The ratio of height to area is constant for singlets. Its mode and upper half (which doublets
    do not reach) give centre and width; the lower side lies in the valley to the doublets.
    """
    area, height = (values[name] for name in pair)
    sound = (area > 0.01) & (height > 0.01)
    if np.count_nonzero(sound) < _FEWEST:
        return None
    ratio = np.log(height[sound] / area[sound])
    mode = _mode(ratio)
    width = 1.4826 * float(np.median(ratio[ratio >= mode] - mode))
    # The valley finder works on 0-1: the mode is put at 0.7, the doublets' half of it at 0.
    shifted = ratio - mode + 0.7
    window = (0.3, 0.7 - 2.5 * max(width, 0.01))
    value, confidence, _ = place_boundary(Evidence(shifted.astype(np.float32), window=window))
    low, high = mode + value - 0.7, mode + max(5 * width, 0.15)
    corners = ((0.0, 0.0), (_TOP, _TOP * float(np.exp(low))), (_TOP, _TOP * float(np.exp(high))))
    return PolygonGate(pair, corners), confidence


def bead_gate(values: Values, pair: tuple[str, str]) -> tuple[RectangleGate, float] | None:
    """Place a box around counting beads, which are bright in every fluorescence.

    Parameters
    ----------
    values
        Display values of all events for each dimension.
    pair
        The two markers that the box is drawn on.

    Returns
    -------
    gate, confidence
        None where no such cluster of at least 20 events stands out.
    """
    bright: NDArray[np.intp] | None = None
    for name, column in values.items():
        if not name.startswith(("FSC", "SSC", "Time")):
            # What is dim in one needs no look at the others.
            above = (column if bright is None else column[bright]) > _BEADS_AT_LEAST
            bright = np.flatnonzero(above) if bright is None else bright[above]
    if bright is None or bright.size < _FEWEST:
        return None
    ranges = {}
    for name in pair:
        centre, spread = robust_spread(values[name][bright])
        half = max(_SPOT_WIDTHS * spread, 0.02)
        ranges[name] = Range(centre - half, centre + half)
    gate = RectangleGate(ranges)
    inside = gate.contains({name: values[name] for name in pair})
    # Beads are a spot: whatever else lies in the box, or bright outside it, speaks against them.
    both = np.count_nonzero(inside[bright])
    agreement = both / (np.count_nonzero(inside) + bright.size - both)
    return (gate, float(agreement)) if agreement > _SPOT_AGREEMENT else None


def _mode(values: NDArray[np.float32]) -> float:
    """Return the half-sample mode (Bickel and Fruehwirth 2006, doi:10.1016/j.csda.2005.07.011)."""
    ordered = np.sort(values)
    while ordered.size > 3:
        half = (ordered.size + 1) // 2
        first = int(np.argmin(ordered[half - 1 :] - ordered[: ordered.size - half + 1]))
        ordered = ordered[first : first + half]
    return float(np.median(ordered))
