"""The half-life of donor cells in a whole cohort, from every patient who had any."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from immunerecon.errors import EstimationError
from immunerecon.kinetics.draws import log_data
from immunerecon.kinetics.estimators.censored_line import fit_censored_line
from immunerecon.kinetics.estimators.mixed_likelihood import MixedParameters
from immunerecon.kinetics.estimators.mixed_model import fit_mixed_model


@dataclass(frozen=True)
class CohortDecline:
    """Decline after the maximum in a cohort.

    Parameters
    ----------
    half_life, half_life_low, half_life_high
        Of the typical patient (the median), days, with 95 % interval.
    spread
        Standard deviation of the patients' log half-lives.
    patients
        One row a patient: `patient, half_life, n_seen, n_below`.
    n_left_out
        Patients without a detected draw, or with none after their maximum.
    method
        Names the estimator.
    """

    half_life: float
    half_life_low: float
    half_life_high: float
    spread: float
    patients: pd.DataFrame
    n_left_out: int
    method: str = "mixed model, maximum likelihood, left-censored below LOD (Beal M3)"


def fit_cohort_decline(draws: pd.DataFrame) -> CohortDecline:
    """Estimate the half-life of a cohort's donor cells after their maximum.

    Parameters
    ----------
    draws
        `patient, day, value, below`, as made by `immunerecon.kinetics.draws.donor_draws`.

    Returns
    -------
    CohortDecline
        The fit.

    Raises
    ------
    EstimationError
        When fewer than three patients have draws after their maximum, the draws do not fall, or
        they do not determine the model.

    Notes
    -----
    A half-life of one patient needs three draws above detection after the maximum, which those
    whose cells vanish fast do not have: a mean over the evaluable ones is too long. Here
    every patient with a detected draw counts. From the draw after the maximum on, log values fall
    along a line of the patient's own level and log rate, both normal among patients; draws below
    detection are censored. The interval is Student's, with patients less two degrees of freedom.

    References
    ----------
    Beal, J Pharmacokinet Pharmacodyn 2001;28:481, doi 10.1023/A:1012299115474.

    Examples
    --------
    >>> day = np.array([14.0, 21, 28, 35, 42])
    >>> noise = 1 + 0.1 * np.cos(np.arange(20)).reshape(4, 5)
    >>> value = np.concatenate([
    ...     50 * 0.5 ** ((day - 7) / half_life) for half_life in (5, 6, 8, 9)]) * noise.ravel()
    >>> draws = pd.DataFrame({"patient": np.repeat(list("ABCD"), 5), "day": np.tile(day, 4),
    ...     "value": np.maximum(value, 2.0), "below": value < 2.0})
    >>> round(fit_cohort_decline(draws).half_life, 1)
    6.7
    """
    late, n_left_out = _after_maximum(draws)
    data, names = log_data(late)
    if len(names) < 3:
        raise EstimationError(
            f"{len(names)} patients have draws after their maximum, three are needed"
        )
    line = fit_censored_line(data.x, data.y, data.below)
    if line.slope >= 0:
        raise EstimationError("the draws after the maximum do not fall")
    start = MixedParameters(
        np.array([line.intercept, np.log(-line.slope)]),
        np.diag([max(line.sigma, 0.1), 0.3]),
        max(line.sigma / 2, 0.05),
    )
    fit = fit_mixed_model(
        lambda parameters, day: parameters[0] - np.exp(parameters[1]) * day,
        data,
        start=start,
        random=[0, 1],
    )
    half_life, low, high = _interval(float(fit.fixed[1]), float(fit.fixed_se[1]), len(names))
    counts = late.groupby("patient", sort=True)["below"].agg(["size", "sum"])
    patients = pd.DataFrame(
        {
            "patient": names,
            "half_life": np.log(2) / np.exp(fit.individual[1]),
            "n_seen": (counts["size"] - counts["sum"]).to_numpy(),
            "n_below": counts["sum"].to_numpy(),
        }
    )
    spread = float(np.sqrt(fit.random_covariance[1, 1]))
    return CohortDecline(half_life, low, high, spread, patients, n_left_out)


def _after_maximum(draws: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Keep the draws after each patient's maximum, day counted from it."""
    seen = draws[~draws["below"]].sort_values("value", kind="stable")
    peaks = seen.drop_duplicates("patient", keep="last").set_index("patient")["day"]
    since = draws["day"] - draws["patient"].map(peaks)
    late = draws.assign(day=since)[since > 0]
    return late, int(draws["patient"].nunique() - late["patient"].nunique())


def _interval(log_rate: float, se: float, n_patients: int) -> tuple[float, float, float]:
    """Half-life and its interval from the log rate of decline."""
    from scipy.special import stdtrit

    free = n_patients - 2
    reach = float(stdtrit(free, 0.975)) * se * np.sqrt(n_patients / free)
    centre = np.log(np.log(2)) - log_rate
    return (
        float(np.exp(centre)),
        float(np.exp(centre - reach)),
        float(np.exp(centre + reach)),
    )
