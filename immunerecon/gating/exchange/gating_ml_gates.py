"""The gates of a Gating-ML 2.0 document, one element at a time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import cast
from xml.etree.ElementTree import Element

from immunerecon.errors import StrategyError
from immunerecon.gating.exchange.gating_ml_scales import Definitions
from immunerecon.gating.exchange.gating_ml_xml import (
    DATA,
    GATING,
    children,
    local_name,
    number,
    number_of,
    text_of,
)
from immunerecon.gating.exchange.xml_names import decode_name
from immunerecon.gating.gated_tube import PlacedGate
from immunerecon.gating.geometry.crossings import crosses_itself
from immunerecon.gating.geometry.dimensions import FILE, UNCOMPENSATED, Dimension
from immunerecon.gating.geometry.gate_kinds import BooleanGate, EllipsoidGate, Operation, Reference
from immunerecon.gating.geometry.gates import Gate, PolygonGate, Range, RectangleGate

MOST_VERTICES = 10_000
MOST_REFERENCES = 1_000
_COMPENSATED = "Comp-"
_NO_COMPENSATION = (
    "dimensions without a compensation-ref: Comp-X is taken as X compensated by the tube's "
    "spillover, others as uncompensated"
)
Vertices = tuple[tuple[float, float], ...]


@dataclass
class GateReader:
    """Gates read so far, and the dimensions that they share.

    Parameters
    ----------
    known
        Scales and matrices of the document.
    gates
        By name.
    dimensions
        Name of each dimension.
    flags
        What a person should look at.
    """

    known: Definitions
    gates: dict[str, PlacedGate] = field(default_factory=dict)
    dimensions: dict[Dimension, str] = field(default_factory=dict)
    flags: dict[str, None] = field(default_factory=dict)

    def read(self, element: Element, name: str) -> None:
        """Read one gate, or the quadrants of one.

        Raises
        ------
        StrategyError
            When it cannot be taken over.
        """
        parent = decode_name(element.get(f"{GATING}parent_id", "").strip())
        if element.get("eventsInside", "1") != "1":
            raise StrategyError("is drawn inside out (eventsInside is not 1)")
        kind = local_name(element)
        if kind == "QuadrantGate":
            gates = self._quadrants(element)
            if taken := [label for label in gates if label in self.gates]:
                raise StrategyError(f"has the quadrant {taken[0]!r}, whose name stands twice")
        elif kind in _READ:
            gates = {name: _READ[kind](self, element, name)}
        else:
            raise StrategyError(
                f"is an unknown {kind} (accepted: {', '.join(_READ)}, QuadrantGate)"
            )
        for label, gate in gates.items():
            self.gates[label] = PlacedGate(label, parent, gate, "", "fixed", 1.0)

    def rectangle(self, element: Element, name: str) -> Gate:
        """Read a range, rectangle or box."""
        ranges: dict[str, Range] = {}
        for axis in children(element, f"{GATING}dimension"):
            label = self._dimension(axis)
            if label in ranges:
                raise StrategyError(f"names the dimension {label!r} twice")
            low, high = (
                number_of(axis, f"{GATING}{end}") if f"{GATING}{end}" in axis.attrib else none
                for end, none in (("min", -math.inf), ("max", math.inf))
            )
            if low >= high:
                self.flags[f"gate {name!r} holds nothing: its min is not below its max"] = None
            ranges[label] = Range(low, high)
        if not ranges:
            raise StrategyError("has no dimension")
        return RectangleGate(ranges)

    def polygon(self, element: Element, name: str) -> Gate:
        """Read a polygon."""
        x, y = self._axes(element, f"{GATING}vertex", most=2)
        points = children(element, f"{GATING}dimension", f"{GATING}vertex")
        corners = [_coordinates(p, 2) for p in points if p.tag == f"{GATING}vertex"]
        if not len(corners) <= MOST_VERTICES:
            raise StrategyError(f"has {len(corners):,} vertices (accepted: to {MOST_VERTICES:,})")
        vertices = cast("Vertices", tuple(corners))
        gate = PolygonGate((x, y), vertices)
        if crosses_itself(vertices):
            self.flags[f"the polygon {name!r} crosses itself; it is read by winding"] = None
        return gate

    def ellipsoid(self, element: Element, name: str) -> Gate:
        """Read an ellipse or ellipsoid."""
        parts = [f"{GATING}{part}" for part in ("mean", "covarianceMatrix", "distanceSquare")]
        axes = self._axes(element, *parts, most=math.inf)
        mean, matrix, distance = (_only(element, part) for part in parts)
        size = len(axes)
        rows = tuple(
            tuple(number_of(entry, f"{DATA}value") for entry in children(row, f"{GATING}entry"))
            for row in children(matrix, f"{GATING}row")
        )
        square = number_of(distance, f"{DATA}value")
        gate = EllipsoidGate(axes, _coordinates(mean, size), rows, square)
        if not gate.is_ellipsoid:
            told = "its matrix is no covariance; the formula of the standard is applied"
            self.flags[f"the ellipsoid {name!r} is none: {told}"] = None
        return gate

    def boolean(self, element: Element, name: str) -> Gate:
        """Read a boolean gate."""
        found = children(element, *(f"{GATING}{operation}" for operation in ("and", "or", "not")))
        if len(found) != 1:
            raise StrategyError(f"has {len(found)} operations (accepted: one of and, or, not)")
        references = []
        for reference in children(found[0], f"{GATING}gateReference"):
            told = reference.get(f"{GATING}use-as-complement", "false").strip()
            if told not in ("true", "1", "false", "0"):
                raise StrategyError(
                    f"has {told[:40]!r} as use-as-complement (accepted: true, false)"
                )
            references.append(
                Reference(decode_name(text_of(reference, f"{GATING}ref")), told in ("true", "1"))
            )
        if len(references) > MOST_REFERENCES:
            raise StrategyError(f"has {len(references):,} references")
        return BooleanGate(cast("Operation", local_name(found[0])), tuple(references))

    def _quadrants(self, element: Element) -> dict[str, Gate]:
        """Read each quadrant as a rectangle."""
        dividers: dict[str, tuple[str, list[float]]] = {}
        parts = children(element, f"{GATING}divider", f"{GATING}Quadrant")
        for divider in parts:
            if divider.tag == f"{GATING}divider":
                cuts = children(divider, f"{GATING}value", *_AXIS)
                values = [number(c.text or "", "value") for c in cuts if c.tag not in _AXIS]
                label = self._dimension(divider, f"{GATING}value")
                dividers[text_of(divider, f"{GATING}id")] = label, sorted(values)
        quadrants: dict[str, Gate] = {}
        for quadrant in parts:
            if quadrant.tag == f"{GATING}Quadrant":
                name = decode_name(text_of(quadrant, f"{GATING}id"))
                if name in quadrants:
                    raise StrategyError(f"has the quadrant {name!r} twice")
                quadrants[name] = _quadrant(quadrant, dividers)
        if not quadrants:
            raise StrategyError("has no quadrant")
        return quadrants

    def _axes(self, element: Element, *others: str, most: float) -> tuple[str, ...]:
        """Read the dimensions of a gate that has two or more."""
        parts = children(element, f"{GATING}dimension", *others)
        axes = [self._dimension(p) for p in parts if p.tag == f"{GATING}dimension"]
        if not 2 <= len(set(axes)) <= most or len(set(axes)) < len(axes):
            raise StrategyError(f"is drawn on {len(axes)} dimensions ({', '.join(axes)})")
        return tuple(axes)

    def _dimension(self, axis: Element, *others: str) -> str:
        """Read a dimension and return its name."""
        parts = [part for part in children(axis, *_AXIS, *others) if part.tag in _AXIS]
        if len(parts) != 1:
            raise StrategyError(f"has a dimension of {len(parts)} channels")
        scale = axis.get(f"{GATING}transformation-ref", "").strip()
        exact = self.known.scale(scale) if scale else None
        compensation = axis.get(f"{GATING}compensation-ref", "").strip()
        if parts[0].tag == _AXIS[1]:
            ratio = text_of(parts[0], f"{DATA}transformation-ref")
            dimension = Dimension(self.known.ratio(ratio), compensation or UNCOMPENSATED, exact)
            return self._named(dimension, ratio, scale)
        channel = text_of(parts[0], f"{DATA}name")
        if not compensation:
            self.flags[_NO_COMPENSATION] = None
            compensation = FILE if channel.startswith(_COMPENSATED) else UNCOMPENSATED
            channel = channel.removeprefix(_COMPENSATED)
        elif compensation not in (FILE, UNCOMPENSATED):
            matrix = self.known.matrix(compensation)
            if channel not in matrix.fluorochromes:
                raise StrategyError(f"needs {channel!r}, which the matrix {compensation!r} lacks")
        return self._named(Dimension(channel, compensation, exact), channel, scale)

    def _named(self, dimension: Dimension, channel: str, scale: str) -> str:
        """Return a dimension's name: its channel's, with more where that is taken."""
        if dimension not in self.dimensions:
            name = channel
            if name in (taken := set(self.dimensions.values())):
                name = f"{channel} ({scale or 'linear'}, {dimension.compensation})"
            while name in taken:
                name += "'"
            self.dimensions[dimension] = name
        return self.dimensions[dimension]


_AXIS = (f"{DATA}fcs-dimension", f"{DATA}new-dimension")
_READ = {
    "RectangleGate": GateReader.rectangle,
    "PolygonGate": GateReader.polygon,
    "EllipsoidGate": GateReader.ellipsoid,
    "BooleanGate": GateReader.boolean,
}


def _only(element: Element, tag: str) -> Element:
    found = element.findall(tag)
    if len(found) != 1:
        raise StrategyError(f"has {len(found)} elements {tag.rpartition('}')[2]!r} in place of 1")
    return found[0]


def _coordinates(element: Element, size: int) -> tuple[float, ...]:
    values = [number_of(c, f"{DATA}value") for c in children(element, f"{GATING}coordinate")]
    if len(values) != size:
        raise StrategyError(f"has {len(values)} coordinates in {size} dimensions")
    return tuple(values)


def _quadrant(element: Element, dividers: dict[str, tuple[str, list[float]]]) -> Gate:
    ranges: dict[str, Range] = {}
    for position in children(element, f"{GATING}position"):
        divider = text_of(position, f"{GATING}divider_ref")
        if divider not in dividers:
            raise StrategyError(f"names the divider {divider!r}, which is not there")
        label, cuts = dividers[divider]
        if label in ranges:
            raise StrategyError(f"names the dimension {label!r} twice in a quadrant")
        ranges[label] = _segment(cuts, number_of(position, f"{GATING}location"))
    if not ranges:
        raise StrategyError("has a quadrant without a position")
    return RectangleGate(ranges)


def _segment(cuts: Sequence[float], location: float) -> Range:
    """Return the range between two cuts in which a location lies."""
    for low, high in pairwise([-math.inf, *cuts, math.inf]):
        if low <= location < high:
            return Range(low, high)
    return Range()
