"""The real FlowKit and this package find the same events, in either direction."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from immunerecon.cytometry.fcs import read_fcs
from immunerecon.cytometry.spillover import spillover_from_keyword
from immunerecon.gating.engine import gate_tube
from immunerecon.gating.exchange.gating_document import gate_all_events
from immunerecon.gating.geometry.dimensions import FILE, Events, spectrum_of
from immunerecon.gating.placed_gates import PlacedGates, apply_gates
from immunerecon.gating.strategy_file import load_strategy
from immunerecon.interop import GatedEvents, flowkit as interop
from immunerecon.study.folder import Study

flowkit = pytest.importorskip("flowkit")


@pytest.fixture(scope="module")
def by_gates(lineage: GatedEvents) -> GatedEvents:
    """The tube with every population counted by gates, as one that stands alone is."""
    gated = gate_tube(
        lineage.compensated,
        load_strategy("lineage"),
        markers=lineage.markers,
        scales=lineage.scales,
    )
    assert {gate.source for gate in gated.gates} == {"data"}
    return replace(lineage, gated=gated)


def test_a_sample_gives_the_tube_that_our_reader_gives(study: Study) -> None:
    path = study.folder / "fcs/P01/P01_day028_lineage.fcs"
    ours, tube = read_fcs(path), interop.from_sample(flowkit.Sample(path))
    # FlowKit multiplies by the time step in double precision.
    for channel in ours.channels:
        off = 2e-7 if channel.is_time else 0
        np.testing.assert_allclose(tube.values(channel.name), ours.values(channel.name), rtol=off)
    assert [(c.name, c.label) for c in tube.channels] == [(c.name, c.label) for c in ours.channels]
    assert tube.keywords == ours.keywords
    assert tube.flags == ()


def test_a_sample_left_as_stored_says_so(study: Study) -> None:
    path = study.folder / "fcs/P01/P01_day028_lineage.fcs"
    tube = interop.from_sample(flowkit.Sample(path, preprocess=False))
    assert tube.flags[0].startswith("FlowKit was told to leave the events as stored")


def test_our_gates_find_the_same_events_there(by_gates: GatedEvents) -> None:
    session = interop.to_session(by_gates, "day 28")
    for gate in by_gates.gated.gates:
        theirs = session.get_gate_membership("day 28", gate.population)
        np.testing.assert_array_equal(
            theirs, by_gates.members(gate.population), err_msg=gate.population
        )
    assert len(by_gates.gated.gates) > 10


def test_gates_placed_by_a_group_hold_the_same_events_there(lineage: GatedEvents) -> None:
    assert "borrowed" in {gate.source for gate in lineage.gated.gates}
    outlined = apply_gates(PlacedGates(lineage.gated.gates), lineage.gated.columns)
    session = interop.to_session(lineage)
    for gate in lineage.gated.gates:
        theirs = session.get_gate_membership(str(lineage.facts["file"]), gate.population)
        np.testing.assert_array_equal(
            np.flatnonzero(theirs), outlined.members[gate.population], err_msg=gate.population
        )


def test_its_gates_find_the_same_events_here(by_gates: GatedEvents) -> None:
    session = interop.to_session(by_gates, "day 28")
    document = interop.gates_of(session, "day 28").whole()
    tube = interop.from_session(session)["day 28"]
    np.testing.assert_array_equal(tube.events, by_gates.raw.events)
    events = Events(tube, document.dimensions, document.matrices)
    ours = gate_all_events(document, events)
    assert set(ours) == set(by_gates.gated.members)
    for population, inside in ours.items():
        theirs = session.get_gate_membership("day 28", population)
        np.testing.assert_array_equal(inside, theirs, err_msg=population)


@pytest.mark.real_data
def test_a_session_with_gates_of_every_kind(real_data: Path) -> None:
    folder = real_data / "gate_reference" / "gatingml2"
    session = flowkit.Session(
        flowkit.parse_gating_xml(str(folder / "gml" / "gml_all_gates.xml")),
        [flowkit.Sample(folder / "data1.fcs", sample_id="data1")],
    )
    session.analyze_samples()
    document = interop.gates_of(session, "data1")
    tube = interop.from_session(session)["data1"]
    matrix = spillover_from_keyword(tube)
    matrices = {FILE: spectrum_of(matrix)} if matrix else {}
    events = Events(tube, document.dimensions, {**matrices, **document.matrices})
    ours = gate_all_events(document, events)
    assert not document.refused
    # A quadrant gate is no population of its own in Gating-ML, its quadrants are.
    left_out = {name for name, _ in session.get_gate_ids()} - set(ours)
    assert {type(session.get_gate(name)).__name__ for name in left_out} == {"QuadrantGate"}
    assert len(ours) == 49
    for population, inside in ours.items():
        assert inside.sum() == session.get_gate_membership("data1", population).sum(), population
