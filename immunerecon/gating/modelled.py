"""A tube's events by the model: which kind each is, how many of each population, how surely."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from immunerecon.gating.cell_types import CellType
from immunerecon.gating.features import features
from immunerecon.gating.mixture import Mixture, assign, log_densities, mixing_shares
from immunerecon.gating.placement import Placement

Doubles = NDArray[np.float64]
Indices = NDArray[np.intp]
Floats = NDArray[np.float32]

_SURE = 0.9999  # probability beyond which an event's kind is not in doubt


@dataclass(frozen=True)
class ModelledEvents:
    """The events of one tube by the model.

    Parameters
    ----------
    events : ndarray of int, shape (n,)
        Row numbers in the tube, ascending.
    assigned : ndarray of int, shape (n,)
        Kind of each event; k for none.
    memberships : ndarray, shape (n, k + 1)
        Probability of each kind.
    shares : ndarray, shape (k + 1,)
        Of each kind among the events.
    mixture, means, errors
        As in the placement.
    kinds : length k
        What each kind belongs to.
    """

    events: Indices
    assigned: Indices
    memberships: Doubles
    shares: Doubles
    mixture: Mixture
    means: Doubles
    errors: Doubles
    kinds: tuple[CellType, ...]

    def kinds_in(self, population: str) -> NDArray[np.bool_]:
        """Return which kinds, and the background, belong to a population."""
        return np.array([population in kind.populations for kind in self.kinds] + [False])

    def members(self, population: str) -> Indices:
        """Return the row numbers of a population's events."""
        return self.events[self.kinds_in(population)[self.assigned]]

    def expected(self, population: str) -> float:
        """Return the expected number of events of a population."""
        return float(self._totals[self.kinds_in(population)].sum())

    @cached_property
    def _totals(self) -> Doubles:
        """Expected number of events of each kind."""
        return np.asarray(self.memberships.sum(axis=0))

    @cached_property
    def _doubtful(self) -> Doubles:
        """Memberships of the events that may be of more than one kind."""
        return np.asarray(self.memberships[self.memberships.max(axis=1, initial=0) < _SURE])

    def clarity(self, population: str, parent: str) -> float:
        """Return how much of the information of a count is left where populations overlap.

        Parameters
        ----------
        population, parent
            Names; the parent is modelled too, or empty for all events.

        Returns
        -------
        float
            0-1: the count is as uncertain as a plain count of this share of the events would be.

        Notes
        -----
        One less the mean of ``p (1 - p)`` over the events, in units of the same for the share of
        the population: the missing information of a mixture's shares (Louis TA. J R Stat Soc B
        1982;44:226-233).
        """
        inside = self.kinds_in(parent) if parent else np.ones(len(self.shares), dtype=np.bool_)
        own = self.kinds_in(population)
        total = float(self._totals[inside].sum())
        share = float(self._totals[own].sum()) / total if total > 0 else 0.0
        if not 0 < share < 1:
            return 1.0
        within = self._doubtful[:, inside].sum(axis=1)
        chance = self._doubtful[:, own].sum(axis=1) / np.maximum(within, 1e-12)
        missing = float((within * chance * (1 - chance)).sum() / (total * share * (1 - share)))
        return float(np.clip(1 - missing, 0, 1))

    def certainty(self, population: str) -> float:
        """Return how well the kinds of a population are placed, 0-1.

        Half where the standard error of a kind's centre is as wide as the kind.
        """
        own = self.kinds_in(population)[:-1]
        if not own.any():
            return 0.0
        widths = np.sqrt(np.diagonal(self.mixture.covariances, axis1=1, axis2=2))
        doubt = np.square(self.errors / widths).max(axis=1)
        weight = self.shares[:-1][own] + 1e-9
        return float(np.average(1 / (1 + doubt[own]), weights=weight))

    def strangers(self) -> float:
        """Return the share of events that are like no listed kind of cell."""
        return float(self.shares[-1])


def model_events(
    columns: Mapping[str, Floats],
    events: Indices,
    placement: Placement,
    kinds: Collection[CellType],
) -> ModelledEvents | None:
    """Tell the kinds of a tube's events by the model of its group.

    Parameters
    ----------
    columns
        Display values of the tube by dimension.
    events
        Row numbers of the events that the model describes.
    placement
        Of the tube.
    kinds
        Kinds of cells that its panel can tell apart.

    Returns
    -------
    ModelledEvents or None
        None without a model.
    """
    mixture = placement.mixture
    if mixture is None:
        return None
    values = features(
        {name: columns[name][events] for name in mixture.dimensions}, mixture.dimensions
    )
    density = log_densities(values, placement.means, mixture)
    shares, memberships = mixing_shares(density)
    by_name = {kind.name: kind for kind in kinds}
    return ModelledEvents(
        events=events,
        assigned=assign(memberships),
        memberships=memberships,
        shares=shares,
        mixture=mixture,
        means=placement.means,
        errors=placement.errors,
        kinds=tuple(by_name[name] for name in mixture.names),
    )
