"""The Bayesian optimal interval (BOIN) design for finding a dose."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from immunerecon.errors import EstimationError

Floats = NDArray[np.float64]
BoinDecision = Literal["escalate", "stay", "de-escalate", "eliminate"]

SURE_TO_BE_TOXIC = 0.95  # posterior probability at which BOIN gives a level up for good
FEWEST_TO_ELIMINATE = 3


@dataclass(frozen=True)
class BoinBoundaries:
    """DLT rates at which BOIN changes the dose.

    Parameters
    ----------
    target
        DLT rate aimed at, 0-1.
    escalate_at_most
        Observed rate (lambda_e) at or below which the dose goes up.
    de_escalate_at_least
        Observed rate (lambda_d) at or above which it goes down.
    """

    target: float
    escalate_at_most: float
    de_escalate_at_least: float


def boin_boundaries(
    target: float, *, too_low: float = 0.6, too_high: float = 1.4
) -> BoinBoundaries:
    """Return the optimal boundaries for a target DLT rate.

    Parameters
    ----------
    target
        DLT rate aimed at, 0-1.
    too_low, too_high
        Multiples of the target that are needlessly low, and too toxic.

    Returns
    -------
    BoinBoundaries

    Raises
    ------
    EstimationError
        When the three rates are not in order between 0 and 1.

    References
    ----------
    Liu S, Yuan Y. J R Stat Soc C 2015;64:507. doi:10.1111/rssc.12089

    Examples
    --------
    >>> rule = boin_boundaries(0.30)
    >>> print(f"{rule.escalate_at_most:.4f} {rule.de_escalate_at_least:.4f}")
    0.2365 0.3585
    """
    low, high = too_low * target, too_high * target
    if not 0 < low < target < high < 1:
        raise EstimationError(
            f"BOIN needs 0 < {low:g} (too low) < {target:g} (target) < {high:g} (too high) < 1"
        )
    logit = np.log([rate / (1 - rate) for rate in (low, target, high)])
    spared = np.log([1 - low, 1 - target, 1 - high])
    crossing = (spared[:-1] - spared[1:]) / np.diff(logit)
    return BoinBoundaries(target, float(crossing[0]), float(crossing[1]))


def boin_decision(n_dlt: int, n_evaluable: int, *, target: float = 0.30) -> BoinDecision:
    """Return what BOIN does next after these patients at the current level.

    Parameters
    ----------
    n_dlt, n_evaluable
        Patients with a DLT, and evaluable patients, one or more.
    target
        DLT rate aimed at, 0-1.

    Returns
    -------
    str
        ``eliminate`` goes down and never comes back to this level or a higher one.

    Raises
    ------
    EstimationError
        When nobody is evaluable.

    Notes
    -----
    A level with three or more patients is eliminated when the posterior probability, under a
    uniform prior, that its rate exceeds the target is above 95 %.

    Examples
    --------
    >>> [boin_decision(dlt, 6) for dlt in range(5)]
    ['escalate', 'escalate', 'stay', 'de-escalate', 'eliminate']
    """
    if n_evaluable < 1:
        raise EstimationError("a decision needs one evaluable patient or more")
    rule = boin_boundaries(target)
    if _is_too_toxic(n_dlt, n_evaluable, target):
        return "eliminate"
    rate = n_dlt / n_evaluable
    if rate <= rule.escalate_at_most:
        return "escalate"
    return "de-escalate" if rate >= rule.de_escalate_at_least else "stay"


def boin_decision_table(n_evaluable: ArrayLike, *, target: float = 0.30) -> pd.DataFrame:
    """Return the numbers of DLTs at which BOIN decides, for numbers of evaluable patients.

    Parameters
    ----------
    n_evaluable : array_like of int
        Evaluable patients at the current level.
    target
        DLT rate aimed at, 0-1.

    Returns
    -------
    DataFrame
        `n_evaluable, escalate_at_most, de_escalate_at_least, eliminate_at_least`; the last is NA
        where no number of DLTs suffices.

    Examples
    --------
    >>> boin_decision_table([3, 6]).to_numpy().tolist()
    [[3, 0, 2, 3], [6, 1, 3, 4]]
    """
    rule = boin_boundaries(target)
    rows = []
    for n in np.atleast_1d(np.asarray(n_evaluable, dtype=int)):
        toxic = [dlt for dlt in range(n + 1) if _is_too_toxic(dlt, n, target)]
        rows.append(
            {
                "n_evaluable": n,
                "escalate_at_most": int(np.floor(rule.escalate_at_most * n)),
                "de_escalate_at_least": int(np.ceil(rule.de_escalate_at_least * n)),
                "eliminate_at_least": toxic[0] if toxic else None,
            }
        )
    return pd.DataFrame(rows).astype({"eliminate_at_least": "Int64"})


def isotonic_rates(n_dlt: ArrayLike, n_evaluable: ArrayLike) -> Floats:
    """Return DLT rates that never fall from one dose level to the next.

    Parameters
    ----------
    n_dlt, n_evaluable : array_like of int, shape (n_levels,)
        Patients with a DLT, and evaluable patients, of the levels from low to high.

    Returns
    -------
    ndarray, shape (n_levels,)
        Rates, 0-1; NaN at levels without evaluable patients.

    Notes
    -----
    Isotonic regression of the posterior means under a Beta(0.05, 0.05) prior, weighted by the
    inverse of the posterior variances, as the design's authors select the dose.

    References
    ----------
    Yuan Y, Hess KR, Hilsenbeck SG, Gilbert MR. Clin Cancer Res 2016;22:4291.
    doi:10.1158/1078-0432.CCR-16-0592

    Examples
    --------
    >>> isotonic_rates([0, 1, 0], [3, 3, 3]).round(3).tolist()
    [0.016, 0.037, 0.037]
    """
    from scipy.optimize import isotonic_regression

    found, n = np.asarray(n_dlt, dtype=float), np.asarray(n_evaluable, dtype=float)
    tried = n > 0
    a, b = found[tried] + 0.05, (n - found)[tried] + 0.05
    mean, variance = a / (a + b), a * b / ((a + b) ** 2 * (a + b + 1))
    rates = np.full(n.shape, np.nan)
    if tried.any():
        rates[tried] = isotonic_regression(mean, weights=1 / variance).x
    return rates


def eliminated_levels(
    n_dlt: ArrayLike, n_evaluable: ArrayLike, *, target: float
) -> NDArray[np.bool_]:
    """Whether each level, from low to high, is too toxic or lies above one that is.

    Parameters
    ----------
    n_dlt, n_evaluable
        As in `isotonic_rates`.
    target
        DLT rate aimed at, 0-1.
    """
    pairs = zip(np.asarray(n_dlt), np.asarray(n_evaluable), strict=True)
    toxic = np.array([_is_too_toxic(int(dlt), int(n), target) for dlt, n in pairs], dtype=bool)
    return np.asarray(np.logical_or.accumulate(toxic))


def _is_too_toxic(n_dlt: int, n_evaluable: int, target: float) -> bool:
    """Whether the rate exceeds the target with a posterior probability above 95 %."""
    from scipy.special import betainc

    if n_evaluable < FEWEST_TO_ELIMINATE:
        return False
    return bool(1 - betainc(n_dlt + 1, n_evaluable - n_dlt + 1, target) > SURE_TO_BE_TOXIC)
