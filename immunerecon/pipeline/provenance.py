"""What was run, with what, on what: run.json and the hash-chained audit trail."""

import hashlib
import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from immunerecon import __version__
from immunerecon.errors import ResultsError
from immunerecon.files import write_atomically

SCHEMA_VERSION = 1
AUDIT = "audit.jsonl"
_DEPENDENCIES = ("numpy", "scipy", "pandas", "scikit-learn", "flowutils", "statsmodels", "pyarrow")


def now() -> str:
    """Return the present moment in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def versions() -> dict[str, str]:
    """Return the versions of the package, Python and the libraries that numbers depend on."""
    found = {name: version(name) for name in _DEPENDENCIES}
    return {"immunerecon": __version__, "python": platform.python_version(), **found}


def digest(content: object) -> str:
    """Return the SHA-256 of JSON-ready content."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def write_run(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write run.json, with the schema version and all versions in it."""
    content = {"schema_version": SCHEMA_VERSION, "versions": versions(), **facts}
    text = json.dumps(content, indent=2, ensure_ascii=False, default=str)
    write_atomically(folder / "run.json", f"{text}\n".encode())


def read_run(folder: Path) -> dict[str, Any] | None:
    """Return what run.json says, None where there is none or it is damaged."""
    try:
        content = json.loads((folder / "run.json").read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def unfinish(folder: Path) -> None:
    """Take the end of an earlier run out of run.json, before its tables are written over."""
    if (facts := read_run(folder)) and facts.pop("ended", None):
        write_run(folder, facts)


def append_audit(folder: Path, event: str, facts: Mapping[str, Any]) -> None:
    """Append an event to audit.jsonl; each line holds the hash of the one before it.

    Parameters
    ----------
    folder
        Results folder.
    event
        What happened.
    facts
        JSON-ready details; no paths, no names of people.

    Raises
    ------
    OSError
        When the disk is full; the trail stays as it was.

    Notes
    -----
    A line that a crash cut short was never part of the trail: it is dropped, and the next line
    says how many bytes it had.
    """
    path = folder / AUDIT
    content = path.read_bytes() if path.exists() else b""
    whole = content.rfind(b"\n") + 1
    previous = read_audit(folder)
    cut = {"cut_short_bytes": len(content) - whole} if whole < len(content) else {}
    last = previous[-1]["hash"] if previous else ""
    entry = {"time": now(), "event": event, **facts, **cut, "previous": last}
    entry["hash"] = digest(entry)
    with path.open("r+b" if path.exists() else "w+b") as stream:
        stream.truncate(whole)
        stream.seek(whole)
        try:
            stream.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        except OSError:
            os.ftruncate(stream.fileno(), whole)
            raise


def read_audit(folder: Path) -> list[dict[str, Any]]:
    """Return the whole lines of audit.jsonl.

    Raises
    ------
    ResultsError
        When a line is not JSON with a hash.
    """
    path = folder / AUDIT
    entries = []
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1] if path.exists() else (), 1):
        try:
            entry = json.loads(line)
        except ValueError:
            entry = None
        if not isinstance(entry, dict) or "hash" not in entry:
            raise ResultsError(f"{AUDIT}, line {number} is damaged: keep it, choose another --out")
        entries.append(entry)
    return entries


def broken_link(entries: Sequence[Mapping[str, Any]]) -> int:
    """Return the first line of an audit trail, from 1, that does not follow from those before.

    Parameters
    ----------
    entries
        The lines.

    Returns
    -------
    int
        0 when the chain is whole.

    Examples
    --------
    >>> first = {"event": "run started", "previous": ""}
    >>> first = {**first, "hash": digest(first)}
    >>> broken_link([first]), broken_link([{**first, "event": "nothing"}])
    (0, 1)
    """
    previous = ""
    for number, entry in enumerate(entries, 1):
        told = {key: value for key, value in entry.items() if key != "hash"}
        if entry.get("previous") != previous or entry["hash"] != digest(told):
            return number
        previous = entry["hash"]
    return 0
