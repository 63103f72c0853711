"""Gates of other programs as overrides of a study."""

import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from immunerecon.cli import app
from immunerecon.errors import StudyError
from immunerecon.gating.overrides.override_file import load_overrides
from immunerecon.pipeline.gate_import import Scope, import_gates
from immunerecon.pipeline.results import load_results
from immunerecon.pipeline.run import run_study
from immunerecon.study.folder import read_study

SAID = {"who": "AB", "when": "2026-11-25", "why": "drawn elsewhere"}


@pytest.fixture(scope="module")
def exported(small_study: Path, small_results: Path) -> tuple[str, Path]:
    """A lineage file of the small study, and its exported gates."""
    samples = read_study(small_study).samples
    file = next(s.file for s in samples if s.panel == "lineage" and s.role == "draw" and s.day > 20)
    stem = Path(file).with_suffix("").as_posix().replace("/", "__")
    return file, small_results / "gating-ml" / f"{stem}.xml"


def test_exported_gates_come_back_as_overrides_with_the_same_counts(
    small_study: Path, small_results: Path, exported: tuple[str, Path], tmp_path: Path
) -> None:
    file, path = exported
    study = read_study(small_study)
    found = import_gates(study, path, populations={}, scope=Scope(file=file), said=SAID)
    taken = {override.population for override in found.overrides}
    assert {"T", "B", "CD4_T", "Lymphocytes"} <= taken
    # Complements join other gates; they follow those.
    assert all("joins other gates" in reason for reason in found.left_out.values())
    shutil.copytree(small_results, tmp_path / "out")
    before = load_results(tmp_path / "out")
    after = run_study(study, tmp_path / "out", overrides=found.overrides)
    counts = [
        results.populations[results.populations["file"] == file].set_index("population")[
            "gate_count"
        ]
        for results in (before, after)
    ]
    for name in taken:
        # Sides of polygons are cut into pieces on the linear scale: an event in a thousand.
        assert counts[1][name] == pytest.approx(counts[0][name], rel=0.002, abs=1), name


def test_what_is_not_taken_over_is_told_by_name(
    small_study: Path, exported: tuple[str, Path], tmp_path: Path
) -> None:
    _, path = exported
    text = path.read_text("utf-8")
    star = '<gating:StarGate gating:id="Star" /></gating:Gating-ML>'
    changed = tmp_path / "lab.xml"
    text = text.replace("</gating:Gating-ML>", star).replace('"CD4_T"', '"Helpers"')
    changed.write_text(re.sub(r'name="FITC-A"', 'name="ODD-A"', text), "utf-8")
    study = read_study(small_study)
    scope = Scope(patient="P01", panel="lineage")
    found = import_gates(study, changed, populations={}, scope=scope, said=SAID)
    assert "StarGate" in found.left_out["Star"]
    assert "is no population of the strategy" in found.left_out["Helpers"]
    assert "ODD-A" in found.left_out["T"]
    assert any("another compensation" in note for note in found.notes)
    mapped = import_gates(study, changed, populations={"Helpers": "CD4_T"}, scope=scope, said=SAID)
    assert "Helpers" not in mapped.left_out
    assert {o.scope for o in mapped.overrides} == {("patient", "P01")}


def test_a_scope_must_meet_tubes_of_one_panel(
    small_study: Path, exported: tuple[str, Path]
) -> None:
    study, path = read_study(small_study), exported[1]
    for scope, told in (
        (Scope(), "one of file, patient, batch"),
        (Scope(patient="P01", file="x"), "gives file and patient"),
        (Scope(patient="P77"), "has no tube"),
        (Scope(patient="P01"), "panels donor_nk, lineage"),
    ):
        with pytest.raises(StudyError, match=told):
            import_gates(study, path, populations={}, scope=scope, said=SAID)


def test_the_command_adds_to_the_file(
    small_study: Path, exported: tuple[str, Path], tmp_path: Path
) -> None:
    file, path = exported
    out = tmp_path / "mine.yaml"
    command = ["import-gates", str(small_study), str(path), "--out", str(out), "--who", "AB"]
    first = CliRunner().invoke(app, [*command, "--file", file])
    assert first.exit_code == 0, first.output
    assert "Taken over: T for file" in first.output
    entries = load_overrides(out)
    second = CliRunner().invoke(app, [*command, "--file", file, "--map", "T=B"])
    assert second.exit_code == 0
    assert len(load_overrides(out)) == 2 * len(entries)
    assert CliRunner().invoke(app, [*command, "--file", "nowhere.fcs"]).exit_code == 2
    assert CliRunner().invoke(app, [*command, "--file", file, "--map", "T"]).exit_code == 2
    nothing = tmp_path / "nothing.xml"
    nothing.write_text(path.read_text("utf-8").replace('gating:id="', 'gating:id="x'), "utf-8")
    told = CliRunner().invoke(app, [*command[:2], str(nothing), *command[3:], "--file", file])
    assert told.exit_code == 2
    assert "Not taken over: xT" in told.output


@pytest.mark.real_data
def test_each_sample_of_a_workspace_moves_gates_of_its_own_file(
    real_data: Path, tmp_path: Path
) -> None:
    pytest.importorskip("flowkit")
    study = tmp_path / "study"
    shutil.copytree(real_data / "serial" / "cellcounts_flowjo", study)
    rows = "CellCounts4L-NY071-1.fcs,A,0,own\n"
    (study / "samples.csv").write_text("file,patient,day,panel\n" + rows)
    (study / "study.yaml").write_text("panels: {own: {strategy: own.yaml}}\n")
    (study / "own.yaml").write_text(
        "name: own\nversion: 1.0.0\ntitle: own\n"
        "boundaries: {high: {marker: FSC-H, fixed: 1000}, side: {marker: SSC-H, fixed: 1000}}\n"
        "populations: {Margin: {gate: high+ side+}, Cells: {parent: Margin, gate: high+}}\n"
    )
    (study / "own.yaml").write_text((study / "own.yaml").read_text() + "required: []\n")
    found = import_gates(
        read_study(study),
        study / "CellCounts.wsp",
        populations={"CD45+": "Cells"},
        scope=Scope(),
        said=SAID,
    )
    assert [o.population for o in found.overrides] == ["Margin"]
    assert "is no file of the study" in found.left_out["sample CellCounts4L-NY072-1.fcs"]
    assert "B4-A" in found.left_out["CD45+ of CellCounts4L-NY071-1.fcs"]
