"""Files that are whole or not there, and tables that are safe to open in a spreadsheet."""

import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_FORMULA = frozenset("=+-@\t\r")  # how a cell begins that a spreadsheet would compute
UNFINISHED = ".part"  # ends the name of a file that is being written


def write_atomically(path: Path, content: bytes) -> Path:
    """Write a file so that nobody ever sees half of it.

    Parameters
    ----------
    path
        Where to; its folder is made if need be.
    content
        All bytes of the file.

    Returns
    -------
    Path
        The path written.

    Raises
    ------
    OSError
        When the disk is full or the folder cannot be written; what stood there before stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=UNFINISHED)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        # mkstemp gives 0600; results are read by the lab.
        Path(beside).chmod(0o644)
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
    return path


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def spreadsheet_safe(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return a table with all text escaped that a spreadsheet would run as a formula.

    Examples
    --------
    >>> import pandas as pd
    >>> spreadsheet_safe(pd.DataFrame({"file": ["=1+1", "CD3+"], "day": [-7, 0]}))["file"].tolist()
    ["'=1+1", 'CD3+']
    """
    # Of kind "O" are objects, categories, and the text that pandas 3 has a type for.
    text = [name for name in frame if frame[name].dtype.kind == "O"]
    risky = [name for name in text if any(_escaped(cell) is not cell for cell in frame[name])]
    return frame.assign(**{str(name): frame[name].map(_escaped) for name in risky})


def _escaped(cell: object) -> object:
    if isinstance(cell, str) and cell[:1] in _FORMULA:
        return f"'{cell}"
    return cell
