"""Ways to deal the same group labels to the same subjects."""

from functools import lru_cache
from itertools import combinations
from math import factorial, prod

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

LARGEST_ENUMERATION = 40_000


def deal_labels(label: Integers, *, rng: np.random.Generator, n_random: int = 9_999) -> Integers:
    """Give the label arrangements of a permutation test, the observed one first.

    Parameters
    ----------
    label : ndarray of int, shape (n_subjects,)
        Observed group of each subject, 0, 1, 2 ...
    rng
        Draws the arrangements when there are too many to list.
    n_random
        How many to draw then.

    Returns
    -------
    ndarray of int, shape (n_arrangements, n_subjects)
        The observed arrangement, then every distinct one (the observed one again among them) when
        there are at most 40 000, else `n_random` random ones.

    Examples
    --------
    >>> deal_labels(np.array([0, 0, 1]), rng=np.random.default_rng(0))
    array([[0, 0, 1],
           [0, 0, 1],
           [0, 1, 0],
           [1, 0, 0]])
    """
    if not is_enumerated(label):
        return np.vstack([label, rng.permuted(np.tile(label, (n_random, 1)), axis=1)])
    return np.vstack([label, _every(tuple(np.bincount(label).tolist()))])


def is_enumerated(label: Integers) -> bool:
    """Whether `deal_labels` lists every arrangement of these labels."""
    return _number(np.bincount(label)) <= LARGEST_ENUMERATION


def _number(sizes: Integers) -> int:
    """Count the distinct arrangements of groups of these sizes."""
    return factorial(int(sizes.sum())) // prod(factorial(int(size)) for size in sizes)


@lru_cache(maxsize=8)
def _every(sizes: tuple[int, ...]) -> Integers:
    """List the distinct arrangements, placing the last group first."""
    n = sum(sizes)
    if len(sizes) == 1:
        return np.zeros((1, n), dtype=np.int64)
    rest = _every(sizes[:-1])
    blocks = []
    for places in combinations(range(n - 1, -1, -1), sizes[-1]):
        block = np.full((len(rest), n), len(sizes) - 1, dtype=np.int64)
        block[:, [place for place in range(n) if place not in places]] = rest
        blocks.append(block)
    return np.vstack(blocks)
