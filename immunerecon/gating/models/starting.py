"""Where the model of a group starts: the tubes' own labels, where these are clear."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from immunerecon.gating.evidence import TubeEvidence
from immunerecon.gating.models.mixture import Mixture

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]

FEWEST_EVENTS = 8  # that a kind of cell starts from
_ENOUGH_EVENTS = 30
_CONFIDENT = 0.5  # labels behind less clear boundaries start nothing where others can
_SPREADS = (0.015, 0.08)  # display; no kind of cell is narrower
_FREEDOM = 9.0
_STRAY = 0.03  # of the cells
_FAR_SPREADS = 2.0  # root mean square, beyond which a label is not believed
_BROADER = 1.2  # the background is, than all events together


@dataclass(frozen=True)
class Pool:
    """Sampled events of all tubes, tube by tube."""

    values: Floats
    labels: NDArray[np.int8]
    weights: Floats
    tubes: NDArray[np.intp]
    n_tubes: int

    def rows(self, tube: int) -> slice:
        """Return the rows of one tube."""
        first, last = np.searchsorted(self.tubes, (tube, tube + 1))
        return slice(int(first), int(last))

    def thinned(self, stride: int) -> "Pool":
        """Return every `stride`-th event, which stands for so many."""
        return Pool(
            values=self.values[::stride],
            labels=self.labels[::stride],
            weights=self.weights[::stride] * np.float32(stride),
            tubes=self.tubes[::stride],
            n_tubes=self.n_tubes,
        )


def pool_events(evidence: Sequence[TubeEvidence]) -> Pool:
    """Put the sampled events of all tubes together."""
    sizes = [len(tube.labels) for tube in evidence]
    return Pool(
        values=np.concatenate([tube.values for tube in evidence]),
        labels=np.concatenate([tube.labels for tube in evidence]),
        weights=np.concatenate([tube.weights for tube in evidence]),
        tubes=np.repeat(np.arange(len(evidence)), sizes),
        n_tubes=len(evidence),
    )


def start_mixture(
    evidence: Sequence[TubeEvidence], pool: Pool, resting: NDArray[np.bool_]
) -> tuple[Mixture, Floats]:
    """Return the mixture and memberships by the tubes' own labels, where these are clear."""
    first = evidence[0]  # all have the same kinds and dimensions
    sure = np.concatenate(
        [np.append(tube.confidence, 0)[tube.labels] >= _CONFIDENT for tube in evidence]
    )
    at_rest = resting[pool.tubes]
    means: list[Doubles] = []
    spreads: list[Doubles] = []
    kept: list[int] = []
    members = np.zeros((len(pool.labels), len(first.cells)), dtype=np.float32)
    for kind, moves in enumerate(first.moves):
        labelled = pool.labels == kind
        clear = labelled & sure
        chosen = _first_enough([clear & at_rest if moves else clear, clear, labelled])
        if np.count_nonzero(chosen) < FEWEST_EVENTS:
            continue
        centre, spread = _shape(pool.values[chosen])
        if first.likes[kind] in kept:
            model = kept.index(first.likes[kind])
            own = first.differs[kind]
            centre = np.where(own, centre, means[model])
            # Seeds are cut off at the boundary that parts the two, and look too narrow there.
            spread = np.where(own, np.maximum(spread, spreads[model]), spreads[model])
        steady = [name not in moves for name in first.dimensions]
        rows = np.flatnonzero(labelled if moves else chosen)
        rows = rows[_near(pool.values[rows][:, steady], centre[steady], spread[steady])]
        members[rows, kind] = pool.weights[rows]
        means.append(centre)
        spreads.append(spread)
        kept.append(kind)
    mixture = Mixture(
        names=tuple(first.cells[kind] for kind in kept),
        dimensions=first.dimensions,
        means=np.array(means, dtype=np.float64).reshape(len(kept), pool.values.shape[1]),
        covariances=np.array([np.diag(spread**2) for spread in spreads], dtype=np.float64),
        freedom=np.full(len(kept), _FREEDOM),
        everything=np.array([pool.values.mean(axis=0), _BROADER * pool.values.std(axis=0)]),
        stray=_STRAY,
    )
    return mixture, members[:, kept]


def _shape(values: Floats) -> tuple[Doubles, Doubles]:
    """Return the median and the robust standard deviation of each dimension."""
    centre = np.median(values, axis=0).astype(np.float64)
    spread = 1.4826 * np.median(np.abs(values - centre), axis=0)
    return centre, np.clip(spread, *_SPREADS)


def _near(values: Floats, centre: Doubles, spread: Doubles) -> NDArray[np.bool_]:
    """Return which events lie near enough to a centre for a label to be believed."""
    squares = np.square((values - centre) / spread)
    return np.asarray(squares.mean(axis=1) < _FAR_SPREADS**2)


@dataclass(frozen=True)
class Likeness:
    """Which kind of cell each other one is like, and in what it differs.

    Parameters
    ----------
    of : tuple of int, length k
        Position of the earlier kind, or its own.
    own : ndarray of bool, shape (k, d)
        Dimensions in which it lies elsewhere.
    """

    of: tuple[int, ...]
    own: NDArray[np.bool_]

    @property
    def first(self) -> tuple[int, ...]:
        """Position of the kind that each is like in the end, or its own."""
        found: list[int] = []
        for kind, model in enumerate(self.of):
            found.append(kind if model == kind else found[model])
        return tuple(found)


def likeness(evidence: TubeEvidence, names: Sequence[str]) -> Likeness:
    """Return which of the named kinds each is like."""
    of: list[int] = []
    for position, name in enumerate(names):
        like = evidence.likes[evidence.cells.index(name)]
        model = evidence.cells[like] if like >= 0 else name
        of.append(names.index(model) if model in names[:position] else position)
    own = evidence.differs[[evidence.cells.index(name) for name in names]]
    alone = np.array(of) == np.arange(len(names))
    return Likeness(tuple(of), own | alone[:, None])


def _first_enough(choices: Sequence[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """Return the first choice of events that is large enough to start from, or the last."""
    return next(
        (chosen for chosen in choices if np.count_nonzero(chosen) >= _ENOUGH_EVENTS), choices[-1]
    )
