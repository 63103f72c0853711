"""Spillover matrices: from the keyword of a file, or from a table."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from immunerecon.cytometry.tube import Tube
from immunerecon.errors import CompensationError

MAX_CONDITION = 1e4
KEYWORDS = ("$SPILLOVER", "SPILLOVER", "SPILL")
# Cytek writes 1e-6 into the identity matrix of unmixed files.
IDENTITY_TOLERANCE = 1e-5
_TABLE = "a header of channel names and one row of numbers a channel, as FlowJo and flowCore write"


@dataclass(frozen=True, eq=False)
class Spillover:
    """How much of each dye's light every detector sees.

    Parameters
    ----------
    channels
        Names (``$PnN``) of the detectors, in the order of the matrix.
    matrix : ndarray of float64, shape (k, k)
        Row: the dye of a channel; column: a detector; 1 on the diagonal.
    source
        Where it came from: ``keyword``, ``controls`` or a file name.

    Raises
    ------
    CompensationError
        When it is not square, holds other than finite numbers, has no 1 on its diagonal, names
        a channel twice, or is singular (condition number above 10,000).
    """

    channels: tuple[str, ...]
    matrix: NDArray[np.float64]
    source: str

    def __post_init__(self) -> None:
        k = len(self.channels)
        if k == 0 or self.matrix.shape != (k, k):
            raise self._error(f"has the shape {self.matrix.shape} for {k} channels")
        if len(set(self.channels)) < k:
            raise self._error("names a channel twice")
        if not np.isfinite(self.matrix).all():
            raise self._error("holds other values than finite numbers")
        if not np.allclose(np.diag(self.matrix), 1.0, atol=1e-3):
            raise self._error("has other values than 1 on its diagonal, divide each row by it")
        if np.linalg.cond(self.matrix) > MAX_CONDITION:
            raise self._error(f"is singular (condition number above {MAX_CONDITION:,.0f})")

    @property
    def is_identity(self) -> bool:
        """Whether there is nothing to compensate."""
        return bool(
            np.allclose(self.matrix, np.eye(len(self.channels)), atol=IDENTITY_TOLERANCE, rtol=0)
        )

    def _error(self, found: str) -> CompensationError:
        return CompensationError(
            f"the spillover matrix ({self.source}) {found}",
            remedy="Export it again, or name another one under compensation in study.yaml",
        )


def spillover_from_keyword(tube: Tube) -> Spillover | None:
    """Return the spillover matrix that the cytometer wrote into the file.

    Parameters
    ----------
    tube
        As read; its keywords ``$SPILLOVER``, ``SPILLOVER`` or ``SPILL`` count, in this order.

    Returns
    -------
    Spillover or None
        None where there is none, where it has names but no values (MACSQuant), or where it is
        the identity; `compensation.compensate` then flags the tube as uncompensated.

    Raises
    ------
    CompensationError
        When its size is wrong, a value is no number, or the matrix cannot be inverted.

    Examples
    --------
    >>> import numpy as np
    >>> from immunerecon.cytometry.tube import Channel, Tube
    >>> channels = (Channel("FITC-A", "CD3", 1e5), Channel("PE-A", "CD56", 1e5))
    >>> tube = Tube(np.ones((1, 2), "f4"), channels, {"SPILL": "2,FITC-A,PE-A,1,0.2,0.01,1"})
    >>> spillover_from_keyword(tube).matrix[0]
    array([1. , 0.2])
    """
    found = [keyword for keyword in KEYWORDS if tube.keywords.get(keyword)]
    if not found:
        return None
    keyword = found[0]
    parts = [part.strip() for part in tube.keywords[keyword].split(",")]
    k = int(parts[0]) if re.fullmatch(r"[0-9]{1,4}", parts[0]) else 0
    names, values = parts[1 : k + 1], parts[k + 1 :]
    if k and len(names) == k and not values:
        return None
    if not k or len(values) != k * k:
        raise CompensationError(
            f"the keyword {keyword} says {parts[0][:20]!r} channels and has {len(values)} values",
            remedy="Name a matrix under compensation in study.yaml",
        )
    matrix = _numbers(values, f"the keyword {keyword}").reshape(k, k)
    spillover = Spillover(tuple(names), matrix, "keyword")
    return None if spillover.is_identity else spillover


def read_spillover(path: Path) -> Spillover:
    r"""Read a spillover matrix from a table.

    Parameters
    ----------
    path
        A text file with a header of channel names and one row a channel, with or without the
        channel's name in front; separated by commas, semicolons, tabs or blanks. Lines before
        the header, a ``#`` in front of it and ``:: label`` behind a name are passed over.

    Raises
    ------
    CompensationError
        When the file cannot be read as such a table or its matrix cannot be inverted.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = Path(folder) / "spillover.csv"
    ...     _ = table.write_text("FITC-A,PE-A\n1,0.2\n0.01,1\n")
    ...     spillover = read_spillover(table)
    >>> spillover.channels
    ('FITC-A', 'PE-A')
    """
    rows = _rows(path)
    first = next((n for n, row in enumerate(rows) if len(row) > 1 and _is_numeric(row[1:])), 0)
    if first == 0:
        raise CompensationError(
            f"{path.name} is no spillover matrix", remedy=f"Accepted is {_TABLE}"
        )
    header, body = rows[first - 1], rows[first:]
    named = not _is_numeric(body[0][:1])
    k = len(body[0]) - named
    names = tuple(_channel_name(cell) for cell in header[-k:])
    if len(names) != k or any(len(row) != k + named for row in body):
        raise CompensationError(
            f"{path.name}: rows of the spillover matrix differ in length",
            remedy=f"Accepted is {_TABLE}",
        )
    matrix = np.array([_numbers(row[named:], path.name) for row in body])
    if named:
        matrix = _ordered(matrix, [_channel_name(row[0]) for row in body], names, path)
    return Spillover(names, matrix, path.name)


def _rows(path: Path) -> list[list[str]]:
    """Return the cells of a table, whatever separates them."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise CompensationError(f"{path.name} cannot be read: {error.strerror}") from error
    try:
        lines = raw.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        lines = raw.decode("latin-1").splitlines()
    text = "".join(lines)
    separator = next((mark for mark in "\t;," if mark in text), " ")
    table = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    try:
        rows = [[cell.strip() for cell in row] for row in table]
    except csv.Error as error:
        raise CompensationError(f"{path.name} is no table of text: {error}") from error
    if separator == ";":
        rows = [[re.sub(r"^(-?\d+),(\d+)$", r"\1.\2", cell) for cell in row] for row in rows]
    return [row for row in rows if any(row)]


def _is_numeric(cells: Sequence[str]) -> bool:
    """Return whether every cell is a number."""
    try:
        return bool(cells) and all(np.isfinite(float(cell)) for cell in cells)
    except ValueError:
        return False


def _numbers(cells: Sequence[str], place: str) -> NDArray[np.float64]:
    """Return the numbers of a list of cells."""
    try:
        return np.array([float(cell) for cell in cells])
    except ValueError as error:
        raise CompensationError(
            f"{place}: a value of the spillover matrix is no number: {error}",
            remedy="Export the matrix again",
        ) from error


def _channel_name(cell: str) -> str:
    """Return the channel of a name such as ``# FITC-A :: CD3``."""
    return cell.lstrip("# ").split(" :: ")[0].strip()


def _ordered(
    matrix: NDArray[np.float64], rows: Sequence[str], names: tuple[str, ...], path: Path
) -> NDArray[np.float64]:
    """Return the matrix with its rows in the order of its columns."""
    if sorted(rows) != sorted(names):
        raise CompensationError(
            f"{path.name}: the rows are named {', '.join(rows)}, the columns {', '.join(names)}",
            remedy="Rows and columns need the same channels",
        )
    return matrix[[rows.index(name) for name in names]]
