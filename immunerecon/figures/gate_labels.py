"""Where the label of each gate stands: beside its gate, on few events, on no other label."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from immunerecon.figures.gate_shapes import gate_corners
from immunerecon.gating.geometry.gates import RectangleGate
from immunerecon.gating.pictures import BINS, HIGH, LOW, GatePicture

_GAP = 0.012  # of the display, between a gate or the frame and a label
_CHARACTER, _LINE = 0.54, 1.22  # mean width and line spacing, of the type size
_EVENTS, _GATES, _LABELS = 6.0, 1.0, 20.0  # weight of what a label hides
_LATER = 0.01  # weight of a place's rank


@dataclass(frozen=True)
class Box:
    """A rectangle on the display."""

    left: float
    bottom: float
    right: float
    top: float

    @property
    def area(self) -> float:
        """Area on the display."""
        return (self.right - self.left) * (self.top - self.bottom)

    def overlap(self, other: "Box") -> float:
        """Return the share of this box that another one covers."""
        across = min(self.right, other.right) - max(self.left, other.left)
        up = min(self.top, other.top) - max(self.bottom, other.bottom)
        return max(across, 0.0) * max(up, 0.0) / self.area


def place_labels(
    pictures: Sequence[GatePicture], labels: Sequence[str], *, ax: Axes, size: float
) -> list[Box]:
    """Find a place for the label of each gate of a panel.

    Parameters
    ----------
    pictures
        The gates, on one parent and pair of dimensions.
    labels
        Their labels; lines are parted by a line feed.
    ax
        The panel.
    size
        Of the type, in points.

    Returns
    -------
    list of Box
        One a label, within the frame. Of a few places in and around the gate it is the one that
        hides least: events, other gates, labels placed before.
    """
    scale = 72 / ax.figure.dpi / (HIGH - LOW)
    wide, high = ax.bbox.width * scale, ax.bbox.height * scale  # points a unit of display
    gates = [_bounds(gate_corners(picture)) for picture in pictures]
    shares = pictures[0].counts / max(1, int(pictures[0].counts.sum()))
    placed: dict[int, Box] = {}
    # The smallest gates have least choice.
    for place in sorted(range(len(gates)), key=lambda place: gates[place].area):
        gate, lines = gates[place], labels[place].split("\n")
        width = _CHARACTER * size * max(map(len, lines)) / wide
        height = _LINE * size * len(lines) / high
        bounded = not isinstance(pictures[place].gate, RectangleGate)
        # A half plane is best labelled inside, a closed outline outside.
        avoided = [other for number, other in enumerate(gates) if number != place or bounded]
        candidates = list(_candidates(gate, width, height, inside_first=not bounded))
        costs = [
            _EVENTS * _share_under(shares, box)
            + _GATES * sum(box.overlap(other) for other in avoided)
            + _LABELS * sum(box.overlap(other) for other in placed.values())
            + _LATER * rank
            for rank, box in enumerate(candidates)
        ]
        placed[place] = candidates[int(np.argmin(costs))]
    return [placed[place] for place in range(len(gates))]


def _bounds(corners: NDArray[np.float64]) -> Box:
    (left, bottom), (right, top) = (
        np.clip(edge(corners, axis=0), LOW, HIGH).tolist() for edge in (np.min, np.max)
    )
    return Box(left, bottom, right, top)


def _candidates(gate: Box, width: float, height: float, *, inside_first: bool) -> Iterator[Box]:
    """Yield places in the corners of a gate and around it, the better ones first."""
    centre, middle = (gate.left + gate.right - width) / 2, (gate.bottom + gate.top - height) / 2
    left, right = gate.left + _GAP, gate.right - width - _GAP
    bottom, top = gate.bottom + _GAP, gate.top - height - _GAP
    corners = [(x, y) for y in (top, bottom) for x in (left, right)]
    around = [
        place
        for x, y in ((centre, middle), (left, top), (right, bottom))
        for place in (
            (x, gate.top + _GAP),
            (x, gate.bottom - height - _GAP),
            (gate.right + _GAP, y),
            (gate.left - width - _GAP, y),
        )
    ]
    for x, y in [*corners, *around] if inside_first else [*around, *corners]:
        x, y = (
            min(max(at, LOW + _GAP), HIGH - size - _GAP) for at, size in ((x, width), (y, height))
        )
        yield Box(x, y, x + width, y + height)


def _share_under(shares: NDArray[np.float64], box: Box) -> float:
    """Return the share of the events that a box hides."""
    edges = np.array([box.left, box.right, box.bottom, box.top])
    low_x, high_x, low_y, high_y = ((edges - LOW) / (HIGH - LOW) * BINS).astype(int)
    return float(shares[low_x : high_x + 1, low_y : high_y + 1].sum())
