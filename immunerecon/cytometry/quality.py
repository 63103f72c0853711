"""Cleaning one tube: events that the cytometer did not measure as it did the others."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from immunerecon.cytometry.tube import TIME_BACKWARDS, Channel, Events, Tube

Kept = NDArray[np.bool_]
Bins = NDArray[np.float64]

FEW_EVENTS = 1_000
MUCH_REMOVED = 0.05
# Bins large enough for a steady mean, and enough of them to tell what is usual in the tube.
BIN_EVENTS = 250
MIN_BINS, MAX_BINS = 20, 200
# The flow is judged by factors: a pump's slow drift of some percent harms nothing.
RATE_FACTOR = 2.0
# Signals move on the asinh scale, where 0.2 is 20 percent of a bright signal: gates bear that.
SHIFT_NOISES = 6.0
MIN_SHIFT = 0.2
SMOOTHED_BINS = 3
MIN_STEADY_RUN = 5
DIM_SHARE = 5e-4
_TO_SD = 1.4826


@dataclass(frozen=True)
class Cleaning:
    """Which events of a tube are used, and why the others are not.

    Parameters
    ----------
    kept : ndarray of bool, shape (n_events,)
        The events to use.
    n_nonfinite
        Events with NaN or infinite values.
    n_margin
        Further events without forward scatter.
    n_time
        Further events of periods with a disturbed flow or shifted signals.
    flags
        What a person should look at.
    """

    kept: Kept
    n_nonfinite: int
    n_margin: int
    n_time: int
    flags: tuple[str, ...]


def clean(tube: Tube) -> Cleaning:
    """Find the events that were measured unlike the others.

    Parameters
    ----------
    tube
        As read, before compensation. Time and scatter may be missing.

    Returns
    -------
    Cleaning

    Notes
    -----
    The only margin is the bottom of forward scatter (area or height), where no cell lies. Events
    at the top of a detector are kept: they are real, their value is known to be high, and to
    drop them would lose granulocytes (side scatter) and counting beads (any channel). Those at
    the bottom of side scatter are kept as well; at a low voltage lymphocytes reach it.

    Time is looked at in bins of equally many events. A bin is removed when its events came
    over twice as fast or slow as usual in the tube, or when the mean of a channel (on an asinh
    scale, over three bins) differs from its usual level by more than 0.2 and six times its
    noise. The usual level is the median of the densest half of the bins, the noise comes from
    differences of neighbours, so that neither a step nor a drift passes for noise. Short steady
    periods between removed ones are removed as well. When more than half of the bins would go,
    none does and the tube is flagged.

    References
    ----------
    Emmaneel et al. 2022, Cytometry A 101:325, doi:10.1002/cyto.a.24501 (PeacoQC);
    Monaco et al. 2016, Bioinformatics 32:2473, doi:10.1093/bioinformatics/btw191 (flowAI).

    Examples
    --------
    >>> from immunerecon.cytometry.tube import Channel
    >>> rng = np.random.default_rng(0)
    >>> events = rng.lognormal(6, 1, (20_000, 2)).astype(np.float32)
    >>> events[5000:6000] *= 0.3  # a clog
    >>> events[0, 0] = np.nan
    >>> cleaning = clean(Tube(events, (Channel("FITC-A", "", 1e5), Channel("PE-A", "", 1e5))))
    >>> cleaning.n_nonfinite, cleaning.n_margin, cleaning.kept[5000:6000].any()
    (1, 0, np.False_)
    """
    finite = np.ones(tube.n_events, dtype=bool)
    margin = np.zeros(tube.n_events, dtype=bool)
    for channel in tube.channels:
        values = tube.values(channel.name)
        finite &= np.isfinite(values)
        if _is_forward_scatter(channel):
            margin |= values <= 0
    margin &= finite
    kept = finite & ~margin
    steady = _steady_events(tube if kept.all() else tube.select(kept))
    unsteady = kept.copy()
    unsteady[kept] = False if steady is None else ~steady
    kept &= ~unsteady
    counts = (int(finite.size - finite.sum()), int(margin.sum()), int(unsteady.sum()))
    return Cleaning(kept, *counts, _flags(tube, counts, unstable=steady is None))


def _is_forward_scatter(channel: Channel) -> bool:
    """Return whether this is the area or height of forward scatter."""
    name = channel.name.upper()
    return channel.is_scatter and name.startswith("F") and not name.endswith("W")


def _flags(tube: Tube, counts: tuple[int, int, int], *, unstable: bool) -> tuple[str, ...]:
    """Tell what a person should look at."""
    flags = []
    n_removed = sum(counts)
    if n_removed > MUCH_REMOVED * tube.n_events:
        nonfinite, margin, time = counts
        flags.append(
            f"{n_removed / tube.n_events:.0%} of the events are left out "
            f"({time} by time, {margin} without forward scatter, {nonfinite} not finite)"
        )
    if tube.n_events - n_removed < FEW_EVENTS:
        flags.append(f"fewer than {FEW_EVENTS:,} events")
    if unstable:
        flags.append("flow or signals are unsteady over most of the run, which is kept whole")
    if TIME_BACKWARDS not in tube.flags and _seconds(tube) is None and _has_time(tube):
        flags.append(TIME_BACKWARDS)
    return tuple(flags)


def _has_time(tube: Tube) -> bool:
    """Return whether the tube has a time channel."""
    return any(channel.is_time for channel in tube.channels)


def _seconds(tube: Tube) -> Events | None:
    """Return the time of each event, None where there is none or it runs backwards."""
    for channel in tube.channels:
        if channel.is_time:
            seconds = tube.values(channel.name)
            return None if (np.diff(seconds) < 0).any() else seconds
    return None


def _steady_events(tube: Tube) -> Kept | None:
    """Return which events belong to the steady part of the run, None where there is none."""
    n_bins = min(tube.n_events // BIN_EVENTS, MAX_BINS)
    if n_bins < MIN_BINS:
        return np.ones(tube.n_events, dtype=bool)
    edges = np.linspace(0, tube.n_events, n_bins + 1).astype(np.intp)
    odd = _odd_flow(_seconds(tube), edges)
    for channel in tube.channels:
        values = tube.values(channel.name)
        # Time and event numbers only grow; they are no signals.
        if not channel.is_time and (values[1:1000] < values[:999]).any():
            odd |= _shifted(_bin_means(values, channel.maximum, edges))
    odd = _without_short_runs(odd)
    if odd.mean() > 0.5:
        return None
    return np.repeat(~odd, np.diff(edges))


def _odd_flow(seconds: Events | None, edges: NDArray[np.intp]) -> Kept:
    """Return the bins whose events came much faster or slower than usual."""
    n_bins = edges.size - 1
    if seconds is None or not (steps := np.diff(seconds)).any():
        return np.zeros(n_bins, dtype=bool)
    # Coarse clocks make a duration uncertain by a tick at either end.
    ticks = 2 * steps[steps > 0].min()
    durations = np.diff(seconds[np.minimum(edges, seconds.size - 1)].astype(np.float64))
    usual = np.median(durations)
    if usual <= ticks:
        return np.zeros(n_bins, dtype=bool)
    slow = durations > RATE_FACTOR * usual + ticks
    return np.asarray(slow | (durations * RATE_FACTOR < usual - ticks))


def _bin_means(values: Events, maximum: float, edges: NDArray[np.intp]) -> Bins:
    """Return the mean of a channel in each bin, on an asinh scale."""
    display = np.arcsinh(values * np.float32(1 / (DIM_SHARE * max(maximum, 1.0))))
    return np.add.reduceat(display, edges[:-1]) / np.diff(edges)


def _shifted(means: Bins) -> Kept:
    """Return the bins in which a channel is away from its usual level."""
    padded = np.pad(means, SMOOTHED_BINS // 2, mode="edge")
    smooth = np.convolve(padded, np.full(SMOOTHED_BINS, 1 / SMOOTHED_BINS), mode="valid")
    noise = _TO_SD * np.median(np.abs(np.diff(means))) / np.sqrt(2 * SMOOTHED_BINS)
    level, limit = _usual_level(smooth), max(MIN_SHIFT, SHIFT_NOISES * noise)
    # The bin's own mean keeps the steady neighbours of a large shift.
    away = (np.abs(smooth - level) > limit) & (np.abs(means - level) > limit / 2)
    return np.asarray(away)


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
