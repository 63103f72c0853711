"""A strategy on one tube: counts known beforehand, markers that are missing."""

import numpy as np
import pytest

from immunerecon.cytometry.tube import Channel, Tube
from immunerecon.errors import MarkerError
from immunerecon.gating.boundaries import Boundary
from immunerecon.gating.engine import gate_tube
from immunerecon.gating.placement import Placement
from immunerecon.gating.strategy_file import load_strategy

_NEGATIVE = 0.15
_LOOKS = {
    # population: events, SSC, and the bright markers
    "CD4": (1500, 0.06, {"CD3": 0.6, "CD4": 0.65, "CD45": 0.75}),
    "CD8": (800, 0.06, {"CD3": 0.6, "CD8": 0.7, "CD45": 0.75}),
    "B": (300, 0.06, {"CD19": 0.6, "CD45": 0.75}),
    "NK": (400, 0.07, {"CD56": 0.55, "CD16": 0.6, "CD45": 0.75}),
    "Mono": (500, 0.17, {"CD45": 0.7, "CD4": 0.35}),
    "Gran": (3000, 0.5, {"CD45": 0.68, "CD16": 0.7}),
}
_MARKERS = ("CD45", "CD3", "CD4", "CD8", "CD19", "CD56", "CD16")


class _Log:
    """Five decades over the display."""

    def apply(self, values):
        return (np.log10(np.maximum(values, 1e-3)) / 5).astype(np.float32)

    def inverse(self, display):
        return np.float32(10) ** (5 * np.asarray(display, dtype=np.float32))


class _Linear(_Log):
    """Scatter on the display as it is."""

    def apply(self, values):
        return np.asarray(values, dtype=np.float32)

    inverse = apply


def _tube(seed=0, markers=_MARKERS):
    rng = np.random.default_rng(seed)
    rows = []
    for n, ssc, bright in _LOOKS.values():
        means = [0.3, ssc, *(bright.get(marker, _NEGATIVE) for marker in markers)]
        spreads = [0.03, 0.1 * ssc, *(0.025 for _ in markers)]
        rows.append(rng.normal(means, spreads, (n, len(means))))
    events = np.asfortranarray(np.concatenate(rows), dtype=np.float32)
    events[:, 2:] = _Log().inverse(events[:, 2:])
    return Tube(events, tuple(Channel(name, "", 1.0) for name in ("FSC-A", "SSC-A", *markers)))


def _gate(tube, **more):
    names = {channel.name: channel.name for channel in tube.channels}
    scales = {name: _Linear() if "SC-" in name else _Log() for name in names}
    return gate_tube(tube, load_strategy("lineage"), markers=names, scales=scales, **more)


def test_well_parted_populations_are_counted_within_two_percent():
    gated = _gate(_tube())
    expected = {"CD4_T": 1500, "CD8_T": 800, "B": 300, "NK": 400, "Granulocytes": 3000, "T": 2300}
    for population, count in expected.items():
        assert gated.count(population) == pytest.approx(count, rel=0.02), population


def test_events_of_a_population_lie_in_its_parent():
    gated = _gate(_tube())
    for gate in gated.gates:
        if gate.parent:
            assert set(gated.members[gate.population]) <= set(gated.members[gate.parent])


def test_a_panel_without_cd16_and_cd4_drops_what_needs_them_and_says_so():
    gated = _gate(_tube(markers=("CD45", "CD3", "CD8", "CD19", "CD56")))
    assert "CD4" in gated.dropped["CD4_T"]
    assert gated.count("NK") == pytest.approx(400, rel=0.02)


def test_a_tube_without_the_required_marker_fails_by_name():
    with pytest.raises(MarkerError, match="CD3"):
        _gate(_tube(markers=("CD45", "CD19")))


def test_boundaries_of_one_marker_keep_their_order_when_borrowed_ones_do_not():
    upper, lower = Boundary("SSC-A", "SSC-A", 0.3), Boundary("monocyte SSC", "SSC-A", 0.2)
    placement = Placement({"SSC-A": upper, "monocyte SSC": lower})
    gated = _gate(_tube(), placement=placement)
    # Nothing can lie between, which is no count of 0; what lies beyond begins where they meet.
    assert "SSC-A and monocyte SSC" in gated.dropped["Monocytes"]
    granulocytes = gated.gate_of("Granulocytes")
    assert granulocytes.gate.ranges["SSC-A"].low == pytest.approx(0.3)
    assert granulocytes.confidence == 0


def test_an_empty_tube_is_gated_to_nothing():
    gated = _gate(_tube().select(np.zeros(6500, dtype=bool)))
    assert all(gated.count(population) == 0 for population in gated.members)


def test_the_same_tube_gives_the_same_bits():
    first, second = _gate(_tube()), _gate(_tube())
    assert first.gates == second.gates
