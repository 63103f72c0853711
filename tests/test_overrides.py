"""What people say of gates: their file, whom an entry beats, what it moves."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from immunerecon.cytometry.transforms import Linear, Logicle
from immunerecon.errors import StrategyError, StudyError
from immunerecon.gating.boundaries import Boundary
from immunerecon.gating.gated_tube import PlacedGate
from immunerecon.gating.geometry.gates import PolygonGate, Range, RectangleGate
from immunerecon.gating.overrides.applied_overrides import apply_overrides, overrides_for
from immunerecon.gating.overrides.override import Override
from immunerecon.gating.overrides.override_file import load_overrides, write_overrides
from immunerecon.gating.placed_gates import PlacedGates, apply_gates, between_boundaries
from immunerecon.gating.strategy import parse_sides
from immunerecon.pipeline.results import load_results
from immunerecon.pipeline.run import regate, run_study
from immunerecon.study.folder import read_study

SAID = {"who": "AB", "when": "2026-11-25T10:00:00Z", "why": "dim lot"}
SQUARE = PolygonGate(("CD3", "CD56"), ((10.0, 900.5), (800.0, 900.5), (800.0, 9e4), (10.0, 9e4)))
EACH = (
    Override("replace", **SAID, file="fcs/a.fcs", population="NK", gate=SQUARE),
    Override(
        "pin",
        **SAID,
        patient="P01",
        panel="lineage",
        population="B \u0085\u2028'\"\\: #- {é",
        gate=RectangleGate({"CD3": Range(high=812.0), "CD19": Range(1.5, 2e5)}),
    ),
    Override("replace", **SAID, batch="lot 2", threshold="CD56", value=-13.5),
    Override("move", **SAID, batch="0x1", population="NO", shift={"CD56": 0.05, "CD3": -1e-07}),
)


@pytest.mark.parametrize("name", ["overrides.yaml", "overrides.json"])
def test_what_is_written_is_read(tmp_path: Path, name: str) -> None:
    path = write_overrides(tmp_path / name, EACH)
    assert load_overrides(path) == EACH
    assert load_overrides(write_overrides(tmp_path / name, ())) == ()


@given(st.text(min_size=1).filter(lambda text: text == text.strip()))
@settings(max_examples=60, deadline=None)
def test_any_text_survives(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("any")
    told = [replace(EACH[2], why=text, batch=text)]
    assert load_overrides(write_overrides(folder / "o.yaml", told)) == tuple(told)


def problems(tmp_path: Path, content: str) -> str:
    path = tmp_path / "overrides.yaml"
    path.write_text(content, "utf-8")
    with pytest.raises(StudyError) as error:
        load_overrides(path)
    return str(error.value)


GOOD = "action: replace, patient: P01, who: AB, when: 2026-11-25, why: lot"


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("who: AB", "overrides[1].action: is missing"),
        (GOOD + ", population: NK", "needs a gate"),
        (GOOD + ", threshold: CD3", "needs a value"),
        (GOOD + ", threshold: CD3, value: 1_0", "overrides[1].value: '1_0' is no finite number"),
        (GOOD + ", threshold: CD3, value: nan", "'nan' is no finite number"),
        (GOOD + ", threshold: CD3, value: 1e999", "'1e999' is no finite number"),
        (GOOD + ", threshold: CD3, population: T, value: 1", "gives population and threshold"),
        (GOOD + ", file: a.fcs, threshold: CD3, value: 1", "gives file and patient"),
        (GOOD + ", threshold: CD3, value: 1, shift: {CD3: 0.1}", "nothing else"),
        (GOOD + ", treshold: CD3, value: 1", "is it meant to be 'threshold'?"),
        (GOOD + ", threshold: '', value: 1", "overrides[1].threshold: is empty"),
        (GOOD.replace("2026-11-25", "yesterday"), "'yesterday' is no moment"),
        (GOOD.replace("replace", "move") + ", threshold: CD3, shift: {CD3: 7}", "-1 to 1"),
        (GOOD + ", population: T, gate: {kind: star}", "kind: polygon"),
        (GOOD + ", population: T, gate: {kind: rectangle, ranges: {CD3: {low: 2, high: 1}}}",
         "ranges.CD3: holds nothing"),
        (GOOD + ", population: T, gate: {kind: polygon, dimensions: [A, B], vertices: [[1, 2]]}",
         "not three points"),
        (GOOD + ", population: T, gate: {kind: polygon, dimensions: [A, A], vertices: []}",
         "not two names"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_entry_and_key(tmp_path: Path, entry: str, told: str) -> None:
    assert told in problems(tmp_path, f"schema_version: 1\noverrides:\n  - {{{entry}}}\n")


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    told = problems(tmp_path, "schema_version: 2\noverrides: [{who: AB}, x]\nmore: 1\n")
    for part in (
        "schema_version: is 2",
        "[1].action",
        "[1].when",
        "[1].why",
        "[2]: is not",
        "more",
    ):
        assert part in told


@pytest.mark.parametrize(
    "content", ["", "[]", "overrides: 1", "&a {overrides: [*a]}", "!!python/x 1"]
)
def test_what_is_no_file_of_overrides_is_refused(tmp_path: Path, content: str) -> None:
    problems(tmp_path, content)
    path = tmp_path / "overrides.json"
    path.write_text(content)
    with pytest.raises(StudyError, match=r"overrides\.json"):
        load_overrides(path)


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    assert "duplicate key" in problems(tmp_path, "schema_version: 1\nschema_version: 1\n")
    path = tmp_path / "overrides.json"
    path.write_text('{"schema_version": 1, "schema_version": 1, "overrides": []}')
    with pytest.raises(StudyError, match="stands twice"):
        load_overrides(path)


def cut(value: float, **scope: str) -> Override:
    return Override("replace", **SAID, **scope, threshold="CD3", value=value)


def test_file_beats_patient_beats_batch_and_later_beats_earlier() -> None:
    tube = {"file": "a.fcs", "patient": "P01", "batch": "lot 2", "panel": "lineage"}
    by_batch, by_patient, by_file = (
        cut(1, batch="lot 2"),
        cut(2, patient="P01"),
        cut(3, file="a.fcs"),
    )
    for told, winner in (
        ([by_file, by_patient, by_batch], 3),
        ([by_patient, by_batch], 2),
        ([by_patient, cut(9, patient="P01")], 9),
        ([by_patient, cut(9, patient="P01", panel="donor_nk")], 2),
        ([cut(9, patient="P02"), by_batch], 1),
    ):
        assert [override.value for override in overrides_for(told, **tube)] == [winner]
    assert overrides_for([cut(1, file="b.fcs")], **tube) == ()


def test_thresholds_come_before_the_gates_that_stand_on_them() -> None:
    gate = Override("replace", **SAID, batch="x", population="A", gate=SQUARE)
    tube = {"file": "", "patient": "", "batch": "x", "panel": ""}
    held = overrides_for([gate, cut(1, batch="x")], **tube)
    assert [override.target for override in held] == ["CD3", "A"]


SCALES = {"CD3": Logicle(262144, 0.5), "CD56": Logicle(262144, 0.5), "SSC-A": Linear(262144)}
_CUTS = {name: Boundary(name, name, 0.5) for name in ("CD3", "CD56")}
SIDES = {"T": "CD3+", "NK": "CD3- CD56+", "NKT_like": "CD56+"}
PLACED = PlacedGates(
    gates=tuple(
        PlacedGate(
            name,
            "T" if name == "NKT_like" else "",
            between_boundaries(parse_sides(sides), _CUTS),
            sides=parse_sides(sides),
        )
        for name, sides in SIDES.items()
    ),
    boundaries=_CUTS,
    dropped={"B": "the panel has no CD19"},
)
COLUMNS = {
    name: np.linspace(0, 1, 1001).astype(np.float32)[order]
    for name, order in (("CD3", np.arange(1001)), ("CD56", np.arange(1001)[::-1]))
} | {"SSC-A": np.zeros(1001, dtype=np.float32)}


def test_all_gates_on_a_threshold_follow_it() -> None:
    linear = float(SCALES["CD3"].inverse(0.4))
    moved = apply_overrides(PLACED, [cut(linear, patient="P01")], SCALES)
    assert moved.gate_of("T").gate.ranges["CD3"].low == pytest.approx(0.4, abs=1e-9)
    assert moved.gate_of("NK").gate.ranges["CD3"].high == pytest.approx(0.4, abs=1e-9)
    assert moved.gate_of("NK").gate.ranges["CD56"].low == 0.5
    assert [moved.gate_of(name).source for name in SIDES] == ["override", "override", "data"]
    assert apply_gates(moved, COLUMNS).count("T") == 601


def test_a_shift_moves_from_where_the_data_put_it() -> None:
    shift = Override("move", **SAID, batch="x", population="NK", shift={"CD56": 0.1})
    moved = apply_overrides(PLACED, [shift], SCALES)
    assert moved.gate_of("NK").gate.ranges["CD56"].low == pytest.approx(0.6)
    assert moved.gate_of("NK").gate.ranges["CD3"].high == 0.5
    assert moved.gate_of("T") == PLACED.gate_of("T")
    by = Override("move", **SAID, batch="x", threshold="CD56", shift={"CD56": -0.1})
    assert apply_overrides(PLACED, [by], SCALES).gate_of("NKT_like").gate.ranges["CD56"].low == 0.4


def test_linear_geometry_is_mapped_through_the_tubes_scale() -> None:
    override = Override("replace", **SAID, batch="x", population="NK", gate=SQUARE)
    for scales in (SCALES, {**SCALES, "CD56": Logicle(1e6, 1.0)}):
        found = apply_overrides(PLACED, [override], scales).gate_of("NK").gate
        linear = [float(scales["CD56"].inverse(y)) for _, y in found.vertices]
        assert linear == pytest.approx([y for _, y in SQUARE.vertices])


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ({"population": "B", "gate": SQUARE}, "the panel has no CD19"),
        ({"population": "X", "gate": SQUARE}, "not gated"),
        ({"population": "T", "gate": RectangleGate({"CD8": Range(low=1.0)})}, "no CD8"),
        ({"threshold": "CD19", "value": 1.0}, "no gate of the tube stands on it"),
    ],
)
def test_what_a_tube_cannot_do_is_flagged_and_nothing_moves(target: dict, told: str) -> None:
    moved = apply_overrides(PLACED, [Override("pin", **SAID, batch="x", **target)], SCALES)
    assert told in moved.flags[-1]
    assert moved.gates == PLACED.gates


def test_a_shift_along_a_dimension_that_the_gate_lacks_is_flagged() -> None:
    for target in ({"population": "T"}, {"threshold": "CD3"}):
        override = Override("move", **SAID, batch="x", **target, shift={"CD56": 0.1})
        assert "cannot be applied" in apply_overrides(PLACED, [override], SCALES).flags[-1]


def test_an_override_without_its_geometry_cannot_be_made() -> None:
    with pytest.raises(StrategyError, match="needs a gate"):
        Override("replace", **SAID, file="a.fcs", population="T", value=3.0)
    with pytest.raises(StrategyError, match="one of file, patient, batch"):
        Override("replace", **SAID, population="T", gate=SQUARE)


def test_facts_are_what_the_file_says(tmp_path: Path) -> None:
    path = write_overrides(tmp_path / "o.json", EACH)
    assert json.loads(path.read_text())["overrides"] == [override.facts() for override in EACH]


def test_an_override_survives_runs_and_gates_just_its_own_tubes_again(
    small_study: Path, small_results: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(small_results, out)
    study, before = read_study(small_study), load_results(out)
    file = study.samples[0].file
    told = [
        Override("move", **SAID, file=file, population="T", shift={"CD3": 0.2}),
        Override("replace", **SAID, patient="nobody else", threshold="CD3", value=500.0),
    ]
    with pytest.raises(StudyError, match=r"overrides\[2\].patient: no tube has the patient"):
        run_study(study, out, overrides=told)
    records = {path.name for path in (out / "records").iterdir()}
    after = run_study(study, out, overrides=told[:1])
    assert len({path.name for path in (out / "records").glob("gate-*")} - records) == 1
    sources = after.gates.set_index(["file", "population"])["source"]
    assert sources[file, "T"] == "override"
    assert (sources.drop((file, "T")) != "override").all()
    both = [r.populations.set_index(["file", "population"])["count"] for r in (before, after)]
    changed = set(both[0].index[(both[0] != both[1]).fillna(False)])
    below = {"T", "CD4_T", "CD8_T", "DN_T", "NKT_like"}
    assert (file, "T") in changed
    assert {population for _, population in changed} <= below
    assert {name for name, _ in changed} == {file}
    (entry,) = after.run["overrides"]
    assert entry == {**told[0].facts(), "files": [file]}
    assert "dim lot" in (out / "audit.jsonl").read_text("utf-8")
    assert run_study(study, out).resumed
    assert regate(study, after, file).count("T") == both[1][file, "T"]
    dropped = run_study(study, out, overrides=())
    assert dropped.run["overrides"] == []
    pd.testing.assert_frame_equal(dropped.populations, before.populations)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"file": "x.fcs", "population": "T"}, "file: no tube has the file 'x.fcs'"),
        ({"batch": "lot 9", "population": "T"}, "batch: no tube has the batch 'lot 9'"),
        ({"patient": "P01", "panel": "x", "population": "T"}, "panel: there is no panel 'x'"),
        ({"patient": "P01", "population": "Tt"}, "population: the strategy has no population 'Tt'"),
        ({"patient": "P01", "threshold": "CDX"}, "threshold: the strategy has no threshold 'CDX'"),
    ],
)
def test_an_entry_that_meets_nothing_stops_the_study(
    small_study: Path, tmp_path: Path, entry: dict, told: str
) -> None:
    shift = Override("move", **SAID, **entry, shift={"CD3": 0.1})
    with pytest.raises(StudyError) as error:
        run_study(read_study(small_study), tmp_path / "out", overrides=[shift])
    assert f"overrides, column overrides[1].{told}" in str(error.value)
    assert not (tmp_path / "out" / "populations.csv").exists()


def test_the_report_and_the_command_line_tell_of_overrides(
    small_study: Path, small_results: Path, tmp_path: Path
) -> None:
    from typer.testing import CliRunner

    from immunerecon.cli import app

    out, file = tmp_path / "out", read_study(small_study).samples[0].file
    shutil.copytree(small_results, out)
    told = Override(
        "move",
        **{**SAID, "why": "<dim>"},
        file=file,
        population="NK_CD56bright",
        shift={"CD56": 0.01},
    )
    path = write_overrides(tmp_path / "mine.yaml", [told])
    run = ["run", str(small_study), "--out", str(out), "--overrides"]
    assert CliRunner().invoke(app, [*run, str(path)]).exit_code == 0
    page = (out / "report.html").read_text("utf-8")
    assert "Gates that a person moved" in page
    assert "&lt;dim&gt;" in page
    write_overrides(path, [replace(told, file="nowhere.fcs")])
    refused = CliRunner().invoke(app, [*run, str(path)])
    assert refused.exit_code == 2
    assert "overrides[1].file: no tube has the file 'nowhere.fcs'" in refused.output
    assert CliRunner().invoke(app, [*run, "missing.yaml"]).exit_code == 2
