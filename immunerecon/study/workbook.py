"""One sheet of an Excel workbook as text."""

import datetime as dt
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openpyxl import load_workbook

from immunerecon.errors import Problem, StudyError

MAX_UNPACKED_BYTES = 200_000_000


def read_sheet(path: Path, file: str, *, sheet: str) -> list[list[str]]:
    """Return the cells of a sheet as text.

    Parameters
    ----------
    path
        The ``.xlsx`` file.
    file
        Its name in messages.
    sheet
        The sheet to read where there are several.

    Returns
    -------
    list of list of str
        Row by row from row 1. Dates are ISO; a percentage keeps its ``%``, so that 25 % is never
        taken for 0.25.

    Raises
    ------
    StudyError
        Not an Excel workbook, no such sheet, or cells with an error or with a formula that was
        never calculated.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > MAX_UNPACKED_BYTES:
            raise StudyError([Problem(file, f"unpacks to {unpacked} bytes, too many")])
        values = _cells(path, file, sheet, values=True)
        formulas = _cells(path, file, sheet, values=False)
    except StudyError:
        raise
    except Exception as error:  # a damaged workbook fails in openpyxl in more ways than it names
        raise StudyError([Problem(file, "is not a readable .xlsx workbook")]) from error
    problems = list(_problems(file, values, formulas))
    if problems:
        raise StudyError(problems)
    return [[_text(cell) for cell in row] for row in values]


def _cells(path: Path, file: str, sheet: str, *, values: bool) -> list[list[Any]]:
    """Return the cells of the sheet, calculated values or formulas."""
    book = load_workbook(path, read_only=True, data_only=values)
    try:
        if len(book.sheetnames) > 1 and sheet not in book.sheetnames:
            found = ", ".join(book.sheetnames)
            message = f"has several sheets ({found}), none named {sheet!r}"
            raise StudyError(
                [Problem(file, message, accepted=f"one sheet, or one named {sheet!r}")]
            )
        page = book[sheet] if sheet in book.sheetnames else book.worksheets[0]
        page.reset_dimensions()  # some programs write a wrong extent
        return [list(row) for row in page.iter_rows()]
    finally:
        book.close()


def _problems(file: str, values: list[list[Any]], formulas: list[list[Any]]) -> Iterator[Problem]:
    for row, formula_row in zip(values, formulas, strict=True):
        for cell, formula in zip(row, formula_row, strict=True):
            place = {"row": getattr(cell, "row", None)}
            where = getattr(cell, "coordinate", "")
            if formula.data_type == "f" and cell.value is None:
                message = f"cell {where} holds a formula without a calculated value"
                accepted = "open and save the file in a spreadsheet program, or type the value"
                yield Problem(file, message, accepted=accepted, **place)
            elif cell.data_type == "e":
                yield Problem(file, f"cell {where} holds the error {cell.value}", **place)


def _text(cell: Any) -> str:  # noqa: ANN401  (openpyxl ships no types)
    """Return a cell as a person would have typed it into a CSV."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat(" ")
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        if "%" in (cell.number_format or ""):
            return f"{value * 100:.12g}%"
        return str(int(value)) if float(value).is_integer() else repr(value)
    return str(value).strip()
