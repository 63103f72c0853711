"""`immunerecon simulate` with its presets and stresses."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from immunerecon.cli import app
from immunerecon.cli.simulating import PRESET_NAMES
from immunerecon.simulate.conditions import PRESETS


def _simulate(*arguments: object) -> Result:
    told = ["simulate", *map(str, arguments), "--patients", "1", "--events", "400"]
    return CliRunner().invoke(app, told, env={"COLUMNS": "200"})


def _tubes(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "truth" / "tubes.csv")


def test_the_help_names_every_preset() -> None:
    assert tuple(PRESETS) == PRESET_NAMES
    shown = _simulate("x", "--help").output
    assert all(name in shown for name in PRESETS)


def test_presets_and_single_stresses_reach_the_trial(tmp_path: Path) -> None:
    for name, options in {
        "plain": (),
        "dead": ("--preset", "dead"),
        "both": ("--preset", "dead", "--doublets", 0.3),
    }.items():
        result = _simulate(tmp_path / name, *options)
        assert result.exit_code == 0, result.output
    plain, dead, both = (_tubes(tmp_path / name) for name in ("plain", "dead", "both"))
    share = [table["dead"].sum() / table["n_events"].sum() for table in (plain, dead, both)]
    doublets = [table["doublet"].sum() / table["n_events"].sum() for table in (plain, both)]
    assert share[1] > 2 * share[0]
    assert share[2] > 2 * share[0]
    assert doublets[1] > 3 * doublets[0]


def test_batches_without_labels_and_another_cytometer(tmp_path: Path) -> None:
    assert _simulate(tmp_path / "trial", "--no-labelled", "--second-cytometer").exit_code == 0
    samples = pd.read_csv(tmp_path / "trial" / "samples.csv")
    assert "batch" not in samples or samples["batch"].isna().all()
    assert _tubes(tmp_path / "trial")["cytometer"].nunique() == 2


def test_nadir_and_what_every_event_is(tmp_path: Path) -> None:
    folder = tmp_path / "trial"
    assert _simulate(folder, "--nadir", 1, 10, "--truth-events").exit_code == 0
    truth = pd.read_csv(folder / "truth" / "populations.csv")
    nadir = truth[(truth["day"].between(1, 10)) & (truth["role"] == "draw")]
    assert nadir.loc[nadir["population"] == "Lymphocytes", "count"].max() <= 3
    files = sorted((folder / "truth" / "events").glob("*.npz"))
    tubes = _tubes(folder).set_index("file")
    assert len(files) == len(tubes)
    with np.load(files[0]) as events:
        (row,) = tubes.index[tubes.index.str.endswith(f"/{files[0].stem}.fcs")]
        assert len(events["kind"]) == tubes.loc[row, "n_events"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--preset", "easy"), "everyday"),
        (("--dead", 1.5), "--dead"),
        (("--nadir", 9, 3), "fewest"),
    ],
)
def test_a_wrong_option_says_what_is_accepted(tmp_path: Path, options, told: str) -> None:
    result = _simulate(tmp_path / "trial", *options)
    assert result.exit_code == 2
    assert told in result.output
    assert not (tmp_path / "trial").exists()
