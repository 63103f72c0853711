"""Spillover that compensation left in a tube, or took too much of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from immunerecon.cytometry.tube import Tube
from immunerecon.gating.gated_tube import GatedTube, Indices
from immunerecon.gating.strategy import CellRule, Strategy

Bools = NDArray[np.bool_]
Doubles = NDArray[np.float64]

FEWEST_EVENTS = 200  # of a kind, below which it tells nothing
MOST_EVENTS = 600  # of a kind, so that large kinds do not drown the others
LEAST_SLOPE = 0.02
LEAST_ERRORS = 6.0
_ROUNDS = 12
_SETTLED = 0.01  # of the spread about the regression, by which no value moves any more
_RIDGE = 1e-6  # events; keeps a marker that hardly varies from blowing up
_TUNING = 4.685  # of Tukey's biweight: 95 % efficient for normal errors
_TO_SD = 1.4826
_TOP_PERCENT = 99.0  # beyond it a value has leverage and tells nothing


@dataclass(frozen=True)
class Residual:
    """What one fluorochrome still shines into the detector of another after compensation.

    Parameters
    ----------
    emitter, receiver
        Markers.
    slope
        Rise of the receiver for a unit of the emitter, on the linear scale; negative where too much
        was taken off.
    error
        Its standard error.
    """

    emitter: str
    receiver: str
    slope: float
    error: float


def residual_spillover(
    tube: Tube, gated: GatedTube, strategy: Strategy, markers: Mapping[str, str]
) -> tuple[Residual, ...]:
    """Find the pairs of markers between which a compensated tube shows spillover.

    Parameters
    ----------
    tube
        Clean and compensated, as it was gated.
    gated
        Its populations.
    strategy
        Its model says which kinds of cells lack which markers; without a model nothing is found.
    markers
        Channel (``$PnN``) of each marker.

    Returns
    -------
    tuple of Residual
        Slopes of at least 0.02 and six standard errors, the steepest first.

    Notes
    -----
    Cells that bear both markers rise together for biological reasons. So a receiver is read on
    lymphocytes that never bear it (CD19 on T and NK cells, CD3 on B and NK cells ...), all kinds
    together, by a regression on all markers that these kinds do bear. It must hold between the
    kinds, where the emitter differs most, and within them, where no kind's own background counts.
    Both are fitted with Tukey's biweight, which sees the bulk of the cells and neither the dim
    staining of a part of them nor cells that were put into the wrong kind.

    References
    ----------
    Bagwell CB, Adams EG. Ann N Y Acad Sci 1993;677:167-184.
    doi:10.1111/j.1749-6632.1993.tb38775.x (compensation by a linear model).
    """
    kinds = _kinds(gated, strategy)
    found: list[Residual] = []
    for receiver in dict.fromkeys(name for kind in kinds for name in kind.lacks):
        lacking = [kind for kind in kinds if receiver in kind.lacks]
        emitters = list(dict.fromkeys(name for kind in lacking for name in kind.bears))
        emitters = [name for name in emitters if name in markers and name != receiver]
        if receiver in markers and len(lacking) > 1 and emitters:
            channels = [markers[name] for name in (receiver, *emitters)]
            values = [_values(tube, kind.rows, channels) for kind in lacking]
            found += _of_receiver(receiver, emitters, values)
    return tuple(sorted(found, key=lambda pair: -abs(pair.slope)))


def spillover_flags(found: Sequence[Residual]) -> tuple[str, ...]:
    """Say between which pairs a tube shows spillover, in one flag; none where it shows none.

    Examples
    --------
    >>> spillover_flags([Residual("CD3", "CD56", 0.045, 0.002)])
    ('spillover shows, look at the compensation: CD3 into CD56 4.5 %',)
    """
    pairs = ", ".join(f"{p.emitter} into {p.receiver} {100 * p.slope:.1f} %" for p in found)
    return (f"spillover shows, look at the compensation: {pairs}",) if found else ()


@dataclass(frozen=True)
class _Kind:
    """Cells of one kind, the markers that they bear, and those that they lack."""

    rows: Indices
    bears: tuple[str, ...]
    lacks: tuple[str, ...]


def _kinds(gated: GatedTube, strategy: Strategy) -> list[_Kind]:
    """Return the kinds of cells of the population that most kinds are sought in."""
    if strategy.model is None:
        return []
    cells = {name: rule for name, rule in strategy.model.cells.items() if rule.is_a}
    homes = [rule.seed.population for rule in cells.values()]
    home = max(dict.fromkeys(homes), key=homes.count)
    # What is no more than one of them (a lymphocyte) is what no gate has taken.
    told = [r for r in cells.values() if r.seed.population == home and r.is_a != (home,)]
    named = {population for rule in told for population in rule.is_a}
    inside = {name: _inside(gated, name) for name in sorted(named & set(gated.members))}
    kinds = [
        _Kind(_rows(gated, rule, inside, _above(rule, strategy)), *_markers(rule, strategy))
        for rule in told
        if set(rule.is_a) <= set(gated.members)
    ]
    return [kind for kind in kinds if kind.rows.size >= FEWEST_EVENTS]


def _above(rule: CellRule, strategy: Strategy) -> set[str]:
    """Return the populations that a kind belongs to."""
    found = set()
    for name in rule.is_a:
        while name:
            found.add(name)
            name = strategy.populations[name].parent
    return found


def _inside(gated: GatedTube, population: str) -> Bools:
    """Return which events are in a population."""
    inside = np.zeros(gated.n_events, dtype=np.bool_)
    inside[gated.members[population]] = True
    return inside


def _rows(
    gated: GatedTube, rule: CellRule, inside: Mapping[str, Bools], above: set[str]
) -> Indices:
    """Return the events that are in all populations of a kind and in none of the others."""
    smallest, *more = sorted(rule.is_a, key=lambda name: gated.members[name].size)
    rows = gated.members[smallest]
    for name in more:
        rows = rows[inside[name][rows]]
    elsewhere = np.zeros(gated.n_events, dtype=np.bool_)
    for name in inside.keys() - above:
        elsewhere |= inside[name]
    rows = rows[~elsewhere[rows]]
    return rows[:: max(1, rows.size // MOST_EVENTS)]


def _markers(rule: CellRule, strategy: Strategy) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the markers that a kind bears, and those that it lacks."""
    sides = [(strategy.boundaries[s.boundary].marker, s) for s in rule.seed.sides]
    bears = {marker for marker, side in sides if side.positive}
    # Below a boundary between dim and bright a cell may still bear the marker.
    lacks = {marker for marker, side in sides if not side.positive and side.boundary == marker}
    return tuple(sorted(bears)), tuple(sorted(lacks - bears))


def _values(tube: Tube, rows: Indices, channels: Sequence[str]) -> Doubles:
    return np.column_stack([tube.values(name)[rows] for name in channels]).astype(np.float64)


def _of_receiver(
    receiver: str, emitters: Sequence[str], values: Sequence[Doubles]
) -> list[Residual]:
    """Return the emitters that shine into one receiver."""
    everything = np.concatenate(values)
    tops = np.percentile(everything, _TOP_PERCENT, axis=0)
    number = np.repeat(np.arange(len(values)), [len(kind) for kind in values])
    light = np.minimum(everything[:, 1:], tops[1:])
    own = np.eye(len(values))[number]
    slopes, errors = (
        found[: len(emitters)]
        for found in _regress(everything[:, 0], np.column_stack([light, own]))
    )
    told = (np.abs(slopes) >= LEAST_SLOPE) & (np.abs(slopes) >= LEAST_ERRORS * errors)
    if not told.any():
        return []
    between, _ = _regress(everything[:, 0], np.column_stack([light, np.ones(len(light))]))
    told &= between[:-1] * np.sign(slopes) >= LEAST_SLOPE
    return [
        Residual(name, receiver, float(slope), float(error))
        for name, slope, error, yes in zip(emitters, slopes, errors, told, strict=True)
        if yes
    ]


def _regress(values: Doubles, design: Doubles) -> tuple[Doubles, Doubles]:
    """Return the coefficients of a robust regression, and their standard errors."""
    scale = np.abs(design).max(axis=0)
    scaled = design / np.where(scale > 0, scale, 1.0)
    weights, ridge = np.ones(len(values)), _RIDGE * np.eye(scaled.shape[1])
    before = np.full(scaled.shape[1], np.inf)
    for _ in range(_ROUNDS):
        weighted = scaled * weights[:, None]
        slopes = np.linalg.solve(weighted.T @ scaled + ridge, weighted.T @ values)
        left = values - scaled @ slopes
        spread = _TO_SD * np.median(np.abs(left)) + 1e-9
        weights = np.square(np.maximum(1 - np.square(left / (_TUNING * spread)), 0))
        if np.abs(slopes - before).max() < _SETTLED * spread:
            break
        before = slopes
    bread = np.linalg.inv(scaled.T @ (scaled * weights[:, None]) + ridge)
    meat = scaled.T @ (scaled * np.square(weights * left)[:, None])
    errors = np.sqrt(np.diag(bread @ meat @ bread))
    unit = np.where(scale > 0, scale, 1.0)
    return slopes / unit, errors / unit
