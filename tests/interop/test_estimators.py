"""Boundaries and populations in scikit-learn's own pipelines."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from immunerecon.cytometry.transforms import Linear
from immunerecon.gating.boundaries import Evidence, place_boundary
from immunerecon.interop import BoundaryEstimator, GatedEvents, PopulationFeatures
from immunerecon.pipeline.results import Results


# The checks' own data lie within some hundreds of 0.
@parametrize_with_checks([BoundaryEstimator(scale=Linear(1000.0))])
def test_scikit_learn_accepts_it(estimator: BoundaryEstimator, check: object) -> None:
    check(estimator)


def test_boundaries_are_those_of_the_gating(lineage: GatedEvents) -> None:
    names = ["CD45", "CD3", "CD19"]
    display = lineage.gated.to_frame()[names]
    found = BoundaryEstimator().fit(display)
    for n, name in enumerate(names):
        value, confidence, method = place_boundary(Evidence(lineage.gated.columns[name]))
        assert (found.boundaries_[n], found.confidences_[n], found.methods_[n]) == (
            value, confidence, method,
        )  # fmt: skip
    assert list(found.get_feature_names_out()) == names
    positive = found.set_output(transform="pandas").transform(display)
    assert positive["CD3"].sum() == (display["CD3"] >= found.boundaries_[1]).sum() > 0
    phenotype = found.predict(display)
    assert set(phenotype[positive["CD3"] == 1] // 2 % 2) == {1}


def test_a_scale_does_the_same_on_linear_events(lineage: GatedEvents) -> None:
    scale = lineage.scales["CD45"]
    linear = lineage.compensated.to_frame()[[lineage.markers["CD45"]]]
    one = BoundaryEstimator(scale=scale).fit(linear)
    two = make_pipeline(FunctionTransformer(scale.apply), BoundaryEstimator()).fit(linear)
    assert one.boundaries_[0] == pytest.approx(scale.inverse(two[-1].boundaries_)[0])
    np.testing.assert_array_equal(one.predict(linear), two.predict(linear))
    with pytest.raises(ValueError, match=r"column 0: .* lie beyond the display"):
        BoundaryEstimator().fit(linear)


def test_too_few_events_are_refused() -> None:
    with pytest.raises(ValueError, match="column 0: 3 sample"):
        BoundaryEstimator().fit([[0.1], [0.2], [0.3]])


@pytest.fixture(scope="module")
def table(results: Results) -> pd.DataFrame:
    return results.populations.query("panel == 'lineage' and role == 'draw'")


def test_a_classifier_tells_early_from_late_draws(table: pd.DataFrame) -> None:
    draws = table[["patient", "day"]].drop_duplicates()
    features = PopulationFeatures(table, values=["percent_of_parent", "cells_per_ul"])
    matrix = features.fit_transform(draws)
    names = list(features.get_feature_names_out())
    assert matrix.shape == (len(draws), len(names))
    rows = table.set_index(["patient", "day", "population"])
    for row, (patient, day) in enumerate(draws.itertuples(index=False)):
        for column, name in enumerate(names):
            population, value = name.split(" ")
            expected = rows[value].get((patient, day, population), np.nan)
            np.testing.assert_equal(matrix[row, column], expected)
    model = HistGradientBoostingClassifier(min_samples_leaf=1, max_iter=20, random_state=0)
    told = cross_val_predict(
        make_pipeline(features, model),
        draws,
        draws["day"] <= 28,
        groups=draws["patient"],
        cv=GroupKFold(draws["patient"].nunique()),
    )
    assert told.shape == (len(draws),)


def test_missing_stays_missing_and_features_stay_those_of_the_fit() -> None:
    table = pd.DataFrame(
        {
            "patient": ["A", "A", "B"],
            "day": [0.0, 7.0, 0.0],
            "population": ["NK", "NK", "T"],
            "percent_of_parent": [10.0, np.nan, 70.0],
        }
    )
    draws = table[["patient", "day"]]
    features = clone(PopulationFeatures(table)).fit(draws[:2])
    assert list(features.get_feature_names_out()) == ["NK percent_of_parent"]
    np.testing.assert_array_equal(features.transform(draws), [[10.0], [np.nan], [np.nan]])
    framed = features.set_output(transform="pandas").transform(draws)
    assert list(framed) == ["NK percent_of_parent"]


def test_what_cannot_be_a_matrix_is_named() -> None:
    table = pd.DataFrame({"patient": "A", "day": [0, 0], "population": "NK"})
    draws = pd.DataFrame({"patient": ["A", "B"], "day": [0, 3]})
    with pytest.raises(ValueError, match="the populations have no column percent_of_parent"):
        PopulationFeatures(table).fit(draws)
    table["percent_of_parent"] = [1.0, 2.0]
    with pytest.raises(ValueError, match="A 0 NK stands there more than once"):
        PopulationFeatures(table).fit(draws)
    with pytest.raises(ValueError, match="the populations have no draw B 3"):
        PopulationFeatures(table[:1]).fit(draws)
