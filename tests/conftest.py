"""Fixtures that several test modules share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real FCS, FlowJo and Gating-ML files with known counts."""
    folder = Path(
        os.environ.get("IMMUNERECON_REAL_DATA", Path(__file__).parents[2] / "shared" / "data")
    )
    if not (folder / "SOURCES.csv").is_file():
        pytest.skip(f"no real data in {folder} (set IMMUNERECON_REAL_DATA to their folder)")
    return folder


@pytest.fixture(scope="session")
def small_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Study folder of a simulated trial: two patients, five draws, two tubes each."""
    from immunerecon.simulate.conditions import Conditions
    from immunerecon.simulate.folder import simulate_trial

    folder = tmp_path_factory.mktemp("small") / "study"
    days = Conditions(draw_days=(-7, 0, 7, 28, 90), missed_draws=0.0)
    return simulate_trial(folder, patients=2, seed=1, events=4000, conditions=days)


@pytest.fixture(scope="session")
def small_results(small_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results folder of `small_study`."""
    from immunerecon.pipeline.run import run_study
    from immunerecon.study.folder import read_study

    out = tmp_path_factory.mktemp("small_results") / "results"
    run_study(read_study(small_study), out)
    return out


@pytest.fixture(scope="session")
def tiny_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Study folder of one patient with two draws and the controls: quick to run."""
    from immunerecon.simulate.conditions import Conditions
    from immunerecon.simulate.folder import simulate_trial

    folder = tmp_path_factory.mktemp("tiny") / "study"
    days = Conditions(draw_days=(-7, 7), missed_draws=0.0)
    return simulate_trial(folder, patients=1, seed=2, events=1500, conditions=days)


@pytest.fixture(scope="session")
def tiny_results(tiny_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results folder of `tiny_study`, which no test may change."""
    from immunerecon.pipeline.run import run_study
    from immunerecon.study.folder import read_study

    out = tmp_path_factory.mktemp("tiny_results") / "results"
    run_study(read_study(tiny_study), out)
    return out
