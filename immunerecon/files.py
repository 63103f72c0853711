"""Files that are whole or not there: written beside, then moved into place."""

import os
import tempfile
from pathlib import Path


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
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
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
