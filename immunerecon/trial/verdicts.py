"""Verdict on a measured value with an interval against a limit."""

import math
from typing import Literal

Verdict = Literal["met", "not_met", "uncertain", "not_evaluable"]


def judge_interval(
    low: float, high: float, *, at_least: float = -math.inf, at_most: float = math.inf
) -> Verdict:
    """Say whether a value keeps its limits, as far as its interval can tell.

    Parameters
    ----------
    low, high
        Bounds of the value's interval; equal for a value without uncertainty, NaN where unknown.
    at_least, at_most
        The limits, which themselves are allowed.

    Returns
    -------
    str
        ``met`` or ``not_met`` when the whole interval is, ``uncertain`` when it spans a limit,
        ``not_evaluable`` when a bound is unknown.

    Examples
    --------
    >>> [judge_interval(low, high, at_least=100) for low, high in ((120, 180), (40, 90), (80, 130))]
    ['met', 'not_met', 'uncertain']
    """
    if math.isnan(low) or math.isnan(high):
        return "not_evaluable"
    if low >= at_least and high <= at_most:
        return "met"
    return "not_met" if high < at_least or low > at_most else "uncertain"
