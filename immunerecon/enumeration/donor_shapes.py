"""What control tubes teach: the marker's distribution on recipient and donor cells."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from immunerecon.enumeration.donor_tubes import SIGMA, MarkerTubes

Floats = NDArray[np.float64]

CORE = 6.0  # SD from its peak beyond which a cell does not belong to the peak's own shape
CELLS = 512  # of the fine grid; shapes are shifted by interpolating between its edges


@dataclass(frozen=True)
class Controls:
    """Control tubes on one scale: recipient cells at 0 with SD 1, donor cells to the right.

    Parameters
    ----------
    origin, unit
        A displayed value x lies at ``(x - origin) / unit``; `unit` is negative where
        donor cells are the dimmer ones.
    grid : ndarray, shape (CELLS + 1,)
        Edges of the fine grid.
    boundary
        Where recipient cells end and donor cells begin, between the two.
    recipient_end, donor_start
        Where either kind's peak ends on the other's side: at the boundary or before it. Recipient
        cells further on are background, whose rate differs from tube to tube; donor cells on the
        hither side are missed.
    recipient, donor : ndarray, shape (CELLS,)
        Events of the patient's and the donor's control tubes.
    blanks : ndarray, shape (tubes, CELLS)
        Events of each tube known to hold no donor cell, the patient's own first.
    gain_sd
        Spread of the tubes' shifts against each other.
    donor_known
        Whether `donor` are events of a control, not a stand-in.
    """

    origin: float
    unit: float
    grid: Floats
    boundary: float
    recipient_end: float
    donor_start: float
    recipient: Floats
    donor: Floats
    blanks: Floats
    gain_sd: float
    donor_known: bool

    @property
    def right(self) -> NDArray[np.bool_]:
        """Which cells of the grid lie on the donor's side."""
        return self.grid[:-1] >= self.boundary

    @property
    def background(self) -> NDArray[np.bool_]:
        """Which cells of the grid lie beyond the recipient's peak."""
        return self.grid[:-1] >= self.recipient_end

    @property
    def graft(self) -> NDArray[np.bool_]:
        """Which cells of the grid belong to the donor's peak."""
        return self.grid[:-1] >= self.donor_start

    @property
    def donor_seen(self) -> tuple[int, int]:
        """Donor control events on the donor's side, and all of them."""
        return int(self.donor[self.right].sum()), int(self.donor.sum())

    @property
    def blank_clean(self) -> tuple[int, int]:
        """Blank events on the recipient's side, and all of them."""
        return int(self.blanks[:, ~self.right].sum()), int(self.blanks.sum())

    def place(self, values: Floats) -> Floats:
        """Return displayed values on the scale of the controls."""
        return (values - self.origin) / self.unit


@dataclass(frozen=True)
class Shapes:
    """Smoothed distributions, as one estimate (row 0) and bootstrap replicates of it.

    Parameters
    ----------
    grid : ndarray, shape (CELLS + 1,)
        Edges of the fine grid.
    recipient, donor : ndarray, shape (2, 1 + replicates, CELLS + 1)
        Cumulative distributions of the events of the peak (0) and of those beyond its end, on
        the other kind's side (1).
    """

    grid: Floats
    recipient: Floats
    donor: Floats


def align_controls(tubes: MarkerTubes) -> Controls:
    """Bring control tubes onto one scale, each tube's main peak in one place.

    Parameters
    ----------
    tubes
        With at least one tube of the recipient and of the donor.

    Returns
    -------
    Controls
        Tubes of one kind differ in gain; they are shifted so that their peaks agree.
    """
    pooled = np.concatenate(tubes.recipient)
    origin = float(np.median(pooled))
    unit = _sigma(pooled) * (1 if tubes.donor_positive else -1)
    own = [(values - origin) / unit for values in tubes.recipient]
    others = [(values - origin) / unit for values in tubes.blanks]
    target = (float(np.median(np.concatenate(tubes.donor))) - origin) / unit
    donor = [(values - origin) / unit for values in tubes.donor]
    given = np.concatenate([values - np.median(values) + target for values in donor])
    boundary = _boundary(np.concatenate([values - np.median(values) for values in own]), given)
    gains = [float(np.median(values[values < boundary])) for values in own + others]
    blanks = [values - gain for values, gain in zip(own + others, gains, strict=True)]
    grid = _grid(blanks, given)
    ends = _peak_ends(given, boundary)
    boundary, recipient_end, donor_start = (
        float(grid[np.searchsorted(grid, place)]) for place in (boundary, *ends)
    )
    counts = np.array([_histogram(values, grid) for values in blanks])
    return Controls(
        origin=origin,
        unit=unit,
        grid=grid,
        boundary=boundary,
        recipient_end=recipient_end,
        donor_start=donor_start,
        recipient=counts[: len(own)].sum(axis=0),
        donor=_histogram(given, grid),
        blanks=counts,
        gain_sd=_gain_spread(gains[len(own) :]),
        donor_known=tubes.donor_known,
    )


def smooth_shapes(controls: Controls, *, replicates: int, rng: np.random.Generator) -> Shapes:
    """Return the controls' distributions, lightly smoothed, with bootstrap replicates.

    Parameters
    ----------
    controls
        Aligned control tubes.
    replicates
        Number of replicates. Each redraws the blank tubes, and gives every event a random
        weight (Bayesian bootstrap).
    rng
        Source of randomness.

    Notes
    -----
    The recipient's core comes from the patient's own tubes, its tail from all blanks. Half
    an event is added over each stretch as wide as a peak, so that no place is called
    impossible for want of events. The bandwidth is half of Silverman's, less smooth than
    a density for the eye: a tail that is smoothed more is biased.

    References
    ----------
    Rubin DB. Ann Stat 1981;9:130. doi:10.1214/aos/1176345338
    """
    grid, beyond, graft = controls.grid, controls.background, controls.graft
    tails = controls.blanks * beyond
    rows = [_weights(controls, tails.sum(axis=0))]
    for _ in range(replicates):
        tubes = rng.integers(len(tails), size=len(tails))
        weights = _weights(controls, tails[tubes].sum(axis=0))
        rows.append(tuple(rng.gamma(weight) for weight in weights))
    sides = (~beyond, beyond, graft, ~graft)
    core, leak, donor, miss = (
        np.array([_cumulated(row[kind], sides[kind], grid) for row in rows]) for kind in range(4)
    )
    return Shapes(grid=grid, recipient=np.stack([core, leak]), donor=np.stack([donor, miss]))


def bin_edges(controls: Controls) -> Floats:
    """Return bins that are narrow where the controls hold events, without the open ends.

    Parameters
    ----------
    controls
        Aligned control tubes. Without a donor control its side is one bin: where on that
        side donor cells lie is not known.
    """
    middle = (controls.grid[1:] + controls.grid[:-1]) / 2

    def quantiles(counts: Floats, low: float, high: float, number: int) -> Floats:
        cumulated = np.cumsum(counts) / counts.sum()
        return np.interp(np.linspace(low, high, number), cumulated, middle)

    recipient = quantiles(controls.recipient, 0.02, 0.99, 18)
    donor = quantiles(controls.donor, 0.005, 0.995, 25)
    between = np.linspace(recipient[-1], donor[0], 12)
    wide = np.linspace(controls.grid[0], controls.grid[-1], 24)[1:-1]
    edges = np.unique(np.concatenate([recipient, donor, between, wide]).round(3))
    if controls.donor_known:
        return edges
    return np.append(edges[edges < controls.boundary], controls.boundary)


def _sigma(values: Floats) -> float:
    """Return half the distance between the quantiles one SD from the median."""
    return float(np.ptp(np.quantile(values, SIGMA))) / 2


def _grid(blanks: Sequence[Floats], donor: Floats) -> Floats:
    """Cover all controls; what lies further out counts as lying at the end."""
    low = max(min(float(values.min()) for values in blanks), -12.0) - 1
    high = max(float(np.quantile(donor, 0.999)), float(np.median(donor)) + 5 * _sigma(donor)) + 4
    return np.linspace(low, high, CELLS + 1)


def _gain_spread(gains: Sequence[float]) -> float:
    """Return the spread between two tubes' gains, or a usual one where too few tubes tell."""
    if len(gains) < 4:
        return 0.3
    return float(np.clip(np.sqrt(2) * np.std(gains, ddof=1), 0.2, 1.0))


def _peak_ends(donor: Floats, boundary: float) -> tuple[float, float]:
    """Return where the recipient's peak ends, and where the donor's begins."""
    target, sd = float(np.median(donor)), _sigma(donor)
    return min(boundary, CORE), max(min(boundary, target / (1 + sd)), target - CORE * sd)


def _boundary(recipient: Floats, donor: Floats) -> float:
    """Return where the fewest events of both controls lie on the wrong side, near the middle."""
    target = float(np.median(donor))
    candidates = np.linspace(0.0, target, 200)
    wrong = 1 - np.searchsorted(np.sort(recipient), candidates) / len(recipient)
    wrong += np.searchsorted(np.sort(donor), candidates) / len(donor)
    middle = target / (1 + _sigma(donor))
    good = candidates[wrong <= wrong.min() + 0.002]
    return float(good[np.argmin(np.abs(good - middle))])


def _histogram(values: Floats, grid: Floats) -> Floats:
    inside = np.clip(values, grid[0], np.nextafter(grid[-1], grid[0]))
    return np.histogram(inside, grid)[0].astype(float)


def _weights(controls: Controls, tail: Floats) -> tuple[Floats, ...]:
    """Return the events behind core, leak, donor and miss, with what was not seen but may be."""
    beyond, graft = controls.background, controls.graft
    width = controls.grid[1] - controls.grid[0]
    donor_sd = np.sqrt(_variance(np.where(graft, controls.donor, 0.0), controls.grid))
    unseen = 0.5 * width / np.where(controls.right, 4 * donor_sd, 4)
    return (
        np.where(beyond, 0.0, controls.recipient + unseen),
        np.where(beyond, tail + unseen, 0.0),
        np.where(graft, controls.donor + unseen, 0.0),
        np.where(graft, 0.0, controls.donor + unseen),
    )


def _cumulated(weights: Floats, side: NDArray[np.bool_], grid: Floats) -> Floats:
    """Return the smoothed cumulative distribution of the events on one side."""
    kept = np.where(side, _smoothed(weights, grid), 0.0)
    total = np.concatenate([[0.0], np.cumsum(kept)])
    return np.asarray(total / total[-1], dtype=float)


def _variance(counts: Floats, grid: Floats) -> float:
    middle = (grid[1:] + grid[:-1]) / 2
    mean = counts @ middle / counts.sum()
    return float(counts @ (middle - mean) ** 2 / counts.sum())


def _smoothed(counts: Floats, grid: Floats) -> Floats:
    """Blur with half of Silverman's bandwidth; what would leave the grid stays at its ends."""
    width = grid[1] - grid[0]
    silverman = 0.9 * np.sqrt(_variance(counts, grid)) * max(counts.sum(), 1.0) ** -0.2
    bandwidth = max(0.5 * silverman, width / 4)
    reach = int(np.ceil(3 * bandwidth / width))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * width / bandwidth) ** 2)
    padded = np.convolve(counts, kernel / kernel.sum())
    inside = padded[reach : reach + len(counts)].copy()
    inside[0] += padded[:reach].sum()
    inside[-1] += padded[reach + len(counts) :].sum()
    return np.asarray(inside, dtype=float)
