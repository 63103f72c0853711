"""Gates on real files, against counts that people made by hand."""

import importlib
import sys
from pathlib import Path

import pytest

from immunerecon.cytometry.compensation import compensate
from immunerecon.cytometry.fcs import read_fcs
from immunerecon.cytometry.spillover import spillover_from_keyword
from immunerecon.cytometry.transforms import logicle_width, scale_for
from immunerecon.gating.borrowing import TubeIdentity, borrow
from immunerecon.gating.engine import evidence_of, gate_tube
from immunerecon.gating.geometry.gates import RectangleGate
from immunerecon.gating.strategy_file import load_strategy
from immunerecon.study.panel import find_markers

pytestmark = pytest.mark.real_data
_STRATEGY = load_strategy("lineage")


def _gate(path, channels):
    tube = read_fcs(path)
    tube = compensate(tube, spillover_from_keyword(tube))
    found = find_markers([(channel.name, channel.label) for channel in tube.channels], channels)
    markers = {marker: found[marker] for marker in _STRATEGY.markers() if marker in found}
    scales = {}
    for marker, name in markers.items():
        channel = tube.channels[tube.index(name)]
        widths = [] if channel.is_scatter else [logicle_width(tube.values(name), channel.maximum)]
        scales[marker] = scale_for(channel, widths)
    how = {"markers": markers, "scales": scales}
    evidence = {0: evidence_of(tube, _STRATEGY, **how)}
    placed = borrow(evidence, {0: TubeIdentity("one", "lineage", "draw", -1.0, "one")})
    return gate_tube(tube, _STRATEGY, **how, placement=placed[0])


def _benchmark(name):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(Path(__file__).parents[1] / "benchmarks"), *sys.path])
        return importlib.import_module(name)


@pytest.fixture(scope="module")
def manual_gates(real_data):
    """Return our counts beside those of people, by file: the benchmark's own tables."""
    benchmark = _benchmark("real_gates")
    return {case.name: benchmark.table(case, real_data) for case in benchmark.CASES}


@pytest.mark.parametrize(
    ("name", "populations"),
    [
        (
            "mouse spleen, as they gated",
            ("B", "T", "NK", "NKT_like", "GD_T", "CD4_T", "CD8_T"),
        ),
        (
            "Lyoplate DC, monocytes, NK",
            ("Monocytes", "Lineage_negative", "NK", "NK_CD16pos", "NK_CD16neg", "CD56neg_CD16pos"),
        ),
        ("mouse spleen, lineage", ("B", "T", "NKT_like")),
        ("mouse spleen of Saeys, lineage", ("B", "T", "NK")),
        ("A2004, as they gated", ("Leukocytes",)),
    ],
)
def test_counts_come_within_ten_percent_of_what_people_gated(manual_gates, name, populations):
    found = manual_gates[name].set_index("population").loc[list(populations)]
    assert found["difference %"].abs().max() <= 10, found
    # Counts may agree by chance: the members must be the same where the truth tells them.
    assert found["F1"].dropna().ge(0.89).all(), found


@pytest.mark.parametrize(
    "path",
    [
        "t_panels_ungated/100715.fcs",
        "t_panels_ungated/omip021/Donor1.fcs",
        "gated_nk_t_b/saeys_mouse_tubes/Saeys_30.fcs",
    ],
)
def test_no_gate_ends_below_where_it_begins(real_data, path):
    gated = _gate(real_data / path, {"CD3": "PE-A", "CD19": "PE-Cy5-A"} if "Saeys" in path else {})
    ranges = [
        bounds
        for placed in gated.gates
        if isinstance(placed.gate, RectangleGate)
        for bounds in placed.gate.ranges.values()
    ]
    assert ranges
    assert all(bounds.low < bounds.high for bounds in ranges)
    assert "Monocytes" in gated.dropped or gated.count("Monocytes") > 0


def test_members_of_thresholds_are_those_that_the_reference_counted(manual_gates):
    assert manual_gates["Lyoplate DC, monocytes, NK"]["F1"].notna().sum() == 8


def test_populations_match_manual_labels_better_than_a_plain_mixture(real_data):
    found = _benchmark("flowcap").table(real_data / "labelled_tables" / "flowcap1_gvhd").mean()
    assert found["model"] >= 0.88
    assert found["boundaries"] >= 0.84
    assert found["Gaussian mixture of 5"] < 0.75


@pytest.mark.parametrize(
    "path",
    [
        "t_panels_ungated/itn_02.fcs",
        "t_panels_ungated/omip021/Donor1.fcs",
        "nk_panels_ungated/immport_SDY420_cytof/11059_cells_found.573523.fcs",
        "nk_panels_ungated/cytonorm_cytof/Gates_PTLG021_Unstim_Control_1.fcs",
    ],
)
def test_a_strategy_runs_on_what_a_panel_has(real_data, path):
    gated = _gate(real_data / path, {})
    assert gated.count("T") > 0
    assert gated.dropped
    for gate in gated.gates:
        if gate.parent:
            assert gated.count(gate.population) <= gated.count(gate.parent)
