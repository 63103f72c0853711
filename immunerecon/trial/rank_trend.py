"""Whether a value rises from group to group: a rank test by permutation, and by how much."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from immunerecon.errors import EstimationError
from immunerecon.kinetics.estimators.permutation import deal_labels, is_enumerated

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class RankTrend:
    """Trend of a value over ordered groups.

    Parameters
    ----------
    method
        Name of the test and how its p values were found.
    sizes
        Subjects in each group.
    concordance
        Pairs from different groups whose value rises less those whose value falls.
    p_trend
        Two-sided, of no trend.
    p_any
        Of no difference of any kind (Kruskal-Wallis), also by permutation.
    step, step_low, step_high
        Median rise from one group to the next (of two groups: Hodges and Lehmann's shift) with the
        95 % interval of the steps that the test does not refute; infinite bounds where the groups
        are too small for any.
    """

    method: str
    sizes: tuple[int, ...]
    concordance: float
    p_trend: float
    p_any: float
    step: float
    step_low: float
    step_high: float


def rank_trend(value: ArrayLike, group: ArrayLike, *, rng: np.random.Generator) -> RankTrend:
    """Test whether values rise or fall over ordered groups.

    Parameters
    ----------
    value : array_like, shape (n_subjects,)
        Numbers, or grades.
    group : array_like, shape (n_subjects,)
        Group of each subject; groups are ordered as they sort and equally spaced.
    rng
        Draws the permutations when there are too many to list (more than 40 000).

    Returns
    -------
    RankTrend

    Raises
    ------
    EstimationError
        When there are fewer than two groups, or a value is missing.

    Notes
    -----
    The trend is Jonckheere's, of two groups Wilcoxon's rank sum. The step is the median of the
    slopes of all pairs from different groups; its interval inverts the test.

    References
    ----------
    Jonckheere AR. Biometrika 1954;41:133. doi:10.1093/biomet/41.1-2.133
    Kruskal WH, Wallis WA. J Am Stat Assoc 1952;47:583. doi:10.1080/01621459.1952.10483441
    Sen PK. J Am Stat Assoc 1968;63:1379. doi:10.1080/01621459.1968.10480934

    Examples
    --------
    >>> peaks, level = [4.0, 9, 12, 30, 41, 55, 80], [1, 1, 1, 2, 2, 3, 3]
    >>> trend = rank_trend(peaks, level, rng=np.random.default_rng(0))
    >>> round(trend.p_trend, 4), trend.step
    (0.0095, 27.5)
    """
    y = np.asarray(value, dtype=float)
    names, label = np.unique(np.asarray(group), return_inverse=True)
    if len(names) < 2 or np.isnan(y).any():
        raise EstimationError(
            f"a trend needs two groups or more and no missing value, found {len(names)} group(s) "
            f"and {int(np.isnan(y).sum())} missing"
        )
    labels = deal_labels(label.astype(np.int64), rng=rng)
    dealt = _concordance(y, labels)
    listed = is_enumerated(labels[0])
    slopes = _slopes(y, labels[0])
    low, high = _step_bounds(slopes, np.abs(_concordance(np.arange(float(y.size)), labels[1:])))
    how = "all permutations" if listed else f"{len(labels) - 1} permutations"
    name = "Wilcoxon rank sum" if len(names) == 2 else "Jonckheere trend"
    return RankTrend(
        method=f"{name}, {how}",
        sizes=tuple(int(size) for size in np.bincount(labels[0])),
        concordance=float(dealt[0]),
        p_trend=_p_value(np.abs(dealt), listed=listed),
        p_any=_p_value(_kruskal_wallis(y, labels), listed=listed),
        step=float(np.median(slopes)),
        step_low=low,
        step_high=high,
    )


def _concordance(y: Floats, labels: Integers) -> Floats:
    """Return rising less falling pairs of different groups, for each arrangement of the labels."""
    sign = np.sign(y[None, :] - y[:, None])
    total = np.zeros(len(labels))
    for place in range(1, int(labels.max()) + 1):
        here, below = (labels == place).astype(float), (labels < place).astype(float)
        total += ((below @ sign) * here).sum(axis=1)
    return total


def _kruskal_wallis(y: Floats, labels: Integers) -> Floats:
    """Return the part of Kruskal and Wallis's statistic that the labels change."""
    from scipy.stats import rankdata

    rank = rankdata(y)
    members = (labels == place for place in range(int(labels.max()) + 1))
    return np.asarray(sum((each @ rank) ** 2 / each.sum(axis=1) for each in members))


def _p_value(statistic: Floats, *, listed: bool) -> float:
    """Return the share of arrangements as extreme as the first, the observed one."""
    extreme = int((statistic[1:] >= statistic[0] * (1 - 1e-9)).sum())
    return extreme / (len(statistic) - 1) if listed else (extreme + 1) / len(statistic)


def _slopes(y: Floats, label: Integers) -> Floats:
    """Return the sorted rise per group of all pairs from different groups."""
    first, second = np.nonzero(label[:, None] < label[None, :])
    return np.sort((y[second] - y[first]) / (label[second] - label[first]))


def _step_bounds(slopes: Floats, null: Floats) -> tuple[float, float]:
    """Return the range of steps whose removal leaves no trend at the 5 % level."""
    largest = max(size for size in np.unique(null) if (null >= size).mean() > 0.05)
    outside = int(np.ceil((slopes.size - largest) / 2))
    if outside < 1:
        return -np.inf, np.inf
    return float(slopes[outside - 1]), float(slopes[slopes.size - outside])
