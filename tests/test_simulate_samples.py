"""The sample study in the source is what the simulator writes, byte for byte."""

from pathlib import Path

import pytest

from immunerecon.simulate import samples

SOURCE = Path(__file__).parents[1] / "sample_data"
NOT_SIMULATED = {"README.md", ".gitattributes"}


def list_files(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    } - NOT_SIMULATED


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return samples.simulate_sample(tmp_path_factory.mktemp("fresh") / "sample_data")


def test_committed_bytes_are_those_of_a_fresh_simulation(fresh):
    if not SOURCE.is_dir():
        pytest.skip("no sample_data beside the tests: they run on an installed package")
    assert list_files(SOURCE) == list_files(fresh)
    changed = [
        name
        for name in sorted(list_files(fresh))
        if (SOURCE / name).read_bytes() != (fresh / name).read_bytes()
    ]
    assert changed == []


def test_it_is_small_and_whole(fresh):
    assert sum(path.stat().st_size for path in fresh.rglob("*")) < 23e6
    assert {"study.yaml", "samples.csv", "patients.csv", "blood_counts.csv"} <= list_files(fresh)
    informative = (fresh / "truth" / "patients.csv").read_text(encoding="utf-8")
    assert "-" in informative.splitlines()[2]
    assert "death" in (fresh / "clinical_events.csv").read_text(encoding="utf-8")


def test_the_checkout_comes_first(monkeypatch, tmp_path):
    (tmp_path / "study.yaml").write_text("name: here")
    monkeypatch.setattr(samples, "_CHECKOUT", tmp_path)
    assert samples.sample_study() == tmp_path


def test_without_a_checkout_it_is_simulated_once_into_the_cache(monkeypatch, tmp_path, fresh):
    monkeypatch.setattr(samples, "_CHECKOUT", tmp_path / "nowhere")
    monkeypatch.setattr(samples, "cache_folder", lambda: tmp_path / "cache")
    calls = []

    def copy(folder: Path) -> Path:
        calls.append(folder)
        return fresh.rename(folder)

    monkeypatch.setattr(samples, "simulate_sample", copy)
    first = samples.sample_study()
    assert first == samples.sample_study()
    assert (first / "study.yaml").is_file()
    assert len(calls) == 1
    assert [path.name for path in first.parent.iterdir()] == ["sample_data"]


@pytest.mark.parametrize(
    ("platform", "variable", "ending"),
    [
        ("linux", "XDG_CACHE_HOME", ("immunerecon",)),
        ("win32", "LOCALAPPDATA", ("immunerecon",)),
        ("darwin", "HOME", ("Library", "Caches", "immunerecon")),
    ],
)
def test_the_cache_is_where_the_system_wants_it(monkeypatch, tmp_path, platform, variable, ending):
    monkeypatch.setattr(samples.sys, "platform", platform)
    monkeypatch.setenv(variable, str(tmp_path))
    assert samples.cache_folder() == tmp_path.joinpath(*ending)
