"""Exact comparison of two proportions, such as responders with and without donor cells."""

from dataclasses import dataclass

import numpy as np

from immunerecon.enumeration.differences import miettinen_nurminen_difference
from immunerecon.enumeration.proportions import Counted
from immunerecon.errors import EstimationError


@dataclass(frozen=True)
class TwoByTwo:
    """Two proportions compared.

    Parameters
    ----------
    first, second
        (patients with the outcome, patients) of each group.
    odds_ratio, odds_low, odds_high
        Conditional estimate and exact 95 % interval; 0 and infinity are possible.
    difference, difference_low, difference_high
        First minus second, with Miettinen and Nurminen's 95 % interval.
    p_barnard
        Exact and unconditional: the one to report in small cohorts.
    p_fisher
        Exact, given both margins.
    p_chi_squared, p_chi_squared_corrected
        Pearson's test without and with Yates's correction: only to compare with publications.
        NaN where all patients had, or lacked, the outcome.
    """

    first: Counted
    second: Counted
    odds_ratio: float
    odds_low: float
    odds_high: float
    difference: float
    difference_low: float
    difference_high: float
    p_barnard: float
    p_fisher: float
    p_chi_squared: float
    p_chi_squared_corrected: float


def compare_proportions(first: Counted, second: Counted) -> TwoByTwo:
    """Compare two proportions exactly.

    Parameters
    ----------
    first, second
        (patients with the outcome, patients) of each group.

    Returns
    -------
    TwoByTwo
        All p values two-sided.

    Raises
    ------
    EstimationError
        When a group is empty.

    References
    ----------
    Barnard GA. Biometrika 1947;34:123. doi:10.1093/biomet/34.1-2.123
    Fisher RA. J R Stat Soc 1935;98:39. doi:10.2307/2342435
    Miettinen O, Nurminen M. Stat Med 1985;4:213. doi:10.1002/sim.4780040211

    Examples
    --------
    >>> compared = compare_proportions((8, 15), (9, 42))
    >>> print(f"{compared.p_fisher:.4f} {compared.p_chi_squared:.4f}")
    0.0451 0.0204
    """
    if not first[1] or not second[1]:
        raise EstimationError(
            f"a comparison needs patients in both groups, found {first[1]} and {second[1]}"
        )
    from scipy.stats import barnard_exact, chi2_contingency, fisher_exact
    from scipy.stats.contingency import odds_ratio

    table = np.array([[found, n - found] for found, n in (first, second)])
    ratio = odds_ratio(table, kind="conditional")
    bounds = ratio.confidence_interval(0.95)
    low, high = miettinen_nurminen_difference(first, second)
    differs = bool(table.sum(axis=0).all())
    return TwoByTwo(
        first=first,
        second=second,
        odds_ratio=float(ratio.statistic),
        odds_low=float(bounds.low),
        odds_high=float(bounds.high),
        difference=first[0] / first[1] - second[0] / second[1],
        difference_low=low,
        difference_high=high,
        p_barnard=float(barnard_exact(table).pvalue) if differs else 1.0,
        p_fisher=float(fisher_exact(table)[1]),
        p_chi_squared=float(chi2_contingency(table, correction=False)[1]) if differs else np.nan,
        p_chi_squared_corrected=float(chi2_contingency(table)[1]) if differs else np.nan,
    )
