"""Paths that a study names, kept inside its folder."""

from pathlib import Path, PurePosixPath, PureWindowsPath

from immunerecon.errors import TubeError


def resolve_inside(folder: Path, file: str) -> Path:
    """Return the path of a file that a study names.

    Parameters
    ----------
    folder
        The study folder.
    file
        Path below it, as written in a table.

    Returns
    -------
    Path
        Absolute, without symbolic links; it need not exist.

    Raises
    ------
    TubeError
        The path leads out of the folder by ``..``, a symbolic link or because it is absolute.

    Examples
    --------
    >>> resolve_inside(Path("study"), "../other/day0.fcs")
    Traceback (most recent call last):
    immunerecon.errors.TubeError: '../other/day0.fcs' leads out of the study folder. Copy the file
    into it
    """
    root = folder.resolve()
    absolute = PurePosixPath(file).is_absolute() or PureWindowsPath(file).drive
    try:
        path = (root / file).resolve()
        path.exists()  # fails where no file system could hold such a name
    except (OSError, RuntimeError, ValueError) as error:
        raise TubeError(f"{file!r} is no usable path", remedy="Rename the file") from error
    if absolute or not path.is_relative_to(root):
        raise TubeError(f"{file!r} leads out of the study folder", remedy="Copy the file into it")
    return path
