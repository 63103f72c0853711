"""Each malformed or odd input has a test by its number, and a batch bears all of them."""

import ast
import importlib.util
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from immunerecon.pipeline.run import run_study
from immunerecon.study.folder import read_study

TESTS = Path(__file__).parent
GATES_OF_OTHERS = range(72, 76)  # Gating-ML and FlowJo, tested where they are read


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
    missing = [n for n in range(1, 82) if n not in tests and n not in GATES_OF_OTHERS]
    assert missing == []


def spoilt(study: Path, **changes: Callable[[bytes], bytes]) -> dict[str, str]:
    """Change files of a study; return their names by what was done."""
    draws = sorted(study.glob("fcs/**/*_day*.fcs"))
    named = dict(zip(changes, draws, strict=False))
    for what, path in named.items():
        path.write_bytes(changes[what](path.read_bytes()))
    return {what: path.relative_to(study).as_posix() for what, path in named.items()}


def samples_of(out: Path) -> pd.DataFrame:
    """Return the table `samples` by file."""
    return pd.read_csv(out / "samples.csv", keep_default_na=False).set_index("file")


def test_a_batch_goes_on_past_the_odd_and_the_refused(tiny_study: Path, tmp_path: Path) -> None:
    study = shutil.copytree(tiny_study, tmp_path / "study")
    files = spoilt(
        study,
        trailing=lambda content: content + bytes(300),
        wrong_total=lambda content: content.replace(b"/$TOT/", b"/$TOT/9", 1),
        no_delimiter=lambda content: b"PK\x03\x04" + content[4:],
    )
    assert not run_study(read_study(study), tmp_path / "out").complete
    samples = samples_of(tmp_path / "out")
    assert len(samples) == len(list(study.glob("fcs/**/*.fcs")))
    assert samples.loc[files["trailing"], "status"] == "flagged"
    assert "300 bytes after the last segment" in samples.loc[files["trailing"], "reason"]
    for what, words in (("wrong_total", "$TOT"), ("no_delimiter", "ZIP")):
        assert samples.loc[files[what], "status"] == "failed"
        assert words in samples.loc[files[what], "reason"]
    assert (samples["status"] == "failed").sum() == 2


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
