"""A study whose gates stand in a file of another program."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from immunerecon.cytometry.fcs import read_fcs
from immunerecon.errors import StrategyError
from immunerecon.gating.exchange.gating_document import gate_all_events
from immunerecon.gating.exchange.gating_ml_import import load_gating_ml
from immunerecon.gating.fixed_strategy import fixed_strategy
from immunerecon.gating.geometry.dimensions import Events
from immunerecon.gating.overrides.override import Override
from immunerecon.gating.strategy_file import load_strategy
from immunerecon.pipeline.results import load_results
from immunerecon.pipeline.run import regate, run_study
from immunerecon.study.folder import read_study


@pytest.fixture(scope="module")
def fixed_study(
    small_study: Path, small_results: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The small study's lineage tubes, all with the gates that were exported of one of them."""
    folder = tmp_path_factory.mktemp("fixed") / "study"
    shutil.copytree(small_study, folder)
    samples = pd.read_csv(folder / "samples.csv", dtype=str)
    kept = samples[(samples["panel"] == "lineage") & (samples["role"] == "draw")].head(4)
    kept.to_csv(folder / "samples.csv", index=False)
    stem = Path(kept["file"].iloc[0]).with_suffix("").as_posix().replace("/", "__")
    shutil.copy(small_results / "gating-ml" / f"{stem}.xml", folder / "our gates.xml")
    settings = YAML(typ="safe").load(folder / "study.yaml")
    settings["panels"] = {"lineage": {"strategy": "our gates.xml"}}
    YAML().dump(settings, folder / "study.yaml")
    return folder


def test_every_tube_gets_the_gates_of_the_file(fixed_study: Path, tmp_path: Path) -> None:
    study = read_study(fixed_study)
    results = run_study(study, tmp_path / "out")
    assert set(results.gates["source"]) == {"fixed"}
    assert (results.samples["status"] != "failed").all()
    document = load_gating_ml(fixed_study / "our gates.xml")
    populations = results.populations.set_index(["file", "population"])
    for sample in study.samples:
        tube = read_fcs(fixed_study / sample.file)
        members = gate_all_events(document, Events(tube, document.dimensions, document.matrices))
        if (results.samples.set_index("file")["n_events_clean"][sample.file]) < tube.n_events:
            continue
        for name, inside in members.items():
            assert populations.loc[(sample.file, name), "count"] == inside.sum(), name
    assert len(results.pictures(study.samples[0].file)) > 5
    assert results.run["strategies"]["our gates.xml"].startswith("sha256:")
    assert regate(study, load_results(tmp_path / "out"), study.samples[0].file).count("T") > 0
    flowkit = pytest.importorskip("flowkit")
    for sample in study.samples:
        stem = Path(sample.file).with_suffix("").as_posix().replace("/", "__")
        gates = flowkit.parse_gating_xml(str(tmp_path / "out" / "gating-ml" / f"{stem}.xml"))
        theirs = gates.gate_sample(flowkit.Sample(str(fixed_study / sample.file)))
        for name, count in populations.loc[sample.file, "gate_count"].items():
            assert theirs.get_gate_count(name) == count


def test_a_fixed_gate_can_be_moved(fixed_study: Path, tmp_path: Path) -> None:
    study = read_study(fixed_study)
    document = load_gating_ml(fixed_study / "our gates.xml")
    gate = next(gate.gate for gate in document.gates if gate.population == "T")
    said = {"who": "AB", "when": "2026-11-25", "why": "test", "file": study.samples[0].file}
    shift = Override("move", **said, population="T", shift={gate.dimensions[0]: 0.01})
    results = run_study(study, tmp_path / "out", overrides=[shift])
    sources = results.gates.set_index(["file", "population"])["source"]
    assert sources[study.samples[0].file, "T"] == "override"
    assert (sources.drop((study.samples[0].file, "T")) == "fixed").all()


@pytest.mark.real_data
def test_linear_gates_lose_no_event_when_they_are_fitted_to_a_display(real_data: Path) -> None:
    folder = real_data / "gate_reference" / "gatingml2"
    tube = read_fcs(folder / "data1.fcs")
    for path in sorted((folder / "gml").glob("*.xml")):
        document = load_gating_ml(path)
        strategy = fixed_strategy(document)
        members = gate_all_events(document, Events(tube, document.dimensions, document.matrices))
        events = Events(tube, strategy.dimensions, strategy.matrices)
        for name, rule in strategy.populations.items():
            if rule.fixed.dimensions and not rule.parent:
                inside = rule.fixed.contains(events.columns(rule.fixed.dimensions))
                np.testing.assert_array_equal(inside, members[name], err_msg=name)


def test_a_strategy_is_described_in_words(fixed_study: Path) -> None:
    strategy = load_strategy("our gates.xml", folder=fixed_study)
    assert strategy.is_fixed
    assert "rectangle" in strategy._repr_html_()


def test_yaml_has_no_fixed_gates(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(
        "name: own\nversion: 1.0.0\ntitle: own\nboundaries: {}\n"
        "populations: {T: {fixed: {dimensions: [A, B], vertices: [[0, 0], [1, 0], [0, 1]]}}}\n"
    )
    with pytest.raises(StrategyError, match="Gating-ML document"):
        load_strategy("own.yaml", folder=tmp_path)
