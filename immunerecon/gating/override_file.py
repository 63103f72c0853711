"""Overrides as a file: read with every problem at once, written whole or not at all."""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from immunerecon.errors import Problem, StrategyError, StudyError
from immunerecon.files import write_atomically
from immunerecon.gating.gates import PolygonGate, Range, RectangleGate
from immunerecon.gating.override import ACTIONS, SCOPES, Override
from immunerecon.study.plain_yaml import read_plain_yaml
from immunerecon.study.spelling import nearest

SCHEMA_VERSION = 1
_LARGEST = 10_000_000  # bytes; a few thousand polygons
_TEXTS = ("action", *SCOPES, "panel", "population", "threshold", "who", "when", "why")
_KEYS = (*_TEXTS, "gate", "value", "shift")
_REQUIRED = ("action", "who", "when", "why")
_POLYGON = "{kind: polygon, dimensions: [CD3, CD56], vertices: [[x, y], ...]}"
_RECTANGLE = "{kind: rectangle, ranges: {CD3: {low: 800}}}"
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


class _EntryError(StrategyError):
    """One thing that is wrong with an entry."""

    def __init__(self, key: str, message: str, accepted: str = "") -> None:
        super().__init__(message)
        self.key, self.accepted = key, accepted or None


def load_overrides(path: Path) -> tuple[Override, ...]:
    r"""Read a file of overrides.

    Parameters
    ----------
    path
        YAML or JSON, as `immunerecon.gating.overrides` describes.

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
    content = _content(path)
    faults: list[_EntryError] = []
    if not isinstance(content, dict) or not isinstance(content.get("overrides"), list):
        raise StudyError(
            [Problem(path.name, "has no list of overrides", accepted="overrides: [...]")]
        )
    if str(content.get("schema_version")) != str(SCHEMA_VERSION):
        found = content.get("schema_version", "nothing")
        faults.append(_EntryError("schema_version", f"is {found}", str(SCHEMA_VERSION)))
    faults += _unknown(content, ("schema_version", "overrides"))
    overrides: list[Override] = []
    for number, entry in enumerate(content["overrides"], start=1):
        place = f"overrides[{number}]"
        wrong = list(_faults(entry))
        if not wrong:
            try:
                overrides.append(_override(entry))
            except StrategyError as error:
                wrong = [_EntryError("", str(error))]
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


def _faults(entry: object) -> Iterator[_EntryError]:
    """Find all that is wrong with one entry."""
    if not isinstance(entry, dict):
        yield _EntryError("", "is not an override", f"a map with {', '.join(_KEYS)}")
        return
    yield from _unknown(entry, _KEYS)
    yield from (_EntryError(key, "is missing") for key in _REQUIRED if key not in entry)
    for key in _TEXTS:
        if key in entry and not (isinstance(entry[key], str) and entry[key].strip()):
            yield _EntryError(key, "is empty or no text")
        elif key in _CHECKED and key in entry and (fault := _CHECKED[key](entry[key])):
            yield fault
    for choice in (SCOPES, ("population", "threshold")):
        given = [key for key in choice if key in entry]
        if len(given) != 1:
            told = f"gives {' and '.join(given)}" if given else "does not say which tubes or gate"
            yield _EntryError("", told, f"one of {', '.join(choice)}")
    for key, read in _GEOMETRIES.items():
        if key in entry:
            try:
                read(entry[key])
            except _EntryError as fault:
                fault.key = f"{key}.{fault.key}".rstrip(".")
                yield fault


def _action_fault(action: str) -> _EntryError | None:
    if action in ACTIONS:
        return None
    hint = f"; is it meant to be {meant!r}?" if (meant := nearest(action, ACTIONS)) else ""
    return _EntryError("action", f"{action!r} is no action{hint}", ", ".join(ACTIONS))


def _moment_fault(text: str) -> _EntryError | None:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        accepted = "2026-11-25 or 2026-11-25T10:00:00Z"
        return _EntryError("when", f"{text!r} is no moment", accepted)
    return None


_CHECKED = {"action": _action_fault, "when": _moment_fault}


def _unknown(entry: Mapping[Any, Any], known: Sequence[str]) -> list[_EntryError]:
    found = []
    for key in entry:
        if key not in known:
            meant = nearest(str(key), known)
            hint = f"; is it meant to be {meant!r}?" if meant else ""
            found.append(_EntryError(str(key), f"is no key{hint}", ", ".join(known)))
    return found


def _override(entry: Mapping[str, Any]) -> Override:
    texts = {key: entry[key].strip() for key in _TEXTS if key in entry}
    return Override(
        **texts,
        gate=_gate(entry["gate"]) if "gate" in entry else None,
        value=_value(entry["value"]) if "value" in entry else None,
        shift=_shift(entry["shift"]) if "shift" in entry else {},
    )


def override_from(facts: Mapping[str, Any]) -> Override:
    """Return the override that `Override.facts` told."""
    # Numbers as text, as they are in a file.
    return _override(json.loads(json.dumps(facts), parse_float=str, parse_int=str))


def _gate(told: object) -> RectangleGate | PolygonGate:
    kind = told.get("kind") if isinstance(told, dict) else None
    if not isinstance(told, dict) or kind not in ("polygon", "rectangle"):
        raise _EntryError("kind", f"is {kind!r}", f"{_POLYGON} or {_RECTANGLE}")
    needed = ("dimensions", "vertices") if kind == "polygon" else ("ranges",)
    if unknown := _unknown(told, ("kind", *needed)):
        raise unknown[0]
    if missing := [key for key in needed if key not in told]:
        raise _EntryError(missing[0], "is missing", _POLYGON if kind == "polygon" else _RECTANGLE)
    return _polygon(told) if kind == "polygon" else _rectangle(told["ranges"])


def _polygon(told: Mapping[str, Any]) -> PolygonGate:
    axes, corners = told["dimensions"], told["vertices"]
    named = isinstance(axes, list) and len(axes) == 2 and all(isinstance(a, str) for a in axes)
    if not named or axes[0] == axes[1]:
        raise _EntryError("dimensions", "are not two names", "dimensions: [CD3, CD56]")
    if not isinstance(corners, list) or len(corners) < 3:
        raise _EntryError("vertices", "are not three points or more", "vertices: [[x, y], ...]")
    points = []
    for number, point in enumerate(corners, start=1):
        if not isinstance(point, list) or len(point) != 2:
            raise _EntryError(f"vertices[{number}]", "is not a point", "[x, y]")
        points.append(tuple(_number(value, f"vertices[{number}]") for value in point))
    return PolygonGate((axes[0], axes[1]), tuple((x, y) for x, y in points))


def _rectangle(told: object) -> RectangleGate:
    if not isinstance(told, dict) or not told:
        raise _EntryError("ranges", "are none", "ranges: {CD3: {low: 800, high: 9000}}")
    ranges = {}
    for name, ends in told.items():
        place = f"ranges.{name}"
        if not isinstance(ends, dict) or not ends or not set(ends) <= {"low", "high"}:
            raise _EntryError(place, "is no range", "{low: 800}, {high: 9000} or both")
        bounds = Range(**{end: _number(value, f"{place}.{end}") for end, value in ends.items()})
        if not bounds.low < bounds.high:
            raise _EntryError(place, f"holds nothing: {bounds.low:g} is not below {bounds.high:g}")
        ranges[str(name)] = bounds
    return RectangleGate(ranges)


def _value(told: object) -> float:
    return _number(told, "")


def _shift(told: object) -> dict[str, float]:
    if not isinstance(told, dict) or not told:
        raise _EntryError("", "is none", "shift: {CD56: 0.05}")
    shift = {str(name): _number(value, str(name)) for name, value in told.items()}
    for name, by in shift.items():
        if not 0 < abs(by) <= 1:
            raise _EntryError(name, f"is {by:g}", "a part of the display, -1 to 1 and not 0")
    return shift


def _number(told: object, place: str) -> float:
    value = float(told) if isinstance(told, str) and _NUMBER.fullmatch(told) else math.nan
    if not math.isfinite(value):
        raise _EntryError(place, f"{told!r} is no finite number", "a number such as 1320.5")
    return value


_GEOMETRIES: Mapping[str, Callable[[object], object]] = {
    "gate": _gate,
    "value": _value,
    "shift": _shift,
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
