"""Gates that other programs wrote as Gating-ML 2.0, and documents that nobody should have."""

import re
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from immunerecon.cytometry.fcs import read_fcs
from immunerecon.cytometry.tube import Channel, Tube
from immunerecon.errors import CompensationError, ImmunereconError, MarkerError, StrategyError
from immunerecon.gating.exchange.gating_document import GatingDocument, gate_all_events
from immunerecon.gating.exchange.gating_ml_import import load_gating_ml, read_gating_ml
from immunerecon.gating.geometry.dimensions import Events

NAMES = " ".join(
    f'xmlns:{prefix}="http://www.isac-net.org/std/Gating-ML/v2.0/{part}"'
    for prefix, part in (("g", "gating"), ("t", "transformations"), ("d", "datatypes"))
)


def document(*parts: str) -> bytes:
    return f"<g:Gating-ML {NAMES}>{''.join(parts)}</g:Gating-ML>".encode()


def axis(channel: str, told: str = "", comp: str = "uncompensated") -> str:
    return (
        f'<g:dimension g:compensation-ref="{comp}" {told}>'
        f'<d:fcs-dimension d:name="{channel}"/></g:dimension>'
    )


def box(name: str, channel: str = "A", told: str = 'g:min="5"', parent: str = "") -> str:
    within = f'g:parent_id="{parent}"' if parent else ""
    return f'<g:RectangleGate g:id="{name}" {within}>{axis(channel, told)}</g:RectangleGate>'


def polygon(name: str, *points: tuple[float, float]) -> str:
    corners = "".join(
        "<g:vertex>"
        + "".join(f'<g:coordinate d:value="{value}"/>' for value in point)
        + "</g:vertex>"
        for point in points
    )
    return f'<g:PolygonGate g:id="{name}">{axis("A")}{axis("B")}{corners}</g:PolygonGate>'


def boolean(name: str, operation: str, *references: str) -> str:
    told = "".join(f'<g:gateReference g:ref="{reference}"/>' for reference in references)
    return f'<g:BooleanGate g:id="{name}"><g:{operation}>{told}</g:{operation}></g:BooleanGate>'


ELLIPSE = f"""<g:EllipsoidGate g:id="Ellipse">{axis("A")}{axis("B")}
  <g:mean><g:coordinate d:value="3"/><g:coordinate d:value="4"/></g:mean>
  <g:covarianceMatrix><g:row><g:entry d:value="4"/><g:entry d:value="1"/></g:row>
    <g:row><g:entry d:value="1"/><g:entry d:value="9"/></g:row></g:covarianceMatrix>
  <g:distanceSquare d:value="1"/></g:EllipsoidGate>"""
QUADRANTS = """<g:QuadrantGate g:id="Q">
  <g:divider g:id="a" g:compensation-ref="uncompensated">
    <d:fcs-dimension d:name="A"/><g:value>5</g:value></g:divider>
  <g:Quadrant g:id="A-"><g:position g:divider_ref="a" g:location="1"/></g:Quadrant>
  <g:Quadrant g:id="A+"><g:position g:divider_ref="a" g:location="9"/></g:Quadrant>
</g:QuadrantGate>"""
SCALES = """<t:transformation t:id="logicle">
    <t:logicle t:T="1000" t:W="0.5" t:M="4.5" t:A="0"/></t:transformation>
  <t:transformation t:id="ratio"><t:fratio t:A="1" t:B="0" t:C="-1">
    <d:fcs-dimension d:name="A"/><d:fcs-dimension d:name="B"/></t:fratio></t:transformation>
  <t:spectrumMatrix t:id="spill"><t:fluorochromes><d:fcs-dimension d:name="FITC"/>
    <d:fcs-dimension d:name="PE"/></t:fluorochromes><t:detectors><d:fcs-dimension d:name="A"/>
    <d:fcs-dimension d:name="B"/></t:detectors>
    <t:spectrum><t:coefficient t:value="1"/><t:coefficient t:value="0.2"/></t:spectrum>
    <t:spectrum><t:coefficient t:value="0.1"/><t:coefficient t:value="1"/></t:spectrum>
  </t:spectrumMatrix>"""
SCALED = (
    '<g:RectangleGate g:id="Scaled">'
    + axis("FITC", 'g:transformation-ref="logicle" g:min="0.2"', "spill")
    + '<g:dimension g:compensation-ref="uncompensated" g:max="2"><d:new-dimension '
    'd:transformation-ref="ratio"/></g:dimension></g:RectangleGate>'
)
SPLINE = '<t:transformation t:id="s"><t:spline/></t:transformation>'
EVERYTHING = document(
    box("Range"),
    polygon("Polygon", (0, 0), (9, 0), (0, 9)),
    ELLIPSE,
    QUADRANTS,
    SCALES,
    SCALED,
    boolean("Either", "or", "Range", "Ellipse"),
)


def events_of(found: GatingDocument, **columns: list[float]) -> Events:
    channels = tuple(Channel(name, "", 1024) for name in columns)
    values = np.array(list(columns.values()), dtype=np.float32).T
    return Events(Tube(values, channels), found.dimensions, found.matrices)


def refusal(content: bytes) -> str:
    with pytest.raises(StrategyError) as error:
        read_gating_ml(content, "gates.xml").whole()
    assert str(error.value).startswith("gates.xml")
    return str(error.value)


@pytest.mark.real_data
def test_all_reference_gates_agree_event_by_event(real_data: Path) -> None:
    folder = real_data / "gate_reference" / "gatingml2"
    truth = pd.read_csv(folder / "truth_membership.csv").astype(bool)
    counts = pd.read_csv(folder / "truth_counts.csv").set_index("gate")["count"]
    # This one gate is called otherwise in its document.
    truth = truth.rename(columns={"ParQuadRect": "ParRectangle1"})
    counts = counts.rename({"ParQuadRect": "ParRectangle1"})
    tube = read_fcs(folder / "data1.fcs")
    compared = set()
    for path in sorted((folder / "gml").glob("*.xml")):
        found = load_gating_ml(path).whole()
        members = gate_all_events(found, Events(tube, found.dimensions, found.matrices))
        for name in members.keys() & set(truth):
            np.testing.assert_array_equal(members[name], truth[name], err_msg=name)
            assert members[name].sum() == counts[name]
            compared.add(name)
    assert len(compared) == 51


def test_each_kind_of_gate_holds_what_the_standard_says() -> None:
    found = read_gating_ml(EVERYTHING).whole()
    members = gate_all_events(found, events_of(found, A=[5, 4.99, 3, 90], B=[1, 1, 4, 1]))
    told = {name: held.tolist() for name, held in members.items()}
    assert told["Range"] == [True, False, False, True]
    assert told["Polygon"] == [True, True, True, False]
    assert told["Ellipse"] == [False, False, True, False]
    assert told["A+"] == [True, False, False, True]
    assert told["A-"] == [False, True, True, False]
    assert told["Either"] == [True, False, True, True]
    # 0.2 on this scale is 1.8: FITC is A less its share of B; A / (B + 1) is below 2 in one.
    assert told["Scaled"] == [False, False, True, False]
    assert found.flags == ()


def test_gates_may_stand_before_what_they_need() -> None:
    content = document(
        box("Child", "B", parent="Parent"), boolean("No", "not", "Child"), box("Parent")
    )
    found = read_gating_ml(content).whole()
    assert [gate.population for gate in found.gates] == ["Parent", "Child", "No"]
    members = gate_all_events(found, events_of(found, A=[6, 1], B=[6, 6]))
    assert members["Child"].tolist() == [True, False]
    assert members["No"].tolist() == [False, True]


@pytest.mark.malformed(72)
def test_entities_are_refused() -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>' + EVERYTHING
    assert "entity" in refusal(bomb)
    outside = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + EVERYTHING
    assert "entity" in refusal(outside)


@pytest.mark.malformed(73)
def test_circles_are_refused() -> None:
    parents = refusal(document(box("A", parent="B"), box("B", parent="A")))
    assert "'A' needs 'B' needs 'A'" in parents
    assert "circle" in refusal(document(boolean("A", "and", "B"), boolean("B", "not", "A")))
    assert "circle" in refusal(document(box("A", parent="A")))


@pytest.mark.malformed(74)
def test_polygons_need_three_corners_and_may_cross_with_a_flag() -> None:
    assert "2 vertices" in refusal(document(polygon("P", (0, 0), (1, 1))))
    bow = read_gating_ml(document(polygon("Bow", (0, 0), (9, 9), (9, 0), (0, 9)))).whole()
    assert "'Bow' crosses itself" in bow.flags[0]
    members = gate_all_events(bow, events_of(bow, A=[8, 4.5], B=[4, 1]))
    assert members["Bow"].tolist() == [True, False]


@pytest.mark.malformed(75)
@pytest.mark.parametrize(
    ("parts", "told"),
    [
        (['<g:StarGate g:id="S"/>'], "'S' is an unknown StarGate"),
        ([SPLINE, box("B", told='g:transformation-ref="s"')], "'s', which is spline"),
        ([box("B", told='g:transformation-ref="nowhere"')], "'nowhere'"),
        ([box("B", told='g:min="1_0"')], "'1_0' as min"),
        ([box("B", told='g:max="INF"')], "'INF' as max"),
        ([box("B", parent="nobody")], "'nobody', which is not there"),
        ([boolean("N", "not", "A", "B"), box("A"), box("B")], "2 references"),
        ([boolean("N", "xor", "A", "B"), box("A"), box("B")], "unknown 'xor'"),
        (['<g:RectangleGate g:id="R">' + axis("X", comp="m") + "</g:RectangleGate>"], "matrix 'm'"),
        (['<g:BooleanGate g:id="R"><g:and/></g:BooleanGate>'], "0 references"),
        ([ELLIPSE.replace('d:value="9"', 'd:value="0.25"')], "cannot be inverted"),
        ([box("A"), box("A")], "stands twice"),
        ([box("A").replace("g:id", 'eventsInside="0" g:id', 1)], "inside out"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_over_is_refused_by_name(parts: list[str], told: str) -> None:
    assert told in refusal(document(*parts))


def test_the_rest_of_a_document_is_there_with_the_reason_for_what_is_not() -> None:
    found = read_gating_ml(
        document(box("Good"), '<g:StarGate g:id="S"/>', box("Child", parent="S"))
    )
    assert [gate.population for gate in found.gates] == ["Good"]
    assert set(found.refused) == {"S", "Child"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"FCS3.1",
        b"\x00\x01",
        b"<a>",
        b"<html/>",
        b'<?xml version="1.0" encoding="no-such"?><a/>',
        b"<a>" * 100_000,
        document("<x>" * 60 + "</x>" * 60),
        document(*["<x/>"] * 600_000),
        b'<?xml version="1.0" encoding="utf-16"?><a/>',
    ],
    ids=lambda content: content[:20],
)
def test_what_is_no_gating_ml_is_refused(content: bytes) -> None:
    refusal(content)


def test_other_programs_own_elements_are_passed_over() -> None:
    content = document(
        "<d:custom-info><g:StarGate/></d:custom-info>", f"<sample>{box('Inside')}</sample>"
    )
    assert [g.population for g in read_gating_ml(content).whole().gates] == ["Inside"]


def test_a_missing_compensation_is_guessed_with_a_flag() -> None:
    bare = axis("Comp-A", 'g:min="1"').replace('g:compensation-ref="uncompensated"', "")
    found = read_gating_ml(document(f'<g:RectangleGate g:id="R">{bare}</g:RectangleGate>'))
    assert found.dimensions["A"].compensation == "FCS"
    assert "compensation-ref" in found.flags[0]


def test_a_tube_without_the_channel_is_refused_by_name() -> None:
    found = read_gating_ml(EVERYTHING)
    with pytest.raises(MarkerError, match="'A'"):
        gate_all_events(found, events_of(found, B=[1.0], C=[1.0]))
    other = read_gating_ml(document(SCALES, SCALED))
    with pytest.raises(CompensationError, match="'spill'"):
        gate_all_events(other, Events(events_of(other, A=[1.0], B=[1.0]).tube, other.dimensions))


def test_one_channel_on_two_scales_is_two_dimensions() -> None:
    found = read_gating_ml(
        document(SCALES, box("Linear"), box("Logicle", told='g:transformation-ref="logicle"'))
    ).whole()
    assert list(found.dimensions) == ["A", "A (logicle, uncompensated)"]


PIECES = re.findall(rb'<[^>]*>|"[^"]*"|[^<"]+', EVERYTHING)


@given(
    places=st.lists(st.integers(0, len(PIECES) - 1), min_size=1, max_size=4),
    pieces=st.lists(
        st.one_of(
            st.sampled_from(PIECES),
            st.binary(max_size=8),
            st.sampled_from([b"", b'"1e308"', b'"-1e308"', b'"nan"', b'"0"', b'"1e-320"']),
        ),
        min_size=4,
        max_size=4,
    ),
)
@settings(max_examples=200, deadline=None)
def test_no_document_ends_in_another_error(places: list[int], pieces: list[bytes]) -> None:
    changed = list(PIECES)
    for place, piece in zip(places, pieces, strict=False):
        changed[place] = piece
    changed_document(b"".join(changed))


@given(st.binary(max_size=200), st.integers(0, len(EVERYTHING)), st.integers(0, 40))
@settings(max_examples=150, deadline=None)
def test_no_bytes_end_in_another_error(noise: bytes, place: int, cut: int) -> None:
    changed_document(EVERYTHING[:place] + noise + EVERYTHING[place + cut :])


@pytest.mark.parametrize("value", ["1e308", "-1e308", "1e-308", "0", "4.5", "1e15"])
@pytest.mark.parametrize("attribute", ["t:T", "t:W", "t:M", "t:A", "g:min", "d:value"])
def test_extreme_numbers_end_in_no_other_error(attribute: str, value: str) -> None:
    changed_document(
        re.sub(f'{attribute}="[^"]*"', f'{attribute}="{value}"', EVERYTHING.decode()).encode()
    )


@pytest.mark.parametrize(
    "content",
    [
        document("<x>" * 60 + "</x>" * 60),
        document(*["<x/>"] * 150_000),
        document(*(box(f"G{number}") for number in range(3000))),
        document(polygon("P", *((n, n * n) for n in range(20_000)))),
        document(box("A", told='g:min="' + "9" * 5_000_000 + '"')),
        document(f"<x>{'&amp;' * 2_000_000}</x>"),
    ],
    ids=["deep", "many elements", "many gates", "many corners", "long number", "long text"],
)
def test_no_document_takes_more_memory_than_four_times_its_size(content: bytes) -> None:
    tracemalloc.start()
    try:
        read_gating_ml(content)
    except ImmunereconError:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak <= 4 * len(content) + 64_000_000


def changed_document(content: bytes) -> None:
    tracemalloc.start()
    try:
        check_answer(content)
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak <= 4 * len(content) + 64_000_000


def check_answer(content: bytes) -> None:
    """Fail on any error but the package's own."""
    try:
        found = read_gating_ml(content)
        events = events_of(found, A=[0.0, 1.0, -1e30, np.inf], B=[0.0, -1.0, 1e30, np.nan])
        members = gate_all_events(found, events)
    except ImmunereconError:
        return
    assert set(members) == {gate.population for gate in found.gates}
    assert all(held.shape == (4,) for held in members.values())
