"""Digests of all that a run wrote, in a file that ``sha256sum -c`` reads too.

The audit trail holds the digest of that file, so a change of any result shows, and hiding it would
take a change of the trail, whose lines are chained.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from immunerecon.errors import ResultsError
from immunerecon.files import UNFINISHED, file_digest, write_atomically
from immunerecon.pipeline.provenance import append_audit, read_audit

SUMS = "SHA256SUMS"
SEALED = "sha256sums"  # key of an audit entry
_OUTSIDE = (SUMS, "audit.jsonl")


def seal(folder: Path, event: str, renewed: Iterable[str], facts: Mapping[str, Any]) -> None:
    """Put down the digests of the files of a results folder, and tell it in the audit trail.

    Parameters
    ----------
    folder
        Results folder.
    event
        What was done.
    renewed
        Files that were written, or with a slash at the end folders, relative to `folder`. Of all
        other files the digest of their own time stays.
    facts
        Further details of the event.
    """
    whole = tuple(renewed)
    known = {
        name: digest
        for name, digest in read_sums(folder).items()
        if not any(name == one or (one.endswith("/") and name.startswith(one)) for one in whole)
    }
    sums = {name: known.get(name) or file_digest(folder / name) for name in files_of(folder)}
    lines = [_line(name, digest) for name, digest in sorted({**known, **sums}.items())]
    content = "".join(lines).encode()
    write_atomically(folder / SUMS, content)
    append_audit(folder, event, {**facts, SEALED: hashlib.sha256(content).hexdigest()})


def files_of(folder: Path) -> list[str]:
    """Return the files of a results folder, by name relative to it; hidden ones are no results."""
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    own = [name for name in names if not any(part[0] == "." for part in name.split("/"))]
    return [n for n in own if n not in _OUTSIDE and not n.endswith((UNFINISHED, ".begun"))]


def read_sums(folder: Path) -> dict[str, str]:
    """Return the digest of each file as it was put down, by name.

    Raises
    ------
    ResultsError
        When a line is no digest and name.
    """
    path = folder / SUMS
    sums = {}
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    for number, line in enumerate(lines, 1):
        digest, space, name = line.removeprefix("\\").partition("  ")
        if not space or len(digest) != 64:
            raise ResultsError(f"{SUMS}, line {number} is no digest and name")
        sums[_unescaped(name) if line.startswith("\\") else name] = digest
    return sums


def is_whole(folder: Path, names: Iterable[str]) -> bool:
    """Return whether files are there as they were sealed."""
    try:
        sums = read_sums(folder)
        return all(file_digest(folder / name) == sums.get(name) for name in names)
    except (OSError, ValueError, ResultsError):
        return False


def sealed_by(folder: Path) -> str:
    """Return the event that sealed the folder last, empty where it is not sealed as it stands."""
    try:
        now = file_digest(folder / SUMS)
    except OSError:
        return ""
    seals = [entry for entry in read_audit(folder) if SEALED in entry]
    return str(seals[-1]["event"]) if seals and seals[-1][SEALED] == now else ""


def _line(name: str, digest: str) -> str:
    """Return one line as sha256sum writes it: odd names escaped, with a backslash in front."""
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    mark = "\\" if escaped != name else ""
    return f"{mark}{digest}  {escaped}\n"


def _unescaped(name: str) -> str:
    parts = name.split("\\\\")
    return "\\".join(part.replace("\\n", "\n").replace("\\r", "\r") for part in parts)
