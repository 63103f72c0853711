"""One table of the study folder, CSV or Excel, as text with its spreadsheet rows."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from immunerecon.errors import Problem, StudyError

MAX_BYTES = 50_000_000
SEPARATORS = (",", ";", "\t")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True)
class Row:
    """One row below the header.

    Parameters
    ----------
    number
        As a spreadsheet numbers it; the header is row 1.
    cells
        Text by column, without surrounding spaces.
    """

    number: int
    cells: Mapping[str, str]


@dataclass(frozen=True)
class Table:
    """A table of text.

    Parameters
    ----------
    file
        Name relative to the study folder.
    columns
        Header; empty when there is no such table.
    rows
        Those that are not blank.
    comma_is_decimal
        Whether ``1,234`` can only be a decimal number, because ``;`` separates the cells.
    """

    file: str
    columns: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    comma_is_decimal: bool = False


def read_table(folder: Path, stem: str, columns: Sequence[str]) -> Table:
    r"""Read ``stem.csv`` or ``stem.xlsx`` as text.

    Parameters
    ----------
    folder
        The study folder.
    stem
        Name without extension, e.g. ``samples``.
    columns
        The columns that mean something; the separator of a CSV is the one that finds most of them.

    Returns
    -------
    Table
        Nothing is typed: ``NO``, ``1_0`` and ``007`` stay as written. Without columns and rows when
        neither file exists.

    Raises
    ------
    StudyError
        Both files exist, or the one that exists is not a readable table; all its faults at once.

    Notes
    -----
    CSV is UTF-8, with or without byte order mark, separated by ``,``, ``;`` or tab. Of an Excel
    file the only sheet is read, or the one named like the table.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "samples.csv").write_text("file;patient\nday0.fcs;007\n")
    >>> table = read_table(folder, "samples", ["file", "patient"])
    >>> table.rows[0].number, table.rows[0].cells["patient"]
    (2, '007')
    """
    found = [path for suffix in (".csv", ".xlsx") if (path := folder / f"{stem}{suffix}").exists()]
    if not found:
        return Table(f"{stem}.csv")
    path = found[0]
    file = path.relative_to(folder).as_posix()
    if len(found) == 2:
        raise _error(file, "there is an .xlsx of the same name", accepted="one of the two")
    if not path.is_file():
        raise _error(file, "is not a file")
    if path.stat().st_size > MAX_BYTES:
        raise _error(file, f"is larger than {MAX_BYTES // 1_000_000} MB")
    if path.suffix == ".xlsx":
        from immunerecon.study.workbook import read_sheet  # openpyxl is slow to import

        return _table(file, read_sheet(path, file, sheet=Path(stem).name))
    text = _decode(path.read_bytes(), file)
    separator = _separator(text, columns)
    return _table(file, _records(text, separator, file), comma_is_decimal=separator == ";")


def _decode(data: bytes, file: str) -> str:
    """Return the text of a CSV file."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise _error(file, "is UTF-16 text", accepted="UTF-8; in Excel: save as 'CSV UTF-8'")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        raise _error(
            file, "is not UTF-8 text", row=row, accepted="UTF-8; in Excel: save as 'CSV UTF-8'"
        ) from None


def _separator(text: str, columns: Sequence[str]) -> str:
    """Return the separator that splits the header into most accepted columns."""
    header = re.split(r"[\r\n]", text.lstrip("\r\n"), maxsplit=1)[0]

    def score(separator: str) -> tuple[int, int]:
        names = [name.strip() for name in next(csv.reader([header], delimiter=separator), [])]
        return len(set(columns) & set(names)), len(names)

    return max(SEPARATORS, key=score)


def _records(text: str, separator: str, file: str) -> list[list[str]]:
    """Split a CSV into cells."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    records = []
    try:
        for record in reader:
            records.append([cell.strip() for cell in record])
    except csv.Error as error:
        raise _error(file, f"cannot be split into cells: {error}", row=len(records) + 1) from None
    return records


def _table(file: str, records: list[list[str]], *, comma_is_decimal: bool = False) -> Table:
    """Name the cells by the header and drop blank rows."""
    if not records or not any(records[0]):
        raise _error(file, "has no header in row 1")
    header = records[0]
    problems = [*_header_problems(file, header), *_cell_problems(file, header, records)]
    if problems:
        raise StudyError(problems)
    rows = tuple(
        Row(number, {name: cell for name, cell in _pairs(header, record) if name})
        for number, record in enumerate(records[1:], start=2)
        if any(record)
    )
    return Table(file, tuple(name for name in header if name), rows, comma_is_decimal)


def _pairs(header: list[str], record: list[str]) -> Iterator[tuple[str, str]]:
    """Pair names with cells; cells left out at the end of a row are empty."""
    for position, name in enumerate(header):
        yield name, record[position] if position < len(record) else ""


def _header_problems(file: str, header: list[str]) -> Iterator[Problem]:
    for name in sorted({name for name in header if name and header.count(name) > 1}):
        yield Problem(file, f"there are {header.count(name)} columns {name!r}", row=1, column=name)


def _cell_problems(file: str, header: list[str], records: list[list[str]]) -> Iterator[Problem]:
    width = len(header)
    for number, record in enumerate(records, start=1):
        if any(record[width:]):
            yield Problem(
                file,
                f"has {len(record)} cells, the header has {width}",
                row=number,
                accepted="text that contains the separator (such as 1,5) in double quotes",
            )
        for position, cell in enumerate(record[:width]):
            if cell and not header[position]:
                message = f"cell {cell!r} stands in a column without a name"
                yield Problem(file, message, row=number)
            if _CONTROL.search(cell):
                message = f"cell {cell!r} holds a control character"
                yield Problem(file, message, row=number, column=header[position] or None)


def _error(
    file: str, message: str, *, row: int | None = None, accepted: str | None = None
) -> StudyError:
    return StudyError([Problem(file, message, row=row, accepted=accepted)])
