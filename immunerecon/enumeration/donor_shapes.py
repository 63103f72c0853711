"""What control tubes teach: the marker's distribution on recipient and donor cells."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from immunerecon.enumeration.donor_controls import Controls
from immunerecon.enumeration.donor_flanks import above_flank, extend_flank

Floats = NDArray[np.float64]

ENOUGH_TUBES = 5  # that show how blanks differ


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

    def at(self, cell: NDArray[np.intp], row: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Return what lies below cells of the grid, and what lies in them.

        Parameters
        ----------
        cell : ndarray, shape (2, tubes, n)
            For recipient and donor cells.
        row : ndarray, shape (tubes,)
            Estimate or replicate.

        Returns
        -------
        below, inside : ndarray, shape (2, 2, tubes, n)
            Shares of the peak's and of the further events, of recipient and donor cells.
        """
        kind = np.array([[0], [self.recipient.shape[1]]])
        place = cell + ((kind + row) * len(self.grid))[:, :, None]
        below = self._flat.take(place, axis=1)
        place += 1
        inside = self._flat.take(place, axis=1)
        inside -= below
        return below, inside

    @cached_property
    def _flat(self) -> Floats:
        """Both kinds' distributions one after the other, peak and further events apart."""
        return np.stack([self.recipient, self.donor], axis=1).reshape(2, -1)


def smooth_shapes(controls: Controls, *, replicates: int, rng: np.random.Generator) -> Shapes:
    """Return the controls' distributions, lightly smoothed, with bootstrap replicates.

    Parameters
    ----------
    controls
        Aligned control tubes.
    replicates
        Number of replicates. Each gives every event a random weight (Bayesian bootstrap); in the
        tail it redraws whole blank tubes where there are enough of them, which differ by more.
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
    tails, unseen = leaked_events(controls), _unseen(controls)
    seen = (controls.recipient, tails.sum(axis=0), controls.donor, controls.donor)
    sides = (~beyond, beyond, graft, ~graft)
    rows = [[np.where(*part, 0.0) for part in zip(sides, seen + unseen, strict=True)]]
    for _ in range(replicates):
        tail = np.where(beyond, _redraw(tails, rng) + unseen, 0.0)
        redrawn = [rng.gamma(rows[0][kind]) for kind in (0, 2, 3)]
        rows.append([redrawn[0], tail, *redrawn[1:]])
    peaks, leak, donor, miss = (
        np.where(side, _smoothed(np.array([row[kind] for row in rows]), grid), 0.0)
        for kind, side in enumerate(sides)
    )
    core = peaks + peaks.sum(axis=1, keepdims=True) * _flank_share(controls)
    return Shapes(
        grid=grid,
        recipient=np.stack([_cumulated(core), _cumulated(leak)]),
        donor=np.stack([_cumulated(donor), _cumulated(miss)]),
    )


def leaked_events(controls: Controls) -> Floats:
    """Return the events of each blank tube beyond the recipient's peak, less those of its flank.

    Parameters
    ----------
    controls
        Aligned control tubes.

    Returns
    -------
    ndarray, shape (tubes, CELLS)
        Background, whose rate differs from tube to tube, as the flank of the peak does not.
    """
    beyond = controls.background
    pooled = controls.blanks.sum(axis=0)
    flank = pooled[~beyond].sum() * _flank_share(controls)
    tail = _smoothed(np.where(beyond, pooled, 0.0)[None], controls.grid)[0]
    return controls.blanks * np.where(beyond, above_flank(tail, flank), 0.0)


def _flank_share(controls: Controls) -> Floats:
    """Return the flank of the recipient's peak in all blanks, per event of the peak itself."""
    peak = np.where(controls.background, 0.0, controls.blanks.sum(axis=0))
    share = extend_flank(peak, controls.grid, controls.recipient_end) / peak.sum()
    return np.asarray(share, dtype=float)


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


def _unseen(controls: Controls) -> Floats:
    """Return the events of each cell of the grid that were not seen but may be."""
    width = controls.grid[1] - controls.grid[0]
    donor_sd = np.sqrt(_variance(np.where(controls.graft, controls.donor, 0.0), controls.grid))
    return np.asarray(0.5 * width / np.where(controls.right, 4 * donor_sd, 4), dtype=float)


def _redraw(tails: Floats, rng: np.random.Generator) -> Floats:
    """Return the pooled tail as other blank tubes, or other events of few tubes, might show it."""
    if len(tails) >= ENOUGH_TUBES:
        return np.asarray(tails[rng.integers(len(tails), size=len(tails))].sum(axis=0))
    return np.asarray(rng.gamma(tails.sum(axis=0)))


def _cumulated(rows: Floats) -> Floats:
    """Return the cumulative distribution of events on the grid, row by row."""
    total = np.cumsum(rows, axis=1)
    return np.concatenate([np.zeros((len(rows), 1)), total / total[:, -1:]], axis=1)


def _variance(counts: Floats, grid: Floats) -> float:
    middle = (grid[1:] + grid[:-1]) / 2
    mean = counts @ middle / counts.sum()
    return float(counts @ (middle - mean) ** 2 / counts.sum())


def _smoothed(rows: Floats, grid: Floats) -> Floats:
    """Blur with half of Silverman's bandwidth; what would leave the grid stays at its ends.

    `rows` has the shape (rows, cells); the first one sets the bandwidth of all.
    """
    if not rows[0].any():
        return rows
    width = grid[1] - grid[0]
    silverman = 0.9 * np.sqrt(_variance(rows[0], grid)) * max(rows[0].sum(), 1.0) ** -0.2
    bandwidth = max(0.5 * silverman, width / 4)
    reach = int(np.ceil(3 * bandwidth / width))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * width / bandwidth) ** 2)
    apart = np.pad(rows, ((0, 0), (reach, reach)))  # so far that no row reaches the next
    blurred = np.convolve(apart.ravel(), kernel / kernel.sum(), mode="same").reshape(apart.shape)
    blurred[:, reach] += blurred[:, :reach].sum(axis=1)
    blurred[:, -reach - 1] += blurred[:, -reach:].sum(axis=1)
    return np.asarray(blurred[:, reach:-reach], dtype=float)
