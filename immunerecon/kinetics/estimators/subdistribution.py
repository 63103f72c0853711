"""Regression of the cumulative incidence on covariates, for cohorts larger than a phase 1."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from immunerecon.errors import EstimationError
from immunerecon.kinetics.estimators.competing_risks import CENSORED

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

EVENTS_PER_COVARIATE = 5


def fine_gray(time: Floats, cause: Integers, covariates: pd.DataFrame) -> pd.DataFrame:
    """Fit Fine and Gray's proportional subdistribution hazards to cause 1.

    Parameters
    ----------
    time : ndarray of float, shape (n_subjects,)
        Day of the event or of censoring.
    cause : ndarray of int, shape (n_subjects,)
        0 censored, 1 the event of interest, any other number a competing event.
    covariates
        One row a subject, one numeric column a covariate.

    Returns
    -------
    DataFrame
        One row a covariate: `covariate, coefficient, standard_error, hazard_ratio, low, high,
        p_value`, with the robust variance that allows for the estimated censoring, as R's cmprsk.

    Raises
    ------
    EstimationError
        When there are fewer than five events a covariate, as in nearly every trial of a dozen
        patients, or the covariates do not determine the coefficients.

    References
    ----------
    Fine & Gray, J Am Stat Assoc 1999;94:496, doi 10.1080/01621459.1999.10474144.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> dose = pd.DataFrame({"dose": np.repeat([0.0, 1.0], 40)})
    >>> days = rng.exponential(40 / (1 + dose["dose"]))
    >>> table = fine_gray(days, rng.integers(0, 3, 80), dose)
    >>> table[["covariate", "hazard_ratio"]].round(2)
      covariate  hazard_ratio
    0      dose          0.99
    """
    from scipy.special import ndtr, ndtri

    z = covariates.to_numpy(dtype=float)
    n_events = int((cause == 1).sum())
    if n_events < EVENTS_PER_COVARIATE * z.shape[1]:
        raise EstimationError(
            f"{n_events} events for {z.shape[1]} covariates, {EVENTS_PER_COVARIATE} a covariate "
            "are needed"
        )
    model = _Model(time, cause, z)
    beta = model.maximise()
    variance = model.robust_variance(beta)
    error = np.sqrt(np.diag(variance))
    reach = float(ndtri(0.975)) * error
    return pd.DataFrame(
        {
            "covariate": covariates.columns,
            "coefficient": beta,
            "standard_error": error,
            "hazard_ratio": np.exp(beta),
            "low": np.exp(beta - reach),
            "high": np.exp(beta + reach),
            "p_value": 2 * ndtr(-np.abs(beta / error)),
        }
    )


@dataclass(frozen=True)
class _Model:
    """Data of one regression."""

    time: Floats
    cause: Integers
    z: Floats

    @property
    def event_times(self) -> Floats:
        """Distinct times of cause 1."""
        return np.unique(self.time[self.cause == 1])

    def censoring_before(self, when: Floats) -> Floats:
        """Kaplan-Meier probability of not being censored before given times."""
        days = np.unique(self.time[self.cause == CENSORED])
        at_risk = (self.time[:, None] >= days).sum(axis=0)
        censored = ((self.time[:, None] == days) & (self.cause == CENSORED)[:, None]).sum(axis=0)
        steps = np.concatenate([[1.0], np.cumprod(1 - censored / at_risk)])
        return np.asarray(steps[np.searchsorted(days, when, side="left")])

    def weights(self) -> Floats:
        """Weight of each subject in the risk set of each event time."""
        times = self.event_times
        competed = (self.cause > 1)[:, None] & (self.time[:, None] < times)
        kept = self.censoring_before(times) / self.censoring_before(self.time)[:, None]
        return np.where(self.time[:, None] >= times, 1.0, np.where(competed, kept, 0.0))

    def events(self) -> Floats:
        """Whether each subject had the event at each event time, shape (n_subjects, n_times)."""
        return np.asarray(
            (self.time[:, None] == self.event_times) & (self.cause == 1)[:, None], dtype=float
        )

    def moments(self, beta: Floats) -> tuple[Floats, Floats, Floats]:
        """Weighted risk of each subject and time, its sum, and the mean covariates by time."""
        risk = self.weights() * np.exp(self.z @ beta)[:, None]
        total = risk.sum(axis=0)
        return risk, total, (risk.T @ self.z) / total[:, None]

    def score(self, beta: Floats) -> tuple[Floats, Floats]:
        """Slope of the log partial likelihood and its information."""
        risk, total, mean = self.moments(beta)
        events = self.events()
        at = events.sum(axis=0)
        gradient = (events.T @ self.z - at[:, None] * mean).sum(axis=0)
        second = np.einsum("it,ij,ik,t->jk", risk, self.z, self.z, at / total, optimize=True)
        information = second - np.einsum("tj,tk,t->jk", mean, mean, at)
        return gradient, information

    def maximise(self) -> Floats:
        """Coefficients at which the score is 0."""
        beta = np.zeros(self.z.shape[1])
        for _ in range(50):
            gradient, information = self.score(beta)
            if np.linalg.cond(information) > 1e12:
                raise EstimationError("the covariates do not determine the coefficients")
            step = np.linalg.solve(information, gradient)
            beta = beta + step
            if float(gradient @ step) < 1e-14:
                return beta
        raise EstimationError("no maximum of the partial likelihood was found")

    def robust_variance(self, beta: Floats) -> Floats:
        """Sandwich variance with the part that the estimated censoring adds."""
        risk, total, mean = self.moments(beta)
        events = self.events()
        # Martingale increments of each subject at each event time, weighted.
        increments = events - risk * (events.sum(axis=0) / total)
        influence = increments.sum(axis=1)[:, None] * self.z - increments @ mean
        influence = influence + self._censoring_influence(increments, mean)
        bread = np.linalg.inv(self.score(beta)[1])
        return np.asarray(bread @ (influence.T @ influence) @ bread)

    def _censoring_influence(self, increments: Floats, mean: Floats) -> Floats:
        """Add what each subject's censoring does through the estimated weights.

        A censoring between a competing event and a later event of cause 1 changes the weight that
        the first has at the second; on tied days this follows cmprsk.
        """
        days = np.unique(self.time[self.cause == CENSORED])
        at_risk = self.time[:, None] >= days
        censored = (self.time[:, None] == days) & (self.cause == CENSORED)[:, None]
        competed = (self.cause > 1)[:, None] & (self.time[:, None] < days)
        to_come = (self.event_times[:, None] >= days).astype(float)
        shift = np.stack(
            [
                (competed * ((increments * (own[:, None] - typical)) @ to_come)).sum(axis=0)
                for own, typical in zip(self.z.T, mean.T, strict=True)
            ],
            axis=1,
        )
        n = at_risk.sum(axis=0)
        martingale = censored - at_risk * (censored.sum(axis=0) / n)
        return np.asarray(-martingale @ (shift / n[:, None]))
