"""What was run, with what, on what: run.json and the hash-chained audit trail."""

import hashlib
import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from immunerecon import __version__
from immunerecon.files import write_atomically

SCHEMA_VERSION = 1
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
    """
    path = folder / "audit.jsonl"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    previous = json.loads(lines[-1])["hash"] if lines else ""
    entry = {"time": now(), "event": event, **facts, "previous": previous}
    entry["hash"] = digest(entry)
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(entry, ensure_ascii=False) + "\n")
