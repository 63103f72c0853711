"""Background of blank tubes, and the limits it sets: of blank, detection and quantitation."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, exp, sqrt

import numpy as np

from immunerecon.errors import EstimationError

Z = 1.645  # one-sided 95 %, the constant of EP17
SURE = 3.0  # expected events that leave 5 % of tubes without one: -ln(0.05)


@dataclass(frozen=True)
class Background:
    """Share of background events that the next tube is expected to have.

    Parameters
    ----------
    rate
        Median share of the parents, 0-1.
    log_sd
        SD of the log share from tube to tube, what is not known of `rate` included.
    """

    rate: float
    log_sd: float


@dataclass(frozen=True)
class Limits:
    """Limits of a share of parents, background subtracted, 0-1.

    Parameters
    ----------
    lob
        Limit of blank: what 95 % of blank tubes do not exceed.
    lod
        Limit of detection: the true share that exceeds `lob` in 95 % of tubes.
    loq
        Limit of quantitation: the true share measured with the wanted CV; never below `lod`.
    """

    lob: float
    lod: float
    loq: float


def predict_background(counts: Sequence[float], totals: Sequence[float]) -> Background:
    """Learn the background of the next tube from blank tubes.

    Parameters
    ----------
    counts, totals
        Background events and parents of each blank tube (recipient before infusion, FMO,
        HLA-negative control).

    Returns
    -------
    Background
        Of a tube like these.

    Notes
    -----
    Counts are Poisson, and tubes differ by a log-normal factor whose SD has a half-normal
    prior of scale 0.5. With one tube that prior speaks, with many the tubes do. Median and
    spread between tubes are integrated over a grid.

    Examples
    --------
    >>> background = predict_background([12, 5, 9, 21], [10_000, 9_000, 11_000, 12_000])
    >>> print(f"{background.rate:.5f} {background.log_sd:.2f}")
    0.00103 0.53
    """
    y, n = np.asarray(counts, dtype=float), np.asarray(totals, dtype=float)
    if not n.sum() > 0:
        raise EstimationError("no blank tube holds a parent event: the background is unknown")
    reach = 3 * (1 / sqrt(y.sum() + 0.5) + 0.35)
    log_rate = np.log((y.sum() + 0.5) / n.sum()) + np.linspace(-reach, reach, 61)
    spread = np.linspace(0.05, 1.6, 14)
    nodes, weights = np.polynomial.hermite_e.hermegauss(15)
    log_share = log_rate[:, None, None] + spread[:, None] * nodes
    log_posterior = np.tile(-((spread / 0.5) ** 2) / 2, (len(log_rate), 1))
    for count, total in zip(y, n, strict=True):
        fit = count * log_share - total * np.exp(log_share)
        log_posterior += np.log((np.exp(fit - fit.max()) * weights).sum(axis=2) + 1e-300)
    posterior = np.exp(log_posterior - log_posterior.max())
    posterior /= posterior.sum()
    mean = float(posterior.sum(axis=1) @ log_rate)
    variance = posterior.sum(axis=1) @ (log_rate - mean) ** 2 + posterior.sum(axis=0) @ spread**2
    return Background(rate=exp(mean), log_sd=sqrt(variance))


def limits_above(lob: float, total: float, *, cv: float = 0.2) -> Limits:
    """Return the limits that follow from a limit of blank and a number of parents.

    Parameters
    ----------
    lob
        Limit of blank, as a share of parents above background.
    total
        Parents in the tube.
    cv
        Coefficient of variation wanted at the limit of quantitation, 0-1.

    Notes
    -----
    The SD of a blank is lob/1.645; a share x adds counting variance x/total. Hence
    Currie's lod = 2 lob + 1.645^2/total, at least 3 events, and a quadratic for the loq.

    References
    ----------
    Currie LA. Anal Chem 1968;40:586. doi:10.1021/ac60259a007

    Examples
    --------
    >>> limits = limits_above(0.0, 10_000)
    >>> print(f"{limits.lod:.5f} {limits.loq:.5f}")
    0.00030 0.00250
    """
    blank_variance = (lob / Z) ** 2
    lod = max(2 * lob + Z**2 / total, SURE / total)
    loq = (1 / total + sqrt(1 / total**2 + 4 * cv**2 * blank_variance)) / (2 * cv**2)
    return Limits(lob=min(lob, 1.0), lod=min(lod, 1.0), loq=min(max(loq, lod), 1.0))


def limits_from_blanks(
    counts: Sequence[float], totals: Sequence[float], *, events: int, cv: float = 0.2
) -> Limits:
    """Return the limits of a gated population from several blank tubes.

    Parameters
    ----------
    counts, totals
        Events in the gate, and parents, of each blank tube.
    events
        Parents of the tube to be judged.
    cv
        Coefficient of variation wanted at the limit of quantitation, 0-1.

    Returns
    -------
    Limits
        Of the share in the gate, the background's median subtracted.

    Notes
    -----
    The limit of blank is the 95 % point of the counts to expect from the next blank tube,
    which varies more than Poisson counts do; the latter are the floor.

    References
    ----------
    Armbruster DA, Pry T. Clin Biochem Rev 2008;29 Suppl 1:S49.

    Examples
    --------
    >>> limits = limits_from_blanks([3, 8, 5, 2], [10_000] * 4, events=10_000)
    >>> print(f"{limits.lob:.4f} {limits.lod:.4f} {limits.loq:.4f}")
    0.0008 0.0018 0.0039
    """
    background = predict_background(counts, totals)
    highest = blank_count(background, events)
    return limits_above(max(highest / events - background.rate, 0.0), events, cv=cv)


def blank_count(background: Background, events: int) -> int:
    """Return the count that 95 % of blank tubes of this many parents do not exceed.

    Parameters
    ----------
    background
        Of a blank tube.
    events
        Parents of the tube.

    Examples
    --------
    >>> blank_count(Background(rate=5e-4, log_sd=0.0), 10_000)
    9
    >>> blank_count(Background(rate=5e-4, log_sd=0.5), 10_000)
    13
    """
    from scipy.special import pdtr

    nodes, weights = np.polynomial.hermite_e.hermegauss(31)
    means = events * np.minimum(background.rate * np.exp(background.log_sd * nodes), 1.0)
    weights = weights / weights.sum()
    return bisect_left(range(events), 0.95, key=lambda count: float(pdtr(count, means) @ weights))


def events_needed(fraction: float, *, cv: float = 0.2, background: Background | None = None) -> int:
    """Return the parents to acquire so that a share is detected and measured well enough.

    Parameters
    ----------
    fraction
        Share of parents that must be detected in 95 % of tubes, 0-1.
    cv
        Coefficient of variation wanted at that share, 0-1.
    background
        Of a blank tube; none when left out.

    Returns
    -------
    int
        Parent events in the tube.

    Raises
    ------
    EstimationError
        When the background varies so much between tubes that no number of events suffices.

    Examples
    --------
    >>> events_needed(0.001, cv=0.1)
    100000
    >>> events_needed(0.001, cv=0.2, background=Background(rate=5e-4, log_sd=0.2))
    50341
    """
    rate = background.rate if background else 0.0
    between = rate * sqrt(exp(background.log_sd**2) - 1) if background else 0.0
    least = 2 * Z * between
    spare = (cv * fraction) ** 2 - between**2
    if not (least < fraction and spare > 0):
        raise EstimationError(
            f"a share of {fraction:.3%} cannot be measured with a CV of {cv:.0%} with any number "
            f"of events: blank tubes differ by {between:.3%} (SD); reduce the background"
        )
    # lod: fraction = 2 Z sqrt(rate/n + between^2) + Z^2/n, solved for n
    half = Z**2 * fraction + 2 * Z**2 * rate
    root = sqrt(half**2 - Z**4 * (fraction**2 - least**2))
    detected = (half + root) / (fraction**2 - least**2)
    return ceil(max(detected, SURE / fraction, (fraction + rate) / spare) - 1e-6)
