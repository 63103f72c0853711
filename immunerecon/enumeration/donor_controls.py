"""Control tubes on one scale, and where the peaks of recipient and donor cells end."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from immunerecon.enumeration.donor_tubes import SIGMA, ControlTubes

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


def align_controls(tubes: ControlTubes) -> Controls:
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
    origin, sd = tubes.recipient_peak
    unit = sd * (1 if tubes.donor_positive else -1)
    own = [(values - origin) / unit for values in tubes.recipient]
    others = [(values - origin) / unit for values in tubes.blanks]
    target = (tubes.donor_median - origin) / unit
    donor = [(values - origin) / unit for values in tubes.donor]
    given = np.concatenate([values - np.median(values) + target for values in donor])
    peak = _Peak.of(given)
    boundary = _boundary(np.concatenate([v - np.median(v) for v in own]), given, peak)
    gains = [float(np.median(values[values < boundary])) for values in own + others]
    blanks = [values - gain for values, gain in zip(own + others, gains, strict=True)]
    grid = _grid(blanks, peak)
    ends = _peak_ends(peak, boundary)
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


class _Peak(NamedTuple):
    """Where the donor's cells lie: their median, robust SD, and what nearly all lie below."""

    median: float
    sd: float
    highest: float

    @classmethod
    def of(cls, donor: Floats) -> "_Peak":
        low, high, highest = np.quantile(donor, (*SIGMA, 0.999))
        return cls(float(np.median(donor)), float(high - low) / 2, float(highest))


def _grid(blanks: Sequence[Floats], donor: _Peak) -> Floats:
    """Cover all controls; what lies further out counts as lying at the end."""
    low = max(min(float(values.min()) for values in blanks), -12.0) - 1
    high = max(donor.highest, donor.median + 5 * donor.sd) + 4
    return np.linspace(low, high, CELLS + 1)


def _gain_spread(gains: Sequence[float]) -> float:
    """Return the spread between two tubes' gains, or a usual one where too few tubes tell."""
    if len(gains) < 4:
        return 0.3
    return float(np.clip(np.sqrt(2) * np.std(gains, ddof=1), 0.2, 1.0))


def _peak_ends(donor: _Peak, boundary: float) -> tuple[float, float]:
    """Return where the recipient's peak ends, and where the donor's begins."""
    begin = max(min(boundary, donor.median / (1 + donor.sd)), donor.median - CORE * donor.sd)
    return min(boundary, CORE), begin


def _boundary(recipient: Floats, donor: Floats, peak: _Peak) -> float:
    """Return where the fewest events of both controls lie on the wrong side, near the middle."""
    candidates = np.linspace(0.0, peak.median, 200)
    wrong = 1 - _counts_below(recipient, candidates) / len(recipient)
    wrong += _counts_below(donor, candidates) / len(donor)
    middle = peak.median / (1 + peak.sd)
    good = candidates[wrong <= wrong.min() + 0.002]
    return float(good[np.argmin(np.abs(good - middle))])


def _counts_below(values: Floats, places: Floats) -> Floats:
    """Return how many values lie below each of some evenly spaced places, the first of them 0."""
    cells = np.ceil(values / places[1]).clip(0, len(places)).astype(np.intp)
    return np.cumsum(np.bincount(cells, minlength=len(places) + 1)[: len(places)]).astype(float)


def _histogram(values: Floats, grid: Floats) -> Floats:
    inside = np.clip(values, grid[0], np.nextafter(grid[-1], grid[0]))
    # Told that the bins are even, NumPy need not sort.
    return np.histogram(inside, len(grid) - 1, (grid[0], grid[-1]))[0].astype(float)
