"""FlowJo 10 workspaces against FlowJo's own counts."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree.ElementTree import parse

import pandas as pd
import pytest

from immunerecon.cytometry.fcs import read_fcs
from immunerecon.errors import StrategyError
from immunerecon.gating.exchange.flowjo import flowjo_samples, load_flowjo, short_names
from immunerecon.gating.exchange.gating_document import gate_all_events
from immunerecon.gating.geometry.dimensions import UNCOMPENSATED, Events
from immunerecon.pipeline.run import run_study
from immunerecon.study.folder import read_study

WITHIN = 0.005  # FlowJo counts polygons on a grid of 256 bins
MOUSE = ("gated_nk_t_b/flowsom_mouse", "gating.wsp", "68983.fcs", 15)
AURORA = ("serial/cellcounts_flowjo", "CellCounts.wsp", "CellCounts4L-NY071-1.fcs", 2)
OTHER = ("serial/cellcounts_flowjo", "CellCounts.wsp", "CellCounts4L-NY072-1.fcs", 2)
ELLIPSE = (
    "gate_reference/flowjo_simple",
    "single_ellipse_51_events.wsp",
    "data_set_simple_line_100.fcs",
    1,
)


def counts_of(workspace: Path, sample: str) -> dict[str, int]:
    """Return FlowJo's own count of each population, as the workspace keeps it."""
    found: dict[tuple[str, ...], int] = {}

    def walk(element, place):
        for population in element.findall("./Subpopulations/*"):
            here = (*place, population.get("name"))
            found[here] = int(population.get("count"))
            walk(population, here)

    for node in parse(workspace).iter("SampleNode"):
        if node.get("name") == sample:
            walk(node, ())
    names = short_names(list(found))
    return {names[place]: count for place, count in found.items()}


def counted(workspace: Path, sample: str, fcs: Path, compensated: bool = True) -> dict[str, int]:
    document = load_flowjo(workspace, sample).whole()
    dimensions = document.dimensions
    if not compensated:
        dimensions = {n: replace(d, compensation=UNCOMPENSATED) for n, d in dimensions.items()}
    members = gate_all_events(document, Events(read_fcs(fcs), dimensions, document.matrices))
    return {name: int(inside.sum()) for name, inside in members.items()}


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("folder", "workspace", "sample", "gates"), [MOUSE, AURORA, OTHER, ELLIPSE]
)
def test_counts_are_flowjos(
    real_data: Path, folder: str, workspace: str, sample: str, gates: int
) -> None:
    pytest.importorskip("flowkit")
    path = real_data / folder / workspace
    theirs = counts_of(path, sample)
    ours = counted(path, sample, path.parent / sample)
    assert len(theirs) == gates
    assert ours.keys() == theirs.keys()
    for name, count in theirs.items():
        assert ours[name] == pytest.approx(count, rel=WITHIN), name


@pytest.mark.real_data
def test_a_tenth_of_a_tube_has_a_tenth_of_flowjos_counts(real_data: Path) -> None:
    pytest.importorskip("flowkit")
    folder = real_data / "gated_nk_t_b" / "saeys_mouse_tubes"
    path, sample = folder / "manualGating.wsp", "21-10-15_Tube_030.fcs"
    theirs = counts_of(path, sample)
    # The file is compensated already, a random tenth of the tube.
    ours = counted(path, sample, folder / "Saeys_30.fcs", compensated=False)
    assert ours.keys() == theirs.keys()
    for name, count in theirs.items():
        spread = (0.1 * 0.9 * count) ** 0.5
        assert abs(ours[name] - 0.1 * count) < 4 * spread + WITHIN * 0.1 * count, name


@pytest.mark.real_data
def test_gates_without_counts_hold_what_flowkit_finds(real_data: Path) -> None:
    flowkit = pytest.importorskip("flowkit")
    folder = real_data / "gate_reference" / "flowjo_simple"
    path, sample = folder / "simple_poly_and_rect.wsp", "data_set_simple_line_100.fcs"
    theirs = flowkit.Workspace(str(path), fcs_samples=str(folder / sample))
    theirs.analyze_samples(sample_id=sample, use_mp=False)
    ours = counted(path, sample, folder / sample)
    for name in ("poly1", "rect1"):
        assert ours[name] == theirs.get_gate_membership(sample, name).sum()


@pytest.mark.real_data
def test_a_workspace_without_its_files_is_read(real_data: Path) -> None:
    pytest.importorskip("flowkit")
    path = real_data / "gate_reference" / "wsp_only" / "8_color_ICS_simple.wsp"
    samples = flowjo_samples(path)
    assert len(samples) == 3
    for sample in samples:
        assert len(load_flowjo(path, sample).gates) >= 4


@pytest.mark.real_data
def test_other_workspaces_are_refused_by_name(real_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("flowkit")
    old = real_data / "gated_nk_t_b" / "a2004_flowjo9" / "A2004Analysis.xml"
    with pytest.raises(StrategyError, match=r"A2004Analysis\.xml holds a document type"):
        load_flowjo(old)


@pytest.mark.malformed(72)
@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "not valid XML"),
        (b"<Workspace/>", "no FlowJo 10 workspace"),
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "entity"),
        (b"<a>" * 1000, "nested deeper"),
    ],
)
def test_what_is_no_workspace_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    pytest.importorskip("flowkit")
    path = tmp_path / "gates.wsp"
    path.write_bytes(content)
    with pytest.raises(StrategyError, match=told):
        load_flowjo(path)


def test_without_flowkit_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "flowkit", None)
    path = tmp_path / "gates.wsp"
    path.write_bytes(b"<Workspace/>")
    with pytest.raises(StrategyError, match=r"pip install 'immunerecon\[flowjo\]'"):
        load_flowjo(path)


@pytest.mark.real_data
def test_a_workspace_is_a_panels_strategy(real_data: Path, tmp_path: Path) -> None:
    flowkit = pytest.importorskip("flowkit")
    folder, workspace, *_ = AURORA
    study, out = tmp_path / "study", tmp_path / "out"
    shutil.copytree(real_data / folder, study)
    (study / "study.yaml").write_text(f"panels: {{counts: {{strategy: {workspace}}}}}\n")
    files = [AURORA[2], OTHER[2]]
    rows = [f"{file},{patient},0,counts\n" for file, patient in zip(files, "AB", strict=True)]
    (study / "samples.csv").write_text("file,patient,day,panel\n" + "".join(rows))
    results = run_study(read_study(study), out)
    assert set(results.gates["source"]) == {"fixed"}
    counts = results.populations.set_index(["file", "population"])
    clean = results.samples.set_index("file")
    for file in files:
        gates = flowkit.parse_gating_xml(str(out / "gating-ml" / f"{Path(file).stem}.xml"))
        theirs = gates.gate_sample(flowkit.Sample(str(study / file)))
        assert theirs.get_gate_count("Margin") == counts.loc[(file, "Margin"), "gate_count"]
        assert theirs.get_gate_count("CD45_x002B_") == counts.loc[(file, "CD45+"), "gate_count"]
        assert pd.notna(clean.loc[file, "n_events_clean"])
