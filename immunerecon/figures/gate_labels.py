"""Where the label of each gate stands: at its gate, in no other one, on few events."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from immunerecon.figures.gate_shapes import gate_corners
from immunerecon.gating.geometry.polygon_cells import points_inside
from immunerecon.gating.pictures import BINS, HIGH, LOW, GatePicture

Bins = NDArray[np.bool_]
Shares = NDArray[np.float64]

_GAP = 0.012  # of the display, between the frame and a label
_CHARACTER, _LINE = 0.54, 1.22  # mean width and line spacing, of the type size
_PLACES = 24  # tried along each axis
# What speaks against a place: the share of the parent's events that is hidden, the shares of the
# label in other gates, on other labels, and on both sides of the own gate's line; how far it stands
# from the own gate, and from its middle, on the display.
_EVENTS, _FOREIGN, _LABELS, _CROSSING, _FAR, _AWAY = 15.0, 6.0, 20.0, 0.4, 4.0, 0.2


@dataclass(frozen=True)
class Box:
    """A rectangle on the display."""

    left: float
    bottom: float
    right: float
    top: float

    @property
    def bins(self) -> tuple[slice, slice]:
        """The bins of a picture that it covers, in part or wholly."""
        edges = np.array([self.left, self.right, self.bottom, self.top])
        left, right, bottom, top = ((edges - LOW) / (HIGH - LOW) * BINS).astype(int).tolist()
        return slice(left, right + 1), slice(bottom, top + 1)

    def overlap(self, other: "Box") -> float:
        """Return the share of this box that another one covers."""
        across = min(self.right, other.right) - max(self.left, other.left)
        up = min(self.top, other.top) - max(self.bottom, other.bottom)
        area = (self.right - self.left) * (self.top - self.bottom)
        return max(across, 0.0) * max(up, 0.0) / area


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
        One a label, within the frame. Of many places it is the one that is nearest to its own
        gate, or in it, and hides least: events, other gates, labels placed before.
    """
    scale = 72 / ax.figure.dpi / (HIGH - LOW)
    wide, high = ax.bbox.width * scale, ax.bbox.height * scale  # points a unit of display
    gates = [_bins_inside(picture) for picture in pictures]
    shares = pictures[0].counts / max(1, int(pictures[0].counts.sum()))
    placed: dict[int, Box] = {}
    # The smallest gates have least choice.
    for place in sorted(range(len(gates)), key=lambda place: int(gates[place].sum())):
        lines = labels[place].split("\n")
        width = _CHARACTER * size * max(map(len, lines)) / wide
        height = _LINE * size * len(lines) / high
        others = np.any([gates[n] for n in range(len(gates)) if n != place] or [shares < 0], axis=0)
        against = _objections(gates[place], others, shares)
        placed[place] = min(
            _places(width, height),
            key=lambda box: (
                against(box) + _LABELS * sum(box.overlap(other) for other in placed.values())
            ),
        )
    return [placed[place] for place in range(len(gates))]


def _bins_inside(picture: GatePicture) -> Bins:
    """Return which bins of a picture lie in its gate, by their middles."""
    corners = gate_corners(picture)
    if not len(corners):
        return np.zeros((BINS, BINS), dtype=np.bool_)
    middles = LOW + (np.arange(BINS) + 0.5) / BINS * (HIGH - LOW)
    x, y = (axis.ravel() for axis in np.meshgrid(middles, middles, indexing="ij"))
    vertices = tuple((across, up) for across, up in corners.tolist())
    return points_inside(x, y, vertices).reshape(BINS, BINS)


def _objections(own: Bins, others: Bins, shares: Shares) -> Callable[[Box], float]:
    """Return what speaks against a place for a gate's label, other labels aside."""
    from scipy.ndimage import center_of_mass, distance_transform_edt

    foreign = others & ~own
    distant, middle = np.zeros(own.shape), (BINS / 2, BINS / 2)
    if own.any():
        distant, middle = distance_transform_edt(~own), center_of_mass(own)

    def against(box: Box) -> float:
        across, up = box.bins
        inside = float(own[across, up].mean())
        away = np.hypot(
            *((at.start + at.stop) / 2 - to for at, to in zip((across, up), middle, strict=True))
        )
        return (
            _EVENTS * float(shares[across, up].sum())
            + _FOREIGN * float(foreign[across, up].mean())
            + _CROSSING * 4 * inside * (1 - inside)
            + (_FAR * float(distant[across, up].min()) + _AWAY * float(away)) / BINS
        )

    return against


def _places(width: float, height: float) -> Iterator[Box]:
    """Yield places for a label all over the frame."""
    for x in np.linspace(LOW + _GAP, HIGH - width - _GAP, _PLACES).tolist():
        for y in np.linspace(LOW + _GAP, HIGH - height - _GAP, _PLACES).tolist():
            yield Box(x, y, x + width, y + height)
