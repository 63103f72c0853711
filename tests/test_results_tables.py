"""Tables are safe to open in a spreadsheet and keep their types."""

from pathlib import Path

import pandas as pd
import pytest

from immunerecon.pipeline.tables import read_table, table, write_parts, write_table


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


def test_many_files_are_parts_that_pandas_and_duckdb_read_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("immunerecon.pipeline.tables.PART_FILES", 2)
    rows = [
        # The last part has nothing but missing numbers.
        {"file": f"{n}.fcs", "reason": "" if n > 3 else "x", "seconds": None if n > 3 else 1.5}
        for n in range(5)
        for _ in range(n + 1)
    ]
    frame = table("samples", rows).drop(columns=["sha256", "patient", "panel", "role", "status"])
    write_parts(tmp_path, {"samples": frame, "empty": table("gates", [])})
    parts = sorted(path.name for path in (tmp_path / "samples").iterdir())
    assert parts == ["part-00000.parquet", "part-00001.parquet", "part-00002.parquet"]
    assert len(pd.read_parquet(tmp_path / "samples" / parts[0])) == 1 + 2
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "samples"), frame)
    duckdb = pytest.importorskip("duckdb")
    query = (
        f"select file, count(*) n from '{tmp_path}/samples/*.parquet' group by file order by file"
    )
    assert duckdb.sql(query).fetchall() == [(f"{n}.fcs", n + 1) for n in range(5)]
    write_parts(tmp_path, {"samples": frame[frame["file"] < "4"]})
    assert len(list((tmp_path / "samples").iterdir())) == 2
    write_parts(tmp_path, {"samples": frame[frame["file"] < "1"]})
    assert list((tmp_path / "samples").iterdir()) == []
