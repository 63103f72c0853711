"""Another program that reads our Gating-ML with the same file finds the same events."""

import re
import shutil
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

from immunerecon.cytometry.compensation import Spillover, compensate
from immunerecon.cytometry.quality import Cleaning, clean
from immunerecon.cytometry.transforms import Logicle
from immunerecon.cytometry.tube import Channel, Tube
from immunerecon.gating.exchange.cleaning_gates import cleaning_gates
from immunerecon.gating.exchange.gating_document import GatingDocument, gate_all_events
from immunerecon.gating.exchange.gating_ml import gating_ml
from immunerecon.gating.exchange.gating_ml_import import read_gating_ml
from immunerecon.gating.exchange.xml_names import decode_name, encode_name
from immunerecon.gating.gated_tube import PlacedGate
from immunerecon.gating.geometry.dimensions import (
    Dimension,
    Events,
    Ratio,
    SpectrumMatrix,
    spectrum_of,
)
from immunerecon.gating.geometry.exact_scale import ExactScale, exact_of
from immunerecon.gating.geometry.gate_kinds import BooleanGate, EllipsoidGate, Reference
from immunerecon.gating.geometry.gates import PolygonGate, Range, RectangleGate
from immunerecon.gating.overrides.override import Override
from immunerecon.gating.placed_gates import PlacedGates, apply_gates
from immunerecon.pipeline.results import Results, load_results
from immunerecon.pipeline.run import run_study
from immunerecon.study.folder import read_study


def compare_with_flowkit(study: Path, results: Results, files: Iterable[str]) -> int:
    """Compare FlowKit's counts, of the exported gates on the same file, with the tables."""
    flowkit = pytest.importorskip("flowkit")
    counts = results.populations.set_index(["file", "population"])["gate_count"].dropna()
    clean = results.samples.set_index("file")["n_events_clean"]
    compared = 0
    for file in files:
        name = Path(file).with_suffix("").as_posix().replace("/", "__")
        gates = flowkit.parse_gating_xml(str(results.folder / "gating-ml" / f"{name}.xml"))
        theirs = gates.gate_sample(flowkit.Sample(str(study / file)))
        for population, count in counts[file].items():
            found = theirs.get_gate_count(encode_name(population))
            assert found == count, (file, population)
            compared += 1
        if ("Clean", ("root",)) in gates.get_gate_ids():
            assert theirs.get_gate_count("Clean") == clean[file]
    return compared


def test_flowkit_finds_the_count_of_every_exported_gate(
    small_study: Path, small_results: Path
) -> None:
    results = load_results(small_results)
    files = results.samples.loc[results.samples["n_events_clean"].notna(), "file"]
    assert {"lineage", "donor_nk"} <= set(results.samples["panel"])
    assert compare_with_flowkit(small_study, results, files) > 200
    told = results.populations.merge(results.gates, on=["file", "population"])
    other = told[told["gate_count"] != told["count"]]
    assert set(other["source"]) <= {"model"}


def test_flowkit_finds_the_events_of_a_gate_that_a_person_moved(
    small_study: Path, small_results: Path, tmp_path: Path
) -> None:
    shutil.copytree(small_results, tmp_path / "out")
    study = read_study(small_study)
    file = next(sample.file for sample in study.samples if "day007_lineage" in sample.file)
    said = {"who": "AB", "when": "2026-11-25", "why": "test", "file": file}
    square = ((50.0, 300.0), (900.0, 250.0), (800.0, 1e5), (-300.0, 1e5))
    moved = run_study(
        study,
        tmp_path / "out",
        overrides=[
            Override("move", **said, threshold="CD19", shift={"CD19": 0.03}),
            Override("replace", **said, population="NK", gate=PolygonGate(("CD3", "CD56"), square)),
        ],
    )
    gates = moved.gates[moved.gates["file"] == file].set_index("population")
    assert gates.loc["NK", "source"] == "override"
    counts = moved.populations[moved.populations["file"] == file].set_index("population")
    assert counts.loc["NK", "count"] == counts.loc["NK", "gate_count"]
    assert compare_with_flowkit(small_study, moved, [file]) > 10


def test_events_that_were_left_out_are_left_out_by_gates_too(tmp_path: Path) -> None:
    flowkit = pytest.importorskip("flowkit")
    rng = np.random.default_rng(5)
    events = rng.lognormal(6, 0.4, (30_000, 4)).astype(np.float32)
    events[:, 3] = np.sort(rng.integers(0, 60_000, 30_000)).astype(np.float32) / 100
    events[7_000:9_000, 2] *= 5  # a bubble
    events[20_000:24_000, 1] *= 4  # and another one
    events[::500, 0] = 0  # without forward scatter
    channels = tuple(Channel(name, "", 262144) for name in ("FSC-A", "SSC-A", "CD3", "Time"))
    tube = Tube(events, channels)
    cleaning = clean(tube)
    assert min(cleaning.n_margin, cleaning.n_time) > 0
    found = cleaning_gates(tube, cleaning)
    assert found.remark == ""
    assert len(found.parts) == 3
    bright = PlacedGate("Clean", "", RectangleGate({"CD3": Range(low=400.0)}))
    dimensions = {**found.dimensions, "CD3": Dimension("CD3")}
    document = tmp_path / "gates.xml"
    document.write_bytes(gating_ml(found.above([bright]), dimensions=dimensions, matrices={}))
    labels = [channel.name for channel in channels]
    sample = flowkit.Sample(events.astype(float), sample_id="t", channel_labels=labels)
    theirs = flowkit.parse_gating_xml(str(document)).gate_sample(sample)
    np.testing.assert_array_equal(theirs.get_gate_membership("Clean_"), cleaning.kept)
    expected = cleaning.kept & (events[:, 2] >= 400)
    np.testing.assert_array_equal(theirs.get_gate_membership("Clean"), expected)


def test_what_no_gate_can_leave_out_is_told() -> None:
    events = np.ones((1000, 2), dtype=np.float32)
    tube = Tube(events, (Channel("FSC-A", "", 1024), Channel("CD3", "", 1024)))
    kept = np.arange(1000) < 600
    found = cleaning_gates(tube, Cleaning(kept, 0, 0, 400, ()))
    assert found.clean is None
    assert "400 events" in found.remark
    xml = gating_ml((), dimensions={}, matrices={}, remark=found.remark)
    assert b"400 events" in xml


def test_events_at_an_edge_are_placed_in_full_precision() -> None:
    rng = np.random.default_rng(6)
    names = [f"D{number}" for number in range(8)]
    matrix = np.eye(8) + 0.2 * rng.random((8, 8)) * (1 - np.eye(8))
    dyes = np.where(rng.random((100_000, 8)) < 0.3, rng.lognormal(9, 1, (100_000, 8)), 0)
    dyes = np.clip(dyes, 0, 2e5) + rng.normal(0, 100, dyes.shape)
    tube = Tube((dyes @ matrix).astype(np.float32), tuple(Channel(n, "", 262144) for n in names))
    spillover = Spillover(tuple(names), matrix, "test")
    scale = Logicle(262144, 0.5)
    exact = Events(
        tube,
        {n: Dimension(n, "FCS", exact_of(scale)) for n in names},
        {"FCS": spectrum_of(spillover)},
    )
    quick = compensate(tube, spillover)
    columns = {name: scale.apply(quick.values(name)) for name in names}
    truth = exact.columns(names)
    gates = [
        RectangleGate({name: Range(low=float(np.quantile(columns[name], share)))})
        for name in names
        for share in np.linspace(0.05, 0.65, 12)
    ]
    gates += [
        PolygonGate((x, y), ((0.08, 0.09), (0.12, 0.1), (0.5, 0.4), (0.11, 0.5)))
        for x, y in pairwise(names)
    ]
    placed = PlacedGates(tuple(PlacedGate(str(n), "", gate) for n, gate in enumerate(gates)))
    off = {"single": 0, "full": 0}
    for precision, events in (("single", None), ("full", exact)):
        found = apply_gates(placed, columns, events)
        for number, gate in enumerate(gates):
            held = np.zeros(tube.n_events, dtype=bool)
            held[found.members[str(number)]] = True
            off[precision] += int((held != gate.contains(truth)).sum())
    assert off["single"] > 0  # else this test tells nothing
    assert off["full"] == 0


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
