"""The Python of the how-to pages on other programs runs, from top to bottom."""

import re
from importlib.util import find_spec
from pathlib import Path

import matplotlib as mpl
import pytest

from immunerecon.pipeline.results import Results
from immunerecon.study.folder import Study

PAGES = Path(__file__).parents[2] / "docs" / "how_to"


def run_page(name: str, study: Study, results: Results) -> dict[str, object]:
    """Run a page's blocks, on a study that was run before; return what they made."""
    blocks = re.findall(r"```python\n(.*?)```", (PAGES / name).read_text("utf-8"), re.DOTALL)
    assert len(blocks) >= 5
    mpl.use("Agg")
    made: dict[str, object] = {"study": study, "results": results}
    for block in blocks:
        lines = [
            line
            for line in block.splitlines()
            if not line.startswith(("study = ir.read_", "results = "))
        ]
        exec(compile("\n".join(lines), name, "exec"), made)
    return made


def test_other_programs(
    study: Study, results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("anndata", "flowkit"):
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    made = run_page("other_programs.md", study, results)
    assert (tmp_path / "nk.fcs").is_file()
    assert (tmp_path / "study.h5ad").is_file()
    assert len(made["told"]) == len(made["draws"])


@pytest.mark.skipif(
    find_spec("FlowCytometryTools") is None,
    reason="FlowCytometryTools is not installed: make test-flowcytometrytools",
)
def test_flowcytometrytools(
    study: Study, results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = run_page("flowcytometrytools.md", study, results)
    assert made["gated"].count("RFP") > 0
    assert (tmp_path / "plate_study" / "samples.csv").is_file()
