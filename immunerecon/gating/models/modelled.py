"""A tube's events by the model: which kind each is, how many of each population, how surely."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from immunerecon.gating.models.cell_types import CellType
from immunerecon.gating.models.features import display_slope, features, is_scatter
from immunerecon.gating.models.mixture import Mixture, log_densities, mixing_shares
from immunerecon.gating.models.shifts import OWN_WOBBLE
from immunerecon.gating.models.strata import stratified_sample
from immunerecon.gating.placement import Placement

Bools = NDArray[np.bool_]
Doubles = NDArray[np.float64]
Indices = NDArray[np.intp]
Floats = NDArray[np.float32]

_SURE = 0.9999  # probability beyond which an event's kind is not in doubt


@dataclass(frozen=True)
class ModelledEvents:
    """The events of one tube by the model: all of them, or of a large tube a stratified sample.

    Parameters
    ----------
    events : ndarray of int, shape (n,)
        Row numbers in the tube, ascending.
    weights : ndarray of float32, shape (n,)
        How many of the tube's events each stands for.
    memberships : ndarray, shape (n, k + 1)
        Probability of each kind; the background comes last.
    shares : ndarray, shape (k + 1,)
        Of each kind among the events.
    mixture, means, errors
        As in the placement.
    kinds : length k
        What each kind belongs to.
    """

    events: Indices
    weights: Floats
    memberships: Doubles
    shares: Doubles
    mixture: Mixture
    means: Doubles
    errors: Doubles
    kinds: tuple[CellType, ...]

    def kinds_in(self, population: str) -> Bools:
        """Return which kinds, and the background, belong to a population."""
        return np.array([population in kind.populations for kind in self.kinds] + [False])

    def probability(self, population: str) -> Doubles:
        """Return the probability that each event is of a population, shape (n,)."""
        return np.asarray(self.memberships.T[self.kinds_in(population)].sum(axis=0))

    def number(self, inside: Bools) -> Doubles:
        """Return the expected number of events of each kind among some of them, shape (k + 1,)."""
        # A row of memberships a kind lies together in memory, so nothing is picked out.
        return np.asarray(self.memberships.T @ np.where(inside, self.weights, 0).astype(np.float64))

    def expected(self, population: str) -> float:
        """Return the expected number of events of a population."""
        return float(self._totals[self.kinds_in(population)].sum())

    def likeliest(
        self, columns: Mapping[str, Floats], events: Indices, population: str
    ) -> tuple[Indices, Bools]:
        """Return the events that are likeliest of a population, as many as are expected.

        Parameters
        ----------
        columns
            Display values of the tube by dimension.
        events
            Row numbers of the events to choose from.
        population
            Its name.

        Returns
        -------
        rows : ndarray of int
            Ascending.
        inside : ndarray of bool, shape (n,)
            Which of the modelled events are among them.
        """
        values = features(columns, self.mixture.dimensions, events)
        joint = log_densities(self.mixture)(values, self.means).T  # a row a kind
        joint += np.log(self.shares + 1e-300).astype(np.float32)[:, None]
        joint -= joint.max(axis=0)
        np.exp(joint, out=joint)
        own = self.kinds_in(population)
        with np.errstate(divide="ignore", over="ignore"):
            against = joint[~own].sum(axis=0) / joint[own].sum(axis=0)
        wanted = min(round(self.expected(population)), len(events))
        rows = events[_least(against, wanted)]
        taken = np.zeros(max(self.events.max(initial=0), rows.max(initial=0)) + 1, dtype=np.bool_)
        taken[rows] = True
        return rows, taken[self.events]

    @cached_property
    def _totals(self) -> Doubles:
        """Expected number of events of each kind."""
        return self.number(np.ones(len(self.events), dtype=np.bool_))

    @cached_property
    def _doubtful(self) -> tuple[Doubles, Floats]:
        """Memberships, a row a kind, and weights of the events that may be of several kinds."""
        memberships = self.memberships.T
        open_cases = np.flatnonzero(memberships.max(axis=0, initial=0) < _SURE)
        return memberships.take(open_cases, axis=1), self.weights.take(open_cases)

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
        1982;44:226-233). One sure event is added to the latter: where next to nothing of a
        population is there, all of it is doubtful, and none of the parent's events would be left to
        bound it by.
        """
        inside = self.kinds_in(parent) if parent else np.ones(len(self.shares), dtype=np.bool_)
        own = self.kinds_in(population)
        total = float(self._totals[inside].sum())
        share = float(self._totals[own].sum()) / total if total > 0 else 0.0
        if not 0 < share < 1:
            return 1.0
        memberships, weights = self._doubtful
        within = memberships[inside].sum(axis=0)
        chance = memberships[own].sum(axis=0) / np.maximum(within, 1e-12)
        lost = float(weights @ (within * chance * (1 - chance)))
        missing = lost / (total * share * (1 - share) + 1)
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

    def standard_error(self, population: str, plane: tuple[str, str]) -> float:
        """Return the standard error of a population's place in a plane, on the display scale.

        That of its kinds' centres, by the tube's gains and by what each kind of cell adds to them.
        """
        own = self.kinds_in(population)[:-1]
        at = [self.mixture.dimensions.index(name) for name in plane]
        number = self._totals[:-1][own]
        spreads = np.diagonal(self.mixture.covariances, axis1=1, axis2=2)[own][:, at]
        noise = spreads / np.maximum(number, 1e-9)[:, None]
        wobble = OWN_WOBBLE**2 * noise / (OWN_WOBBLE**2 + noise)
        variance = np.square(self.errors[own][:, at]) + wobble
        for column, name in enumerate(plane):
            if is_scatter(name):
                variance[:, column] *= np.square(display_slope(self.means[own, at[column]]))
        return float(np.sqrt(np.average(variance, axis=0, weights=number + 1e-9).max()))

    def told_by_itself(self, population: str, dimensions: tuple[str, str]) -> float:
        """Return how much of a population's place its own events tell, 0-1; the rest is borrowed.

        The weight of a kind's own events in its centre, as `shifts.moved_means` takes it.
        """
        own = self.kinds_in(population)[:-1]
        at = [self.mixture.dimensions.index(name) for name in dimensions]
        number = self._totals[:-1][own]
        widths = np.diagonal(self.mixture.covariances, axis1=1, axis2=2)[own][:, at].mean(axis=1)
        weight = number * OWN_WOBBLE**2 / (number * OWN_WOBBLE**2 + widths)
        return float(np.average(weight, weights=number + 1e-9))

    def strangers(self) -> float:
        """Return the share of events that are like no listed kind of cell."""
        return float(self.shares[-1])


def _least(values: Floats, number: int) -> Bools:
    """Return which are the least so many values; of equal ones the first."""
    if number == 0:
        return np.zeros(len(values), dtype=np.bool_)
    limit = np.partition(values, number - 1)[number - 1]
    chosen = values < limit
    chosen[np.flatnonzero(values == limit)[: number - np.count_nonzero(chosen)]] = True
    return np.asarray(chosen)


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
    values = features(columns, mixture.dimensions, events)
    chosen, weights = stratified_sample(values, placement.means, mixture)
    density = log_densities(mixture)(values[chosen], placement.means)
    shares, memberships = mixing_shares(density, weights=weights)
    by_name = {kind.name: kind for kind in kinds}
    return ModelledEvents(
        events=events[chosen],
        weights=weights,
        memberships=memberships,
        shares=shares,
        mixture=mixture,
        means=placement.means,
        errors=placement.errors,
        kinds=tuple(by_name[name] for name in mixture.names),
    )
