"""The control tubes that donor estimates rest on, reduced to one axis."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

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
class ControlTubes:
    """Marker values of the parents in each control tube, on one axis.

    Parameters
    ----------
    recipient, donor, blanks
        Control tubes, one array each: the patient's, the donor's, and other tubes
        without donor cells.
    donor_positive
        Whether donor cells lie at the upper end.
    weights : ndarray, shape (n_markers,), or None
        Of each marker on the axis; None where there is one marker, which is the axis.
    donor_known
        Whether the donor's tubes are control tubes, not a stand-in for them.
    """

    recipient: tuple[Floats, ...]
    donor: tuple[Floats, ...]
    blanks: tuple[Floats, ...]
    donor_positive: bool
    weights: Floats | None = None
    donor_known: bool = True

    @cached_property
    def recipient_peak(self) -> tuple[float, float]:
        """Median of the patient's control tubes, and their robust SD."""
        pooled = np.concatenate(self.recipient)
        return float(np.median(pooled)), half_spread(pooled)

    @cached_property
    def donor_median(self) -> float:
        """Median of the donor's tubes."""
        return float(np.median(np.concatenate(self.donor)))

    def on_axis(self, tube: ArrayLike) -> Floats:
        """Return the values of a further tube on the axis of the controls.

        Raises
        ------
        EstimationError
            When values are not finite, or the number of markers is not that of the controls.
        """
        values = np.asarray(tube, dtype=float)
        known = (*self.recipient, *self.donor, *self.blanks)
        _check([values], known if self.weights is None else [self.weights[None]])
        return values if self.weights is None else values @ self.weights


def half_spread(values: Floats) -> float:
    """Return half the distance between the quantiles one SD from the median."""
    return float(np.ptp(np.quantile(values, SIGMA))) / 2


def collect_controls(
    *,
    recipient: Sequence[ArrayLike],
    donor: Sequence[ArrayLike],
    blanks: Sequence[ArrayLike],
    donor_positive: bool | Sequence[bool],
) -> ControlTubes:
    """Take displayed marker values and bring several markers onto one axis.

    Parameters
    ----------
    recipient, donor, blanks
        Values on a display scale, shape (n_events,) or (n_events, n_markers).
    donor_positive
        Whether donor cells are the brighter ones, for each marker.

    Returns
    -------
    ControlTubes
        Several markers are projected on Fisher's discriminant axis of the two controls,
        or summed in SD of the recipient's cells where there is no donor control.

    Raises
    ------
    EstimationError
        When values are not finite or tubes differ in their number of markers.
    """
    own, given, others = (
        tuple(np.asarray(tube, dtype=float) for tube in kind) for kind in (recipient, donor, blanks)
    )
    _check([*own, *given, *others])
    positive = np.atleast_1d(donor_positive)
    if not own or own[0].ndim == 1:
        return ControlTubes(own, given, others, bool(positive[0]))
    weights = _discriminant(own, given, np.where(positive, 1.0, -1.0))
    own, given, others = (tuple(tube @ weights for tube in kind) for kind in (own, given, others))
    return ControlTubes(own, given, others, donor_positive=True, weights=weights)


def _check(tubes: Sequence[Floats], known: Sequence[Floats] = ()) -> None:
    """Refuse tubes of other markers, and values that are none."""
    if len({tube.shape[1:] for tube in (*tubes, *known)}) > 1:
        raise EstimationError("the tubes differ in their number of anti-HLA markers")
    if not all(np.isfinite(tube).all() for tube in tubes):
        raise EstimationError("a tube holds marker values that are not finite")


def suppose_donor(tubes: ControlTubes, draw: Floats) -> ControlTubes:
    """Stand in for a missing donor control with an even spread over the donor's side.

    Parameters
    ----------
    tubes
        Tubes without a donor control.
    draw
        The draw to be judged, on their axis.

    Returns
    -------
    ControlTubes
        Whatever lies far from the recipient's cells then counts as a donor cell or as
        background, wherever it lies: the draw itself says what donor cells look like.

    Raises
    ------
    EstimationError
        When donor-side events crowd at the recipient's edge, so that only a donor control
        could tell the two apart.
    """
    origin, sd = tubes.recipient_peak
    unit = sd * (1 if tubes.donor_positive else -1)
    placed, own = (draw - origin) / unit, (np.concatenate(tubes.recipient) - origin) / unit
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
