"""Events as a person sees them: a density of 256 x 256 bins, and single events where few lie."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from immunerecon.gating.pictures import HIGH, LOW

BINS = 256
LEVELS = 255
SPARSE = 3  # events in a bin and its eight neighbours, up to which each is drawn as a point
MOST_POINTS = 4000

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Density:
    """Events on two dimensions of the display.

    Parameters
    ----------
    levels : ndarray of uint8, shape (256, 256)
        0 where a bin is empty or its events are drawn as points, else 1-255 in proportion to
        ``log(1 + events)``; first axis y from the bottom, second axis x. Both run over the display
        from -0.05 to 1.05, events beyond are counted in the outermost bins.
    most
        Events in the fullest bin.
    points : ndarray of uint16, shape (n, 2)
        x and y of single events, 0-65535 over the same range; at most 4000, evenly thinned.
    """

    levels: NDArray[np.uint8]
    most: int
    points: NDArray[np.uint16]


def draw_density(x: Floats, y: Floats) -> Density:
    """Return the density of events, those that lie alone as points.

    Parameters
    ----------
    x, y : ndarray of float32, shape (n_events,)
        Display values; events without a value (NaN) are left out.

    Examples
    --------
    >>> crowd, alone = np.full(100, 0.5, np.float32), np.float32([0.9])
    >>> density = draw_density(np.append(crowd, alone), np.append(crowd, alone))
    >>> density.most, int(density.levels.max()), len(density.points)
    (100, 255, 1)
    """
    across, up = _places(x), _places(y)
    known = np.isfinite(across) & np.isfinite(up)
    if not known.all():
        across, up = across[known], up[known]
    bins = up.astype(np.int32) * BINS + across.astype(np.int32)
    counts = np.bincount(bins, minlength=BINS * BINS).reshape(BINS, BINS)
    alone = (counts > 0) & (_crowds(counts) <= SPARSE)
    single = np.flatnonzero(alone.ravel()[bins])
    kept = single[:: max(1, -(-single.size // MOST_POINTS))]
    points = np.column_stack([across[kept], up[kept]]) * (65535 / BINS)
    most = int(counts.max(initial=0))
    shown = np.where(alone, 0, counts)
    scale = LEVELS / np.log1p(max(most, 1))
    levels = np.ceil(np.log1p(shown) * scale).clip(0, LEVELS)
    return Density(levels.astype(np.uint8), most, points.astype(np.uint16))


def _places(values: Floats) -> Floats:
    """Return where values lie, in bins."""
    places = (values - np.float32(LOW)) * np.float32(BINS / (HIGH - LOW))
    return np.asarray(np.clip(places, 0, np.float32(BINS - 0.001)))


def _crowds(counts: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the events in each bin and its eight neighbours."""
    rows = counts.copy()
    rows[1:] += counts[:-1]
    rows[:-1] += counts[1:]
    crowds = rows.copy()
    crowds[:, 1:] += rows[:, :-1]
    crowds[:, :-1] += rows[:, 1:]
    return crowds
