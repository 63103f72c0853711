"""The whole way of the data, from a study folder to tables, on a simulated trial."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from immunerecon.errors import ResultsError
from immunerecon.pipeline.results import load_results
from immunerecon.pipeline.run import regate, run_study
from immunerecon.pipeline.tables import COLUMNS
from immunerecon.study.folder import read_study

# `seconds` is what the clock said; everything else must be the same bits.
TIMED = {"samples": ["seconds"]}


def read(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / f"{name}.csv").drop(columns=TIMED.get(name, []))


def test_every_table_has_the_contracts_columns_first(small_results: Path) -> None:
    for name, columns in COLUMNS.items():
        as_csv = pd.read_csv(small_results / f"{name}.csv")
        as_parquet = pd.read_parquet(small_results / f"{name}.parquet")
        assert tuple(as_csv.columns[: len(columns)]) == columns
        assert list(as_csv.columns) == list(as_parquet.columns)
        assert len(as_csv) == len(as_parquet) > 0, name


def test_counts_agree_with_the_simulations_truth(small_study: Path, small_results: Path) -> None:
    truth = pd.read_csv(small_study / "truth" / "populations.csv")
    found = read(small_results, "populations")
    both = truth.merge(found, on=["file", "population"], suffixes=("_true", ""))
    large = both[
        both["population"].isin(["T", "B", "NK", "CD4_T", "CD8_T"]) & (both["count_true"] >= 200)
    ]
    assert len(large) >= 20
    off = (large["count"] / large["count_true"] - 1).abs()
    assert off.median() < 0.03
    bead_tubes = large[large["count_method"] == "single-platform"]
    inside = bead_tubes["cells_per_ul_true"].between(
        bead_tubes["cells_per_ul_low"], bead_tubes["cells_per_ul_high"]
    )
    assert len(bead_tubes) >= 5
    assert inside.mean() > 0.8


def test_donor_nk_cells_agree_with_the_simulations_truth(
    small_study: Path, small_results: Path
) -> None:
    truth = pd.read_csv(small_study / "truth" / "populations.csv")
    found = read(small_results, "donor_cells")
    both = truth.merge(found, on=["file", "population"], suffixes=("_true", ""))
    nk = both[(both["population"] == "NK") & (both["donor_fraction_true"] > 0.05)]
    assert len(nk) >= 2
    assert ((nk["donor_fraction"] / nk["donor_fraction_true"]).between(0.8, 1.2)).mean() > 0.7


def test_a_second_run_does_nothing(small_study: Path, small_results: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in small_results.glob("*.csv")}
    results = run_study(read_study(small_study), small_results)
    assert results.resumed
    assert {path: path.stat().st_mtime_ns for path in small_results.glob("*.csv")} == before


def test_two_workers_and_another_order_give_the_same_bits(
    small_study: Path, small_results: Path, tmp_path: Path
) -> None:
    shuffled = tmp_path / small_study.name
    shutil.copytree(small_study, shuffled)
    samples = pd.read_csv(shuffled / "samples.csv", dtype=str)
    samples.iloc[::-1].to_csv(shuffled / "samples.csv", index=False)
    run_study(read_study(shuffled), tmp_path / "out", workers=2)
    for name in COLUMNS:
        mine, other = read(tmp_path / "out", name), read(small_results, name)
        keys = [c for c in mine.columns if c not in ("reason", "flags")]
        ordered = [frame.sort_values(keys).reset_index(drop=True) for frame in (mine, other)]
        pd.testing.assert_frame_equal(*ordered, check_exact=True, obj=name)


@pytest.fixture
def damaged(small_study: Path, tmp_path: Path) -> Path:
    """The study with one file cut short, one copied over another, one path out of the folder."""
    folder = tmp_path / "damaged"
    shutil.copytree(small_study, folder)
    files = pd.read_csv(folder / "samples.csv", dtype=str)
    draws = files.loc[files["role"] == "draw", "file"].tolist()
    cut, copied, original = (folder / name for name in draws[:3])
    cut.write_bytes(cut.read_bytes()[:-1000])
    shutil.copy(original, copied)
    outside = tmp_path / "outside.fcs"
    shutil.copy(folder / draws[4], outside)
    files.loc[files["file"] == draws[4], "file"] = "../outside.fcs"
    files.to_csv(folder / "samples.csv", index=False)
    return folder


@pytest.mark.malformed(61, 62)
def test_files_that_cannot_be_used_are_failed_by_name_and_the_rest_is_done(
    damaged: Path, small_results: Path, tmp_path: Path
) -> None:
    results = run_study(read_study(damaged), tmp_path / "out")
    samples = results.samples
    failed = samples[samples["status"] == "failed"].set_index("file")["reason"]
    assert len(failed) == 4
    assert not results.complete
    draws = pd.read_csv(damaged / "samples.csv", dtype=str)
    draws = draws.loc[draws["role"] == "draw", "file"].tolist()
    assert "$TOT" in failed[draws[0]] or "DATA" in failed[draws[0]]
    assert draws[2] in failed[draws[1]]
    assert draws[1] in failed[draws[2]]
    assert "outside" in failed["../outside.fcs"]
    done = samples[samples["status"] != "failed"]
    assert len(samples) == len(done) + 4
    assert set(results.populations["file"]) == set(
        done.loc[~done["role"].isin(["single_stain", "unstained"]), "file"]
    )


def test_a_changed_file_is_gated_again_and_no_other(small_study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(small_study, folder)
    out = tmp_path / "out"
    run_study(read_study(folder), out)
    records = {path.name for path in (out / "records").glob("gate-*.npz")}
    counts = pd.read_csv(folder / "blood_counts.csv", dtype=str)
    counts.loc[0, "wbc"] = "9.9"
    counts.to_csv(folder / "blood_counts.csv", index=False)
    results = run_study(read_study(folder), out)
    new = {path.name for path in (out / "records").glob("gate-*.npz")} - records
    assert not results.resumed
    assert 1 <= len(new) <= 2  # the tubes of that one draw


def test_a_file_gated_again_has_the_same_counts(small_study: Path, small_results: Path) -> None:
    study, results = read_study(small_study), load_results(small_results)
    file = results.populations["file"].iloc[0]
    tube = regate(study, results, file)
    rows = results.populations.query("file == @file and count == count")
    for population, count in zip(rows["population"], rows["count"], strict=True):
        assert tube.count(population) == count
    with pytest.raises(ResultsError, match="not gated"):
        regate(study, results, "nowhere.fcs")


def test_run_json_tells_versions_and_no_paths(small_study: Path, small_results: Path) -> None:
    text = (small_results / "run.json").read_text("utf-8")
    facts = json.loads(text)
    assert facts["schema_version"] == 1
    assert facts["versions"]["immunerecon"]
    assert str(small_study) not in text
    assert str(small_results) not in text
    assert facts["strategies"] == {"lineage": "1.0.0", "donor_nk": "1.0.0"}


def test_the_audit_trail_is_a_chain(small_results: Path) -> None:
    lines = (small_results / "audit.jsonl").read_text("utf-8").splitlines()
    entries = [json.loads(line) for line in lines]
    assert [entry["event"] for entry in entries] == ["run started", "run finished"]
    assert entries[1]["previous"] == entries[0]["hash"]


def test_results_never_go_where_they_do_not_belong(small_study: Path, tmp_path: Path) -> None:
    study = read_study(small_study)
    with pytest.raises(ResultsError, match="inside the study folder"):
        run_study(study, small_study / "results")
    (tmp_path / "thesis.docx").write_text("mine")
    with pytest.raises(ResultsError, match="not results"):
        run_study(study, tmp_path)


@pytest.mark.malformed(80)
def test_a_second_run_at_the_same_time_is_refused(small_study: Path, small_results: Path) -> None:
    from immunerecon.pipeline.locks import locked

    study = read_study(small_study)
    with locked(small_results, small_study):
        with pytest.raises(ResultsError, match="another run"):
            run_study(study, small_results)
        command = [sys.executable, "-m", "immunerecon.cli", "run", str(small_study)]
        command += ["--out", str(small_results)]
        told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode != 0
    assert "another run" in told.stderr
