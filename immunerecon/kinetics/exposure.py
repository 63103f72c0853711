"""Area under a course of donor cells and its terminal half-life."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from immunerecon.errors import EstimationError
from immunerecon.kinetics.estimators.censored_line import fit_censored_line

Floats = NDArray[np.float64]
AreaMethod = Literal["linear", "linear-up/log-down"]


def area_under_curve(day: Floats, value: Floats, until: float, *, method: AreaMethod) -> float:
    """Integrate a course from its first point to a given day.

    Parameters
    ----------
    day : ndarray of float, shape (n_points,)
        Rising days.
    value : ndarray of float, shape (n_points,)
        Values, 0 or more.
    until
        Last day of the area, within the points; the value there is interpolated by `method`.
    method
        ``linear`` trapezoids throughout, or ``linear-up/log-down``: logarithmic ones wherever the
        course falls.

    Returns
    -------
    float
        Area in the value's unit times days.

    Raises
    ------
    EstimationError
        When the points end before `until`.

    References
    ----------
    Purves, J Pharmacokinet Biopharm 1992;20:211, doi 10.1007/BF01062525.

    Examples
    --------
    >>> day, value = np.array([0.0, 7.0, 14.0, 28.0]), np.array([0.0, 10.0, 20.0, 5.0])
    >>> area_under_curve(day, value, 28.0, method="linear")
    315.0
    >>> round(area_under_curve(day, value, 28.0, method="linear-up/log-down"), 2)
    291.48
    """
    if day.size == 0 or day[-1] < until:
        raise EstimationError(f"the course ends before day {until:g}")
    logarithmic = method == "linear-up/log-down"
    if until not in day:
        after = int(np.searchsorted(day, until))
        share = (until - day[after - 1]) / (day[after] - day[after - 1])
        low, high = value[after - 1], value[after]
        falls = logarithmic and 0 < high < low
        at_end = low ** (1 - share) * high**share if falls else low + share * (high - low)
        day, value = np.append(day[:after], until), np.append(value[:after], at_end)
    kept = day <= until
    day, value = day[kept], value[kept]
    width, left, right = np.diff(day), value[:-1], value[1:]
    areas = width * (left + right) / 2
    if logarithmic:
        falls = (right < left) & (right > 0)
        areas[falls] = width[falls] * (left - right)[falls] / np.log(left[falls] / right[falls])
    return float(areas.sum())


@dataclass(frozen=True)
class TerminalPhase:
    """The log-linear end of a course.

    Parameters
    ----------
    lambda_z
        Rate of decline per day.
    half_life, half_life_low, half_life_high
        Days with 95 % interval; the upper end is infinite when the interval of the rate holds 0.
    first_day
        First draw used.
    n_seen, n_below
        Draws used that were detected, and that lie below their limit.
    """

    lambda_z: float
    half_life: float
    half_life_low: float
    half_life_high: float
    first_day: float
    n_seen: int
    n_below: int


def fit_terminal_phase(day: Floats, value: Floats, below: NDArray[np.bool_]) -> TerminalPhase:
    """Fit the terminal half-life by log-linear regression after the maximum.

    Parameters
    ----------
    day : ndarray of float, shape (n_draws,)
        Rising days.
    value : ndarray of float, shape (n_draws,)
        Values above 0; for a draw below its limit, the limit.
    below : ndarray of bool, shape (n_draws,)
        Which draws are only known to lie below `value`.

    Returns
    -------
    TerminalPhase
        The fit.

    Raises
    ------
    EstimationError
        When fewer than three draws after the maximum lie above their limit, or they do not fall.

    Notes
    -----
    The phase starts at the draw after the maximum from which the adjusted R² of the detected draws
    is largest, at least three of them; the longer phase wins within 0.0001. Draws of the phase
    below their limit enter as left-censored (Tobin's model). The interval is Student's, with two
    degrees of freedom less than draws seen.

    References
    ----------
    Gabrielsson & Weiner, Methods Mol Biol 2012;929:377, doi 10.1007/978-1-62703-050-2_16.
    Beal, J Pharmacokinet Pharmacodyn 2001;28:481, doi 10.1023/A:1012299115474.

    Examples
    --------
    >>> day = np.array([7.0, 14.0, 21.0, 28.0, 35.0])
    >>> phase = fit_terminal_phase(day, 64 * 0.5 ** (day / 7), day > 40)
    >>> round(phase.half_life, 6), phase.n_seen
    (7.0, 4)
    """
    from scipy.special import stdtrit

    peak_day = day[~below][np.argmax(value[~below])] if (~below).any() else np.inf
    after = day > peak_day
    day, log_value, below = day[after], np.log(value[after]), below[after]
    seen = np.flatnonzero(~below)
    if seen.size < 3:
        raise EstimationError(
            f"{seen.size} draws above the limit of detection after the maximum, three are needed"
        )
    first = _first_of_phase(day[seen], log_value[seen])
    kept = slice(int(seen[first]), None)
    line = fit_censored_line(day[kept], log_value[kept], below[kept])
    if line.slope >= 0:
        raise EstimationError("the draws after the maximum do not fall")
    margin = float(stdtrit(line.degrees_of_freedom, 0.975)) * line.slope_se
    slowest = -line.slope - margin
    return TerminalPhase(
        lambda_z=-line.slope,
        half_life=float(np.log(2) / -line.slope),
        half_life_low=float(np.log(2) / (-line.slope + margin)),
        half_life_high=float(np.log(2) / slowest) if slowest > 0 else float("inf"),
        first_day=float(day[kept][0]),
        n_seen=int((~below[kept]).sum()),
        n_below=int(below[kept].sum()),
    )


def _first_of_phase(day: Floats, log_value: Floats) -> int:
    """Index of the point from which adjusted R² is largest."""
    best, best_fit = 0, -np.inf
    for first in range(len(day) - 2):
        x, y = day[first:], log_value[first:]
        total = float(np.sum((y - y.mean()) ** 2))
        covariance = float(np.sum((x - x.mean()) * (y - y.mean())))
        r2 = covariance**2 / (float(np.sum((x - x.mean()) ** 2)) * total) if total > 0 else 0.0
        adjusted = 1 - (1 - r2) * (len(x) - 1) / (len(x) - 2)
        if adjusted > best_fit + 1e-4:
            best, best_fit = first, adjusted
    return best
