"""Whatever is changed after a run is named."""

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from immunerecon.cli import app
from immunerecon.errors import ResultsError
from immunerecon.gating.overrides.override import Override
from immunerecon.gating.overrides.override_file import write_overrides
from immunerecon.pipeline.provenance import append_audit, broken_link, digest, read_audit
from immunerecon.pipeline.run import run_study
from immunerecon.pipeline.seals import read_sums, seal
from immunerecon.pipeline.verification import verify_results
from immunerecon.study.folder import read_study

SAID = {"who": "AB", "when": "2026-11-25T10:00:00Z", "why": "lot changed"}
MOVED = Override("move", **SAID, patient="P01", population="NK", shift={"CD56": 0.02})


@pytest.fixture(scope="module")
def corrected_results(tiny_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of a run with a gate that a person moved."""
    out = tmp_path_factory.mktemp("corrected") / "results"
    run_study(read_study(tiny_study), out, overrides=[MOVED])
    return out


@pytest.fixture
def folders(tiny_study: Path, corrected_results: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Copies of a study and its results, to be tampered with."""
    study = shutil.copytree(tiny_study, tmp_path / "study")
    return study, shutil.copytree(corrected_results, tmp_path / "results")


def lines_of(results: Path) -> list[str]:
    return (results / "audit.jsonl").read_text("utf-8").splitlines(keepends=True)


def change_a_table(study: Path, results: Path) -> str:
    path = results / "donor_cells.csv"
    path.write_text(path.read_text().replace("P01", "P02", 1))
    return "donor_cells.csv: was changed after the run"


def change_the_order_of_bytes_in_a_record(study: Path, results: Path) -> str:
    path = sorted(results.glob("records/gate-*.npz"))[0]
    path.write_bytes(path.read_bytes()[::-1])
    return f"records/{path.name}: was changed after the run"


def take_a_table_away(study: Path, results: Path) -> str:
    (results / "recovery.parquet").unlink()
    return "recovery.parquet: is missing"


def add_a_figure(study: Path, results: Path) -> str:
    (results / "figures").mkdir(exist_ok=True)
    (results / "figures" / "better.png").write_bytes(b"")
    return "figures/better.png: was not written by the run"


def change_the_parameters(study: Path, results: Path) -> str:
    path = results / "run.json"
    path.write_text(path.read_text().replace('"confirm_recovery": 1', '"confirm_recovery": 2'))
    return "run.json: was changed after the run"


def change_a_table_and_its_digest(study: Path, results: Path) -> str:
    change_a_table(study, results)
    seal_before = lines_of(results)
    seal(results, "forged", ["donor_cells.csv"], {})
    (results / "audit.jsonl").write_text("".join(seal_before))
    return "SHA256SUMS: is not the one that audit.jsonl tells of"


def change_a_line_of_the_trail(study: Path, results: Path) -> str:
    lines = lines_of(results)
    entry = {**json.loads(lines[0]), "time": "2020-01-01T00:00:00+00:00"}
    (results / "audit.jsonl").write_text("".join([json.dumps(entry) + "\n", *lines[1:]]))
    return "audit.jsonl, line 1: was changed"


def take_a_line_out_of_the_trail(study: Path, results: Path) -> str:
    (results / "audit.jsonl").write_text("".join(lines_of(results)[1:]))
    return "audit.jsonl, line 1: was changed, or a line before it was taken out"


def cut_the_trail(study: Path, results: Path) -> str:
    (results / "audit.jsonl").write_text(lines_of(results)[0])
    return "SHA256SUMS: is not the one that audit.jsonl tells of"


def turn_lines_of_the_trail_round(study: Path, results: Path) -> str:
    append_audit(results, "looked at", {})
    first, second, third = lines_of(results)
    (results / "audit.jsonl").write_text(first + third + second)
    return "audit.jsonl, line 2: was changed, or a line before it was taken out"


def take_a_line_out_of_the_middle(study: Path, results: Path) -> str:
    append_audit(results, "looked at", {})
    first, _, third = lines_of(results)
    (results / "audit.jsonl").write_text(first + third)
    return "audit.jsonl, line 2: was changed, or a line before it was taken out"


def put_a_line_into_the_trail(study: Path, results: Path) -> str:
    lines = lines_of(results)
    (results / "audit.jsonl").write_text(lines[0] + lines[0] + "".join(lines[1:]))
    return "audit.jsonl, line 2: was changed, or a line before it was taken out"


def cut_the_last_line_short(study: Path, results: Path) -> str:
    path = results / "audit.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    return "audit.jsonl: the last line is cut short"


def take_the_whole_trail_away(study: Path, results: Path) -> str:
    (results / "audit.jsonl").unlink()
    return "audit.jsonl: is missing"


def change_an_override(study: Path, results: Path) -> str:
    path = results / "run.json"
    facts = json.loads(path.read_text("utf-8"))
    assert facts["overrides"][0]["why"] == "lot changed"
    facts["overrides"][0]["why"] = "because"
    path.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return "run.json: was changed after the run"


def change_an_override_and_its_digest(study: Path, results: Path) -> str:
    change_an_override(study, results)
    before = lines_of(results)
    seal(results, "forged", ["run.json"], {})
    (results / "audit.jsonl").write_text("".join(before))
    return "SHA256SUMS: is not the one that audit.jsonl tells of"


def move_another_gate(study: Path, results: Path) -> str:
    write_overrides(
        results.parent / "results_overrides.yaml", [replace(MOVED, shift={"CD56": 0.03})]
    )
    return "results_overrides.yaml: does not hold the overrides of the run"


def damage_the_file_of_overrides(study: Path, results: Path) -> str:
    (results.parent / "results_overrides.yaml").write_text("overrides: [")
    return "results_overrides.yaml: results_overrides.yaml"


def change_an_override_in_the_trail(study: Path, results: Path) -> str:
    path = results / "audit.jsonl"
    path.write_text(path.read_text("utf-8").replace("lot changed", "because"), "utf-8")
    return "audit.jsonl, line 1: was changed"


def change_an_input(study: Path, results: Path) -> str:
    path = sorted(study.glob("fcs/*/*.fcs"))[0]
    path.write_bytes(path.read_bytes() + b"\0")
    return f"study/{path.relative_to(study).as_posix()}: is not the file that was run"


def change_a_table_of_the_study(study: Path, results: Path) -> str:
    path = study / "blood_counts.csv"
    path.write_text(path.read_text() + "\n")
    return "study/blood_counts.csv: is not the file that was run"


def take_an_input_away(study: Path, results: Path) -> str:
    path = sorted(study.glob("fcs/*/*.fcs"))[0]
    path.unlink()
    return f"study/{path.relative_to(study).as_posix()}: is missing"


TAMPERINGS = (
    *(change_a_table, change_the_order_of_bytes_in_a_record, take_a_table_away, add_a_figure),
    *(change_the_parameters, change_a_table_and_its_digest, change_a_line_of_the_trail),
    *(take_a_line_out_of_the_trail, cut_the_trail, turn_lines_of_the_trail_round),
    *(take_a_line_out_of_the_middle, put_a_line_into_the_trail, cut_the_last_line_short),
    *(take_the_whole_trail_away, change_an_override, change_an_override_and_its_digest),
    *(change_an_override_in_the_trail, move_another_gate, damage_the_file_of_overrides),
    *(change_an_input, change_a_table_of_the_study, take_an_input_away),
)


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda tamper: tamper.__name__)
def test_what_was_changed_is_named(
    tamper: Callable[[Path, Path], str], folders: tuple[Path, Path]
) -> None:
    study, results = folders
    assert verify_results(results, study=study).differences == ()
    told = tamper(study, results)
    found = verify_results(results, study=study).differences
    assert found
    assert found[0].startswith(told)


def test_an_untouched_run_is_what_it_was(folders: tuple[Path, Path]) -> None:
    study, results = folders
    found = verify_results(results, study=study)
    n_fcs = len(list(study.glob("fcs/*/*.fcs")))
    tables = {"study.yaml", "samples.csv", "patients.csv"}
    assert found.n_inputs >= n_fcs + len(tables)
    assert found.n_results == len(read_sums(results)) > 50
    assert found.last_hash == read_audit(results)[-1]["hash"]


def test_the_command_ends_with_4_and_names_the_first_difference(
    folders: tuple[Path, Path],
) -> None:
    study, results = folders
    command = ["verify", str(results), "--study", str(study)]
    whole = CliRunner().invoke(app, command)
    assert whole.exit_code == 0, whole.output
    assert read_audit(results)[-1]["hash"] in whole.output
    change_a_table(study, results)
    changed = CliRunner().invoke(app, command)
    assert changed.exit_code == 4
    assert "donor_cells.csv" in changed.output


def test_the_overrides_of_the_run_are_recognised(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    study, results = folders
    write_overrides(results.parent / "results_overrides.yaml", [MOVED])
    same = write_overrides(tmp_path / "same.json", [MOVED])
    assert verify_results(results, study=study).differences == ()
    assert verify_results(results, overrides=same).differences == ()
    other = write_overrides(tmp_path / "other.yaml", [])
    command = ["verify", str(results), "--overrides", str(other)]
    told = CliRunner().invoke(app, command)
    assert told.exit_code == 4
    assert "other.yaml: does not hold the overrides of the run" in told.output
    missing = verify_results(results, overrides=tmp_path / "none.yaml").differences
    assert missing == ("none.yaml: is missing",)


def test_digests_are_read_by_sha256sum(small_results: Path) -> None:
    if shutil.which("sha256sum") is None:
        pytest.skip("sha256sum is not installed here")
    command = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    told = subprocess.run(command, cwd=small_results, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr


def test_odd_names_are_written_as_sha256sum_does(tmp_path: Path) -> None:
    names = {"a\\b.csv", "line\nbreak.csv", "back\\nslash.csv", "µ plain.csv"}
    for name in names:
        (tmp_path / name).write_text(name)
    seal(tmp_path, "test", [], {})
    assert set(read_sums(tmp_path)) == names
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=tmp_path, check=True)


def test_a_seal_keeps_the_digest_of_what_it_did_not_write(tmp_path: Path) -> None:
    for name in ("table.csv", "figure.svg"):
        (tmp_path / name).write_text(name)
    seal(tmp_path, "run finished", ["table.csv", "figure.svg"], {})
    before = read_sums(tmp_path)
    (tmp_path / "table.csv").write_text("tampered")
    (tmp_path / "figure.svg").write_text("drawn again")
    seal(tmp_path, "figures written", ["figure.svg"], {})
    after = read_sums(tmp_path)
    assert after["table.csv"] == before["table.csv"]
    assert after["figure.svg"] != before["figure.svg"]


def test_a_line_cut_short_is_dropped_and_told_by_the_next(tmp_path: Path) -> None:
    append_audit(tmp_path, "first", {})
    append_audit(tmp_path, "second", {})
    path = tmp_path / "audit.jsonl"
    path.write_bytes(path.read_bytes()[:-10])
    append_audit(tmp_path, "third", {})
    entries = read_audit(tmp_path)
    assert [entry["event"] for entry in entries] == ["first", "third"]
    assert entries[1]["cut_short_bytes"] > 10
    assert broken_link(entries) == 0


def test_a_damaged_trail_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").write_text("gone\n")
    with pytest.raises(ResultsError, match="line 1 is damaged"):
        append_audit(tmp_path, "next", {})
    assert (tmp_path / "audit.jsonl").read_text() == "gone\n"


def test_a_folder_without_a_finished_run_cannot_be_verified(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="no finished run"):
        verify_results(tmp_path)


def test_a_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
