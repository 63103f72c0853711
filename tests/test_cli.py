"""The commands as a user types them: exit codes, what is said, what is written."""

import re
import shutil
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from immunerecon.cli import app
from immunerecon.gating.strategy_file import load_strategy, shipped_strategies, strategies_folder


def immunerecon(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_run_ends_with_0_and_writes_report_figures_and_tables(
    small_study: Path, tmp_path: Path
) -> None:
    result = immunerecon("run", small_study, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "report.html").stat().st_size > 10_000
    for kind in ("pdf", "svg", "png"):
        assert list((tmp_path / "out" / "figures").glob(f"*.{kind}")), kind
    assert "report.html" in result.output
    again = immunerecon("run", small_study, "--out", tmp_path / "out")
    assert again.exit_code == 0
    assert "Nothing to do" in again.output


def test_a_truncated_file_ends_with_3_and_its_reason_in_samples(
    small_study: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "study"
    shutil.copytree(small_study, folder)
    victim = sorted(folder.glob("fcs/*/*day007_lineage.fcs"))[0]
    victim.write_bytes(victim.read_bytes()[: victim.stat().st_size // 2])
    result = immunerecon("run", folder, "--out", tmp_path / "out")
    assert result.exit_code == 3
    assert victim.name in result.output
    samples = pd.read_csv(tmp_path / "out" / "samples.csv")
    failed = samples[samples["status"] == "failed"]
    assert list(failed["file"].str.split("/").str[-1]) == [victim.name]
    assert failed["reason"].str.len().item() > 20
    assert (tmp_path / "out" / "report.html").exists()


def test_a_wrong_study_ends_with_2_and_all_problems_and_no_results(
    small_study: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "study"
    shutil.copytree(small_study, folder)
    samples = pd.read_csv(folder / "samples.csv", dtype=str)
    samples.loc[0, "panel"] = "lineag"
    samples.loc[1, "role"] = "drwa"
    samples.to_csv(folder / "samples.csv", index=False)
    for command in (("validate", folder), ("run", folder, "--out", tmp_path / "out")):
        result = immunerecon(*command)
        assert result.exit_code == 2
        assert "row 2" in result.output
        assert "lineag" in result.output
        assert "row 3" in result.output
        assert "drwa" in result.output
        assert "Traceback" not in result.output
    assert not (tmp_path / "out").exists()


def test_validate_counts_files_and_patients(small_study: Path) -> None:
    result = immunerecon("validate", small_study)
    assert result.exit_code == 0
    assert "2 patients" in result.output


def test_an_unknown_strategy_is_named_before_any_work(small_study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(small_study, folder)
    settings = (folder / "study.yaml").read_text().replace("strategy: lineage", "strategy: linage")
    (folder / "study.yaml").write_text(settings)
    result = immunerecon("validate", folder)
    assert result.exit_code == 2
    assert "linage" in result.output
    assert "donor_nk" in result.output


def test_simulate_makes_a_study_that_validates(tmp_path: Path) -> None:
    made = immunerecon("simulate", tmp_path / "trial", "--patients", 1, "--seed", 5)
    assert made.exit_code == 0
    assert immunerecon("validate", tmp_path / "trial").exit_code == 0


@pytest.mark.parametrize(
    "command",
    [
        "init",
        "run",
        "validate",
        "simulate",
        "figures",
        "report",
        "export",
        "kinetics",
        "events",
        "strategies",
        "review",
        "watch",
        "verify",
        "import-gates",
    ],
)
def test_every_command_explains_itself(command: str) -> None:
    result = immunerecon(command, "--help")
    assert result.exit_code == 0
    assert "Example" in result.output


def test_kinetics_of_a_spreadsheet_needs_no_fcs_file(tmp_path: Path) -> None:
    counts = tmp_path / "counts.csv"
    counts.write_text("patient;day;CD4_T\nP1;-7;600\nP1;3;20\nP1;28;120\nP1;90;300\n")
    result = immunerecon("kinetics", counts, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    found = pd.read_csv(tmp_path / "out" / "recovery.csv").set_index("threshold")
    assert found.loc[50.0, ["status", "time_low", "time_high"]].tolist() == ["recovered", 3, 28]
    assert found.loc[200.0, ["status", "time_low", "time_high"]].tolist() == ["recovered", 28, 90]
    assert found.loc[500.0, "status"] == "not_recovered"


def test_a_spreadsheet_that_is_none_is_named(tmp_path: Path) -> None:
    result = immunerecon("kinetics", tmp_path / "none.csv", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "none.csv" in result.output


def test_a_study_without_one_usable_file_still_says_why(small_study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(small_study, folder)
    for path in folder.glob("fcs/*/*.fcs"):
        path.write_bytes(path.read_bytes()[:1000])
    result = immunerecon("run", folder, "--out", tmp_path / "out")
    assert result.exit_code == 3
    samples = pd.read_csv(tmp_path / "out" / "samples.csv")
    assert (samples["status"] == "failed").all()
    assert (tmp_path / "out" / "report.html").exists()


@pytest.mark.parametrize(("cv", "events"), [(0.1, 100_000), (0.2, 25_000), (0.3, 11_112)])
def test_planning_tells_the_events_to_acquire(cv: float, events: int) -> None:
    """(1/CV)^2 events (Poisson), a thousand times as many parents for 0.1 %."""
    result = immunerecon("events", "--fraction", 0.001, "--cv", cv)
    assert result.exit_code == 0
    assert int(result.output.split(" ")[0].replace(",", "")) == events


def test_planning_says_when_no_number_of_events_helps() -> None:
    leaky = ("events", "--fraction", 0.001, "--leak", 0.001)
    steady, unsteady = immunerecon(*leaky), immunerecon(*leaky, "--leak-cv", 0.4)
    assert steady.exit_code == 0
    assert unsteady.exit_code != 0
    assert "reduce the background" in unsteady.output


def test_strategies_are_listed_each_with_its_markers() -> None:
    result = immunerecon("strategies")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    place = next(n for n, line in enumerate(lines) if line.startswith("donor_nk 1.0.0: "))
    assert "HLA-A2" in lines[place + 1]
    assert sum(not line.startswith("  ") for line in lines) == len(shipped_strategies()) + 1


def test_a_strategy_is_described_as_the_tree_of_its_gates() -> None:
    result = immunerecon("strategies", "lineage")
    assert result.exit_code == 0
    depth = {
        line.split(":")[0].strip(): len(line) - len(line.lstrip())
        for line in result.output.splitlines()
    }
    assert depth["Lymphocytes"] < depth["T"] == depth["NK"] < depth["CD4_T"] == depth["NKT_like"]
    assert "NK: CD3- CD56+" in result.output
    assert set(load_strategy("lineage").populations) <= set(depth)


def test_a_strategy_of_the_laboratory_is_described_from_its_file(tmp_path: Path) -> None:
    own, shipped = tmp_path / "ours.yaml", strategies_folder() / "lineage.yaml"
    own.write_text(shipped.read_text("utf-8").replace("name: lineage", "name: ours"), "utf-8")
    result = immunerecon("strategies", own)
    assert result.exit_code == 0, result.output
    assert result.output.startswith("ours 1.0.0: ")


def test_an_unknown_strategy_ends_with_those_that_there_are() -> None:
    result = immunerecon("strategies", "linage")
    assert result.exit_code == 2
    assert "'linage'" in result.output
    assert "lineage" in result.output.split("'linage'")[1]


def test_tables_are_exported_to_excel_and_word(tiny_results: Path, tmp_path: Path) -> None:
    xlsx, docx = tmp_path / "t.xlsx", tmp_path / "r.docx"
    result = immunerecon("export", tiny_results, "--xlsx", xlsx, "--docx", docx)
    assert result.exit_code == 0, result.output
    sheets = pd.read_excel(xlsx, sheet_name=None)
    written = pd.read_csv(tiny_results / "populations.csv")
    columns = ["file", "population", "count"]
    pd.testing.assert_frame_equal(
        sheets["populations"][columns], written[columns], check_dtype=False
    )
    assert {"samples", "gates", "recovery", "patient_flow"} <= set(sheets)
    assert docx.read_bytes()[:2] == b"PK"
    first = xlsx.read_bytes()
    immunerecon("export", tiny_results, "--xlsx", xlsx)
    with zipfile.ZipFile(xlsx) as workbook:
        assert {entry.date_time[0] for entry in workbook.infolist()} == {1980}
        assert b"dcterms:created" not in workbook.read("docProps/core.xml")
    assert xlsx.read_bytes() == first


@pytest.mark.parametrize(
    ("asked", "said"), [((), "--docx FILE"), (("--docx", "report.doc"), "report.doc")]
)
def test_an_export_to_nothing_or_to_another_kind_is_refused(
    tiny_results: Path, asked: tuple[str, ...], said: str
) -> None:
    result = immunerecon("export", tiny_results, *asked)
    assert result.exit_code == 2
    assert said in result.output


def test_a_style_that_there_is_not_names_those_that_there_are(tiny_results: Path) -> None:
    result = immunerecon("figures", tiny_results, "--style", "natur")
    assert result.exit_code == 2
    assert "natur" in result.output
    assert "poster" in result.output


def test_a_shell_is_offered_the_strategies_and_styles() -> None:
    told = {
        "_IMMUNERECON_COMPLETE": "complete_bash",
        "COMP_WORDS": "immunerecon strategies li",
        "COMP_CWORD": "2",
    }
    offered = CliRunner().invoke(app, [], env=told, prog_name="immunerecon")
    assert offered.output.split() == ["lineage"]
    told |= {"COMP_WORDS": "immunerecon figures out --style po", "COMP_CWORD": "4"}
    offered = CliRunner().invoke(app, [], env=told, prog_name="immunerecon")
    assert offered.output.split() == ["poster"]


def test_every_figure_of_a_run_is_two_columns_wide_with_its_source_data(
    tiny_results: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(tiny_results, tmp_path / "out")
    result = immunerecon("figures", out, "--style", "blood")
    assert result.exit_code == 0, result.output
    written = {path.name for path in (out / "figures").iterdir()}
    names = {Path(name).stem for name in written}
    assert {"paper", "courses_P01", "recovery", "gating_lineage", "tubes_lineage"} <= names
    for name in names:
        assert {f"{name}.{kind}" for kind in ("pdf", "svg", "png", "csv")} <= written
        pdf = (out / "figures" / f"{name}.pdf").read_bytes()
        width = float(re.search(rb"/MediaBox \[ 0 0 ([\d.]+)", pdf)[1])
        assert width / 72 * 25.4 == pytest.approx(183, abs=0.001), name
        assert b"/Type3" not in pdf


def test_init_says_what_is_left_to_do_and_what_comes_next(
    small_study: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "my files"
    shutil.copytree(small_study / "fcs", folder)
    result = immunerecon("init", folder)
    assert result.exit_code == 0, result.output
    assert "To do:    patients.csv: recipient_hla and donor_hla" in result.output
    assert f"immunerecon validate '{folder}'" in result.output
    checked = immunerecon("validate", folder)
    assert checked.exit_code == 0
    assert f"immunerecon run '{folder}' --out" in checked.output


@pytest.mark.parametrize(
    ("command", "said"),
    [("report", "is a study folder"), ("validate", "immunerecon init"), ("init", "no such folder")],
)
def test_a_folder_of_the_wrong_kind_is_told_with_the_next_step(
    small_study: Path, tmp_path: Path, command: str, said: str
) -> None:
    given = {"report": small_study, "validate": tmp_path, "init": tmp_path / "none"}[command]
    result = immunerecon(command, given)
    assert result.exit_code == 2
    assert said in result.output


def test_review_without_its_study_says_how_to_name_it(
    small_results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = tmp_path / "elsewhere" / "results"
    shutil.copytree(small_results, moved)
    monkeypatch.chdir(tmp_path)
    result = immunerecon("review", moved)
    assert result.exit_code == 2
    assert "immunerecon review STUDY results" in result.output


@pytest.mark.filterwarnings("error::FutureWarning")
def test_a_donor_control_without_a_day_is_used_without_a_word_on_it(
    tiny_study: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_study, tmp_path / "study")
    samples = pd.read_csv(folder / "samples.csv", dtype=str)
    controls = samples["role"] == "donor_control"
    samples.loc[controls, "day"] = ""
    samples.to_csv(folder / "samples.csv", index=False)
    result = immunerecon("run", folder, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    told = pd.read_csv(tmp_path / "out" / "donor_distributions.csv")
    assert controls.any()
    assert told.loc[told["tube"] == "donor control", "day"].isna().all()
    assert "immunerecon review" in result.output
