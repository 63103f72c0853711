"""scikit-learn: boundaries as an estimator, populations as features of draws.

References
----------
Buitinck et al. 2013, API design for machine learning software, arXiv:1309.0238.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from immunerecon.cytometry.transforms import Scale
from immunerecon.gating.boundaries import Evidence, place_boundary

_LEAST_ON_DISPLAY = 0.9
_DISPLAY = (-0.3, 1.2)


class BoundaryEstimator(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn ships no types
    """Where negative and positive events part, for each column on its own.

    Parameters
    ----------
    scale
        Display scale that every column is put on first, such as `Logicle`. None: the columns are
        display values (0-1) already.

    Attributes
    ----------
    boundaries_ : ndarray, shape (n_features,)
        Events at or above are positive; in the units of X.
    confidences_ : ndarray, shape (n_features,)
        0-1, the depth of the valley that the boundary lies in; at most 0.3 without a valley.
    methods_ : ndarray of str, shape (n_features,)
        ``valley`` or ``tail``.

    Notes
    -----
    As `place_boundary` does it for a tube that stands alone, without references. It learns
    without labels; `y` is passed over.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> dim, bright = rng.normal(0.2, 0.04, 500), rng.normal(0.7, 0.05, 500)
    >>> boundary = BoundaryEstimator().fit(np.concatenate([dim, bright])[:, None])
    >>> bool(0.32 < boundary.boundaries_[0] < 0.56), boundary.predict([[0.1], [0.9]]).tolist()
    (True, [0, 1])
    """

    def __init__(self, scale: Scale | None = None) -> None:
        self.scale = scale

    def fit(self, X: ArrayLike, y: object = None) -> "BoundaryEstimator":  # noqa: N803 (scikit-learn's name)
        """Place the boundary of each column.

        Parameters
        ----------
        X : array-like, shape (n_events, n_features)
            Events.
        y
            Passed over.

        Raises
        ------
        ValueError
            When a column has too few events to place a boundary by, or does not look like
            display values.
        """
        events = _validated(self, X, reset=True)
        found = [self._place(column, n) for n, column in enumerate(events.T)]
        values = np.array([value for value, _, _ in found])
        self.boundaries_ = values if self.scale is None else self.scale.inverse(values)
        self.confidences_ = np.array([confidence for _, confidence, _ in found])
        self.methods_ = np.array([method for _, _, method in found])
        return self

    def _place(self, column: NDArray[Any], n: int) -> tuple[float, float, str]:
        display = column.astype(np.float32) if self.scale is None else self.scale.apply(column)
        inside = (display >= _DISPLAY[0]) & (display <= _DISPLAY[1])
        if inside.mean() < _LEAST_ON_DISPLAY:
            raise ValueError(
                f"column {n}: {1 - inside.mean():.0%} of the values lie beyond the display "
                f"(accepted: {_DISPLAY[0]} to {_DISPLAY[1]}); give a scale that fits them"
            )
        value, confidence, method = place_boundary(Evidence(display))
        if method == "none":
            raise ValueError(
                f"column {n}: {column.size} sample(s) are too few to place a boundary by"
            )
        return value, confidence, method

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:  # noqa: N803 (scikit-learn's name)
        """Return 1 where an event is positive and 0 where it is negative, shape as X."""
        check_is_fitted(self)
        return (_validated(self, X, reset=False) >= self.boundaries_).astype(np.float64)

    def predict(self, X: ArrayLike) -> NDArray[np.int64]:  # noqa: N803 (scikit-learn's name)
        """Return the phenotype of each event: the sum of 2**column over its positive columns."""
        positive = np.asarray(self.transform(X), dtype=bool)
        return np.asarray(positive @ (2 ** np.arange(positive.shape[1])), dtype=np.int64)


class PopulationFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn ships no types
    """The populations of draws as a matrix with one row a draw, for a classifier.

    Parameters
    ----------
    populations
        The table `populations` of a run; of one panel, where several give the same population.
    values
        Which of its numbers become features.
    draw
        Columns that name a draw, in this table and in X.

    Attributes
    ----------
    feature_names_in_, n_features_in_
        Of X.
    features_ : list of tuple
        (population, value) of each feature; those that a draw in X has.

    Notes
    -----
    What is missing stays NaN: use an imputer, or an estimator that takes NaN.

    Examples
    --------
    >>> table = pd.DataFrame({"patient": ["A", "A", "B"], "day": [0, 7, 0]})
    >>> table = table.assign(population=["NK", "NK", "T"], percent_of_parent=[10.0, 60.0, 70.0])
    >>> draws = table[["patient", "day"]]
    >>> features = PopulationFeatures(table).fit(draws)
    >>> features.get_feature_names_out().tolist()
    ['NK percent_of_parent', 'T percent_of_parent']
    >>> features.transform(draws).tolist()
    [[10.0, nan], [60.0, nan], [nan, 70.0]]
    """

    def __init__(
        self,
        populations: pd.DataFrame,
        values: Sequence[str] = ("percent_of_parent",),
        draw: Sequence[str] = ("patient", "day"),
    ) -> None:
        self.populations = populations
        self.values = values
        self.draw = draw

    def fit(self, X: pd.DataFrame, y: object = None) -> "PopulationFeatures":  # noqa: N803 (scikit-learn's name)
        """Learn which populations the draws have.

        Parameters
        ----------
        X
            One row a draw, with the columns that `draw` names.
        y
            Passed over.

        Raises
        ------
        ValueError
            When a column is missing, X names a draw that the table lacks, or the table has a
            population of a draw twice.
        """
        wide = self._wide(X)
        seen = wide.columns[wide.notna().any()]
        self.features_: list[tuple[str, str]] = [(str(pair[0]), str(pair[1])) for pair in seen]
        self.feature_names_in_ = np.array([str(name) for name in X.columns], dtype=object)
        self.n_features_in_ = len(self.feature_names_in_)
        return self

    def transform(self, X: pd.DataFrame) -> NDArray[np.float64]:  # noqa: N803 (scikit-learn's name)
        """Return the features of draws, shape (n_draws, n_features); `X` as for `fit`."""
        check_is_fitted(self)
        wide = self._wide(X).reindex(columns=pd.MultiIndex.from_tuples(self.features_))
        return wide.to_numpy(dtype=np.float64)

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:
        """Return the names, such as ``NK percent_of_parent``; `input_features` is passed over."""
        check_is_fitted(self)
        return np.array([f"{name} {value}" for name, value in self.features_], dtype=np.object_)

    def _wide(self, X: pd.DataFrame) -> pd.DataFrame:  # noqa: N803 (scikit-learn's name)
        """Return one row a draw of X, one column a population and value."""
        draw, values = list(self.draw), list(self.values)
        for frame, what, needed in (
            (self.populations, "the populations", [*draw, "population", *values]),
            (X, "X", draw),
        ):
            if missing := [name for name in needed if name not in frame.columns]:
                raise ValueError(f"{what} have no column {', '.join(missing)}")
        rows = self.populations.set_index([*draw, "population"])[values]
        if rows.index.has_duplicates:
            twice = rows.index[rows.index.duplicated()][0]
            raise ValueError(
                f"{' '.join(map(str, twice))} stands there more than once: choose a panel and role"
            )
        order = dict.fromkeys(self.populations["population"])
        wide = pd.concat(
            {
                (name, value): rows[value].xs(name, level="population")
                for name in order
                for value in values
            },
            axis="columns",
        )
        asked = pd.MultiIndex.from_frame(X[draw])
        if (unknown := asked[~asked.isin(wide.index)]).size:
            told = " ".join(map(str, unknown[0]))
            raise ValueError(f"the populations have no draw {told}: leave it out of X")
        return wide.reindex(asked)


def _validated(estimator: Any, X: ArrayLike, *, reset: bool) -> NDArray[Any]:  # noqa: N803 (scikit-learn's name)
    """Return X as an array, checked as scikit-learn wants it."""
    kinds = [np.float64, np.float32]
    try:
        from sklearn.utils.validation import validate_data
    except ImportError:  # scikit-learn before 1.6
        return np.asarray(estimator._validate_data(X, reset=reset, dtype=kinds))
    return np.asarray(validate_data(estimator, X, reset=reset, dtype=kinds))
