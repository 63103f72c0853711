"""A table's rows as validated records, with every fault at its row and column."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from immunerecon.errors import Problem, StudyError
from immunerecon.study.manifest import Record
from immunerecon.study.spelling import nearest
from immunerecon.study.tables import Row, Table, read_table

R = TypeVar("R", bound=Record)

_BOUNDS = {
    "greater_than": (">", "gt"),
    "greater_than_equal": (">=", "ge"),
    "less_than": ("<", "lt"),
    "less_than_equal": ("<=", "le"),
}
_SHAPES = {
    "string_type": "text",
    "dict_type": "a map, KEY: VALUE",
    "model_type": "a map, KEY: VALUE",
    "tuple_type": "a list, such as [50, 200]",
    "too_short": "a map with at least one entry",
}


@dataclass(frozen=True)
class Records(Generic[R]):
    """The rows of one table.

    Parameters
    ----------
    file
        Name relative to the study folder.
    rows
        Spreadsheet row and record of each row without fault.
    written
        Every row as text, also those with a fault.
    exists
        Whether there is such a table.
    problems
        What is wrong.
    warnings
        What a person should look at.
    """

    file: str
    rows: tuple[tuple[int, R], ...] = ()
    written: tuple[Row, ...] = ()
    exists: bool = True
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    @property
    def records(self) -> tuple[R, ...]:
        """The records without their rows."""
        return tuple(record for _, record in self.rows)

    def column(self, name: str) -> Iterator[tuple[int, str]]:
        """Yield spreadsheet row and text of every cell of a column that is not empty."""
        for row in self.written:
            if row.cells.get(name):
                yield row.number, row.cells[name]

    def problem(
        self, row: int, column: str | None, message: str, accepted: str | None = None
    ) -> Problem:
        """Return a problem that stands in this table."""
        return Problem(self.file, message, row=row, column=column, accepted=accepted)


def read_records(folder: Path, stem: str, model: type[R]) -> Records[R]:
    r"""Read a table and validate its rows.

    Parameters
    ----------
    folder, stem
        As in `read_table`.
    model
        What a row must be.

    Returns
    -------
    Records
        With all faults of the table; nothing is raised for them.

    Examples
    --------
    >>> import tempfile
    >>> from immunerecon.study.manifest import BloodCount
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "blood_counts.csv").write_text("patient;day;wbc\nP1;7;4,2\nP2;7;many\n")
    >>> counts = read_records(folder, "blood_counts", BloodCount)
    >>> counts.records[0].wbc, str(counts.problems[0])[:49]
    (4.2, "blood_counts.csv, row 3, column wbc: 'many' is no")
    """
    columns = [name for name in model.model_fields if name != "annotations"]
    try:
        table = read_table(folder, stem, columns)
    except StudyError as error:
        return Records(error.problems[0].file, problems=error.problems)
    if not table.columns:
        return Records(table.file, exists=False)
    problems = list(_missing_columns(table, model))
    rows = []
    for row in table.rows:
        try:
            rows.append((row.number, _record(row, table, model)))
        except ValidationError as error:
            problems += _row_problems(table, row.number, error)
    warnings = tuple(_misspelt_columns(table, model))
    return Records(
        table.file,
        tuple(rows),
        written=table.rows,
        problems=tuple(problems),
        warnings=warnings,
    )


def _record(row: Row, table: Table, model: type[R]) -> R:
    """Validate one row; an empty cell is a value that is not given."""
    given: dict[str, Any] = {"annotations": {}}
    for name, cell in row.cells.items():
        if name not in model.model_fields or name == "annotations":
            given["annotations"][name] = cell
        elif cell:
            given[name] = cell
    return model.model_validate(given, context={"comma_is_decimal": table.comma_is_decimal})


def _missing_columns(table: Table, model: type[Record]) -> Iterator[Problem]:
    for name, field in model.model_fields.items():
        if field.is_required() and name not in table.columns:
            unknown = [column for column in table.columns if column not in model.model_fields]
            written = nearest(name, unknown)
            hint = f"; is {written!r} meant to be it?" if written else ""
            message = f"there is no such column{hint}"
            yield Problem(table.file, message, row=1, column=name, accepted=name)


def _misspelt_columns(table: Table, model: type[Record]) -> Iterator[Problem]:
    optional = [
        name
        for name, field in model.model_fields.items()
        if not field.is_required() and name not in table.columns
    ]
    for name in table.columns:
        meant = nearest(name, optional) if name not in model.model_fields else ""
        if meant:
            message = f"is kept as an annotation; is it meant to be {meant!r}?"
            yield Problem(table.file, message, row=1, column=name, accepted=meant)


def _row_problems(table: Table, row: int, error: ValidationError) -> Iterator[Problem]:
    for fault in error.errors(include_url=False):
        column = str(fault["loc"][0]) if fault["loc"] else None
        if fault["type"] == "missing" and column not in table.columns:
            continue  # told once, for the header
        message, accepted = explain(fault)
        yield Problem(table.file, message, row=row, column=column, accepted=accepted)


def explain(fault: ErrorDetails) -> tuple[str, str | None]:
    """Say in plain words what pydantic found, and what would be accepted.

    Parameters
    ----------
    fault
        One entry of ``ValidationError.errors()``.

    Returns
    -------
    message, accepted
        Of a `Problem`.
    """
    context = fault.get("ctx", {})
    value, kind = fault["input"], fault["type"]
    if kind == "missing":
        return "is empty", "a value"
    if kind == "literal_error":
        return f"{value!r} is unknown", context["expected"].replace("'", "").replace(" or ", ", ")
    if kind in _BOUNDS:
        sign, key = _BOUNDS[kind]
        return f"{value} is out of range", f"{sign} {context[key]:g}"
    if kind in _SHAPES:
        return f"{value!r} is not {_SHAPES[kind]}", _SHAPES[kind]
    return fault["msg"], context.get("accepted")
