"""What draws below detection add to the area under a course."""

import numpy as np
from numpy.typing import NDArray

from immunerecon.errors import EstimationError
from immunerecon.kinetics.donor_course import DonorCourse
from immunerecon.kinetics.exposure import TerminalPhase

Floats = NDArray[np.float64]

LONGEST_CONTINUATION_DAYS = 10.0


def implied_course(
    course: DonorCourse, phase: TerminalPhase | None, *, until: float
) -> tuple[Floats, Floats]:
    """Give a course from infusion to a day, with undetected draws at the value implied.

    Parameters
    ----------
    course
        A course with at least one measured draw.
    phase
        Its terminal phase, if it has one.
    until
        Day to which the course must reach.

    Returns
    -------
    day, value : ndarray of float
        The course with its start at day 0, reaching `until`.

    Raises
    ------
    EstimationError
        When the last draw is more than ten days before `until`, or nothing says how the course
        goes on after it.

    Notes
    -----
    An undetected draw lies somewhere below its limit. It takes the value that its neighbours
    imply, and never more than its limit: before the first measured draw, the straight line from
    the infusion; between two, the log-linear course; after the last, the rate of the terminal
    phase, or without one the slowest decline that passes the first undetected draw.

    Examples
    --------
    >>> course = DonorCourse(
    ...     "P1", "NK", "fraction", 1, 0.0, np.array([7.0, 14.0, 28.0]),
    ...     np.array([0.4, 0.1, np.nan]), np.array([0.01, 0.01, 0.01]),
    ...     np.array([True, True, False]), 0.0)
    >>> day, value = implied_course(course, None, until=28.0)
    >>> [round(float(x), 3) for x in value]
    [0.0, 0.4, 0.1, 0.01]
    """
    seen, below = course.measured, course.below
    measured = np.flatnonzero(seen)
    rate = _rate_after(course, phase, int(measured[-1]))
    value = np.where(below, np.minimum(_unlimited(course, rate), course.lod), course.value)
    used = seen | below
    days = np.concatenate([[0.0], course.day[used]])
    values = np.concatenate([[course.start], value[used]])
    if days[-1] < until:
        ahead = until - days[-1]
        if ahead > LONGEST_CONTINUATION_DAYS or not np.isfinite(rate):
            raise EstimationError(
                f"the last usable draw is on day {days[-1]:g} and nothing says how the course goes "
                f"on to day {until:g}"
            )
        days = np.append(days, until)
        values = np.append(values, values[-1] * np.exp(-rate * ahead))
    return days, values


def _unlimited(course: DonorCourse, rate: float) -> Floats:
    """Value that the measured draws imply on every draw's day, whatever its limit."""
    day, value = course.day[course.measured], course.value[course.measured]
    between = np.exp(np.interp(course.day, day, np.log(value)))
    before = np.interp(course.day, [0.0, day[0]], [course.start, value[0]])
    implied = np.where(course.day < day[0], before, between)
    after = course.day > day[-1]
    if after.any():
        # Without a known rate there is no undetected draw after the last measured one.
        implied[after] = value[-1] * np.exp(-np.nan_to_num(rate) * (course.day[after] - day[-1]))
    return implied


def _rate_after(course: DonorCourse, phase: TerminalPhase | None, last: int) -> float:
    """Rate of decline per day after the last measured draw; NaN when nothing tells it."""
    if phase is not None:
        return phase.lambda_z
    later = np.flatnonzero(course.below & (course.day > course.day[last]))
    if not later.size:
        return float("nan")
    fall = np.log(course.value[last] / course.lod[later[0]])
    return max(float(fall / (course.day[later[0]] - course.day[last])), 0.0)
