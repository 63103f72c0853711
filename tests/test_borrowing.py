"""Draws that help each other, on small simulated trials with known truth."""

import dataclasses

import flowutils
import numpy as np
import pandas as pd
import pytest

from immunerecon.cytometry.compensation import compensate
from immunerecon.cytometry.fcs import read_fcs
from immunerecon.cytometry.spillover import spillover_from_keyword
from immunerecon.cytometry.transforms import Linear, Logicle
from immunerecon.gating.borrowing import TubeIdentity, borrow
from immunerecon.gating.engine import evidence_of, gate_tube
from immunerecon.gating.models.batches import find_batches
from immunerecon.gating.placement import ALONE
from immunerecon.gating.strategy_file import load_strategy
from immunerecon.simulate.conditions import Conditions
from immunerecon.simulate.folder import simulate_trial
from immunerecon.study.panel import find_markers

_STRATEGY = load_strategy("lineage")


class _Trial:
    """The lineage tubes of a simulated trial, their evidence and their truth."""

    def __init__(self, folder, conditions, patients=1):
        simulate_trial(folder, patients=patients, seed=5, events=8000, conditions=conditions)
        samples = pd.read_csv(folder / "samples.csv")
        samples = samples[(samples.panel == "lineage") & samples.role.isin(["draw", "product"])]
        self.truth = pd.read_csv(folder / "truth" / "populations.csv").set_index(
            ["file", "population"]
        )
        self.files, self.tubes, self.how, self.identities = [], [], [], []
        for _, sample in samples.iterrows():
            tube = read_fcs(folder / sample["file"])
            tube = compensate(tube, spillover_from_keyword(tube))
            markers = find_markers([(c.name, c.label) for c in tube.channels], {})
            markers = {m: markers[m] for m in _STRATEGY.markers() if m in markers}
            scales = {
                m: Linear(262144.0) if "SC-" in m else Logicle(262144.0, 0.8) for m in markers
            }
            self.files.append(sample["file"])
            self.tubes.append(tube)
            self.how.append({"markers": markers, "scales": scales})
            self.identities.append(
                TubeIdentity(sample["patient"], "lineage", sample["role"], sample["day"], "one")
            )
        self.evidence = [
            evidence_of(t, _STRATEGY, **how) for t, how in zip(self.tubes, self.how, strict=True)
        ]

    def place(self, order=None):
        order = range(len(self.tubes)) if order is None else order
        return borrow({i: self.evidence[i] for i in order}, {i: self.identities[i] for i in order})

    def gate(self, position, placement=ALONE):
        how = self.how[position]
        return gate_tube(self.tubes[position], _STRATEGY, **how, placement=placement)

    def true(self, position, population):
        return int(self.truth.loc[(self.files[position], population), "count"])

    def day(self, day):
        return next(
            i for i, who in enumerate(self.identities) if who.day == day and who.role == "draw"
        )


@pytest.fixture(scope="module")
def nadir(tmp_path_factory):
    conditions = Conditions(
        draw_days=(-7, 3, 7, 60, 180), missed_draws=0.0, nadir_lymphocytes=(40.0, 60.0)
    )
    return _Trial(tmp_path_factory.mktemp("nadir") / "trial", conditions)


@pytest.fixture(scope="module")
def placed(nadir):
    return nadir.place()


def test_a_nadir_tube_counts_its_few_lymphocytes(nadir, placed):
    at = nadir.day(3)
    few = nadir.true(at, "Lymphocytes")
    assert few < 100
    assert nadir.gate(at, placed[at]).count("Lymphocytes") == pytest.approx(few, abs=3)


@pytest.mark.parametrize("day", [-7, 60, 180])
@pytest.mark.parametrize("population", ["T", "B", "NK", "NK_CD56dim", "Monocytes", "Granulocytes"])
def test_ordinary_tubes_are_counted_within_three_percent(nadir, placed, day, population):
    at = nadir.day(day)
    true = nadir.true(at, population)
    assert nadir.gate(at, placed[at]).count(population) == pytest.approx(true, rel=0.03, abs=3)


def test_members_lie_in_their_parents_and_sisters_share_none(nadir, placed):
    gated = nadir.gate(nadir.day(-7), placed[nadir.day(-7)])
    for gate in gated.gates:
        if gate.parent:
            assert np.isin(gated.members[gate.population], gated.members[gate.parent]).all()
    assert not np.intersect1d(gated.members["T"], gated.members["NK"]).size
    assert not np.intersect1d(gated.members["NK_CD56bright"], gated.members["NK_CD56dim"]).size


def test_gates_hold_as_many_events_as_the_model_expects(nadir, placed):
    for day in (-7, 3, 60):
        gated = nadir.gate(nadir.day(day), placed[nadir.day(day)])
        assert {"T", "B", "NK", "NKT_like", "CD4_T", "Monocytes"} <= set(gated.expected)
        for population, expected in gated.expected.items():
            found = gated.count(population)
            # Half a counting error, or 2 %; farther off, the model would count without a gate.
            borne = 0.5 + max(3, 0.02 * expected, 0.5 * expected**0.5)
            assert found == pytest.approx(expected, abs=borne), (day, population)


def test_every_event_lies_in_a_gate_that_is_seen(nadir, placed):
    for at, placement in placed.items():
        gated = nadir.gate(at, placement)
        for gate in gated.gates:
            if gate.gate is None or gate.source == "model":
                continue
            parent = gated.members[gate.parent] if gate.parent else np.arange(gated.n_events)
            columns = {name: gated.columns[name][parent] for name in gate.gate.dimensions}
            assert np.array_equal(
                parent[gate.gate.contains(columns)], gated.members[gate.population]
            )


def test_ordinary_tubes_are_not_flagged(nadir, placed):
    for day in (-7, 60, 180):
        assert nadir.gate(nadir.day(day), placed[nadir.day(day)]).flags == ()


def test_the_source_says_whose_events_place_a_gate(nadir, placed):
    alone, together = nadir.gate(0), nadir.gate(0, placed[0])
    assert alone.gate_of("T").source == "data"
    assert together.gate_of("T").source == "data"
    assert together.gate_of("Singlets").source == "data"
    few = nadir.gate(nadir.day(3), placed[nadir.day(3)])
    assert few.count("B") < 20
    assert few.gate_of("B").source == "borrowed"


def test_a_lone_tube_is_gated_by_its_own_boundaries(nadir):
    lone, two = nadir.place([3])[3], nadir.place([3, 4])[3]
    assert lone.mixture is None
    assert not lone.boundaries
    assert two.mixture is not None


def test_the_order_of_tubes_plays_no_part(nadir, placed):
    again = nadir.place(range(len(nadir.tubes))[::-1])
    assert list(again) == list(placed)
    for number, placement in placed.items():
        assert np.array_equal(placement.means, again[number].means)
        assert placement.boundaries == again[number].boundaries


def test_a_dimmed_antibody_lot_is_a_batch_of_its_own(tmp_path):
    trial = _Trial(
        tmp_path / "lot",
        Conditions(draw_days=(-7, 60, 90, 180, 365, 730), missed_draws=0.0, cd3_lot_factor=0.1),
        patients=2,
    )
    placed = trial.place()
    cd3 = placed[0].mixture.dimensions.index("CD3")
    t_cells = placed[0].mixture.names.index("CD4 T")
    many = [i for i in placed if trial.true(i, "T") >= 100]
    position = {i: placed[i].means[t_cells, cd3] for i in many}
    dim = {i for i, value in position.items() if value < max(position.values()) - 0.15}
    assert 0 < len(dim) < len(many)
    batches = [{placed[i].batch for i in group} for group in (dim, set(many) - dim)]
    assert not batches[0] & batches[1]
    for i in dim:
        assert trial.gate(i, placed[i]).count("T") == pytest.approx(trial.true(i, "T"), rel=0.02)


def test_a_boundary_that_all_others_contradict_is_borrowed(nadir):
    evidence = dict(enumerate(nadir.evidence))
    wrong = tuple(
        dataclasses.replace(b, value=0.9) if b.name == "Viability" else b
        for b in evidence[0].boundaries
    )
    evidence[0] = dataclasses.replace(evidence[0], boundaries=wrong)
    placed = borrow(evidence, dict(enumerate(nadir.identities)))
    others = [b.value for e in nadir.evidence[1:] for b in e.boundaries if b.name == "Viability"]
    borrowed = placed[0].boundaries["Viability"]
    assert borrowed.source == "borrowed"
    assert min(others) <= borrowed.value <= max(others)


def test_tubes_that_cannot_tell_a_gain_do_not_keep_batches_apart():
    rng = np.random.default_rng(0)
    gains = np.concatenate([rng.normal(0, 0.05, (6, 3)), rng.normal(0.5, 0.05, (5, 3))])
    errors = np.full(gains.shape, 0.02)
    gains[2, 1], errors[2, 1] = 3.0, 5.0
    found = find_batches(gains, errors, labels=np.arange(11))
    assert found.tolist() == [0] * 6 + [1] * 5


def test_logicle_of_the_tests_is_the_one_of_flowutils():
    values = np.float32([-100, 0, 1000, 200_000])
    expected = flowutils.transforms.logicle(
        values.astype(float).reshape(-1, 1), None, 262144.0, 4.5, 0.8, 0
    ).ravel()
    assert Logicle(262144.0, 0.8).apply(values) == pytest.approx(expected, abs=1e-4)
