"""Overrides as a file: read with every problem at once, written whole or not at all."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from immunerecon.errors import Problem, StrategyError, StudyError
from immunerecon.files import write_atomically
from immunerecon.gating.overrides.override import ACTIONS, SCOPES, Override
from immunerecon.gating.overrides.override_geometry import (
    EntryError,
    read_gate,
    read_shift,
    read_value,
    unknown_keys,
)
from immunerecon.study.plain_yaml import read_plain_yaml
from immunerecon.study.spelling import nearest

SCHEMA_VERSION = 1
_LARGEST = 10_000_000  # bytes; a few thousand polygons
_TEXTS = ("action", *SCOPES, "panel", "population", "threshold", "who", "when", "why")
_KEYS = (*_TEXTS, "gate", "value", "shift")
_REQUIRED = ("action", "who", "when", "why")


def load_overrides(path: Path | str) -> tuple[Override, ...]:
    r"""Read a file of overrides.

    Parameters
    ----------
    path
        YAML or JSON, as `immunerecon.gating.overrides.applied_overrides` describes.

    Returns
    -------
    tuple of Override
        In the order of the file.

    Raises
    ------
    StudyError
        With all that is wrong at once: entry, key, and what would be accepted.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "overrides.yaml"
    >>> entry = "{action: replce, patient: P01, threshold: CD3, value: 1_0, who: A, when: now}"
    >>> _ = path.write_text(f"schema_version: 1\noverrides:\n  - {entry}\n")
    >>> load_overrides(path)
    Traceback (most recent call last):
    immunerecon.errors.StudyError: overrides.yaml, column overrides[1].why: is missing
    overrides.yaml, column overrides[1].action: 'replce' is no action; is it meant to be 'replace'?
    (accepted: replace, pin, move)
    ...
    """
    path = Path(path)
    content = _content(path)
    faults: list[EntryError] = []
    if not isinstance(content, dict) or not isinstance(content.get("overrides"), list):
        raise StudyError(
            [Problem(path.name, "has no list of overrides", accepted="overrides: [...]")]
        )
    if str(content.get("schema_version")) != str(SCHEMA_VERSION):
        found = content.get("schema_version", "nothing")
        faults.append(EntryError("schema_version", f"is {found}", str(SCHEMA_VERSION)))
    faults += unknown_keys(content, ("schema_version", "overrides"))
    overrides: list[Override] = []
    for number, entry in enumerate(content["overrides"], start=1):
        place = f"overrides[{number}]"
        wrong = list(_faults(entry))
        if not wrong:
            try:
                overrides.append(_override(entry))
            except StrategyError as error:
                wrong = [EntryError("", str(error))]
        for fault in wrong:
            fault.key = f"{place}.{fault.key}".rstrip(".")
        faults += wrong
    if faults:
        raise StudyError(
            [Problem(path.name, str(f), column=f.key, accepted=f.accepted) for f in faults]
        )
    return tuple(overrides)


def _content(path: Path) -> object:
    if not path.is_file():
        raise StudyError([Problem(path.name, "there is no such file of overrides")])
    if path.suffix.lower() != ".json":
        return read_plain_yaml(path, most_bytes=_LARGEST)
    if path.stat().st_size > _LARGEST:
        raise StudyError([Problem(path.name, f"is larger than {_LARGEST // 1_000_000} MB")])
    try:
        # Numbers stay text, as in YAML, so that one rule types both.
        return json.loads(
            path.read_text("utf-8-sig"),
            parse_int=str,
            parse_float=str,
            parse_constant=str,
            object_pairs_hook=_without_twins,
        )
    except (ValueError, RecursionError) as error:
        raise StudyError([Problem(path.name, f"is not JSON: {error}")]) from None


def _without_twins(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError(f"a key of {', '.join(found)} stands twice")
    return found


def _faults(entry: object) -> Iterator[EntryError]:
    """Find all that is wrong with one entry."""
    if not isinstance(entry, dict):
        yield EntryError("", "is not an override", f"a map with {', '.join(_KEYS)}")
        return
    yield from unknown_keys(entry, _KEYS)
    yield from (EntryError(key, "is missing") for key in _REQUIRED if key not in entry)
    for key in _TEXTS:
        if key in entry and not (isinstance(entry[key], str) and entry[key].strip()):
            yield EntryError(key, "is empty or no text")
        elif key in _CHECKED and key in entry and (fault := _CHECKED[key](entry[key])):
            yield fault
    for choice in (SCOPES, ("population", "threshold")):
        given = [key for key in choice if key in entry]
        if len(given) != 1:
            told = f"gives {' and '.join(given)}" if given else "does not say which tubes or gate"
            yield EntryError("", told, f"one of {', '.join(choice)}")
    for key, read in _GEOMETRIES.items():
        if key in entry:
            try:
                read(entry[key])
            except EntryError as fault:
                fault.key = f"{key}.{fault.key}".rstrip(".")
                yield fault


def _action_fault(action: str) -> EntryError | None:
    if action in ACTIONS:
        return None
    hint = f"; is it meant to be {meant!r}?" if (meant := nearest(action, ACTIONS)) else ""
    return EntryError("action", f"{action!r} is no action{hint}", ", ".join(ACTIONS))


def _moment_fault(text: str) -> EntryError | None:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        accepted = "2026-11-25 or 2026-11-25T10:00:00Z"
        return EntryError("when", f"{text!r} is no moment", accepted)
    return None


_CHECKED = {"action": _action_fault, "when": _moment_fault}


def _override(entry: Mapping[str, Any]) -> Override:
    texts = {key: entry[key].strip() for key in _TEXTS if key in entry}
    return Override(
        **texts,
        gate=read_gate(entry["gate"]) if "gate" in entry else None,
        value=read_value(entry["value"]) if "value" in entry else None,
        shift=read_shift(entry["shift"]) if "shift" in entry else {},
    )


def override_from(facts: Mapping[str, Any]) -> Override:
    """Return the override that `Override.facts` told."""
    # Numbers as text, as they are in a file.
    return _override(json.loads(json.dumps(facts), parse_float=str, parse_int=str))


_GEOMETRIES: Mapping[str, Callable[[object], object]] = {
    "gate": read_gate,
    "value": read_value,
    "shift": read_shift,
}


def write_overrides(path: Path, overrides: Sequence[Override]) -> Path:
    """Write a file of overrides; what stood there before is replaced as a whole.

    Parameters
    ----------
    path
        YAML, or JSON where the name ends with .json (which is quicker to read by thousands).
    overrides
        In the order in which they are to stand.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    OSError
        When it cannot be written; what stood there before stays.
    """
    entries = [override.facts() for override in overrides]
    if path.suffix.lower() == ".json":
        content = {"schema_version": SCHEMA_VERSION, "overrides": entries}
        return write_atomically(path, f"{json.dumps(content, indent=1)}\n".encode())
    lines = [f"schema_version: {SCHEMA_VERSION}", "overrides:" if entries else "overrides: []"]
    for entry in entries:
        marks = ("  - ", *["    "] * (len(entry) - 1))
        lines += [
            f"{mark}{key}: {_flow(value)}"
            for mark, (key, value) in zip(marks, entry.items(), strict=True)
        ]
    return write_atomically(path, ("\n".join(lines) + "\n").encode())


def _flow(value: object) -> str:
    """Return a value as YAML on one line; text is always quoted, so that it stays text."""
    if isinstance(value, str):
        marks = "".join(
            m if m.isprintable() and m not in '"\\' else f"\\U{ord(m):08X}" for m in value
        )
        return f'"{marks}"'
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_flow(str(k))}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return repr(value)
