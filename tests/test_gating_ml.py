"""Another program that reads our Gating-ML with the same file finds the same events."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

from immunerecon.cytometry.tube import Channel, Tube
from immunerecon.gating.dimensions import Dimension, Events, Ratio, SpectrumMatrix
from immunerecon.gating.engine import gate_tube
from immunerecon.gating.exact_scale import ExactScale
from immunerecon.gating.gate_kinds import BooleanGate, EllipsoidGate, Reference
from immunerecon.gating.gated_tube import PlacedGate
from immunerecon.gating.gates import PolygonGate, Range, RectangleGate
from immunerecon.gating.gating_document import GatingDocument, gate_all_events
from immunerecon.gating.gating_ml import gating_ml
from immunerecon.gating.gating_ml_import import read_gating_ml
from immunerecon.gating.strategy_file import load_strategy
from immunerecon.gating.xml_names import decode_name, encode_name
from immunerecon.pipeline.jobs import TubeJob, compensated, events_of, markers_of, open_tube
from immunerecon.pipeline.scales import choose_scales
from immunerecon.pipeline.survey import survey_tube


@pytest.mark.parametrize("day", ["-07", "000", "028", "090"])
def test_flowkit_finds_the_same_events(small_study: Path, tmp_path: Path, day: str) -> None:
    flowkit = pytest.importorskip("flowkit")
    path = small_study / "fcs" / "P01" / f"P01_day{day}_lineage.fcs"
    job = TubeJob(index=0, path=path, strategy=load_strategy("lineage"))
    job = replace(job, scales=choose_scales([survey_tube(job)]))
    raw = open_tube(job)
    tube = compensated(raw, job.compensation)
    markers = markers_of(tube, job)
    ours = gate_tube(tube, job.strategy, markers=markers, scales=job.scales)
    events = events_of(raw, job)
    document = tmp_path / "gates.xml"
    document.write_bytes(
        gating_ml(ours.gates, dimensions=events.dimensions, matrices=events.matrices)
    )
    theirs = flowkit.parse_gating_xml(str(document)).gate_sample(flowkit.Sample(str(path)))
    assert len(ours.gates) > 10
    for gate in ours.gates:
        mine = np.zeros(tube.n_events, dtype=bool)
        mine[ours.members[gate.population]] = True
        np.testing.assert_array_equal(
            theirs.get_gate_membership(gate.population), mine, err_msg=gate.population
        )


def test_the_outline_of_a_model_says_that_it_is_one() -> None:
    gate = PlacedGate("T", "", RectangleGate({"CD3": Range(low=0.5)}))
    scale = ExactScale("logicle", 262144, w=0.5, m=4.5)
    how = {"dimensions": {"CD3": Dimension("FITC-A", "FCS", scale)}, "matrices": {}}
    assert b"custom_info" not in gating_ml([gate], **how)
    assert b"counts of record" in gating_ml([replace(gate, source="model")], **how)


def test_the_same_gates_give_the_same_bytes(small_results: Path, small_study: Path) -> None:
    files = sorted((small_results / "gating-ml").glob("*.xml"))
    assert len(files) == len(list(small_study.glob("fcs/*/*.fcs")))
    assert all(b"Gating-ML/v2.0" in path.read_bytes() for path in files)


NAMES = st.text(min_size=1, max_size=12).filter(lambda name: name == name.strip())


@given(NAMES)
def test_every_name_is_an_identifier_and_comes_back(name: str) -> None:
    identifier = encode_name(name)
    assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", identifier)
    assert decode_name(identifier) == name


def everything() -> GatingDocument:
    """Gates of every kind, on every scale, with names that are no identifiers."""
    scales = {
        "lin": ExactScale("flin", 1024.0, a=10.0),
        "log": ExactScale("flog", 1024.0, m=4.0),
        "asinh": ExactScale("fasinh", 1024.0, m=4.0, a=1.0),
        "logicle": ExactScale("logicle", 1024.0, w=0.5, m=4.5),
        "hyperlog": ExactScale("hyperlog", 1024.0, w=0.5, m=4.5),
    }
    dimensions = {name: Dimension("A", "FCS", scale) for name, scale in scales.items()}
    dimensions |= {
        "B": Dimension("B"),
        "light": Dimension("PE", "spill 1"),
        "ratio": Dimension(Ratio(("A", "B"), 2.0, 1.0, -5.0), "uncompensated", scales["lin"]),
    }
    bounds = {name: Range(0.3, 0.8) for name in scales}
    bounds |= {"lin": Range(0.02, 0.2), "ratio": Range(high=0.012)}
    gates = [
        PlacedGate("CD3+ CD56-/x", "", RectangleGate({"lin": Range(low=0.03)})),
        PlacedGate("_x0041_", "", RectangleGate(bounds)),
        PlacedGate("8 corners", "CD3+ CD56-/x", PolygonGate(("B", "lin"), SELF_CROSSING)),
        PlacedGate("Bé", "", EllipsoidGate(("B", "asinh"), (50.0, 0.5), ((900, 1), (1, 0.1)), 2.0)),
        PlacedGate("spillover", "", RectangleGate({"light": Range(5.0, 60.0)})),
        PlacedGate("scale_lin", "CD3+ CD56-/x", None, without="8 corners"),
        PlacedGate(
            "neither",
            "",
            BooleanGate("and", (Reference("Bé", complement=True), Reference("spillover"))),
        ),
    ]
    matrices = {"spill 1": SpectrumMatrix(("FITC", "PE"), ("A", "B"), ((1.0, 0.2), (0.1, 1.0)))}
    return GatingDocument("all", tuple(gates), dimensions, matrices)


SELF_CROSSING = ((0.0, 0.0), (99.0, 0.2), (99.0, 0.0), (0.0, 0.2))


def test_an_export_comes_back_with_the_same_events() -> None:
    rng = np.random.default_rng(4)
    channels = (Channel("A", "", 1024), Channel("B", "", 1024))
    tube = Tube(rng.lognormal(3.5, 1, (5000, 2)).astype(np.float32), channels)
    first = everything()
    xml = gating_ml(first.gates, dimensions=first.dimensions, matrices=first.matrices)
    again = read_gating_ml(xml).whole()
    identifiers = re.findall(r' \w+:id="([^"]*)"', xml.decode())
    assert len(set(identifiers)) == len(identifiers)
    members, back = (
        gate_all_events(found, Events(tube, found.dimensions, found.matrices))
        for found in (first, again)
    )
    for gate in first.gates:
        name = gate.population
        np.testing.assert_array_equal(back[name], members[name], err_msg=name)
        assert 50 < members[name].sum() < 4950, name
