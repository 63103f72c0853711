"""Gates that a model places: they hold what it expects, or it counts without them."""

from pathlib import Path

import numpy as np
import pytest

from immunerecon.gating.engine import gate_tube
from immunerecon.gating.exchange.gating_ml import gating_ml
from immunerecon.gating.models.cell_types import CellType
from immunerecon.gating.models.mixture import Mixture
from immunerecon.gating.models.model_gates import gate_by_model
from immunerecon.gating.models.modelled import model_events
from immunerecon.gating.models.strata import stratified_sample
from immunerecon.gating.placement import Placement
from immunerecon.gating.strategy import Selection
from immunerecon.pipeline.jobs import compensated, events_of, markers_of, open_tube
from immunerecon.pipeline.plan import plan_study
from immunerecon.pipeline.stages import prepare_tubes
from immunerecon.simulate.conditions import Conditions
from immunerecon.simulate.folder import simulate_trial
from immunerecon.study.folder import read_study

_AT = {"T": (0.7, 0.2, 0.3), "NK": (0.25, 0.6, 0.5), "monocyte": (0.25, 0.25, 0.7)}
_WIDTH = 0.05


def _kind(name: str) -> CellType:
    return CellType(name, Selection("Live", ()), frozenset({name}), frozenset(), -1, frozenset())


def _tube(counts: dict[str, int], *, seed: int = 0, **moved: tuple[float, float, float]):
    """Return columns, true kinds and placement of a tube with known kinds of cells."""
    at = {**_AT, **moved}
    rng = np.random.default_rng(seed)
    values = np.concatenate([rng.normal(at[k], _WIDTH, (n, 3)) for k, n in counts.items()])
    kinds = np.repeat(list(counts), list(counts.values()))
    order = rng.permutation(len(values))
    dimensions = ("CD3", "CD56", "CD14")
    mixture = Mixture(
        names=tuple(at),
        dimensions=dimensions,
        means=np.array(list(at.values())),
        covariances=np.tile(np.eye(3) * _WIDTH**2, (3, 1, 1)),
        freedom=np.full(3, 50.0),
        everything=np.array([np.full(3, 0.4), np.full(3, 0.4)]),
    )
    columns = dict(zip(dimensions, values[order].astype(np.float32).T, strict=True))
    placement = Placement({}, mixture, mixture.means, np.full((3, 3), 1e-3))
    return columns, kinds[order], placement


def _modelled(columns, placement):
    events = np.arange(len(columns["CD3"]))
    model = model_events(columns, events, placement, [_kind(name) for name in _AT])
    assert model is not None
    return model


def test_a_gate_holds_the_expected_number_and_the_right_events() -> None:
    columns, kinds, placement = _tube({"T": 3000, "NK": 400, "monocyte": 1600})
    model = _modelled(columns, placement)
    found = gate_by_model(model, "NK", "", ("CD3", "CD56"), columns, None)
    assert found.placed.source == "data"
    assert found.inside.sum() == pytest.approx(model.expected("NK"), abs=1)
    assert model.expected("NK") == pytest.approx(400, abs=4)
    assert (kinds[found.inside] == "NK").mean() > 0.98


def test_a_gate_that_would_hold_other_events_leaves_the_count_to_the_model() -> None:
    # NK cells and monocytes lie on each other but for CD14, which the gate does not look at.
    columns, kinds, placement = _tube({"T": 3000, "NK": 500, "monocyte": 500}, NK=(0.25, 0.25, 0.4))
    model = _modelled(columns, placement)
    found = gate_by_model(model, "NK", "", ("CD3", "CD56"), columns, None)
    assert found.placed.source == "model"
    rows, inside = model.likeliest(columns, np.arange(4000), "NK")
    assert len(rows) == round(model.expected("NK")) == inside.sum()
    assert (kinds[rows] == "NK").mean() > 0.95
    assert gate_by_model(model, "NK", "", ("CD3", "CD14"), columns, None).placed.source == "data"


def test_an_absent_population_has_a_gate_that_borrows_its_place() -> None:
    columns, _, placement = _tube({"T": 3000, "NK": 0, "monocyte": 1000})
    found = gate_by_model(_modelled(columns, placement), "NK", "", ("CD3", "CD56"), columns, None)
    assert found.placed.source == "borrowed"
    assert found.inside.sum() <= 1
    corners = np.array(found.placed.gate.vertices)
    assert np.ptp(corners, axis=0).min() > 0.05  # still large enough to be seen and moved


def test_a_large_tube_is_counted_by_a_sample_that_keeps_the_rare() -> None:
    true = {"T": 150_000, "NK": 60, "monocyte": 100_000}
    columns, kinds, placement = _tube(true)
    model = _modelled(columns, placement)
    assert len(model.events) < 20_000
    assert np.count_nonzero(kinds[model.events] == "NK") == 60
    for name, count in true.items():
        assert model.expected(name) == pytest.approx(count, rel=0.01, abs=4), name
        gate = gate_by_model(model, name, "", ("CD3", "CD56"), columns, None).placed.gate
        assert gate.contains(columns).sum() == pytest.approx(count, rel=0.01, abs=4), name


def test_the_sample_stands_for_every_event_and_is_always_the_same() -> None:
    columns, _, placement = _tube({"T": 30_000, "NK": 3000, "monocyte": 20_000})
    values = np.column_stack(list(columns.values()))
    positions, weights = stratified_sample(values, placement.means, placement.mixture)
    again, _ = stratified_sample(values, placement.means, placement.mixture)
    assert weights.sum() == pytest.approx(53_000, rel=1e-5)
    assert (np.diff(positions) > 0).all()
    assert np.array_equal(positions, again)


def test_flowkit_finds_the_same_events_in_gates_that_draws_placed_together(tmp_path: Path) -> None:
    flowkit = pytest.importorskip("flowkit")
    conditions = Conditions(
        draw_days=(-7, 3, 28, 180), missed_draws=0.0, nadir_lymphocytes=(40.0, 60.0)
    )
    study = read_study(
        simulate_trial(tmp_path / "trial", patients=1, seed=2, events=8000, conditions=conditions)
    )
    prepared = prepare_tubes(study, plan_study(study), tmp_path / "records", workers=1)
    calibrated = 0
    for index, job in prepared.jobs.items():
        if study.samples[index].day not in (3, 28) or study.samples[index].role != "draw":
            continue
        raw = open_tube(job)
        tube = compensated(raw, job.compensation)
        how = {"markers": markers_of(tube, job), "scales": job.scales}
        ours = gate_tube(tube, job.strategy, **how, placement=job.placement)
        events = events_of(raw, job)
        document = tmp_path / "gates.xml"
        document.write_bytes(
            gating_ml(ours.gates, dimensions=events.dimensions, matrices=events.matrices)
        )
        theirs = flowkit.parse_gating_xml(str(document)).gate_sample(flowkit.Sample(str(job.path)))
        assert not [gate for gate in ours.gates if gate.source == "model"]
        for gate in ours.gates:
            mine = np.zeros(tube.n_events, dtype=bool)
            mine[ours.members[gate.population]] = True
            np.testing.assert_array_equal(
                theirs.get_gate_membership(gate.population), mine, err_msg=gate.population
            )
            calibrated += gate.population in ours.expected
    assert calibrated > 40
