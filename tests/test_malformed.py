"""Each malformed or odd input has a test by its number, and a batch bears all of them."""

import ast
import importlib.util
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from immunerecon.pipeline.results import Results
from immunerecon.pipeline.run import run_study
from immunerecon.study.folder import read_study

TESTS = Path(__file__).parent
Floats = NDArray[np.float32]
Spoiling = Callable[[bytes], bytes]


def load(name: str) -> ModuleType:
    """Return another test module."""
    place = importlib.util.spec_from_file_location(f"other_{name}", TESTS / f"{name}.py")
    assert place is not None
    assert place.loader is not None
    module = importlib.util.module_from_spec(place)
    sys.modules[place.name] = module  # its dataclass looks itself up
    place.loader.exec_module(module)
    return module


def marked(path: Path) -> dict[int, list[str]]:
    """Return the tests of a module that carry a number, by number."""
    found: dict[int, list[str]] = {}
    for node in ast.parse(path.read_text("utf-8")).body:
        if not isinstance(node, ast.FunctionDef):
            continue
        for mark in node.decorator_list:
            if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.malformed":
                for number in mark.args:
                    test = f"{path.name}::{node.name}"
                    found.setdefault(ast.literal_eval(number), []).append(test)
    return found


def test_every_number_has_a_test() -> None:
    tests: dict[int, list[str]] = {}
    for path in TESTS.glob("test_*.py"):
        for number, names in marked(path).items():
            tests.setdefault(number, []).extend(names)
    files = load("test_fcs_malformed")
    for answer, cases in (("refused", files.REFUSED), ("read", files.READ)):
        for case in cases:
            tests.setdefault(case.number, []).append(f"is_{answer}[{case}]")
    missing = [number for number in range(1, 82) if number not in tests]
    assert missing == []


def spoilt(study: Path, **changes: Spoiling) -> dict[str, str]:
    """Change files of a study; return their names by what was done."""
    draws = sorted(study.glob("fcs/**/*_day*.fcs"))
    named = dict(zip(changes, draws, strict=False))
    for what, path in named.items():
        path.write_bytes(changes[what](path.read_bytes()))
    return {what: path.relative_to(study).as_posix() for what, path in named.items()}


def samples_of(out: Path) -> pd.DataFrame:
    """Return the table `samples` by file."""
    return pd.read_csv(out / "samples.csv", keep_default_na=False).set_index("file")


def changed_values(column: int, change: Callable[[Floats], Floats | float]) -> Spoiling:
    """Return a change of one column of DATA."""

    def spoil(content: bytes) -> bytes:
        begin, n_columns = int(content[26:34]), int(re.search(rb"/\$PAR/(\d+)/", content)[1])  # type: ignore[index]  # it is there
        rows = np.frombuffer(content, "<f4", offset=begin).reshape(-1, n_columns).copy()
        rows[:, column] = change(rows[:, column])
        return content[:begin] + rows.tobytes()

    return spoil


def changed_keyword(name: str, value: str) -> Spoiling:
    """Return a change of a keyword in TEXT."""
    return lambda content: load("test_privacy").with_keywords(content, {name: value})


def without_numbers(n_events: int) -> Callable[[Floats], Floats]:
    """Return a change of the first values to NaN."""
    return lambda values: np.where(np.arange(len(values)) < n_events, np.nan, values)


# By what is done: number, change of the file, status and words of the reason.
SPOILINGS: dict[str, tuple[int, Spoiling, str, str]] = {
    "empty": (1, lambda content: b"", "failed", "empty"),
    "zip": (3, lambda content: b"PK\x03\x04" + content[4:], "failed", "ZIP"),
    "short": (6, lambda content: content[:-40], "failed", "the file ends at byte"),
    "trailing": (7, lambda content: content + bytes(300), "flagged", "300 bytes after the last"),
    "total": (17, changed_keyword("$TOT", "999999"), "failed", "$TOT"),
    "no events": (21, changed_keyword("$TOT", "0"), "flagged", "no events"),
    "few NaN": (36, changed_values(1, without_numbers(2)), "flagged", "2 of "),
    "many NaN": (36, changed_values(1, without_numbers(400)), "failed", "400 of "),
    "constant": (37, changed_values(5, lambda _: 100.0), "flagged", "the same value"),
    "time": (38, changed_values(-1, lambda times: times[::-1]), "flagged", "runs backwards"),
    "spillover": (39, changed_keyword("$SPILLOVER", "3,A,B,1,0,0,1"), "failed", "values"),
    "singular": (41, changed_keyword("$SPILLOVER", "2,A,B,1,1,1,1"), "failed", "singular"),
    "unknown": (42, changed_keyword("$SPILLOVER", "2,A,B,1,.1,0,1"), "failed", "names A, B"),
    "no spillover": (43, changed_keyword("$SPILLOVER", ""), "flagged", "uncompensated"),
    "escape": (78, changed_keyword("$CYT", "Canto\x1b[31m"), "", ""),
}


@pytest.fixture(scope="module")
def spoilt_batch(
    small_study: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, str], Results]:
    """The files of a study spoilt in every way, and what a run gives."""
    folder = tmp_path_factory.mktemp("spoilt")
    study = shutil.copytree(small_study, folder / "study")
    files = spoilt(study, **{name: change for name, (_, change, _, _) in SPOILINGS.items()})
    return files, run_study(read_study(study), folder / "out")


@pytest.mark.parametrize("name", SPOILINGS)
def test_a_batch_answers_each_file_and_goes_on(
    name: str, spoilt_batch: tuple[dict[str, str], Results]
) -> None:
    files, results = spoilt_batch
    _, _, status, words = SPOILINGS[name]
    row = results.samples.set_index("file").loc[files[name]]
    assert row["status"] == status or not status
    assert words in row["reason"]
    assert "\x1b" not in row.to_json()
    populations = results.populations[results.populations["file"] == files[name]]
    assert (len(populations) > 0) == (status != "failed")
    if name == "no events":
        assert row["n_events"] == 0
        assert populations["percent_of_parent"].isna().all()
    elif status == "flagged":
        assert populations["percent_of_parent"].notna().any()
    if name == "few NaN":
        assert row["n_nonfinite"] == 2
        assert row["n_events_clean"] <= row["n_events"] - 2


def test_a_batch_loses_no_file(spoilt_batch: tuple[dict[str, str], Results]) -> None:
    files, results = spoilt_batch
    assert not results.complete
    assert len(files) == len(SPOILINGS)
    failed = set(results.samples.loc[results.samples["status"] == "failed", "file"])
    assert failed == {files[name] for name, told in SPOILINGS.items() if told[2] == "failed"}
    assert len(results.samples) > len(files)


@pytest.mark.malformed(64)
def test_a_tube_of_another_panel_is_refused_by_the_panels_names(
    tiny_study: Path, tmp_path: Path
) -> None:
    study = shutil.copytree(tiny_study, tmp_path / "study")
    samples = pd.read_csv(study / "samples.csv", dtype=str)
    swapped = samples.index[(samples["role"] == "draw") & (samples["day"] == "7")]
    samples.loc[swapped, "panel"] = samples.loc[swapped[::-1], "panel"].to_numpy()
    samples.to_csv(study / "samples.csv", index=False)
    run_study(read_study(study), tmp_path / "out")
    found = samples_of(tmp_path / "out")
    failed = found[found["status"] == "failed"]
    assert set(failed.index) == set(samples.loc[swapped, "file"])
    for file, row in failed.iterrows():
        other = "donor_nk" if "donor_nk" in str(file) else "lineage"
        assert f"are those of panel '{other}'" in row["reason"]
        assert f"not of '{row['panel']}' as samples.csv says" in row["reason"]
    populations = pd.read_csv(tmp_path / "out" / "populations.csv")
    assert not set(populations["file"]) & set(failed.index)


def test_a_tube_with_one_marker_less_is_no_tube_of_another_panel(tiny_study: Path) -> None:
    from immunerecon.pipeline.misplaced import misplaced_tubes
    from immunerecon.pipeline.records import Record

    study = read_study(tiny_study)
    surveys = {
        index: Record({"markers": dict.fromkeys(["FSC-A", "CD3", *more], "")})
        for index, sample in enumerate(study.samples)
        for more in [["CD4", "CD8"] if sample.panel == "lineage" else ["HLA-A2"]]
    }
    assert misplaced_tubes(study, surveys) == {}
    index = next(i for i, sample in enumerate(study.samples) if sample.panel == "lineage")
    without = surveys | {index: Record({"markers": {"CD3": "", "CD4": ""}})}
    assert misplaced_tubes(study, without) == {}
    other = surveys | {index: Record({"markers": {"CD3": "", "HLA-A2": "", "SSC-A": ""}})}
    assert list(misplaced_tubes(study, other)) == [index]
