"""The built wheel carries the strategies, and works outside the checkout."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    subprocess.run([*command, "--wheel-dir", folder, ROOT], check=True)
    return next(folder.glob("immunerecon-*.whl"))


def test_wheel_holds_strategies_and_not_the_sample_data(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "immunerecon/_gating/lineage.yaml" in names
    assert "immunerecon/study/reference_ranges.csv" in names
    assert "immunerecon/__init__.pyi" in names
    assert not [name for name in names if "sample_data" in name or name.startswith("tests")]


def test_unpacked_wheel_finds_its_strategies(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = (
        "import immunerecon; print(immunerecon.__file__, immunerecon.load_strategy('lineage').name)"
    )
    # -P keeps the checkout off the path; the unpacked wheel comes first.
    told = subprocess.run(
        [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {code}"],
        capture_output=True, text=True, check=True, cwd=tmp_path,
    ).stdout.split()  # fmt: skip
    assert Path(told[0]).is_relative_to(tmp_path)
    assert told[1] == "lineage"
