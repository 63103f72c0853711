"""The geometry of an override as its file has it: text that must be numbers, names and shapes."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from immunerecon.errors import StrategyError
from immunerecon.gating.geometry.gates import PolygonGate, Range, RectangleGate
from immunerecon.study.spelling import nearest

_POLYGON = "{kind: polygon, dimensions: [CD3, CD56], vertices: [[x, y], ...]}"
_RECTANGLE = "{kind: rectangle, ranges: {CD3: {low: 800}}}"
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


class EntryError(StrategyError):
    """One thing that is wrong with an entry: at which key, and what would be accepted."""

    def __init__(self, key: str, message: str, accepted: str = "") -> None:
        super().__init__(message)
        self.key, self.accepted = key, accepted or None


def unknown_keys(entry: Mapping[Any, Any], known: Sequence[str]) -> list[EntryError]:
    """Return a fault for each key that is not known."""
    found = []
    for key in entry:
        if key not in known:
            meant = nearest(str(key), known)
            hint = f"; is it meant to be {meant!r}?" if meant else ""
            found.append(EntryError(str(key), f"is no key{hint}", ", ".join(known)))
    return found


def read_gate(told: object) -> RectangleGate | PolygonGate:
    """Return the gate that an entry tells, or raise what is wrong with it."""
    kind = told.get("kind") if isinstance(told, dict) else None
    if not isinstance(told, dict) or kind not in ("polygon", "rectangle"):
        raise EntryError("kind", f"is {kind!r}", f"{_POLYGON} or {_RECTANGLE}")
    needed = ("dimensions", "vertices") if kind == "polygon" else ("ranges",)
    if unknown := unknown_keys(told, ("kind", *needed)):
        raise unknown[0]
    if missing := [key for key in needed if key not in told]:
        raise EntryError(missing[0], "is missing", _POLYGON if kind == "polygon" else _RECTANGLE)
    return _polygon(told) if kind == "polygon" else _rectangle(told["ranges"])


def _polygon(told: Mapping[str, Any]) -> PolygonGate:
    axes, corners = told["dimensions"], told["vertices"]
    named = isinstance(axes, list) and len(axes) == 2 and all(isinstance(a, str) for a in axes)
    if not named or axes[0] == axes[1]:
        raise EntryError("dimensions", "are not two names", "dimensions: [CD3, CD56]")
    if not isinstance(corners, list) or len(corners) < 3:
        raise EntryError("vertices", "are not three points or more", "vertices: [[x, y], ...]")
    points = []
    for number, point in enumerate(corners, start=1):
        if not isinstance(point, list) or len(point) != 2:
            raise EntryError(f"vertices[{number}]", "is not a point", "[x, y]")
        points.append(tuple(_number(value, f"vertices[{number}]") for value in point))
    return PolygonGate((axes[0], axes[1]), tuple((x, y) for x, y in points))


def _rectangle(told: object) -> RectangleGate:
    if not isinstance(told, dict) or not told:
        raise EntryError("ranges", "are none", "ranges: {CD3: {low: 800, high: 9000}}")
    ranges = {}
    for name, ends in told.items():
        place = f"ranges.{name}"
        if not isinstance(ends, dict) or not ends or not set(ends) <= {"low", "high"}:
            raise EntryError(place, "is no range", "{low: 800}, {high: 9000} or both")
        bounds = Range(**{end: _number(value, f"{place}.{end}") for end, value in ends.items()})
        if not bounds.low < bounds.high:
            raise EntryError(place, f"holds nothing: {bounds.low:g} is not below {bounds.high:g}")
        ranges[str(name)] = bounds
    return RectangleGate(ranges)


def read_value(told: object) -> float:
    """Return the position of a threshold."""
    return _number(told, "")


def read_shift(told: object) -> dict[str, float]:
    """Return the shift along each dimension."""
    if not isinstance(told, dict) or not told:
        raise EntryError("", "is none", "shift: {CD56: 0.05}")
    shift = {str(name): _number(value, str(name)) for name, value in told.items()}
    for name, by in shift.items():
        if not 0 < abs(by) <= 1:
            raise EntryError(name, f"is {by:g}", "a part of the display, -1 to 1 and not 0")
    return shift


def _number(told: object, place: str) -> float:
    value = float(told) if isinstance(told, str) and _NUMBER.fullmatch(told) else math.nan
    if not math.isfinite(value):
        raise EntryError(place, f"{told!r} is no finite number", "a number such as 1320.5")
    return value
