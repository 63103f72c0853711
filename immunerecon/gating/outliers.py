"""How far each tube's picture of a gate is from the same picture of all other tubes."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from immunerecon.gating.pictures import BINS, HIGH, LOW, GatePicture

Doubles = NDArray[np.float64]

APART = 6.0  # robust standard deviations, from which a person should look
FEWEST_TUBES = 8  # below which none is called odd
FEWEST_EVENTS = 50  # of the parent, below which a tube's density says nothing
_QUANTILES = (0.02, 0.98)  # the ends tell staining, the middle mostly which cells are many
_LEAST_SPREADS = (0.03, 0.8)  # display, and log odds: what tubes differ by anyhow
_TO_SD = 1.4826
_STEP = (HIGH - LOW) / BINS


def outlier_scores(
    pictures_by_tube: Mapping[str, Sequence[GatePicture]], population: str
) -> dict[str, float]:
    """Score how far each tube's gate, and the events it lies on, are from those of the others.

    Parameters
    ----------
    pictures_by_tube
        Label -> pictures of the tube's gates; tubes of one panel.
    population
        Whose gate is looked at.

    Returns
    -------
    dict of float
        By label: the largest distance from the median of all tubes, in robust standard deviations,
        over where the parent's events lie (2 and 98 % of each dimension) and the share of the
        parent inside the gate. NaN for tubes that show too few events, and for all where there are
        fewer than 8 tubes.

    Examples
    --------
    >>> from immunerecon.gating.geometry.gates import RectangleGate
    >>> def tube(place):
    ...     counts = np.zeros((96, 96), dtype=np.uint32)
    ...     counts[place, 40] = 200
    ...     gate = RectangleGate({})
    ...     return [GatePicture("NK", "T", "CD3", "CD56", counts, gate, 20, 200, "data", 1.0)]
    >>> scores = outlier_scores({f"tube {n}": tube(70 if n == 3 else 30) for n in range(9)}, "NK")
    >>> max(scores, key=scores.get), scores["tube 3"] > APART, scores["tube 0"]
    ('tube 3', True, 0.0)
    """
    pictures = {
        label: next((one for one in found if one.population == population), None)
        for label, found in pictures_by_tube.items()
    }
    told = {
        label: _looks(one)
        for label, one in pictures.items()
        if one is not None and one.counts.sum() >= FEWEST_EVENTS
    }
    scores = dict.fromkeys(pictures, math.nan)
    if len(told) < FEWEST_TUBES:
        return scores
    looks = np.array(list(told.values()))
    away = np.abs(looks - np.median(looks, axis=0))
    least = np.repeat(_LEAST_SPREADS, (2 * len(_QUANTILES), 1))
    spread = np.maximum(_TO_SD * np.median(away, axis=0), least)
    return scores | dict(zip(told, (away / spread).max(axis=1).tolist(), strict=True))


def _looks(picture: GatePicture) -> Doubles:
    """Return where the parent's events lie, and the log odds of lying in the gate."""
    places = [
        LOW + (np.searchsorted(np.cumsum(along) / along.sum(), _QUANTILES) + 0.5) * _STEP
        for along in (picture.counts.sum(axis=1), picture.counts.sum(axis=0))
    ]
    outside = max(picture.parent_count - picture.count, 0)
    return np.append(np.concatenate(places), math.log((picture.count + 0.5) / (outside + 0.5)))
