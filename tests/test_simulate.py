"""A synthetic trial is a study folder whose truth can be found again in its files."""

import ast
import csv
from dataclasses import replace
from pathlib import Path

import flowio
import numpy as np
import pandas as pd
import pytest

import immunerecon.simulate
from immunerecon.errors import ResultsError
from immunerecon.simulate import PRESETS, Conditions, simulate_trial

BRIEF = Conditions(draw_days=(-7, 3, 14))


def read_bytes(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def read_tube(path: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """Compensated events by marker (or channel), and the keywords, through flowio alone."""
    data = flowio.FlowData(path)
    events = pd.DataFrame(data.as_array(), columns=data.pnn_labels)
    size, *values = data.text["spillover"].split(",")
    channels = values[: int(size)]
    matrix = np.array(values[int(size) :], dtype=float).reshape(int(size), int(size))
    events[channels] = events[channels] @ np.linalg.inv(matrix)
    names = [
        label.split(" ")[0] if label else name
        for name, label in zip(data.pnn_labels, data.pns_labels, strict=True)
    ]
    return events.set_axis(names, axis=1), data.text


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trial") / "study"
    return simulate_trial(folder, patients=2, events=6000, conditions=BRIEF, events_truth=True)


@pytest.fixture(scope="module")
def truth(trial: Path) -> pd.DataFrame:
    return pd.read_csv(trial / "truth" / "populations.csv")


def labels_of(trial: Path, tube: str) -> dict[str, np.ndarray]:
    with np.load(trial / "truth" / "events" / f"{tube}.npz") as labels:
        return {
            "kind": labels["kinds"][labels["kind"]],
            "population": np.where(
                labels["population"] >= 0, labels["populations"][labels["population"]], ""
            ),
            "donor": labels["donor"],
            "disturbed": labels["disturbed"],
        }


def test_same_arguments_give_same_bytes_and_tubes_do_not_depend_on_each_other(tmp_path):
    one = read_bytes(simulate_trial(tmp_path / "a" / "s", patients=1, events=400, conditions=BRIEF))
    two = read_bytes(simulate_trial(tmp_path / "b" / "s", patients=2, events=400, conditions=BRIEF))
    again = read_bytes(
        simulate_trial(tmp_path / "c" / "s", patients=2, events=400, conditions=BRIEF)
    )
    other = read_bytes(
        simulate_trial(tmp_path / "d" / "s", patients=1, events=400, seed=1, conditions=BRIEF)
    )
    assert two == again
    tubes = [name for name in one if name.endswith(".fcs")]
    assert len(tubes) == 8
    assert all(one[name] == two[name] and one[name] != other[name] for name in tubes)


def test_refuses_a_folder_with_something_in_it_and_senseless_numbers(tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(ResultsError, match="not empty"):
        simulate_trial(tmp_path)
    with pytest.raises(ValueError, match="1 or more"):
        simulate_trial(tmp_path / "new", patients=0)


def test_knows_nothing_of_the_code_it_tests():
    source = Path(immunerecon.simulate.__file__).parent
    imported = {
        node.module
        for path in source.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module.startswith("immunerecon")
    }
    assert all(
        name == "immunerecon.errors" or name.startswith("immunerecon.simulate") for name in imported
    )


def test_every_file_of_the_manifest_is_there_and_no_other(trial):
    samples = pd.read_csv(trial / "samples.csv")
    files = {path.relative_to(trial).as_posix() for path in trial.glob("fcs/**/*.fcs")}
    assert set(samples["file"]) == files
    assert set(samples["role"]) == {"draw", "donor_control", "product"}
    assert not samples.duplicated(["patient", "day", "panel", "role"]).any()


def test_files_are_raw_fcs_with_labels_spillover_and_volume(trial, truth):
    tubes = pd.read_csv(trial / "truth" / "tubes.csv").set_index("file")
    path = "fcs/P02/P02_day-07_lineage.fcs"
    data = flowio.FlowData(trial / path)
    assert data.version == "3.1"
    assert data.event_count == tubes.loc[path, "n_events"]
    assert data.data_type == "F"
    assert data.text["byteord"] == "1,2,3,4"
    assert "CD3 FITC" in data.pns_labels
    patients = pd.read_csv(trial / "patients.csv", parse_dates=["infusion_date"], index_col=0)
    day = patients.loc["P02", "infusion_date"] - pd.Timedelta(days=7)
    assert pd.to_datetime(data.text["date"], format="%d-%b-%Y") == day
    assert float(data.text["vol"]) / 1000 / 20 == pytest.approx(
        tubes.loc[path, "blood_acquired_ul"], rel=1e-3
    )
    values = data.as_array()
    assert values.max() == 262144
    time = values[:, data.pnn_labels.index("Time")]
    assert (np.diff(time) >= 0).all()
    assert (values[:, :-1] % 0.25 == 0).all()


def test_flowkit_reads_and_compensates_them(trial):
    flowkit = pytest.importorskip("flowkit")
    sample = flowkit.Sample(trial / "fcs/P01/P01_day-07_lineage.fcs")
    sample.apply_compensation(sample.metadata["spillover"])
    ours, _ = read_tube(trial / "fcs/P01/P01_day-07_lineage.fcs")
    theirs = sample.get_events(source="comp")[:, sample.pns_labels.index("CD56 PE")]
    np.testing.assert_allclose(theirs, ours["CD56"], rtol=1e-4, atol=0.01)


def test_spillover_is_in_the_raw_values_and_compensation_removes_it(trial):
    data = flowio.FlowData(trial / "fcs/P01/P01_day-07_lineage.fcs")
    raw = pd.DataFrame(data.as_array(), columns=data.pnn_labels)
    compensated, _ = read_tube(trial / "fcs/P01/P01_day-07_lineage.fcs")
    labels = labels_of(trial, "P01_day-07_lineage")
    live = labels["kind"] == "cell"
    t, b = (live & (labels["population"] == name) for name in ("CD4", "B"))
    assert raw["PE-A"][t].median() > 5 * raw["PE-A"][b].median()
    assert abs(compensated["CD56"][t].median() - compensated["CD56"][b].median()) < 50
    # The photon noise of the spilt light stays: T cells spread more in PE than B cells do.
    spread = (
        compensated["CD56"].groupby(np.select([t, b], ["T", "B"], "other")).quantile([0.1, 0.9])
    )
    assert np.ptp(spread["T"]) > 1.2 * np.ptp(spread["B"])
    assert (compensated["CD56"][t] < 0).mean() > 0.02


def test_populations_look_as_their_names_say(trial):
    events, _ = read_tube(trial / "fcs/P01/P01_day-07_lineage.fcs")
    labels = labels_of(trial, "P01_day-07_lineage")
    medians = (
        events[labels["kind"] == "cell"]
        .groupby(labels["population"][labels["kind"] == "cell"])
        .median()
    )
    assert medians.loc["NK_bright", "CD56"] > 3 * medians.loc["NK_dim", "CD56"] > 3000
    assert medians.loc["NK_dim", "CD16"] > 10 * medians.loc["NK_bright", "CD16"]
    assert medians.loc["CD4", "CD3"] > 5000 > 500 > medians.loc["NK_dim", "CD3"]
    assert medians["SSC-A"].idxmax() == "Eosinophil"
    assert medians.loc["Basophil", "CD45"] < medians.loc["CD4", "CD45"] / 3
    assert medians.loc["Mono_classical", "CD4"] < medians.loc["CD4", "CD4"] / 5
    viability = events["Viability"].groupby(labels["kind"]).median()
    assert viability["dead"] > 20 * viability["cell"]
    ratio = (events["FSC-H"] / events["FSC-A"]).groupby(labels["kind"]).median()
    assert ratio["doublet"] < 0.8 * ratio["cell"]
    beads = events[labels["kind"] == "bead"]
    assert beads["SSC-A"].std() / beads["SSC-A"].mean() < 0.05


def test_labels_and_counts_agree(trial, truth):
    labels = labels_of(trial, "P02_day014_donor_nk")
    row = truth[truth["file"].str.endswith("P02_day014_donor_nk.fcs")].set_index("population")
    live_nk = (labels["kind"] == "cell") & np.isin(labels["population"], ["NK_bright", "NK_dim"])
    assert row.loc["NK", "count"] == live_nk.sum()
    assert row.loc["NK", "donor_count"] == (live_nk & labels["donor"]).sum() > 50
    counts = row["count"]
    assert counts["NK"] == counts["NK_CD56bright"] + counts["NK_CD56dim"]
    assert counts["T"] == counts["CD4_T"] + counts["CD8_T"] + counts["DN_T"]
    assert counts["NKT_like"] < counts["T"]
    assert counts["Lymphocytes"] > counts["T"] + counts["B"] + counts["NK"]


def test_beads_volume_and_blood_count_give_the_true_concentration(trial, truth):
    samples = pd.read_csv(trial / "samples.csv").merge(
        pd.read_csv(trial / "truth" / "tubes.csv")[["file", "bead"]], on="file"
    )
    leukocytes = truth[(truth["population"] == "Leukocytes") & truth["cells_per_ul"].notna()]
    rows = samples.merge(leukocytes[["file", "count", "cells_per_ul"]], on="file")
    by_beads = rows[rows["beads_added"].notna()]
    assert len(by_beads) == 3
    estimate = (
        by_beads["count"] / by_beads["bead"] * by_beads["beads_added"] / by_beads["blood_volume_ul"]
    )
    error = np.sqrt(1 / by_beads["count"] + 1 / by_beads["bead"])
    assert (np.abs(np.log(estimate / by_beads["cells_per_ul"])) < 4 * error).all()
    by_volume = rows[rows["dilution"].notna()]
    assert len(by_volume) == 3
    volume_nl = np.array(
        [float(flowio.FlowData(trial / file).text["vol"]) for file in by_volume["file"]]
    )
    estimate = by_volume["count"] / (volume_nl / 1000) * by_volume["dilution"]
    ratio = estimate / by_volume["cells_per_ul"]
    assert (np.abs(np.log(ratio)) < 4 / np.sqrt(by_volume["count"])).all()
    blood = pd.read_csv(trial / "blood_counts.csv")
    counted = blood.merge(leukocytes[leukocytes["panel"] == "lineage"], on=["patient", "day"])
    np.testing.assert_allclose(counted["wbc"] * 1000, counted["cells_per_ul"], rtol=0.08)


def test_the_anti_hla_antibody_tells_donor_from_recipient(trial):
    patients = pd.read_csv(trial / "truth" / "patients.csv").set_index("patient")
    for patient in ("P01", "P02"):
        marker = patients.loc[patient, "informative"].split(" ")[0]
        tube = f"{patient}_day014_donor_nk"
        events, _ = read_tube(trial / "fcs" / patient / f"{tube}.fcs")
        labels = labels_of(trial, tube)
        cells = (labels["kind"] == "cell") & np.char.startswith(labels["population"], "NK")
        donor, own = (
            events.loc[cells & side, marker[:-1]].median()
            for side in (labels["donor"], ~labels["donor"])
        )
        bright, faint = (donor, own) if marker[-1] == "+" else (own, donor)
        assert bright > 1500 > 500 > faint


@pytest.mark.parametrize("name", PRESETS)
def test_each_preset_writes_a_study(name, tmp_path):
    conditions = replace(PRESETS[name], draw_days=(-7, 3))
    folder = simulate_trial(tmp_path / name, patients=1, events=300, conditions=conditions)
    with (folder / "samples.csv").open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert len([row for row in rows if row["role"] == "draw"]) == 4
