"""Whether groups differ: Gray's test and the log-rank test, asymptotic and by permutation."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from immunerecon.errors import EstimationError
from immunerecon.kinetics.estimators.group_scores import (
    gray_covariance,
    gray_score,
    logrank_covariance,
    logrank_score,
)
from immunerecon.kinetics.estimators.permutation import deal_labels, is_enumerated

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class GroupTest:
    """Outcome of a test between groups.

    Parameters
    ----------
    method
        Name of the test and how its p value was found.
    statistic
        Quadratic form of the score.
    degrees_of_freedom
        Number of groups less one.
    p_value
        Two-sided.
    """

    method: str
    statistic: float
    degrees_of_freedom: int
    p_value: float


def gray_test(time: Floats, cause: Integers, group: NDArray[np.generic]) -> GroupTest:
    """Compare the cumulative incidence of cause 1 between groups by Gray's test.

    Parameters
    ----------
    time : ndarray of float, shape (n_subjects,)
        Day of the event or of censoring.
    cause : ndarray of int, shape (n_subjects,)
        0 censored, 1 the event of interest, any other number a competing event.
    group : ndarray, shape (n_subjects,)
        Group of each subject, two or more groups.

    Returns
    -------
    GroupTest
        With the p value of the chi-squared distribution; it is too small in small groups, where
        `gray_permutation_test` holds its level.

    Raises
    ------
    EstimationError
        When there are fewer than two groups or nobody had the event.

    References
    ----------
    Gray, Ann Stat 1988;16:1141, doi 10.1214/aos/1176350951 (with rho = 0).

    Examples
    --------
    >>> days = np.array([5.0, 8, 12, 20, 30, 41, 50, 60])
    >>> test = gray_test(days, np.array([1, 1, 1, 2, 1, 2, 1, 0]), np.array(list("aaababbb")))
    >>> round(test.statistic, 3), round(test.p_value, 3)
    (6.845, 0.009)
    """
    label = _labels(group, cause == 1)
    score = gray_score(time, cause, label[None, :])[0]
    return _asymptotic("Gray", score, gray_covariance(time, cause, label))


def gray_permutation_test(
    time: Floats, cause: Integers, group: NDArray[np.generic], *, rng: np.random.Generator
) -> GroupTest:
    """Compare cumulative incidences by Gray's score among permuted groups.

    Parameters
    ----------
    time, cause, group
        As in `gray_test`.
    rng
        Draws the permutations when there are too many to list.

    Returns
    -------
    GroupTest
        The statistic is the score's quadratic form with its covariance among the permutations;
        `p_value` is the share of arrangements at least as extreme, all of them up to 40 000, else
        9 999 random ones with the observed one counted.

    Raises
    ------
    EstimationError
        As in `gray_test`.

    Notes
    -----
    Valid when, under no difference, groups are also censored alike.

    Examples
    --------
    >>> days = np.array([5.0, 8, 12, 20, 30, 41, 50, 60])
    >>> cause, group = np.array([1, 1, 1, 2, 1, 2, 1, 0]), np.array(list("aaababbb"))
    >>> round(gray_permutation_test(days, cause, group, rng=np.random.default_rng(0)).p_value, 3)
    0.029
    """
    label = _labels(group, cause == 1)
    return _permuted("Gray", label, lambda labels: gray_score(time, cause, labels), rng)


def logrank_test(time: Floats, seen: Bools, group: NDArray[np.generic]) -> GroupTest:
    """Compare survival between groups by the log-rank test.

    Parameters
    ----------
    time : ndarray of float, shape (n_subjects,)
        Day of the event or of censoring.
    seen : ndarray of bool, shape (n_subjects,)
        Whether the event was seen.
    group : ndarray, shape (n_subjects,)
        Group of each subject, two or more groups.

    Returns
    -------
    GroupTest
        With hypergeometric variance and the p value of the chi-squared distribution.

    Raises
    ------
    EstimationError
        When there are fewer than two groups or no event.

    References
    ----------
    Peto & Peto, J R Stat Soc A 1972;135:185, doi 10.2307/2344317.

    Examples
    --------
    >>> days, seen = np.array([5.0, 8, 12, 20, 30, 41]), np.array([True] * 5 + [False])
    >>> round(logrank_test(days, seen, np.array(list("aababb"))).p_value, 3)
    0.11
    """
    label = _labels(group, seen)
    score = logrank_score(time, seen, label[None, :])[0]
    return _asymptotic("log-rank", score, logrank_covariance(time, seen, label))


def logrank_permutation_test(
    time: Floats, seen: Bools, group: NDArray[np.generic], *, rng: np.random.Generator
) -> GroupTest:
    """Compare survival by the log-rank score among permuted groups.

    Parameters
    ----------
    time, seen, group
        As in `logrank_test`.
    rng
        Draws the permutations when there are too many to list.

    Returns
    -------
    GroupTest
        As in `gray_permutation_test`.

    Raises
    ------
    EstimationError
        As in `logrank_test`.

    Examples
    --------
    >>> days, seen = np.array([5.0, 8, 12, 20, 30, 41]), np.array([True] * 5 + [False])
    >>> test = logrank_permutation_test(
    ...     days, seen, np.array(list("aababb")), rng=np.random.default_rng(0))
    >>> test.p_value
    0.2
    """
    label = _labels(group, seen)
    return _permuted("log-rank", label, lambda labels: logrank_score(time, seen, labels), rng)


def _labels(group: NDArray[np.generic], event: Bools) -> Integers:
    """Give each subject the number of its group, or say why they cannot be compared."""
    names, label = np.unique(group, return_inverse=True)
    if len(names) < 2:
        raise EstimationError(f"a comparison needs two groups or more, found {len(names)}")
    if not event.any():
        raise EstimationError("nobody had the event")
    return np.asarray(label, dtype=np.int64)


def _asymptotic(name: str, score: Floats, covariance: Floats) -> GroupTest:
    """Refer the score's quadratic form to chi-squared."""
    from scipy.special import chdtrc

    free = score.size - 1
    statistic = _quadratic(score[None, :], covariance)[0]
    return GroupTest(f"{name}, asymptotic", float(statistic), free, float(chdtrc(free, statistic)))


def _permuted(
    name: str, label: Integers, scores: Callable[[Integers], Floats], rng: np.random.Generator
) -> GroupTest:
    """Refer the score's quadratic form to its values among arrangements of the labels."""
    score = scores(deal_labels(label, rng=rng))
    dealt = score[1:]
    covariance = np.cov(dealt, rowvar=False, bias=True)
    statistics = _quadratic(score - dealt.mean(axis=0), covariance)
    # Arrangements of equal score differ by rounding only.
    extreme = int((statistics[1:] >= statistics[0] * (1 - 1e-9) - 1e-12).sum())
    listed = is_enumerated(label)
    p_value = extreme / len(dealt) if listed else (extreme + 1) / (len(dealt) + 1)
    how = "all permutations" if listed else f"{len(dealt)} permutations"
    return GroupTest(f"{name}, {how}", float(statistics[0]), score.shape[1] - 1, p_value)


def _quadratic(score: Floats, covariance: Floats) -> Floats:
    """Quadratic form of each row with a covariance that sums to zero over groups."""
    inverse = np.linalg.pinv(covariance, rcond=1e-9, hermitian=True)
    return np.asarray(np.einsum("bi,ij,bj->b", score, inverse, score))
