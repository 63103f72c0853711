"""The tubes that one donor estimate rests on, reduced to one axis."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from immunerecon.errors import EstimationError

Floats = NDArray[np.float64]

SIGMA = (0.1587, 0.8413)  # quantiles one standard deviation from the median
BEYOND = 4.0  # SD of recipient cells past which an event is taken for a donor cell's
ENOUGH_FOR_AXIS = 10_000
ENOUGH = 20  # donor-side events above background that show where donor cells lie
CROWDED = 0.4  # share of them within one SD of the edge that tells of a hidden rest


@dataclass(frozen=True)
class MarkerTubes:
    """Marker values of the parents in each tube, on one axis.

    Parameters
    ----------
    draw : ndarray, shape (n_events,)
        The draw to be judged.
    recipient, donor, blanks
        Control tubes, one array each: the patient's, the donor's, and other tubes
        without donor cells.
    donor_positive
        Whether donor cells lie at the upper end.
    donor_known
        Whether the donor's tubes are control tubes, not a stand-in for them.
    """

    draw: Floats
    recipient: tuple[Floats, ...]
    donor: tuple[Floats, ...]
    blanks: tuple[Floats, ...]
    donor_positive: bool
    donor_known: bool = True


def collect_tubes(
    draw: ArrayLike,
    *,
    recipient: Sequence[ArrayLike],
    donor: Sequence[ArrayLike],
    blanks: Sequence[ArrayLike],
    donor_positive: bool | Sequence[bool],
) -> MarkerTubes:
    """Take displayed marker values and bring several markers onto one axis.

    Parameters
    ----------
    draw, recipient, donor, blanks
        Values on a display scale, shape (n_events,) or (n_events, n_markers).
    donor_positive
        Whether donor cells are the brighter ones, for each marker.

    Returns
    -------
    MarkerTubes
        Several markers are projected on Fisher's discriminant axis of the two controls,
        or summed in SD of the recipient's cells where there is no donor control.

    Raises
    ------
    EstimationError
        When values are not finite or tubes differ in their number of markers.
    """
    groups = [
        [np.asarray(tube, dtype=float) for tube in kind] for kind in (recipient, donor, blanks)
    ]
    tubes = [np.asarray(draw, dtype=float), *groups[0], *groups[1], *groups[2]]
    if len({tube.shape[1:] for tube in tubes}) > 1:
        raise EstimationError("the tubes differ in their number of anti-HLA markers")
    if not all(np.isfinite(tube).all() for tube in tubes):
        raise EstimationError("a tube holds marker values that are not finite")
    positive = np.atleast_1d(donor_positive)
    if tubes[0].ndim > 1 and groups[0]:
        weights = _discriminant(groups[0], groups[1], np.where(positive, 1.0, -1.0))
        tubes = [tube @ weights for tube in tubes]
        positive = np.array([True])
    rest = iter(tubes[1:])
    own, given, others = (tuple(next(rest) for _ in kind) for kind in groups)
    return MarkerTubes(tubes[0], own, given, others, bool(positive[0]))


def suppose_donor(tubes: MarkerTubes) -> MarkerTubes:
    """Stand in for a missing donor control with an even spread over the donor's side.

    Parameters
    ----------
    tubes
        Tubes without a donor control.

    Returns
    -------
    MarkerTubes
        Whatever lies far from the recipient's cells then counts as a donor cell or as
        background, wherever it lies: the draw itself says what donor cells look like.

    Raises
    ------
    EstimationError
        When donor-side events crowd at the recipient's edge, so that only a donor control
        could tell the two apart.
    """
    pooled = np.concatenate(tubes.recipient)
    origin = float(np.median(pooled))
    unit = np.ptp(np.quantile(pooled, SIGMA)) / 2 * (1 if tubes.donor_positive else -1)
    placed, own = (tubes.draw - origin) / unit, (pooled - origin) / unit
    beyond = placed[placed > BEYOND]
    excess = len(beyond) - np.mean(own > BEYOND) * len(placed)
    if excess > max(ENOUGH, len(beyond) / 2) and np.mean(beyond < BEYOND + 1) > CROWDED:
        raise EstimationError("recipient and donor cells overlap and there is no donor control")
    farthest = max(float(np.quantile(np.append(own, placed), 0.999)), BEYOND + 8)
    even = origin + unit * np.linspace(BEYOND, farthest, 1000)
    return replace(tubes, donor=(even,), donor_known=False)


def _discriminant(recipient: Sequence[Floats], donor: Sequence[Floats], signs: Floats) -> Floats:
    """Return the axis that separates the controls best, donor cells at its upper end."""
    own = _some(np.concatenate(recipient))
    spread = np.ptp(np.quantile(own, SIGMA, axis=0), axis=0) / 2
    if not donor:
        return np.asarray(signs / spread, dtype=float)
    given = _some(np.concatenate(donor))
    centres = np.median(own, axis=0), np.median(given, axis=0)
    scatter = np.concatenate([own - centres[0], given - centres[1]]) / spread
    covariance = np.cov(np.clip(scatter, -4, 4), rowvar=False)
    weights = np.linalg.solve(np.atleast_2d(covariance), (centres[1] - centres[0]) / spread)
    return np.asarray(weights / spread, dtype=float)


def _some(events: Floats) -> Floats:
    """Return about 10,000 of the events, evenly spread: enough to find an axis by."""
    return events[:: max(1, len(events) // ENOUGH_FOR_AXIS)]
