"""In which two dimensions a population is gated: those that part it best, or that people expect."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from immunerecon.gating.models.cell_types import CellType
from immunerecon.gating.models.mixture import Mixture
from immunerecon.gating.strategy import PopulationRule, Strategy

Bools = NDArray[np.bool_]
Doubles = NDArray[np.float64]

_CLEAR = 0.1  # overlap with which the expected plane will do
_MUCH_BETTER = 0.25  # of that overlap, for which people are shown another plane


def gating_plane(
    name: str, strategy: Strategy, *, mixture: Mixture, kinds: Sequence[CellType]
) -> tuple[str, str]:
    """Return the two dimensions that a population is gated in.

    Parameters
    ----------
    name
        The population.
    strategy
        The whole, for its rules.
    mixture
        Of the group of tubes, so that a population has one plane in all of them.
    kinds
        What each kind of the mixture belongs to.

    Returns
    -------
    tuple of str
        The markers that its rule names, then those of its parent's, then side scatter; another
        beside its first where that tells its kinds from those of its parent much better.

    Notes
    -----
    How far two kinds overlap is judged by the Bhattacharyya coefficient of normal distributions,
    whose half bounds the share of events that are taken for the other kind (Kailath T. IEEE Trans
    Commun Technol 1967;15:52-60. doi:10.1109/TCOM.1967.1089532).
    """
    rule = strategy.populations[name]
    own = np.array([name in kind.populations for kind in kinds])
    rest = ~own
    if any(rule.parent in kind.populations for kind in kinds):
        rest &= np.array([rule.parent in kind.populations for kind in kinds])
    expected = _expected_plane(rule, strategy, mixture.dimensions)
    if not rest.any():
        return expected
    overlap = _overlap(mixture, own, rest, expected)
    named = _named(rule, strategy, mixture.dimensions) or expected[:1]
    others = [
        (x, y) for x in dict.fromkeys(named) for y in mixture.dimensions if y not in (x, *named)
    ]
    if overlap < _CLEAR or not others:
        return expected
    least, best = min((_overlap(mixture, own, rest, pair), pair) for pair in others)
    return best if least < _MUCH_BETTER * overlap else expected


def _expected_plane(
    rule: PopulationRule, strategy: Strategy, dimensions: Sequence[str]
) -> tuple[str, str]:
    """Return the first two dimensions of the tube that the rule, then its parent's, names."""
    named = [*_named(rule, strategy, dimensions)]
    if rule.parent:
        named += _named(strategy.populations[rule.parent], strategy, dimensions)
    x, y, *_ = dict.fromkeys(name for name in [*named, "SSC-A", *dimensions] if name in dimensions)
    return x, y


def _named(rule: PopulationRule, strategy: Strategy, dimensions: Sequence[str]) -> list[str]:
    """Return the dimensions of the first of a rule's gates that the tube can do."""
    if rule.without:
        rule = strategy.populations[rule.without]
    choices = [[strategy.boundaries[s.boundary].marker for s in sides] for sides in rule.gate]
    return next((choice for choice in choices if set(choice) <= set(dimensions)), [])


def _overlap(mixture: Mixture, own: Bools, rest: Bools, plane: tuple[str, str]) -> float:
    """Return how far the kinds of a population overlap others, on average, seen in a plane."""
    at = [mixture.dimensions.index(name) for name in plane]
    means, spreads = mixture.means[:, at], mixture.covariances[:, at][:, :, at]
    apart = means[own][:, None] - means[rest]
    both = (spreads[own][:, None] + spreads[rest]) / 2
    squares = np.einsum("ijd,ijde,ije->ij", apart, np.linalg.inv(both), apart)
    volumes = np.log(np.linalg.det(spreads))
    shapes = np.log(np.linalg.det(both)) - (volumes[own][:, None] + volumes[rest]) / 2
    return float(np.exp(-squares / 8 - shapes / 2).sum(axis=1).mean())
