"""Where the negative and the positive events of a marker part, found in one tube's density.

All values are on the display scale (0-1 over the instrument's range), where one population is
some 0.05 wide whatever the marker.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from immunerecon.gating.peaks import prominent_peaks

Floats = NDArray[np.float32]
Method = Literal["valley", "tail", "fixed", "none"]

GRID = np.linspace(-0.3, 1.2, 751)
_STEP = GRID[1] - GRID[0]
_KERNEL_WIDTHS = 4.0  # standard deviations, beyond which a kernel is nothing
_POPULATION_WIDTH = 0.05  # standard deviation of a typical population on the display scale
TAIL_WIDTHS = 3.5  # a tail cut leaves some 0.02 % of a normal population on the wrong side
_FEWEST = 20  # events below which a density says nothing
_FEWEST_A_SIDE = 10  # events, and share of all, that make a side more than outliers
_LEAST_SHARE = 0.001
_SATURATED = 0.99  # display


@dataclass(frozen=True)
class Boundary:
    """A threshold on one marker, with how it was found.

    Parameters
    ----------
    name
        Name in the strategy; the marker's own unless it has several boundaries.
    marker
        Dimension that it parts.
    value
        On the display scale; events at or above it are positive.
    source
        ``data``, ``borrowed`` from other tubes, or ``fixed``.
    confidence
        0-1: the depth of the valley it lies in, shrunk where events are few. A boundary without a
        valley has at most 0.3.
    method
        ``valley``, ``tail``, ``fixed`` or ``none`` (no events to place it by).
    standard_error
        Of `value` (`standard_errors`); NaN where it is not known.
    """

    name: str
    marker: str
    value: float
    source: Literal["data", "borrowed", "fixed"] = "data"
    confidence: float = 1.0
    method: Method = "valley"
    standard_error: float = math.nan


@dataclass(frozen=True)
class Evidence:
    """What a boundary is placed by.

    Parameters
    ----------
    values : ndarray, shape (n,)
        The events that are looked at.
    low, high : ndarray or None
        Events that are known to lie below, above.
    window
        Bounds within which the boundary must lie.
    tallest
        Side on which the tallest peak lies, where the strategy knows it.
    """

    values: Floats
    low: Floats | None = None
    high: Floats | None = None
    window: tuple[float, float] = (-math.inf, math.inf)
    tallest: Literal["low", "high"] | None = None


def place_boundary(evidence: Evidence) -> tuple[float, float, Method]:
    """Place a threshold in the lowest valley between the two sides.

    Parameters
    ----------
    evidence
        The events, the references for either side, and the window.

    Returns
    -------
    value, confidence, method
        `value` is NaN and `method` ``none`` when there is nothing to place it by.

    Notes
    -----
    The density is a Gaussian kernel estimate on a grid, with a bandwidth for populations of
    typical width. With a window, the valley is its lowest point; without, the pair of peaks with
    the deepest valley between them counts, depth being judged on the square root of the density,
    which makes counting noise the same for large and small peaks. The idea of parting two peaks
    at the valley is that of openCyto's ``mindensity`` [1]_.

    References
    ----------
    .. [1] Finak G, et al. PLoS Comput Biol 2014;10:e1003806. doi:10.1371/journal.pcbi.1003806

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> values = np.concatenate([rng.normal(0.2, 0.04, 500), rng.normal(0.7, 0.05, 500)])
    >>> value, confidence, method = place_boundary(Evidence(values.astype(np.float32)))
    >>> bool(0.32 < value < 0.56), method
    (True, 'valley')
    """
    if evidence.values.size >= _FEWEST:
        density = kernel_density(evidence.values)
        bounds = _between_peaks(density, evidence) or _window_on_grid(evidence)
        if bounds is not None:
            found = _valley(density, bounds, evidence.values.size)
            if found is not None:
                return (*found, "valley")
    tail = _tail(evidence)
    return (math.nan, 0.0, "none") if tail is None else (tail, 0.3, "tail")


def robust_spread(values: Floats) -> tuple[float, float]:
    """Return median and 1.4826 MAD (the standard deviation of a normal sample)."""
    centre = float(np.median(values))
    return centre, 1.4826 * float(np.median(np.abs(values - centre)))


def kernel_density(values: Floats) -> NDArray[np.float64]:
    """Return the kernel density of the values on the grid, in events per grid step."""
    counts = np.bincount(
        np.clip(np.rint((values - GRID[0]) / _STEP), 0, GRID.size - 1).astype(np.intp),
        minlength=GRID.size,
    ).astype(float)
    bandwidth = _POPULATION_WIDTH * values.size**-0.2
    width = bandwidth / _STEP
    reach = int(_KERNEL_WIDTHS * width + 0.5)
    kernel = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / width))
    return np.convolve(counts, kernel / kernel.sum())[reach : reach + GRID.size]


def root_noise(n: int) -> float:
    """Return the counting noise of the root of the density of n events.

    That of the root of a count is 1/2 whatever the count; the kernel averages it.
    """
    bandwidth_steps = _POPULATION_WIDTH * n**-0.2 / _STEP
    return 0.5 / math.sqrt(2 * math.sqrt(math.pi) * bandwidth_steps)


def _window_on_grid(evidence: Evidence) -> tuple[int, int] | None:
    """Return the window as grid indices, None where it is open on a side."""
    low, high = evidence.window
    if not (math.isfinite(low) and math.isfinite(high)):
        return None
    first, last = np.searchsorted(GRID, (low, high))
    first = min(int(first), GRID.size - 2)
    return first, min(max(int(last), first + 1), GRID.size - 1)


def _between_peaks(density: NDArray[np.float64], evidence: Evidence) -> tuple[int, int] | None:
    """Return the grid indices of the two peaks with the deepest valley between them."""
    if math.isfinite(evidence.window[0]):
        return None
    root = np.sqrt(density)
    noise = root_noise(evidence.values.size)
    peaks = prominent_peaks(root, prominence=3 * noise)
    lower, upper = _sides(peaks, root, evidence)
    best, depth = None, 3 * noise
    for i in lower:
        for j in upper:
            if i < j:
                lowest = i + int(np.argmin(root[i:j]))
                gap = min(root[i], root[j]) - root[lowest]
                fewer = min(density[:lowest].sum(), density[lowest:].sum())
                if gap > depth and fewer >= max(_FEWEST_A_SIDE, _LEAST_SHARE * density.sum()):
                    best, depth = (int(i), int(j)), gap
    return best


def _sides(
    peaks: NDArray[np.intp], root: NDArray[np.float64], evidence: Evidence
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the peaks that may be the negative, and those that may be the positive side."""
    lower = upper = peaks
    if peaks.size == 0:
        return lower, upper
    if evidence.low is not None and evidence.low.size >= _FEWEST:
        centre, spread = robust_spread(evidence.low)
        # The positive side must clear what the reference itself spreads over.
        upper = peaks[GRID[peaks] > centre + 2 * max(spread, _STEP)]
        near = np.searchsorted(GRID, centre)
        lower = np.array([near]) if root[near] > 0 else peaks[:1]
    if evidence.high is not None and evidence.high.size >= _FEWEST:
        centre, spread = robust_spread(evidence.high)
        lower = lower[GRID[lower] < centre - 2 * max(spread, _STEP)]
        upper = np.array([np.searchsorted(GRID, centre)])
    if evidence.tallest is not None:
        # Saturated events are a spike at the top of the scale, taller than many a population.
        modes = peaks[GRID[peaks] < _SATURATED]
        modes = modes if modes.size else peaks
        tallest = modes[[np.argmax(root[modes])]]
        lower, upper = (tallest, upper) if evidence.tallest == "low" else (lower, tallest)
    return lower, upper


def _valley(
    density: NDArray[np.float64], bounds: tuple[int, int], n: int
) -> tuple[float, float] | None:
    """Return the lowest point between the bounds and the confidence in it."""
    first, last = bounds
    # A valley has higher ground on both sides; where the events end, the density is lower still.
    left = np.maximum.accumulate(density)
    right = np.maximum.accumulate(density[::-1])[::-1]
    depth = np.sqrt(np.minimum(left, right)) - np.sqrt(density)
    inside = density[first : last + 1]
    deep = np.flatnonzero(depth[first : last + 1] > 3 * root_noise(n))
    lowest = inside[deep].min() if deep.size else inside.min()
    # A gap without events is wide: its middle is as far from either side as one can be.
    floor = np.flatnonzero(inside <= lowest + 1e-9)
    floor = np.intersect1d(floor, deep) if deep.size else floor
    position = first + int(floor[floor.size // 2])
    shoulder = min(density[: position + 1].max(), density[position:].max())
    if shoulder <= 0:
        return None
    depth = 1 - lowest / shoulder
    return float(GRID[position]), float(np.clip(depth * n / (n + 50), 0, 1))


def _tail(evidence: Evidence) -> float | None:
    """Return a cut beyond the tail of a reference, or of the one peak there is."""
    low, high = evidence.window
    if evidence.low is not None and evidence.low.size >= 5:
        centre, spread = robust_spread(evidence.low)
        value = centre + TAIL_WIDTHS * max(spread, _STEP)
    elif evidence.high is not None and evidence.high.size >= 5:
        centre, spread = robust_spread(evidence.high)
        value = centre - TAIL_WIDTHS * max(spread, _STEP)
    elif evidence.values.size >= 5:
        centre, spread = robust_spread(evidence.values)
        # Alone in the upper half of the display a peak is stained, in the lower it is not.
        stained = centre > 0.5 if evidence.tallest is None else evidence.tallest == "high"
        value = centre + (-TAIL_WIDTHS if stained else TAIL_WIDTHS) * max(spread, _STEP)
    elif math.isfinite(low) and math.isfinite(high):
        return (low + high) / 2
    else:
        return None
    return float(np.clip(value, low, high))
