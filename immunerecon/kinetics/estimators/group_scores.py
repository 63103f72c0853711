"""Score vectors and covariances behind Gray's test and the log-rank test.

Labels come as rows of arrangements, so that a permutation test is one pass over arrays of shape
(arrangements, groups, times).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class _GroupCounts:
    """Subjects at risk and events of each arrangement, group and distinct event time."""

    at_risk: Floats
    own: Floats
    other: Floats


def _count(time: Floats, cause: Integers, labels: Integers) -> _GroupCounts:
    """Count by arrangement, group and event time; cause 1 is the group's own event."""
    event_times = np.unique(time[cause > 0])
    member = (labels[:, None, :] == np.arange(labels.max() + 1)[:, None]).astype(float)
    here = time[:, None] == event_times
    return _GroupCounts(
        at_risk=member @ (time[:, None] >= event_times),
        own=member @ (here & (cause == 1)[:, None]),
        other=member @ (here & (cause > 1)[:, None]),
    )


def _shares(part: Floats, whole: Floats) -> Floats:
    """Quotient, 0 where nobody is at risk."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _before(values: Floats, start: float) -> Floats:
    """Values of a right-continuous curve just before each time."""
    return np.concatenate([np.full_like(values[..., :1], start), values[..., :-1]], axis=-1)


def logrank_score(time: Floats, seen: Bools, labels: Integers) -> Floats:
    """Observed less expected events.

    Parameters
    ----------
    time : ndarray of float, shape (n_subjects,)
        Days.
    seen : ndarray of bool, shape (n_subjects,)
        Whether the event was seen.
    labels : ndarray of int, shape (n_arrangements, n_subjects)
        Groups 0, 1, 2 ...

    Returns
    -------
    ndarray of float, shape (n_arrangements, n_groups)
        Zero in sum over groups.

    Examples
    --------
    >>> logrank_score(np.array([5.0, 8.0]), np.array([True, True]), np.array([[0, 1]]))
    array([[ 0.5, -0.5]])
    """
    counts = _count(time, seen.astype(np.int64), labels)
    expected = _shares(counts.at_risk, counts.at_risk.sum(1, keepdims=True))
    score: Floats = (counts.own - expected * counts.own.sum(1, keepdims=True)).sum(-1)
    return score


def logrank_covariance(time: Floats, seen: Bools, label: Integers) -> Floats:
    """Hypergeometric covariance of the log-rank score, shape (n_groups, n_groups)."""
    counts = _count(time, seen.astype(np.int64), label[None, :])
    at_risk, events = counts.at_risk[0], counts.own[0].sum(0)
    n = at_risk.sum(0)
    share = at_risk / n
    factor = events * (n - events) / np.maximum(n - 1, 1)
    covariance: Floats = np.diag((share * factor).sum(1)) - (share * factor) @ share.T
    return covariance


@dataclass(frozen=True)
class _GrayCurves:
    """Gray's h_r and R_r, and the left and right limits of the curves behind them."""

    counts: _GroupCounts
    survival: Floats
    survival_before: Floats
    h: Floats
    r: Floats


def _gray_curves(time: Floats, cause: Integers, labels: Integers) -> _GrayCurves:
    counts = _count(time, cause, labels)
    hazard = _shares(counts.own + counts.other, counts.at_risk)
    survival = np.asarray(np.cumprod(1 - hazard, axis=-1), dtype=float)
    survival_before = _before(survival, 1.0)
    jumps = survival_before * _shares(counts.own, counts.at_risk)
    incidence = np.asarray(np.cumsum(jumps, axis=-1), dtype=float)
    h = _shares(counts.at_risk, survival_before)
    return _GrayCurves(counts, survival, survival_before, h, h * (1 - _before(incidence, 0.0)))


def gray_score(time: Floats, cause: Integers, labels: Integers) -> Floats:
    """Gray's score, observed less expected events of cause 1, rho being 0.

    Parameters
    ----------
    time : ndarray of float, shape (n_subjects,)
        Days.
    cause : ndarray of int, shape (n_subjects,)
        0 censored, 1 the event of interest, others competing.
    labels : ndarray of int, shape (n_arrangements, n_subjects)
        Groups 0, 1, 2 ...

    Returns
    -------
    ndarray of float, shape (n_arrangements, n_groups)
        Zero in sum over groups.

    Examples
    --------
    >>> gray_score(np.array([5.0, 8.0]), np.array([1, 1]), np.array([[0, 1]]))
    array([[ 0.5, -0.5]])
    """
    curves = _gray_curves(time, cause, labels)
    expected = _shares(curves.r, curves.r.sum(1, keepdims=True))
    own = curves.counts.own
    score: Floats = (own - expected * own.sum(1, keepdims=True)).sum(-1)
    return score


def gray_covariance(time: Floats, cause: Integers, label: Integers) -> Floats:
    """Covariance of Gray's score, shape (n_groups, n_groups).

    Parameters
    ----------
    time, cause
        As in `gray_score`.
    label : ndarray of int, shape (n_subjects,)
        Groups 0, 1, 2 ...

    Notes
    -----
    The martingale covariance of Gray (1988), section 3, ties of a cause being hypergeometric. In
    his notation, ``a_kr`` are the weights of group r's increments in the score of group k, and
    ``c_kr`` their integral against the pooled subdistribution hazard of cause 1.

    Examples
    --------
    >>> gray_covariance(np.array([5.0, 8.0]), np.array([1, 1]), np.array([0, 1])).round(3)
    array([[ 0.25, -0.25],
           [-0.25,  0.25]])
    """
    curves = _gray_curves(time, cause, label[None, :])
    counts, survival, before, h = (
        curves.counts,
        curves.survival[0],
        curves.survival_before[0],
        curves.h[0],
    )
    at_risk, own, other = counts.at_risk[0], counts.own[0].sum(0), counts.other[0]
    total = h.sum(0)
    rise = own / total
    pooled = np.cumsum(rise)
    left = 1 - _before(pooled, 0.0)
    a = np.eye(len(h))[:, :, None] * h[None] - h[:, None] * h[None] / total
    c = np.cumsum(a * _shares(rise, left), axis=-1)
    to_come = c[:, :, -1:] - c
    remaining = _shares(np.broadcast_to(1 - pooled, survival.shape).copy(), survival)
    weight = np.where(survival > 0, 1 - remaining, 1.0)
    ties = 1 - _shares(np.broadcast_to(np.maximum(own - 1, 0), h.shape).copy(), total * before - 1)
    spread = np.where(at_risk > 0, ties * rise * _shares(np.ones_like(h), h), 0.0)
    x = a + weight * to_come
    covariance = np.einsum("krt,lrt,rt->kl", x, x, spread)
    ties = 1 - np.maximum(other - 1, 0) / np.maximum(at_risk - 1, 1)
    spread = np.where(survival > 0, ties * before**2 * _shares(other, at_risk**2), 0.0)
    x = remaining * to_come
    return np.asarray(covariance + np.einsum("krt,lrt,rt->kl", x, x, spread))
