"""A population's gate in two dimensions: drawn where the model parts it from the rest.

The gate is a level line of the odds that an event at a place is of the population. The level is
chosen so that as many of the parent's events lie inside as the model expects.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from immunerecon.gating.geometry.gates import PolygonGate
from immunerecon.gating.models.features import features, is_scatter, scatter_on_display
from immunerecon.gating.models.mixture import log_t_constants, roots
from immunerecon.gating.models.modelled import ModelledEvents
from immunerecon.gating.models.rays import (
    RAYS,
    Rows,
    Seen,
    around,
    likeliest,
    seen_from,
    within_bounds,
)

Bools = NDArray[np.bool_]
Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]

_SHARES = np.linspace(0, 1, 97) ** 1.5  # of a ray, denser near its origin
_STEPS, _WIDTHS = _SHARES[1:], np.append(np.diff(_SHARES), 0.0)
_FRAME = (-0.3, 1.2)  # display; of fluorescence
_SCATTER_FRAME = (0.0, 1.1)
_LEAST_OWN, _LEAST_OTHER, _LEAST_BACKGROUND = 0.02, 1e-4, 0.005  # of the parent's events
_FARTHEST_LEVEL = 14.0  # log odds
_HALVINGS = 14
_SCARCE = 30  # events, below which a gate goes around those that are likeliest
_DIGITS = 6  # of a number of events
_SISTERS_AHEAD = -7.0  # log odds; farther into what is a sister population's no gate reaches
_INSIDE_OUT = 1.4  # log odds at the origin of the rays, where there is choice (4 to 1)


@dataclass(frozen=True)
class Target:
    """What a gate is to hold.

    Parameters
    ----------
    population, parent
        Names.
    inside : ndarray of bool, shape (n,)
        Which of the modelled events lie in the parent's gate.
    columns
        Display values of these events in the gate's two dimensions, each of shape (n,).
    """

    population: str
    parent: str
    inside: Bools
    columns: dict[str, Floats]


def calibrated_gate(model: ModelledEvents, target: Target) -> PolygonGate:
    """Draw a gate that holds as many events as the model expects of a population.

    Parameters
    ----------
    model
        The tube's events by the model.
    target
        What it is to hold.

    Returns
    -------
    PolygonGate
        20 vertices on the display scale, one on each ray from the middle of the population;
        it never crosses itself.

    Notes
    -----
    Along each ray the log odds of the population against the rest of its parent are followed
    until they fall below the level, for the first time. A lower level makes no ray shorter, so the
    number of events inside grows with it, and is found by halving. Where several levels hold the
    wanted number, that nearest to even odds is taken.
    """
    x, y = target.columns
    odds = _odds(model, target, (x, y))
    origin = _origin(model, target.population, (x, y), odds)
    directions, reach = _rays(origin, (x, y))
    places = origin + directions[:, None] * (reach[:, None] * _STEPS)[:, :, None]
    profiles = _profiles(odds(places.reshape(-1, 2)).reshape(RAYS, -1))

    def lengths_at(level: float) -> Doubles:
        return within_bounds(reach * profiles.first_below(level))

    inside = np.flatnonzero(target.inside)
    events = [target.columns[name].take(inside) for name in (x, y)]
    weights = model.weights.take(inside).astype(np.float64)
    wanted = round(model.expected(target.population))
    seen = seen_from(origin, events)
    lengths = lengths_at(_level(lengths_at, seen, weights, wanted=wanted))
    if 0 < wanted < _SCARCE:
        chance = model.probability(target.population)[inside]
        lengths = around(lengths, seen, likeliest(chance, weights, wanted=wanted))
    corners = (origin + directions * lengths[:, None]).round(5).tolist()
    return PolygonGate((x, y), tuple((across, up) for across, up in corners))


def _level(
    lengths_at: Callable[[float], Doubles], seen: Seen, weights: Doubles, *, wanted: float
) -> float:
    """Return the level nearest to 0 at which the gate holds the wanted number of events."""

    def holds(level: float, some: Rows | slice) -> Bools:
        return seen.within(lengths_at(level), some)

    everything = slice(None)
    even = holds(0.0, everything)
    number = _total(weights[even])
    if number == wanted:
        return 0.0
    too_many = number > wanted
    near, far = 0.0, _FARTHEST_LEVEL if too_many else -_FARTHEST_LEVEL
    misses = {near: abs(number - wanted)}
    # Gates of two levels lie one in the other, so only events between them are open.
    farthest = holds(far, everything)
    if too_many:
        sure, unsure = _total(weights[farthest]), np.flatnonzero(even & ~farthest)
    else:
        sure, unsure = number, np.flatnonzero(farthest & ~even)
    misses[far] = abs(_total(weights[farthest]) - wanted)
    for _ in range(_HALVINGS):
        middle = (near + far) / 2
        inside = holds(middle, unsure)
        number = sure + _total(weights[unsure[inside]])
        misses[middle] = round(abs(number - wanted), _DIGITS)
        beyond = number > wanted if too_many else number < wanted
        if beyond == too_many:  # the gates still to be tried lie within this one
            unsure = unsure[inside]
        else:
            sure, unsure = number, unsure[~inside]
        near, far = (middle, far) if beyond else (near, middle)
    return min(misses, key=lambda level: (misses[level], abs(level)))


def _total(weights: Doubles) -> float:
    """Return the sum of weights without the noise of its rounding."""
    return round(float(weights.sum()), _DIGITS)


class _Profiles(NamedTuple):
    """Falling odds along rays, the first and the last of each twice.

    Parameters
    ----------
    odds : ndarray, shape (20, 98)
    begins : ndarray of int, shape (20,)
        Place of each ray's first odds.
    """

    odds: Doubles
    begins: Rows

    def first_below(self, level: float) -> Doubles:
        """Return the share of each ray along which its odds are above a level."""
        above = np.count_nonzero(self.odds[:, 1:-1] >= level, axis=1)  # the first, as they fall
        place = self.begins + above
        high, low = self.odds.take(place), self.odds.take(place + 1)
        part = np.divide(high - level, high - low, out=np.zeros(RAYS), where=high > low)
        return np.asarray(_SHARES.take(above) + part * _WIDTHS.take(above))


def _profiles(odds: Doubles) -> _Profiles:
    """Return the odds along rays, shape (20, 96), none larger than one before it."""
    falling = np.pad(np.minimum.accumulate(odds, axis=1), ((0, 0), (1, 1)), mode="edge")
    return _Profiles(falling, np.arange(RAYS) * falling.shape[1])


def _rays(origin: Doubles, dimensions: tuple[str, str]) -> tuple[Doubles, Doubles]:
    """Return directions, shape (20, 2), and how far it is to the frame along each."""
    angles = np.linspace(0, 2 * np.pi, RAYS, endpoint=False)
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    frames = [_SCATTER_FRAME if is_scatter(name) else _FRAME for name in dimensions]
    low, high = np.array(frames).T
    with np.errstate(divide="ignore", invalid="ignore"):
        walls = np.maximum((low - origin) / directions, (high - origin) / directions)
    return directions, np.nanmin(walls, axis=1)


def _origin(
    model: ModelledEvents,
    population: str,
    dimensions: tuple[str, str],
    odds: Callable[[Doubles], Doubles],
) -> Doubles:
    """Return the middle of a population, or of one of its kinds where that is clearer its own."""
    own = np.flatnonzero(model.kinds_in(population))
    at = [model.mixture.dimensions.index(name) for name in dimensions]
    centres = _on_display(model.means[own][:, at], dimensions)
    middle = np.average(centres, axis=0, weights=model.shares[own] + 1e-9)
    places = np.vstack([middle, centres])
    found = odds(places)
    return np.asarray(places[0 if found[0] >= _INSIDE_OUT else int(np.argmax(found))])


def _on_display(places: Doubles, dimensions: tuple[str, str]) -> Doubles:
    """Return places as the display shows them: the inverse of `features`."""
    found = places.copy()
    for column, name in enumerate(dimensions):
        if is_scatter(name):
            found[:, column] = scatter_on_display(places[:, column])
    return found


def _odds(
    model: ModelledEvents, target: Target, dimensions: tuple[str, str]
) -> Callable[[Doubles], Doubles]:
    """Return the log odds of a population against the rest, as a function of places."""
    own = model.kinds_in(target.population)
    sisters = model.kinds_in(target.parent) & ~own
    number = model.number(target.inside)
    # Kinds that are absent keep a place of their own, so that gates look alike in all tubes.
    least = np.where(own, _LEAST_OWN / own.sum(), _LEAST_OTHER)
    least[-1] = _LEAST_BACKGROUND
    log_number = np.log(np.maximum(number, least * max(number.sum(), 1.0)))
    log_densities = _in_plane(model, dimensions)

    def odds(places: Doubles) -> Doubles:
        columns = dict(zip(dimensions, places.T.astype(np.float32), strict=True))
        density = log_densities(features(columns, dimensions)) + log_number[:, None]
        inside, outside, beside = (
            _log_sum(density[which]) if which.any() else np.float64(-np.inf)
            for which in (own, ~own, sisters)
        )
        return np.where(inside - beside < _SISTERS_AHEAD, -np.inf, inside - outside)

    return odds


def _log_sum(rows: Doubles) -> Doubles:
    """Return the logarithm of the sum of what rows hold the logarithms of."""
    largest = rows.max(axis=0)
    return np.asarray(largest + np.log(np.exp(rows - largest).sum(axis=0)))


def _in_plane(model: ModelledEvents, dimensions: tuple[str, str]) -> Callable[[Floats], Doubles]:
    """Return the log density of each kind, and of the background, as a function of points.

    Of points, shape (n, 2), it makes an array of shape (k + 1, n).
    """
    mixture = model.mixture
    at = [mixture.dimensions.index(name) for name in dimensions]
    _, whiten = roots(mixture.covariances[:, at][:, :, at])
    centres = np.einsum("kd,kde->ek", model.means[:, at], whiten)[:, :, None]
    across, up = (np.ascontiguousarray(whiten[:, :, axis]) for axis in (0, 1))
    freedom = mixture.freedom[:, None]
    power = -(freedom + 1) / 2
    constants = 2 * log_t_constants(mixture.freedom) + np.linalg.slogdet(whiten)[1]
    middle, width = mixture.everything[:, at, None]

    def log_densities(points: Floats) -> Doubles:
        places = points.T.astype(np.float64)
        density = np.empty((len(power) + 1, places.shape[1]))
        # One logarithm for both axes: a product of two squares overflows nowhere.
        first, second = (np.square(turn @ places - c) / freedom + 1 for turn, c in zip(
            (across, up), centres, strict=True))  # fmt: skip
        density[:-1] = power * np.log(first * second) + constants[:, None]
        density[-1] = -0.5 * np.square((places - middle) / width).sum(axis=0)
        density[-1] -= np.log(2 * np.pi * width.prod())
        return density

    return log_densities
