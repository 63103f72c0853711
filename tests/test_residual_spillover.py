"""Spillover left in simulated tubes whose matrix is known to be wrong, or right."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from immunerecon.cytometry.compensation import compensate
from immunerecon.cytometry.fcs import read_fcs
from immunerecon.cytometry.spillover import spillover_from_keyword
from immunerecon.cytometry.transforms import Linear, Logicle
from immunerecon.gating.engine import gate_tube
from immunerecon.gating.models.features import is_scatter
from immunerecon.gating.residual_spillover import residual_spillover, spillover_flags
from immunerecon.gating.strategy_file import load_strategy
from immunerecon.simulate.conditions import Conditions
from immunerecon.simulate.folder import simulate_trial
from immunerecon.study.panel import find_markers

TOP = 262144.0


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    days = Conditions(draw_days=(-7, 365), missed_draws=0.0, clogs=0.0)
    folder = tmp_path_factory.mktemp("spillover") / "trial"
    return simulate_trial(folder, patients=2, seed=3, events=20_000, conditions=days)


def _residual(tube, strategy, channels=None):
    found = find_markers([(c.name, c.label) for c in tube.channels], channels or {})
    markers = {m: found[m] for m in strategy.markers() if m in found}
    scales = {m: Linear(TOP) if is_scatter(m) else Logicle(TOP, 0.8) for m in markers}
    gated = gate_tube(tube, strategy, markers=markers, scales=scales)
    return residual_spillover(tube, gated, strategy, markers)


def _residuals(trial, panel, factor):
    """Return what is found in each draw of a panel, its matrix scaled off the diagonal."""
    samples = pd.read_csv(trial / "samples.csv").query("role == 'draw' and panel == @panel")
    for file in samples["file"]:
        raw = read_fcs(trial / file)
        spillover = spillover_from_keyword(raw)
        matrix = spillover.matrix * factor
        np.fill_diagonal(matrix, 1.0)
        tube = compensate(raw, replace(spillover, matrix=matrix))
        yield _residual(tube, load_strategy(panel))


@pytest.mark.parametrize("panel", ["lineage", "donor_nk"])
def test_a_right_matrix_is_not_blamed(trial, panel):
    assert list(_residuals(trial, panel, 1.0)) == [()] * 4


@pytest.mark.parametrize(
    ("panel", "emitter", "receiver", "coefficient"),
    # FITC into PE is the worst pair of the simulated cytometer, APC into APC-H7 has 0.7 of it.
    [("lineage", "CD3", "CD56", 0.15), ("donor_nk", "CD16", "CD3", 0.7 * 0.15)],
)
@pytest.mark.parametrize("factor", [0.7, 1.3])
def test_a_wrong_matrix_is_told_by_pair_direction_and_size(
    trial, panel, emitter, receiver, coefficient, factor
):
    for found in _residuals(trial, panel, factor):
        steepest = found[0]
        assert (steepest.emitter, steepest.receiver) == (emitter, receiver)
        assert steepest.slope == pytest.approx((1 - factor) * coefficient, abs=0.01)
        assert steepest.error < 0.005
        [flag] = spillover_flags(found)
        assert f"{emitter} into {receiver} {100 * steepest.slope:.1f} %" in flag


def test_a_strategy_without_kinds_of_cells_tells_nothing(trial):
    raw = read_fcs(next(trial.glob("fcs/*/*lineage.fcs")))
    strategy = load_strategy("lineage")
    assert _residual(raw, strategy.model_copy(update={"model": None})) == ()


@pytest.mark.real_data
def test_a_real_tube_shows_whether_it_was_compensated(real_data):
    raw = read_fcs(real_data / "gated_nk_t_b" / "flowsom_mouse" / "68983.fcs")
    strategy, nk11 = load_strategy("lineage"), {"CD56": "PE-A"}
    assert _residual(compensate(raw, spillover_from_keyword(raw)), strategy, nk11) == ()
    # Texas Red and Cy7 tandems of PE shine into its own detector.
    found = {(pair.emitter, pair.receiver) for pair in _residual(raw, strategy, nk11)}
    assert {("CD4", "CD56"), ("CD3", "CD56")} <= found
