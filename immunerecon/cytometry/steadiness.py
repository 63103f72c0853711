"""Which events of a run were taken while flow and signals were as usual, and what else happened."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from immunerecon.cytometry.tube import Events, Tube

Kept = NDArray[np.bool_]
Bins = NDArray[np.float64]
Kind = Literal["clog", "gap", "burst", "carry-over", "shift"]

# Bins large enough for a steady mean, and enough of them to tell what is usual in the tube.
BIN_EVENTS, FEW_BIN_EVENTS = 250, 100
MIN_BINS, MAX_BINS = 20, 200
# The flow is judged by factors: a pump's slow drift of some percent harms nothing.
RATE_FACTOR = 2.0
# Signals move on the asinh scale, where 0.2 is 20 percent of a bright signal: gates bear that.
SHIFT_NOISES = 6.0
MIN_SHIFT = 0.2
SMOOTHED_BINS = 3
MIN_STEADY_RUN = 5
DIM_SHARE = 5e-4
GAP_SHARE = 0.5  # of a slow bin's duration, which one step between two events makes
MAX_CARRIED_BLOCKS = 20
_TO_SD = 1.4826


@dataclass(frozen=True)
class Disturbance:
    """A period in which flow or signals were not as usual.

    Parameters
    ----------
    kind
        ``clog`` (events came at under half the usual rate, for a while), ``gap`` (none came, then
        all as before), ``burst`` (over twice the rate), ``carry-over`` (the first events are unlike
        the rest), ``shift`` (signals moved).
    first, last
        Row numbers of the events, the last one not included.
    start_seconds, stop_seconds
        From the first event on, in the units of the time channel; NaN without one.
    """

    kind: Kind
    first: int
    last: int
    start_seconds: float
    stop_seconds: float

    @property
    def n_events(self) -> int:
        """Number of events."""
        return self.last - self.first


def find_disturbances(tube: Tube) -> tuple[Disturbance, ...]:
    """Find the periods of a run in which flow or signals were not as usual.

    Parameters
    ----------
    tube
        As it was measured; values must be finite. Time and scatter may be missing.

    Returns
    -------
    tuple of Disturbance
        In the order of the run; they do not overlap. Empty for fewer than 2,000 events.

    Notes
    -----
    The run is looked at in bins of equally many events. A bin is odd when its events came
    over twice as fast or slow as usual in the tube, or when the mean of a channel (on an asinh
    scale, over three bins) differs from its usual level by more than 0.2 and six times its
    noise. The usual level is the median of the densest half of the bins, the noise comes from
    differences of neighbours, so that neither a step nor a drift passes for noise. Short steady
    periods between odd ones are odd as well. The first 5,000 events are looked at in blocks of 250,
    because what the last sample left in the line comes first and is soon gone.

    References
    ----------
    Emmaneel et al. 2022, Cytometry A 101:325, doi:10.1002/cyto.a.24501 (PeacoQC);
    Monaco et al. 2016, Bioinformatics 32:2473, doi:10.1093/bioinformatics/btw191 (flowAI).

    Examples
    --------
    >>> from immunerecon.cytometry.tube import Channel
    >>> rng = np.random.default_rng(0)
    >>> events = rng.lognormal(6, 0.5, (20_000, 1)).astype(np.float32)
    >>> events[:600] *= 4  # left in the line by the tube before
    >>> [(found.kind, found.n_events) for found in
    ...  find_disturbances(Tube(events, (Channel("FITC-A", "", 1e5),)))]
    [('carry-over', 750)]
    """
    n_bins = min(tube.n_events // BIN_EVENTS, MAX_BINS)
    if n_bins < MIN_BINS:
        n_bins = min(tube.n_events // FEW_BIN_EVENTS, MIN_BINS)
    if n_bins < MIN_BINS:
        return ()
    edges = np.linspace(0, tube.n_events, n_bins + 1).astype(np.intp)
    seconds = run_seconds(tube)
    slow, fast = _odd_flow(seconds, edges)
    shifted = np.zeros(n_bins, dtype=bool)
    carried = 0
    for channel in tube.channels:
        values = tube.values(channel.name)
        # Time and event numbers only grow; they are no signals.
        if not channel.is_time and (values[1:1000] < values[:999]).any():
            means = _bin_means(values, channel.maximum, edges)
            shifted |= _shifted(means)
            carried = max(carried, _carried_over(values, channel.maximum, _usual_level(means)))
    odd = _without_short_runs(slow | fast | shifted)
    found = [
        Disturbance(
            _kind(slow[i:j], fast[i:j], _has_gap(seconds, edges[i : j + 1])),
            int(edges[i]),
            int(edges[j]),
            *_period(seconds, edges[i], edges[j]),
        )
        for i, j in _runs(odd)
    ]
    return _on_ticks(_with_carry_over(found, carried, seconds), seconds)


def _on_ticks(found: Sequence[Disturbance], seconds: Events | None) -> tuple[Disturbance, ...]:
    """Return the disturbances with both ends at the start of a tick of the clock.

    A range of time then says what was left out, to other programs too. Where many events share a
    tick, the ends stay.
    """
    if seconds is None or not found:
        return tuple(found)
    ends = np.array([(one.first, one.last) for one in found])
    inner = np.minimum(ends, seconds.size - 1)
    ticks = np.where(ends < seconds.size, np.searchsorted(seconds, seconds[inner]), ends)
    if (ends - ticks).max() > BIN_EVENTS // 5:
        return tuple(found)
    moved = (
        replace(one, first=int(first), last=int(last))
        for one, (first, last) in zip(found, ticks, strict=True)
    )
    return tuple(one for one in moved if one.n_events > 0)


def run_seconds(tube: Tube) -> Events | None:
    """Return the time of each event, None where there is none or it runs backwards."""
    for channel in tube.channels:
        if channel.is_time:
            seconds = tube.values(channel.name)
            return None if (seconds[1:] < seconds[:-1]).any() else seconds
    return None


def _kind(slow: Kept, fast: Kept, gap: bool) -> Kind:
    if slow.any():
        return "gap" if gap else "clog"
    return "burst" if fast.any() else "shift"


def _period(seconds: Events | None, first: int, last: int) -> tuple[float, float]:
    """Return when the events came, from the first event of the run on."""
    if seconds is None:
        return math.nan, math.nan
    start, stop = (float(seconds[min(row, seconds.size - 1)]) for row in (first, last))
    return start - float(seconds[0]), stop - float(seconds[0])


def _has_gap(seconds: Events | None, edges: NDArray[np.intp]) -> bool:
    """Return whether a single step between two events makes most of a slow period."""
    if seconds is None:
        return False
    times = seconds[edges[0] : min(edges[-1] + 1, seconds.size)].astype(np.float64)
    return bool(np.diff(times).max(initial=0) > GAP_SHARE * (times[-1] - times[0]))


def _with_carry_over(
    found: Sequence[Disturbance], carried: int, seconds: Events | None
) -> list[Disturbance]:
    """Return the disturbances with the events at the start that are unlike the rest."""
    rest = [one for one in found if one.first > 0]
    first = [one for one in found if one.first == 0]
    if first and first[0].kind in {"clog", "gap", "burst"}:
        return [*first, *rest]
    last = max([carried, *(one.last for one in first)])
    if last == 0:
        return rest
    start = Disturbance("carry-over", 0, last, *_period(seconds, 0, last))
    return [start, *(one for one in rest if one.first >= last)]


def _odd_flow(seconds: Events | None, edges: NDArray[np.intp]) -> tuple[Kept, Kept]:
    """Return the bins whose events came much slower, and those much faster, than usual."""
    none = np.zeros(edges.size - 1, dtype=bool)
    if seconds is None or not (steps := np.diff(seconds)).any():
        return none, none
    # Coarse clocks make a duration uncertain by a tick at either end.
    ticks = 2 * steps[steps > 0].min()
    durations = np.diff(seconds[np.minimum(edges, seconds.size - 1)].astype(np.float64))
    usual = np.median(durations)
    if usual <= ticks:
        return none, none
    slow = durations > RATE_FACTOR * usual + ticks
    return slow, durations * RATE_FACTOR < usual - ticks


def _display(values: Events, maximum: float) -> Events:
    return np.asarray(np.arcsinh(values * np.float32(1 / (DIM_SHARE * max(maximum, 1.0)))))


def _bin_means(values: Events, maximum: float, edges: NDArray[np.intp]) -> Bins:
    """Return the mean of a channel in each bin, on an asinh scale."""
    return np.add.reduceat(_display(values, maximum), edges[:-1]) / np.diff(edges)


def _shifted(means: Bins) -> Kept:
    """Return the bins in which a channel is away from its usual level."""
    padded = np.pad(means, SMOOTHED_BINS // 2, mode="edge")
    smooth = np.convolve(padded, np.full(SMOOTHED_BINS, 1 / SMOOTHED_BINS), mode="valid")
    noise = _TO_SD * np.median(np.abs(np.diff(means))) / np.sqrt(2 * SMOOTHED_BINS)
    level, limit = _usual_level(smooth), max(MIN_SHIFT, SHIFT_NOISES * noise)
    # The bin's own mean keeps the steady neighbours of a large shift.
    away = (np.abs(smooth - level) > limit) & (np.abs(means - level) > limit / 2)
    return np.asarray(away)


def _carried_over(values: Events, maximum: float, level: float) -> int:
    """Return how many events at the start lie away from a channel's usual level."""
    n_blocks = min(values.size // BIN_EVENTS, MAX_CARRIED_BLOCKS)
    blocks = _display(values[: n_blocks * BIN_EVENTS], maximum).reshape(n_blocks, BIN_EVENTS)
    noise = blocks.std(axis=1) / np.sqrt(BIN_EVENTS)
    away = np.abs(blocks.mean(axis=1) - level) > np.maximum(MIN_SHIFT, SHIFT_NOISES * noise)
    # A start that never ends is a step or a drift, which the bins judge.
    return 0 if away.all() else int(np.argmin(away)) * BIN_EVENTS


def _usual_level(means: Bins) -> float:
    """Return the median of the half of the bins that lie closest together."""
    ordered = np.sort(means)
    half = means.size // 2
    start = int(np.argmin(ordered[half:] - ordered[:-half]))
    return float(np.median(ordered[start : start + half + 1]))


def _without_short_runs(odd: Kept) -> Kept:
    """Return the odd bins with the short steady runs between them."""
    joined = odd.copy()
    places = np.flatnonzero(odd)
    for before, after in pairwise(places):
        if after - before <= MIN_STEADY_RUN:
            joined[before:after] = True
    return joined


def _runs(odd: Kept) -> list[tuple[int, int]]:
    """Return first and one past last of each run of odd bins."""
    edges = np.flatnonzero(np.diff(odd.astype(np.int8), prepend=0, append=0))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]
