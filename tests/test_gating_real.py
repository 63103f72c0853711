"""Gates on real files, against counts that people made by hand."""

import pytest

from immunerecon.cytometry.compensation import compensate
from immunerecon.cytometry.fcs import read_fcs
from immunerecon.cytometry.spillover import spillover_from_keyword
from immunerecon.cytometry.transforms import logicle_width, scale_for
from immunerecon.gating.borrowing import TubeIdentity, borrow
from immunerecon.gating.engine import evidence_of, gate_tube
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


def test_mouse_spleen_agrees_with_flowjo(real_data):
    folder = real_data / "gated_nk_t_b" / "flowsom_mouse"
    nk11 = next(c.name for c in read_fcs(folder / "68983.fcs").channels if c.label == "NK1/1")
    gated = _gate(folder / "68983.fcs", {"CD56": nk11})
    assert gated.count("B") == pytest.approx(2459, rel=0.05)
    # FlowJo's T cells are without NK T cells, ours with them.
    assert gated.count("T") == pytest.approx(10745 + 535, rel=0.10)
    assert gated.count("CD8_T") == pytest.approx(1407, rel=0.10)


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
