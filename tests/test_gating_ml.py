"""Another program that reads our Gating-ML with the same file finds the same events."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from immunerecon.gating.engine import gate_tube
from immunerecon.gating.gated_tube import PlacedGate
from immunerecon.gating.gates import Range, RectangleGate
from immunerecon.gating.gating_ml import gating_ml
from immunerecon.gating.strategy_file import load_strategy
from immunerecon.pipeline.jobs import TubeJob, compensated, markers_of, open_tube, spillover_for
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
    spillover = spillover_for(raw, job.compensation)
    document = tmp_path / "gates.xml"
    document.write_bytes(
        gating_ml(ours.gates, markers=markers, scales=job.scales, spillover=spillover)
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
    from immunerecon.cytometry.transforms import Logicle

    gate = PlacedGate("T", "", RectangleGate({"CD3": Range(low=0.5)}))
    how = {"markers": {"CD3": "FITC-A"}, "scales": {"CD3": Logicle(262144, 0.5)}}
    assert b"custom_info" not in gating_ml([gate], **how)
    assert b"counts of record" in gating_ml([replace(gate, source="model")], **how)


def test_the_same_gates_give_the_same_bytes(small_results: Path, small_study: Path) -> None:
    files = sorted((small_results / "gating-ml").glob("*.xml"))
    assert len(files) == len(list(small_study.glob("fcs/*/*.fcs")))
    assert all(b"Gating-ML/v2.0" in path.read_bytes() for path in files)
