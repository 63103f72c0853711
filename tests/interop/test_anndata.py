"""AnnData holds the events, the gates and where they come from, and survives a file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from immunerecon.errors import ResultsError
from immunerecon.interop import GatedEvents, study_to_anndata, to_anndata
from immunerecon.pipeline.results import Results
from immunerecon.study.folder import Study

anndata = pytest.importorskip("anndata")


def test_layers_gates_and_origin(lineage: GatedEvents, results: Results) -> None:
    made = to_anndata(lineage)
    np.testing.assert_array_equal(made.layers["raw"], lineage.raw.events)
    np.testing.assert_array_equal(made.layers["compensated"], lineage.compensated.events)
    for marker, display in lineage.gated.columns.items():
        np.testing.assert_array_equal(made[:, marker].X.ravel(), display)
        assert made.var.loc[marker, "channel"] == lineage.markers[marker]
    counts = results.populations.query("file == @lineage.facts['file']").set_index("population")
    for population in lineage.gated.members:
        assert made.obs[population].dtype == bool
        assert made.obs[population].sum() == counts.loc[population, "count"]
    assert set(made.obs["patient"]) == {"P01"}
    assert set(made.obs["day"]) == {28}
    assert made.uns["immunerecon"]["source"]["sha256"] == lineage.raw.sha256
    assert not np.isnan(made.X).any()


def test_a_population_that_was_dropped_says_why(lineage: GatedEvents) -> None:
    members = {name: rows for name, rows in lineage.gated.members.items() if name != "Beads"}
    gated = replace(lineage.gated, members=members, dropped={"Beads": "no cluster"})
    made = to_anndata(replace(lineage, gated=gated))
    assert "Beads" not in made.obs
    assert made.uns["immunerecon"]["dropped"] == {"Beads": "no cluster"}


def test_survives_a_file(lineage: GatedEvents, tmp_path: Path) -> None:
    made = to_anndata(lineage)
    made.write_h5ad(tmp_path / "tube.h5ad")
    back = anndata.read_h5ad(tmp_path / "tube.h5ad")
    np.testing.assert_array_equal(back.layers["transformed"], made.X)
    assert back.obs["NK"].sum() == lineage.gated.count("NK")
    spillover = back.uns["immunerecon"]["spillover"]
    assert list(spillover.columns) == list(lineage.spillover.channels)
    np.testing.assert_array_equal(spillover.to_numpy(), lineage.spillover.matrix)


def test_events_can_be_found_in_the_file(lineage: GatedEvents, study: Study) -> None:
    from immunerecon.cytometry.fcs import read_fcs

    made = to_anndata(lineage, n_events=200)
    file = read_fcs(study.folder / str(lineage.facts["file"]))
    np.testing.assert_array_equal(file.events[made.obs["event"]], made.layers["raw"])


def test_a_draw_is_the_same_every_time_and_differs_by_seed(lineage: GatedEvents) -> None:
    first, again = (to_anndata(lineage, n_events=100) for _ in range(2))
    other = to_anndata(lineage, n_events=100, seed=1)
    assert list(first.obs_names) == list(again.obs_names)
    assert first.n_obs == other.n_obs == 100
    assert list(first.obs_names) != list(other.obs_names)


def test_a_whole_study_in_one(study: Study, results: Results, tmp_path: Path) -> None:
    made = study_to_anndata(study, results, panel="lineage", events_per_tube=300)
    rows = results.samples.query("panel == 'lineage' and status != 'failed'")
    assert made.n_obs == 300 * len(rows)
    assert set(made.obs["file"]) == set(rows["file"])
    assert made.obs_names.is_unique
    tubes = made.uns["immunerecon"]["tubes"]
    assert list(tubes["n_events_clean"]) == list(rows["n_events_clean"])
    one = made[made.obs["file"] == "fcs/P01/P01_day028_lineage.fcs"]
    alone = to_anndata_of(study, results, "fcs/P01/P01_day028_lineage.fcs")
    np.testing.assert_array_equal(one.X, alone.X)
    np.testing.assert_array_equal(one.obs["NK"].to_numpy(bool), alone.obs["NK"])
    made.write_h5ad(tmp_path / "study.h5ad")
    back = anndata.read_h5ad(tmp_path / "study.h5ad")
    np.testing.assert_array_equal(back.X, made.X)
    assert back.uns["immunerecon"]["panel"] == "lineage"


def to_anndata_of(study: Study, results: Results, file: str) -> "anndata.AnnData":
    """Return 300 events of one file."""
    from immunerecon.interop import gated_events

    return to_anndata(gated_events(study, results, file), n_events=300, seed=study.settings.seed)


def test_a_population_without_a_gate_is_missing_not_false() -> None:
    import pandas as pd

    from immunerecon.interop.anndata import _joined_obs

    joined = _joined_obs([pd.DataFrame({"NK": [True, False]}), pd.DataFrame({"T": [True]})])
    assert joined["NK"].tolist() == [True, False, pd.NA]
    assert joined["T"].isna().tolist() == [True, True, False]


def test_the_panel_must_be_said_where_there_are_several(study: Study, results: Results) -> None:
    with pytest.raises(ResultsError, match="several panels: name one of donor_nk, lineage"):
        study_to_anndata(study, results)
    with pytest.raises(
        ResultsError, match="panel 'nk' was not gated: name one of donor_nk, lineage"
    ):
        study_to_anndata(study, results, panel="nk")
