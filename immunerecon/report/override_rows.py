"""Overrides as rows of a table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_DONE = {"replace": "replaced", "pin": "pinned", "move": "moved"}


@dataclass(frozen=True)
class OverrideRow:
    """What a person did to one gate or threshold."""

    target: str
    done: str
    scope: str
    tubes: int
    who: str
    when: str
    why: str


def override_rows(run: Mapping[str, Any]) -> tuple[OverrideRow, ...]:
    """Return a row for each override of a run, as run.json lists them.

    Examples
    --------
    >>> said = {"who": "AB", "when": "2026-11-25", "why": "dim lot", "files": ["a.fcs"]}
    >>> entry = {"action": "move", "patient": "P01", "panel": "lineage", "threshold": "CD3"}
    >>> override_rows({"overrides": [{**entry, **said}]})[0].scope
    'patient P01, panel lineage'
    """
    return tuple(
        OverrideRow(
            target=entry.get("population") or f"threshold {entry['threshold']}",
            done=_DONE[entry["action"]],
            scope=", ".join(
                f"{key} {entry[key]}"
                for key in ("file", "patient", "batch", "panel")
                if key in entry
            ),
            tubes=len(entry["files"]),
            who=entry["who"],
            when=entry["when"],
            why=entry["why"],
        )
        for entry in run.get("overrides", [])
    )
