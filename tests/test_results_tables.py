"""Tables are safe to open in a spreadsheet and keep their types."""

from pathlib import Path

import pandas as pd
import pytest

from immunerecon.pipeline.tables import read_table, table, write_table


@pytest.mark.malformed(76)
def test_no_cell_becomes_a_formula(tmp_path: Path) -> None:
    cells = ["=1+1", "+1", "-A1", "@SUM(A1)", "\tx", "CD3+", "CD3-"]
    frame = table("samples", [{"file": cell, "day": -7.0} for cell in cells])
    write_table(tmp_path, "samples", frame)
    written = pd.read_csv(tmp_path / "samples.csv")
    assert list(written["file"]) == ["'=1+1", "'+1", "'-A1", "'@SUM(A1)", "'\tx", "CD3+", "CD3-"]
    assert list(written["day"]) == [-7.0] * 7
    assert list(read_table(tmp_path, "samples")["file"]) == cells


def test_an_empty_table_still_has_its_columns() -> None:
    assert "persistence_status" in table("persistence", []).columns


def test_whole_numbers_stay_whole_beside_missing_ones(tmp_path: Path) -> None:
    frame = table("populations", [{"count": 3}, {"count": None}]).astype({"count": "Int64"})
    write_table(tmp_path, "populations", frame)
    column = (tmp_path / "populations.csv").read_text().splitlines()[0].split(",").index("count")
    rows = [
        line.split(",")[column] for line in (tmp_path / "populations.csv").read_text().splitlines()
    ]
    assert rows == ["count", "3", ""]
