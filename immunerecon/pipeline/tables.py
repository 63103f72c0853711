"""The tables of a results folder: the same columns as CSV and Parquet."""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from immunerecon.errors import Problem, ResultsError, StudyError
from immunerecon.files import spreadsheet_safe, write_atomically

if TYPE_CHECKING:
    import pyarrow as pa

# Columns of text; a column of nothing but missing values has no type of its own.
_TEXT = frozenset(
    {
        *("file", "sha256", "patient", "panel", "role", "status", "reason", "flags", "batch"),
        *("population", "parent", "count_method", "dimension_x", "dimension_y", "kind"),
        *("parameters", "source", "marker", "call", "measure", "persistence_status", "group"),
        *("event", "term", "value", "method", "dose_level", "sex", "tube", "stain", "replicate"),
    }
)
# The contract's columns, in its order; further columns follow them.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "samples": (
        *("file", "sha256", "patient", "day", "panel", "role", "status", "reason"),
        *("n_events", "n_events_clean", "seconds"),
    ),
    "populations": (
        *("file", "patient", "day", "panel", "population", "parent", "count", "parent_count"),
        *("percent_of_parent", "percent_low", "percent_high"),
        *("cells_per_ul", "cells_per_ul_low", "cells_per_ul_high", "count_method", "flags"),
        *("role", "gate_count"),
    ),
    "gates": (
        *("file", "population", "dimension_x", "dimension_y", "kind", "parameters"),
        *("source", "confidence", "standard_error"),
    ),
    "donor_cells": (
        *("file", "patient", "day", "population", "marker", "total_events", "donor_events"),
        *("donor_fraction", "fraction_low", "fraction_high", "lob", "lod", "loq", "call", "reason"),
        *("donor_cells_per_ul", "donor_cells_per_ul_low", "donor_cells_per_ul_high"),
    ),
    "persistence": (
        *("patient", "population", "measure", "c_max", "t_max", "auc_0_28", "half_life"),
        *("t_last_detected", "t_first_undetected", "persistence_status"),
    ),
    "recovery": ("patient", "population", "threshold", "status", "time_low", "time_high"),
    "cohort_recovery": (
        *("group", "population", "threshold", "time", "cumulative_incidence", "low", "high"),
        "at_risk",
    ),
    "donor_distributions": (
        *("file", "patient", "day", "population", "panel", "marker", "tube"),
        *("value", "observed", "recipient", "donor"),
    ),
    # What the study told, without dates and typings: results stand on their own.
    "patients": (
        *("patient", "dose_level", "nk_cells_per_kg", "cd3_cells_per_kg"),
        *("age", "sex", "weight_kg"),
    ),
    "clinical_events": ("patient", "day", "event", "term", "grade", "value"),
    "chimerism": ("patient", "day", "population", "donor_percent", "method"),
    "reference_ranges": ("population", "low", "high", "source"),
}

PART_FILES = 1000
_SHEET_ROWS = 1_048_576  # of Excel, the header included


def table(name: str, rows: pd.DataFrame | Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return a table with the contract's columns first, present even when it is empty.

    Parameters
    ----------
    name
        One of `COLUMNS`.
    rows
        Its rows.
    """
    frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows))
    first = list(COLUMNS[name])
    return typed(frame.reindex(columns=first + [c for c in frame.columns if c not in first]))


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose columns have their types even where all values are missing."""
    untyped = frame.columns[frame.isna().all()]
    if untyped.empty:
        return frame
    return frame.astype({c: object if c in _TEXT else float for c in untyped})


def write_table(folder: Path, name: str, frame: pd.DataFrame) -> None:
    """Write a table as CSV and as Parquet."""
    import pyarrow as pa

    text = spreadsheet_safe(frame).to_csv(index=False, lineterminator="\n")
    write_atomically(folder / f"{name}.csv", text.encode())
    _write_parquet(folder / f"{name}.parquet", pa.Table.from_pandas(frame, preserve_index=False))


def write_parts(folder: Path, tables: Mapping[str, pd.DataFrame]) -> None:
    """Write tables with rows of many files a second time, in parts that programs read at once.

    Parameters
    ----------
    folder
        It gets a folder a table with ``part-00000.parquet`` and so on; all parts of a table have
        the same columns and types.
    tables
        By name; each has a column `file`. A part holds the rows of 1,000 files; tables of fewer
        files are not written, because their one Parquet file does as well.
    """
    import pyarrow as pa

    for name, frame in tables.items():
        number = frame["file"].ne(frame["file"].shift()).cumsum().sub(1) // PART_FILES
        n_parts = int(number.max()) + 1 if len(frame) else 0
        names = [f"part-{part:05d}.parquet" for part in range(n_parts if n_parts > 1 else 0)]
        if names:
            whole = pa.Table.from_pandas(frame, preserve_index=False)
            starts = number.searchsorted(range(n_parts + 1))
        for part, file in enumerate(names):
            rows = whole.slice(starts[part], starts[part + 1] - starts[part])
            _write_parquet(folder / name / file, rows)
        for path in (folder / name).glob("part-*.parquet"):
            if path.name not in names:  # of a larger study
                path.unlink()


def _write_parquet(path: Path, rows: "pa.Table") -> None:
    import pyarrow.parquet as pq

    stream = io.BytesIO()
    pq.write_table(rows, stream)
    write_atomically(path, stream.getvalue())


def read_table(folder: Path, name: str) -> pd.DataFrame:
    """Return a table of a results folder, types as they were written."""
    import pyarrow.parquet as pq

    # As pandas reads it, but without all that finds data sets of many files.
    with pq.ParquetFile(folder / f"{name}.parquet") as file:
        frame: pd.DataFrame = file.read().to_pandas()
    return frame


def read_spreadsheet(path: Path) -> pd.DataFrame:
    """Return a table that a person made, CSV or Excel.

    Raises
    ------
    StudyError
        When there is no such file, or it is no table.
    """
    try:
        if path.suffix.lower() == ".xlsx":
            return pd.read_excel(path)
        return pd.read_csv(path, sep=None, engine="python", encoding="utf-8-sig")
    except (OSError, ValueError, csv.Error, zipfile.BadZipFile) as error:
        message = f"cannot be read as a table: {error}"
        raise StudyError([Problem(path.name, message, accepted=".csv or .xlsx")]) from error


def write_workbook(path: Path, tables: Mapping[str, pd.DataFrame]) -> Path:
    """Write tables as the sheets of one Excel workbook, the same bytes for the same tables.

    Parameters
    ----------
    path
        The .xlsx file.
    tables
        By name of sheet; Excel takes 31 letters of it.

    Raises
    ------
    ResultsError
        When a table has more rows than an Excel sheet.
    """
    stream = io.BytesIO()
    with pd.ExcelWriter(stream, engine="openpyxl") as workbook:
        for name, frame in tables.items():
            if len(frame) >= _SHEET_ROWS:
                raise ResultsError(
                    f"{name} has {len(frame):,} rows, an Excel sheet holds {_SHEET_ROWS:,}: take "
                    f"{name}.csv or {name}.parquet of the results folder"
                )
            spreadsheet_safe(frame).to_excel(
                workbook, sheet_name=name[:31], index=False, freeze_panes=(1, 0)
            )
    return write_atomically(path, _undated(stream.getvalue()))


def _undated(workbook: bytes) -> bytes:
    """Return a workbook without the time at which it was written."""
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook)) as old,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            content = old.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"<dcterms:(created|modified)\b.*?</dcterms:\1>", b"", content)
            new.writestr(entry, content)
    return stream.getvalue()
