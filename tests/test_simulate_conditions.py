"""Each condition of a synthetic trial does to the files what it says, and nothing else."""

from dataclasses import replace
from pathlib import Path

import flowio
import numpy as np
import pandas as pd

from immunerecon.simulate import PRESETS, Conditions, simulate_trial
from immunerecon.simulate.cells import Staining, make_cells
from immunerecon.simulate.instrument import CYTOMETERS, PANELS, detect, digitise, set_up
from immunerecon.simulate.phenotypes import LYMPHOCYTES, code_of

# P01 is infused in March 2009: the lot changes between these days, the cytometer too.
DAYS = (-7, 90, 365)


def simulate(folder: Path, *, events: int = 5000, **conditions) -> Path:
    chosen = {"draw_days": DAYS, "missed_draws": 0.0} | conditions
    return simulate_trial(folder, patients=1, events=events, conditions=Conditions(**chosen))


def read_tubes(study: Path) -> pd.DataFrame:
    return pd.read_csv(study / "truth" / "tubes.csv").query("role == 'draw'")


def test_dead_cells_and_doublets_have_their_share(tmp_path):
    tubes = read_tubes(simulate(tmp_path / "s", dead=0.25, doublets=0.08))
    cells, dead, doublets = (tubes[kind].sum() for kind in ("cell", "dead", "doublet"))
    assert abs(dead / (cells + dead) - 0.25) < 0.01
    assert abs(doublets / (cells + dead + doublets) - 0.08) < 0.01


def test_clogs_leave_a_gap_in_time_and_dim_what_is_near(tmp_path):
    study = simulate(tmp_path / "s", clogs=1.0)
    tubes = read_tubes(study)
    assert (tubes["disturbed"] / tubes["n_events"]).between(0.02, 0.12).all()
    for file in tubes["file"]:
        data = flowio.FlowData(study / file)
        time = data.as_array()[:, data.pnn_labels.index("Time")]
        rate, _ = np.histogram(time, bins=50)
        assert rate.min() < 0.2 * np.median(rate)
    populations = pd.read_csv(study / "truth" / "populations.csv")
    singles = populations[populations["population"] == "Singlets"]
    assert (singles["count_undisturbed"] < singles["count"]).all()
    calm = read_tubes(simulate(tmp_path / "calm", clogs=0.0))
    assert (calm["disturbed"] == 0).all()


def test_the_lot_change_dims_cd3_alone_and_from_its_day_on(tmp_path):
    usual, dim = (simulate(tmp_path / name, cd3_lot_factor=f) for name, f in (("a", 1), ("b", 0.1)))
    same = {
        path.name: path.read_bytes() == (dim / path.relative_to(usual)).read_bytes()
        for path in usual.glob("fcs/P01/*_lineage.fcs")
    }
    assert same["P01_day090_lineage.fcs"]
    assert not same["P01_day365_lineage.fcs"]
    conditions, markers = Conditions(), ("CD3", "CD45")
    usual_stain, dim_stain = (
        stained(conditions, "CD4", markers=markers, cd3_lot=factor) for factor in (1.0, 0.1)
    )
    np.testing.assert_allclose(dim_stain - usual_stain, np.full((4000, 2), [-1.0, 0.0]), atol=1e-9)


def test_the_second_cytometer_has_other_channel_names(tmp_path):
    study = simulate(tmp_path / "s", second_cytometer=True)
    early, late = (
        flowio.FlowData(study / f"fcs/P01/P01_day{day:03d}_lineage.fcs") for day in (-7, 365)
    )
    assert (early.text["cyt"], late.text["cyt"]) == ("LSRFortessa", "CytoFLEX S")
    names = set(early.pnn_labels) & set(late.pnn_labels)
    assert names == {"FSC-A", "FSC-H", "SSC-A", "Time"}
    assert "cd3-FITC" in late.pns_labels


def test_unlabelled_batches_are_named_nowhere(tmp_path):
    study = simulate(tmp_path / "s", batches_labelled=False)
    assert pd.read_csv(study / "samples.csv")["batch"].isna().all()
    assert all("date" not in flowio.FlowData(path).text for path in study.glob("fcs/*/*.fcs"))
    assert read_tubes(study)["batch"].nunique() == 3


def gains(drift: float) -> np.ndarray:
    conditions = Conditions(gain_drift=drift)
    return np.array(
        [
            set_up(
                0,
                "lineage",
                year=year,
                quarter=quarter,
                cytometer="LSRFortessa",
                conditions=conditions,
            ).gains
            for year in (2009, 2010, 2011)
            for quarter in (1, 2, 3, 4)
        ]
    )


def test_gains_drift_as_far_as_asked():
    assert gains(0.6).min() > 1 / 1.6
    assert gains(0.6).max() < 1.6
    assert gains(0.6).std() > 0.2
    np.testing.assert_array_equal(gains(0.0), 1.0)


def test_the_worst_spillover_is_what_was_asked_and_follows_the_gains():
    def spillover(**how: float) -> np.ndarray:
        conditions = Conditions(**how)
        setup = set_up(
            3, "lineage", year=2010, quarter=2, cytometer="LSRFortessa", conditions=conditions
        )
        np.testing.assert_allclose(setup.recorded_spillover, setup.spillover, rtol=0.1)
        return setup.spillover * setup.gains[:, None] / setup.gains[None, :]

    off_diagonal = spillover(spillover=0.35, gain_drift=0.6) - np.eye(len(PANELS["lineage"]))
    assert abs(off_diagonal.max() - 0.35) < 1e-12


def test_lymphocytes_at_nadir_are_as_few_as_asked(tmp_path):
    study = simulate_trial(
        tmp_path / "s",
        patients=3,
        events=10_000,
        conditions=Conditions(draw_days=(3, 7), nadir_lymphocytes=(5.0, 500.0)),
    )
    populations = pd.read_csv(study / "truth" / "populations.csv")
    tubes = read_tubes(study).set_index("file")
    lymphocytes = populations.query("role == 'draw' and population == 'Lymphocytes'")
    lymphocytes = lymphocytes.set_index("file")["count"]
    per_100_000 = lymphocytes / (tubes["n_events"] - tubes["bead"]) * 1e5
    assert per_100_000.max() < 650
    assert per_100_000.min() < 50


def stained(
    conditions: Conditions, population: str, *, markers: tuple[str, ...] = ("CD56", "CD16"), **how
) -> np.ndarray:
    """Log10 intensity of two markers on 4000 cells."""
    no = np.zeros(4000, dtype=bool)
    code = np.full(4000, code_of(population), dtype=np.int8)
    cells = make_cells(
        np.random.default_rng(1),
        code,
        donor=no,
        dead=no,
        staining=Staining(markers, {}, conditions, **how),
    )
    return np.log10(cells.stains)


def test_continuum_closes_the_gap_between_bright_and_dim():
    def gap(conditions: Conditions) -> float:
        bright = np.quantile(stained(conditions, "NK_bright")[:, 0], 0.05)
        return float(bright - np.quantile(stained(conditions, "NK_dim")[:, 0], 0.95))

    apart = gap(Conditions(continuum=0.0, tails=0.0))
    touching = gap(PRESETS["continuum"])
    assert apart > 0.2
    assert touching < -0.05


def test_activation_raises_cd56_and_sheds_cd16():
    conditions = Conditions(tails=0.0)
    resting, active = (
        np.median(stained(conditions, "NK_dim", activation=level), axis=0) for level in (0.0, 1.0)
    )
    np.testing.assert_allclose(active - resting, [0.35, -0.6], atol=0.01)


def test_tails_are_skewed_and_heavy():
    from scipy.stats import kurtosis, skew

    plain, tailed = (
        stained(Conditions(tails=tails, continuum=0.0), "CD4")[:, 0] for tails in (0.0, 0.5)
    )
    assert abs(skew(plain)) < 0.1
    assert abs(kurtosis(plain)) < 0.3
    assert kurtosis(tailed) > 1


def test_a_cell_however_bright_ends_at_the_ceiling():
    # Heavy tails have no end, but the sampler of photoelectrons has.
    setup = set_up(
        0, "lineage", year=2009, quarter=1, cytometer=CYTOMETERS[0], conditions=Conditions()
    )
    cells = make_cells(
        np.random.default_rng(0),
        np.zeros(2, dtype=np.int8),
        staining=Staining(tuple(PANELS["lineage"]), {}, Conditions()),
        donor=np.zeros(2, dtype=bool),
        dead=np.zeros(2, dtype=bool),
    )
    cells = replace(cells, stains=np.full_like(cells.stains, 1e30))
    values = detect(np.random.default_rng(0), cells, setup, beads=np.zeros(2, dtype=bool))
    assert np.all(digitise(values)[:, 3:] == 262144.0)


def test_single_stains_carry_one_colour_and_an_unstained_tube_none(tmp_path):
    study = simulate(tmp_path / "s", single_stains=True, draw_days=(-7,), dead=0.2)
    samples = pd.read_csv(study / "samples.csv")
    controls = samples[samples["patient"].isna()]
    assert set(controls["role"]) == {"single_stain", "unstained", "fmo"}
    singles = controls[controls["role"] == "single_stain"]
    assert set(singles.query("panel == 'donor_nk'")["stain"]) == set(PANELS["donor_nk"])

    def top(name: str, label: str) -> float:
        data = flowio.FlowData(study / "fcs/controls" / f"{name}.fcs")
        return float(np.quantile(data.as_array()[:, data.pns_labels.index(label)], 0.98))

    assert (
        top("lineage_single_stain_CD3", "CD3 FITC")
        > 5000
        > 2000
        > top("lineage_unstained", "CD3 FITC")
    )
    assert (
        top("lineage_single_stain_CD3", "CD45 V500") < 2500 < top("lineage_fmo_CD56", "CD45 V500")
    )
    assert top("lineage_fmo_CD56", "CD56 PE") < 4500 < top("lineage_single_stain_CD56", "CD56 PE")


def test_the_first_ten_populations_are_the_lymphocytes():
    assert "NK_CD56neg" in LYMPHOCYTES
    assert not {"Basophil", "Mono_classical"} & set(LYMPHOCYTES)
