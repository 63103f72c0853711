"""Cleaning one tube: events that the cytometer did not measure as it did the others."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from immunerecon.cytometry.steadiness import Disturbance, find_disturbances, run_seconds
from immunerecon.cytometry.tube import TIME_BACKWARDS, Channel, Events, Tube

Kept = NDArray[np.bool_]

FEW_EVENTS = 1_000
MUCH_REMOVED = 0.05
MUCH_SATURATED = 0.05
# Linear fluorescence of thousands of cells goes beyond it in nearly all channels; a logarithm or an
# arcsinh never does.
_TRANSFORMED_TOP = 20.0
_MOST_CHANNELS = 0.8
_NEAR_TOP = 0.98  # of `$PnR`: converters end a little below it
_PILE, _LEAST_PILE = 1e-4, 5  # share and number of events at one value that make it the end
# What a person should know of whatever its size; the others are told by how much is left out.
_TOLD = {
    "clog": "clog",
    "gap": "gap in the flow",
    "carry-over": "the first events are unlike the rest (carry-over of another tube?)",
}


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
    n_clogged, n_carried_over
        Of `n_time`: those during a clog or around a gap, and those at the start that are unlike
        the rest.
    n_saturated
        Events at the top of the scale of a detector. They are kept.
    """

    kept: Kept
    n_nonfinite: int
    n_margin: int
    n_time: int
    flags: tuple[str, ...]
    n_clogged: int = 0
    n_carried_over: int = 0
    n_saturated: int = 0


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
    at the top of a detector are counted and kept: they are real, their value is known to be high,
    and to drop them would lose granulocytes (side scatter) and counting beads (any channel). Those
    at the bottom of side scatter are kept as well; at a low voltage lymphocytes reach it.

    Periods in which flow or signals were disturbed (`find_disturbances`) are left out. When more
    than half of the events would go, none does and the tube is flagged.

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
    ends = _look_at_ends(tube)
    kept = ends.finite & ~ends.margin
    rows = np.flatnonzero(kept)
    disturbed = find_disturbances(tube if kept.all() else tube.select(kept))
    unstable = _events(disturbed) > 0.5 * rows.size
    if unstable:
        disturbed = ()
    for one in disturbed:
        kept[rows[one.first : one.last]] = False
    counts = (
        int(np.count_nonzero(~ends.finite)),
        int(np.count_nonzero(ends.margin)),
        _events(disturbed),
    )
    flags = _flags(tube, counts, unstable=unstable)
    return Cleaning(
        kept,
        *counts,
        flags=(
            *_transformed(ends.tops, tube.n_events),
            *flags,
            *_named(disturbed, tube),
            *_bright(ends.off_scale),
        ),
        n_clogged=_events([one for one in disturbed if one.kind in {"clog", "gap"}]),
        n_carried_over=_events([one for one in disturbed if one.kind == "carry-over"]),
        n_saturated=int(np.count_nonzero(ends.saturated)),
    )


@dataclass(frozen=True)
class _Ends:
    """Which events lie at an end of a scale; of each fluorescence the share there, and the top."""

    finite: Kept
    margin: Kept
    saturated: Kept
    off_scale: Mapping[str, float]
    tops: Mapping[str, float]


def _look_at_ends(tube: Tube) -> _Ends:
    """Look once at each channel."""
    finite = np.ones(tube.n_events, dtype=bool)
    margin, saturated = np.zeros((2, tube.n_events), dtype=bool)
    off_scale: dict[str, float] = {}
    tops: dict[str, float] = {}
    for channel, (low, high) in zip(tube.channels, tube.extremes.T, strict=True):
        values = tube.values(channel.name)
        if not (np.isfinite(low) and np.isfinite(high)):
            finite &= np.isfinite(values)
        if channel.is_time:
            continue
        if is_forward_scatter(channel):
            margin |= values <= 0
        top = float(np.maximum(high, 0))
        at_top = _at_top(values, top, channel.maximum)
        if at_top is not None:
            saturated |= at_top
        if not channel.is_scatter:
            tops[channel.name] = top
            off_scale[channel.name] = 0.0 if at_top is None else float(at_top.mean())
    return _Ends(finite, margin & finite, saturated & finite, off_scale, tops)


def _at_top(values: Events, top: float, maximum: float) -> Kept | None:
    """Return the events that pile up at the top of a scale, None where none do."""
    if not _NEAR_TOP * maximum <= top < np.inf:
        return None
    pile = values == top
    return pile if np.count_nonzero(pile) >= max(_LEAST_PILE, _PILE * values.size) else None


def _events(disturbed: Sequence[Disturbance]) -> int:
    return sum(one.n_events for one in disturbed)


def _named(disturbed: Sequence[Disturbance], tube: Tube) -> list[str]:
    """Name the disturbances, with their place in the run."""
    flags = []
    for kind, words in _TOLD.items():
        found = [one for one in disturbed if one.kind == kind]
        if found:
            places = ", ".join(_place(one, tube) for one in found)
            flags.append(f"{words}: {_events(found):,} events left out, {places}")
    return flags


def _place(one: Disturbance, tube: Tube) -> str:
    """Say where in the run a disturbance lies."""
    if "$TIMESTEP" in tube.keywords and not math.isnan(one.start_seconds):
        return f"{one.start_seconds:.1f} to {one.stop_seconds:.1f} s"
    return f"from event {one.first + 1:,} on"


def _bright(off_scale: Mapping[str, float]) -> list[str]:
    """Name the fluorescence channels in which much is off scale."""
    much = [f"{name} ({share:.0%})" for name, share in off_scale.items() if share > MUCH_SATURATED]
    return [f"events at the top of the scale in {', '.join(much)}"] if much else []


def _transformed(tops: Mapping[str, float], n_events: int) -> list[str]:
    """Tell where fluorescence has no linear range: a logarithm or arcsinh was taken before."""
    low = [name for name, top in tops.items() if top <= _TRANSFORMED_TOP]
    if n_events < FEW_EVENTS or len(low) < max(2, _MOST_CHANNELS * len(tops)):
        return []
    return [
        f"values look transformed already ({len(low)} of {len(tops)} fluorescence channels end at "
        f"{_TRANSFORMED_TOP:g} or below): gates on them are meaningless, export linear values"
    ]


def is_forward_scatter(channel: Channel) -> bool:
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
    if TIME_BACKWARDS not in tube.flags and run_seconds(tube) is None and _has_time(tube):
        flags.append(TIME_BACKWARDS)
    return tuple(flags)


def _has_time(tube: Tube) -> bool:
    """Return whether the tube has a time channel."""
    return any(channel.is_time for channel in tube.channels)
