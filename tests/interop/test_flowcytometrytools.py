"""The real FlowCytometryTools 0.5.1: loads, and finds the same events with the same gates.

It needs older NumPy, pandas and Matplotlib, so these run in an environment of their own:
``make test-flowcytometrytools``.
"""

import collections
import inspect
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest

from immunerecon.cytometry.fcs import read_fcs
from immunerecon.cytometry.transforms import scale_for
from immunerecon.cytometry.tube import Tube
from immunerecon.errors import StrategyError, StudyError
from immunerecon.gating.engine import gate_tube
from immunerecon.gating.geometry.gates import PolygonGate
from immunerecon.gating.placed_gates import PlacedGates, apply_gates
from immunerecon.gating.strategy_file import load_strategy
from immunerecon.interop import GatedEvents, flowcytometrytools as interop
from immunerecon.interop.flowcytometrytools import from_gates, plate_to_study, to_gates

X, Y = "Y2-A", "B1-A"


@pytest.fixture(scope="session")
def fct() -> Any:
    if find_spec("FlowCytometryTools") is None:
        pytest.skip("FlowCytometryTools is not installed: make test-flowcytometrytools")
    matplotlib.use("Agg")
    return interop.load()


@pytest.fixture(scope="module")
def sample_files(fct: Any) -> list[Path]:
    """The FCS files that the package ships."""
    files = sorted((Path(fct.__file__).parent / "tests" / "data").rglob("*.fcs"))
    assert len(files) >= 12
    return files


def counted(gates: PlacedGates, tube: Tube) -> dict[str, int]:
    """Return how many events of a tube lie in each population."""
    gated = apply_gates(gates, {c.name: tube.values(c.name) for c in tube.channels})
    return {name: gated.count(name) for name in gated.members}


def test_loading_leaves_the_standard_library_as_it_was(fct: Any) -> None:
    assert fct.__version__.endswith("0.5.1")
    assert not hasattr(collections, "MutableMapping")
    assert not hasattr(collections, "Iterable")
    assert not hasattr(inspect, "getargspec")
    assert interop.load() is fct


def test_where_it_is_missing_or_numpy_too_new_the_way_out_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "FlowCytometryTools"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(ModuleNotFoundError, match=r"install 'immunerecon\[flowcytometrytools\]"):
        interop.load()
    # What the real one does beside NumPy 2.
    (tmp_path / "FlowCytometryTools.py").write_text("import numpy.lib.no_such_base")
    with pytest.raises(ImportError, match=r"beside NumPy .* it needs NumPy below 2"):
        interop.load()
    assert not hasattr(collections, "MutableMapping")


def test_its_sample_files_give_the_tubes_that_our_reader_gives(
    fct: Any, sample_files: list[Path]
) -> None:
    scaled = []
    for path in sample_files:
        ours = read_fcs(path)
        tube = interop.from_measurement(fct.FCMeasurement(path.name, datafile=str(path)))
        assert [c.name for c in tube.channels] == [c.name for c in ours.channels]
        same = [c.name for c in ours.channels if (tube.values(c.name) == ours.values(c.name)).all()]
        if tube.flags:
            scaled.append(path.parent.name)
            assert tube.flags == (
                "the gain is not divided out (Time)",
                "time is in steps of 0.01 s (Time)",
            )
            assert len(same) == len(ours.channels) - 1
        else:
            assert len(same) == len(ours.channels)
            assert [c.maximum for c in tube.channels] == [c.maximum for c in ours.channels]
        assert "$OP" not in tube.keywords
        assert tube.keywords["$CYT"] == ours.keywords["$CYT"]
    assert scaled == ["HTS_BD_LSR-II"]


def gates_of(fct: Any, data: Any) -> dict[str, Any]:
    """Return gates of every kind and region, with bounds that events lie on."""
    x, y = (np.sort(data[channel].to_numpy()) for channel in (X, Y))
    at = [float(values[len(values) * n // 10]) for values in (x, y) for n in (2, 5, 8)]
    x1, x2, x3, y1, y2, y3 = at
    corners = [(x1, y1), (x3, y1 - 10.3), (x3 + 5.1, y3), (x2, y2 + 1.7), (x1 - 3.3, y3)]
    above, below = (fct.ThresholdGate(x2, X, region) for region in ("above", "below"))
    within, outside = (fct.IntervalGate((y1, y3), Y, region) for region in ("in", "out"))
    inside, around = (fct.PolyGate(corners, [X, Y], region) for region in ("in", "out"))
    turned = fct.PolyGate([(b, a) for a, b in corners], [Y, X], "in")
    quads = {
        f"quad {region}": fct.QuadGate((x2, y2), [X, Y], region)
        for region in ("top left", "top right", "bottom left", "bottom right")
    }
    return {
        "above": above, "below": below, "within": within, "outside": outside,
        "inside": inside, "around": around, "turned": turned, **quads,
        "and": above & within, "or": below | inside, "xor": above ^ inside,
        "not": ~quads["quad top left"],
        "nested": ~(above & ~(within | around)) ^ (turned & outside),
    }  # fmt: skip


def test_its_gates_count_the_same_events_here(fct: Any, sample_files: list[Path]) -> None:
    looked_at = 0
    for path in sample_files:
        measurement = fct.FCMeasurement(path.name, datafile=str(path))
        if X not in measurement.data:
            continue
        gates = gates_of(fct, measurement.data)
        theirs = {name: measurement.gate(gate).counts for name, gate in gates.items()}
        ours = counted(from_gates(gates), interop.from_measurement(measurement))
        assert {name: ours[name] for name in theirs} == theirs
        assert 0 < theirs["and"] < theirs["or"] < len(measurement.data)
        looked_at += 1
    assert looked_at == 11


def test_gates_go_there_and_back(fct: Any) -> None:
    measurement = fct.FCMeasurement("A3", datafile=fct.test_data_file)
    placed = from_gates(gates_of(fct, measurement.data))
    tube = interop.from_measurement(measurement)
    expected = counted(placed, tube)
    back = to_gates(placed)
    assert {name: measurement.gate(gate).counts for name, gate in back.items()} == expected
    again = counted(from_gates(back), tube)
    assert {name: again[name] for name in expected} == expected
    assert len(again) > len(expected)


def test_our_gates_count_the_same_events_there(fct: Any, lineage: GatedEvents) -> None:
    scales = {m: scale_for(lineage.compensated.channels[lineage.compensated.index(c)])
              for m, c in lineage.markers.items()}  # fmt: skip
    gated = gate_tube(
        lineage.compensated, load_strategy("lineage"), markers=lineage.markers, scales=scales
    )
    measurement = interop.to_measurement(gated, "P01 day 28")
    theirs = {n: measurement.gate(gate).counts for n, gate in to_gates(gated.gates).items()}
    assert theirs == {name: gated.count(name) for name in gated.members}
    assert len(theirs) > 10
    assert any(isinstance(placed.gate, PolygonGate) for placed in gated.gates)


def test_a_polygon_that_crosses_itself_is_refused(fct: Any) -> None:
    bow = [(0, 0), (1, 1), (1, 0), (0, 1)]
    with pytest.raises(StrategyError, match="bow: the polygon crosses itself"):
        from_gates({"bow": fct.PolyGate(bow, [X, Y], "in")})


def test_a_tube_goes_there_and_back(fct: Any, lineage: GatedEvents) -> None:
    measurement = interop.to_measurement(lineage.compensated, "day 28")
    tube = interop.from_measurement(measurement)
    np.testing.assert_array_equal(tube.events, lineage.compensated.events)
    assert [(c.name, c.maximum) for c in tube.channels] == [
        (c.name, c.maximum) for c in lineage.compensated.channels
    ]
    assert tube.keywords["$DATE"] == lineage.raw.keywords["$DATE"]
    stretched = measurement.transform("hlog", channels=["PE-A"], b=500)
    assert stretched.counts == tube.n_events
    assert not np.allclose(stretched.data["PE-A"], tube.values("PE-A"))


def test_a_plate_goes_there_and_back(fct: Any) -> None:
    plate = fct.FCPlate.from_dir("plate", fct.test_data_dir, parser="name")
    tubes = interop.from_plate(plate)
    assert sorted(tubes) == ["A3", "A4", "A6", "A7", "B3", "B4", "C7"]
    assert {key: tube.n_events for key, tube in tubes.items()} == dict.fromkeys(tubes, 10_000)
    placed = [(key[0], key[1:], tube) for key, tube in tubes.items()]
    made = interop.to_plate(placed, "again")
    assert made["A 6"].counts == 10_000
    assert np.nansum(made.counts().to_numpy(dtype=float)) == 70_000
    gate = fct.ThresholdGate(100, X, "above")
    assert made.gate(gate)["B 3"].counts == plate.gate(gate)["B3"].counts > 0
    with pytest.raises(ValueError, match="row 'A', column '3' has two tubes"):
        interop.to_plate([*placed, ("A", "3", tubes["A3"])], "twice")


def test_its_plots_show_our_compensated_data(fct: Any, lineage: GatedEvents) -> None:
    import matplotlib.pyplot as plt

    measurement = interop.to_measurement(lineage.gated, "day 28")
    gates = to_gates(lineage.gated.gates)
    figure, (left, right) = plt.subplots(1, 2)
    measurement.plot(["CD3", "CD56"], kind="scatter", ax=left, s=2)
    counts, *_ = measurement.plot("CD3", ax=right, bins=50)
    plt.close(figure)
    assert left.collections[0].get_offsets().shape == (lineage.gated.n_events, 2)
    assert counts.sum() == lineage.gated.n_events
    assert set(gates) == set(lineage.gated.members)
    plate = interop.to_plate([("P01", "28", lineage.gated), ("P01", "90", lineage.gated)], "course")
    _, axes = plate.plot(["CD3", "CD56"], bins=60)
    assert axes.shape == (1, 2)
    assert all(ax.has_data() for ax in axes.flat)
    plt.close("all")


def test_a_plate_becomes_a_study(fct: Any, tmp_path: Path) -> None:
    plate = fct.FCPlate.from_dir("plate", fct.test_data_dir, parser="name")
    plate["B4"] = plate["B4"].gate(fct.ThresholdGate(100, X, "above"))
    wells = pd.DataFrame({"well": list(plate), "panel": "reporter", "patient": "E1"})
    wells["day"] = range(len(wells))
    panels = {"reporter": {"strategy": "lineage", "markers": {"CD3": X}}}
    study = plate_to_study(plate, tmp_path / "study", wells=wells, panels=panels)
    assert [sample.file for sample in study.samples] == [f"fcs/{well}.fcs" for well in plate]
    for sample, well in zip(study.samples, plate, strict=True):
        ours = read_fcs(study.path_of(sample))
        np.testing.assert_array_equal(ours.events, plate[well].data.to_numpy())
    with pytest.raises(StudyError, match=r"is there already(.|\n)*of the plate are left out"):
        plate_to_study(plate, tmp_path / "study", wells=wells[:1], panels=panels)
    with pytest.raises(StudyError, match=r"wells, row 9, column well: 'Z1' is not on the plate"):
        more = pd.concat([wells, wells[:1].assign(well="Z1")])
        plate_to_study(plate, tmp_path / "other", wells=more, panels=panels)
