"""A gate as the ends of rays from its middle, and events as they are seen from there."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]
Rows = NDArray[np.intp]

RAYS = 20
_BEFORE, _AFTER = np.arange(-1, RAYS - 1), np.arange(1, RAYS + 1) % RAYS
_SPIKE = 2.0  # a ray is no longer than this many times its longer neighbour
_SHORTEST = 1e-3  # display
_EDGE = (1.01, 0.99)  # of the way to a gate's edge, where an event comes to lie: outside, inside


def within_bounds(lengths: Doubles) -> Doubles:
    """Return lengths of rays without spikes, and none of them nothing."""
    longest = _SPIKE * np.maximum(lengths[_BEFORE], lengths[_AFTER])
    return np.maximum(np.minimum(lengths, longest), _SHORTEST)


class Seen(NamedTuple):
    """Events as they are seen from where the rays begin, each of shape (n,).

    Parameters
    ----------
    ray
        Number of the ray that an event lies at or beyond, before the next one.
    along, beside
        How far one has to go along this ray, and then as the next one runs, to get there.
    """

    ray: Rows
    along: Floats
    beside: Floats

    def within(self, lengths: Doubles, some: Rows | slice) -> Bools:
        """Return which of some events lie within rays of these lengths and what joins them."""
        share = (1 / lengths).astype(np.float32)
        ray = self.ray[some]
        way = self.along[some] * share[ray] + self.beside[some] * share[_AFTER][ray]
        return np.asarray(way < 1)


def seen_from(origin: Doubles, events: Sequence[Floats]) -> Seen:
    """Look at events, one column an axis, from the origin of the rays."""
    right, up = (column - np.float32(at) for column, at in zip(events, origin, strict=True))
    turn = 2 * np.pi / RAYS
    ray = np.floor(np.arctan2(up, right) * np.float32(1 / turn)).astype(np.intp) % RAYS
    angles = turn * np.arange(RAYS)
    cosines, sines = (f(angles).astype(np.float32) for f in (np.cos, np.sin))
    along = right * sines[_AFTER][ray] - up * cosines[_AFTER][ray]
    beside = up * cosines[ray] - right * sines[ray]
    return Seen(ray, along / np.float32(np.sin(turn)), beside / np.float32(np.sin(turn)))


def likeliest(chance: Doubles, weights: Doubles, *, wanted: float) -> Bools:
    """Return which events are the likeliest, as many as are wanted."""
    order = np.argsort(-chance, kind="stable")
    chosen = np.zeros(len(chance), dtype=np.bool_)
    chosen[order[np.cumsum(weights[order]) <= wanted + 0.5]] = True
    return chosen


def around(lengths: Doubles, seen: Seen, wanted: Bools) -> Doubles:
    """Move the ends of rays so that a gate goes around the wanted events, as far as it can.

    Where few events are wanted each of them matters. One that lies on the wrong side moves the
    ends of the two rays beside it, if that leaves fewer on the wrong side.
    """
    everything = slice(None)
    wrong = seen.within(lengths, everything) != wanted
    for event in np.flatnonzero(wrong):
        ray, after = seen.ray[event], _AFTER[seen.ray[event]]
        way = seen.along[event] / lengths[ray] + seen.beside[event] / lengths[after]
        for moved in ([ray, after], [ray], [after]):
            tried = lengths.copy()
            # A single end has to go farther, by what the other does not give.
            share = sum({ray: seen.along, after: seen.beside}[m][event] / lengths[m] for m in moved)
            left = _EDGE[int(wanted[event])] - (way - share)
            if left <= 0:
                continue
            tried[moved] *= share / left
            tried = within_bounds(tried)
            now = seen.within(tried, everything) != wanted
            if np.count_nonzero(now) < np.count_nonzero(wrong):
                lengths, wrong = tried, now
                break
    return lengths
