"""Draws whose brightness leaves the series of their patient."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from immunerecon.cytometry.compensation import compensate
from immunerecon.cytometry.fcs import read_fcs
from immunerecon.cytometry.spillover import spillover_from_keyword
from immunerecon.cytometry.transforms import Linear, Logicle
from immunerecon.gating.borrowing import TubeIdentity, borrow
from immunerecon.gating.engine import evidence_of, gate_tube
from immunerecon.gating.models.features import is_scatter
from immunerecon.gating.series import believed, brightness_flags
from immunerecon.gating.strategy_file import load_strategy
from immunerecon.simulate.conditions import Conditions
from immunerecon.simulate.folder import simulate_trial
from immunerecon.study.panel import find_markers

DAYS = np.array([-7.0, 0.0, 7.0, 28.0, 60.0])
_STRATEGY = load_strategy("lineage")


def _flags(folds, errors=0.02, days=DAYS):
    gains = np.log(np.array(folds))[:, None]
    found = brightness_flags(
        gains, np.full_like(gains, errors), days=days[: len(gains)], markers=("CD3",)
    )
    return {int(days[draw]): told for draw, told in enumerate(found) if told}


def test_a_steady_series_has_no_flag():
    assert _flags([1.0, 1.4, 0.8, 1.1, 0.9]) == {}


def test_one_draw_apart_is_named_with_both_neighbours():
    assert _flags([1, 1, 1, 4, 1]) == {28: ("CD3 is 4.0-fold brighter than on days 7 and 60",)}


def test_a_change_that_stays_is_named_once():
    assert _flags([1, 1, 0.1, 0.1, 0.1]) == {
        7: ("CD3 is 10.0-fold dimmer than on day 0 and stays so",)
    }


def test_the_ends_of_a_series_have_one_neighbour():
    assert _flags([3, 1, 1, 1, 1]) == {-7: ("CD3 is 3.0-fold brighter than on day 0",)}
    assert _flags([1, 1, 1, 1, 3]) == {60: ("CD3 is 3.0-fold brighter than on day 28",)}
    assert _flags([1]) == {}


def test_what_is_not_known_well_enough_is_not_told():
    assert _flags([1, 1, 4, 1, 1], errors=0.3) == {}
    assert _flags([1, 1, np.nan, 1, 1]) == {}
    assert set(_flags([1, np.nan, np.nan, 4, 1])) == {28}


def test_brightness_without_a_witness_is_not_believed():
    brightness, gains = np.log(np.array([[[1.0]] * 3 + [[0.1]], [[1.0]] * 3 + [[0.4]]]))
    assert np.isfinite(believed(brightness, gains)).all()
    assert np.isnan(believed(brightness, np.zeros((4, 1)))[3, 0])


def _tubes(folder, **conditions):
    days = Conditions(draw_days=(-7, 0, 28, 60, 180), missed_draws=0.0, clogs=0.0, **conditions)
    trial = simulate_trial(folder, patients=1, seed=1, events=8000, conditions=days)
    samples = pd.read_csv(trial / "samples.csv").query("role == 'draw' and panel == 'lineage'")
    for sample in samples.itertuples():
        tube = read_fcs(trial / sample.file)
        yield sample.day, compensate(tube, spillover_from_keyword(tube))


def _how(tube):
    found = find_markers([(c.name, c.label) for c in tube.channels], {})
    markers = {m: found[m] for m in _STRATEGY.markers() if m in found}
    top = 262144.0
    scales = {m: Linear(top) if is_scatter(m) else Logicle(top, 0.8) for m in markers}
    return {"markers": markers, "scales": scales}


def _placed(tubes):
    evidence = {n: evidence_of(tube, _STRATEGY, **_how(tube)) for n, (_, tube) in enumerate(tubes)}
    who = {n: TubeIdentity("P", "lineage", "draw", day, "one") for n, (day, _) in enumerate(tubes)}
    return borrow(evidence, who)


def test_a_simulated_draw_with_dimmed_cd3_is_told_by_size(tmp_path):
    tubes = list(_tubes(tmp_path / "trial"))
    assert not any(one.flags for one in _placed(tubes).values())
    day, tube = tubes[2]
    events = tube.events.copy(order="F")
    events[:, tube.index(_how(tube)["markers"]["CD3"])] *= 0.25
    tubes[2] = (day, replace(tube, events=events))
    placed = _placed(tubes)
    [flag] = placed[2].flags
    assert flag.startswith("CD3 is ")
    assert flag.endswith("-fold dimmer than on days 0 and 60")
    assert float(flag.split()[2].partition("-")[0]) == pytest.approx(4.0, rel=0.1)
    assert not any(one.flags for n, one in placed.items() if n != 2)
    gated = gate_tube(tubes[2][1], _STRATEGY, **_how(tube), placement=placed[2])
    assert flag in gated.flags
