"""FlowKit's gates of a workspace as gates on scales that Gating-ML knows."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from immunerecon.errors import StrategyError
from immunerecon.gating.gated_tube import PlacedGate
from immunerecon.gating.geometry.crossings import crosses_itself
from immunerecon.gating.geometry.dimensions import UNCOMPENSATED, Dimension, SpectrumMatrix
from immunerecon.gating.geometry.exact_scale import ExactScale
from immunerecon.gating.geometry.gate_kinds import BooleanGate, Operation, Reference
from immunerecon.gating.geometry.gates import Gate, PolygonGate, Range, RectangleGate

# FlowKit has no types; its objects are told by the names of their classes, so that this module
# can be imported without it.
Anything = Any
Place = tuple[str, ...]
Names = Mapping[Place, str]

BEYOND = 1.0  # of the display: where a corner goes that lies on the axis, with all events below


@dataclass(frozen=True)
class Axis:
    """How FlowKit's display values of one dimension become ours.

    Parameters
    ----------
    scale
        Ours; None for linear values.
    linear
        Linear values of FlowKit's display; infinite where events beyond are piled up on the axis.
    """

    scale: ExactScale | None
    linear: Callable[[float], float]

    def bound(self, value: Anything, none: float) -> float:
        """Return a bound of a range on our display."""
        linear = none if value is None else self.linear(float(value))
        return linear if self.scale is None or math.isinf(linear) else self._shown(linear)

    def corner(self, value: float) -> float:
        """Return a coordinate of a corner on our display."""
        linear = self.linear(value)
        if self.scale is None:
            return linear
        if math.isinf(linear):
            return -BEYOND if linear < 0 else 1 + BEYOND
        return self._shown(linear)

    def _shown(self, linear: float) -> float:
        assert self.scale is not None  # the callers' check
        shown = float(self.scale.exact(linear))
        if not math.isfinite(shown):
            raise StrategyError(f"reaches {linear:g}, where its scale ends")
        return shown


def axis_of(transform: Anything) -> Axis:
    """Return the axis of a transform of FlowKit's.

    Raises
    ------
    StrategyError
        When there is no such scale in Gating-ML.
    """
    kind = type(transform).__name__
    if kind == "NoneType":
        return Axis(None, float)
    if kind == "LinearTransform":
        return Axis(None, lambda y: float(transform.inverse(np.array([[y]]))[0][0]))
    if kind in ("LogicleTransform", "AsinhTransform"):
        parameters = {key: getattr(transform, f"param_{key}", 0.0) for key in "twma"}
        name = "logicle" if kind == "LogicleTransform" else "fasinh"
        scale = ExactScale(cast("Any", name), **parameters)
        return Axis(scale, lambda y: float(scale.inverse(y)))
    if kind == "WSPBiexTransform":
        return _biexponential(transform)
    if kind == "WSPLogTransform":
        top = transform.offset * 10**transform.decades
        scale = ExactScale("flog", top, m=transform.decades)
        return Axis(scale, lambda y: float(scale.inverse(y)) if y > 0 else -math.inf)
    raise StrategyError(f"is drawn on a {kind}, which Gating-ML does not have")


def _biexponential(transform: Anything) -> Axis:
    """Return FlowJo's biexponential scale as the logicle scale of the same parameters."""
    decades = float(transform.positive)
    width = math.log10(max(-float(transform.width), 1.0)) / 2
    scale = ExactScale(
        "logicle",
        float(transform.max_value),
        w=min(width, decades / 2),
        m=decades,
        a=min(float(transform.negative), decades - 2 * width),
    )
    ends = transform.apply(np.array([-1e30, 1e30]))

    def linear(y: float) -> float:
        if y <= ends[0]:
            return -math.inf
        return math.inf if y >= ends[1] else float(transform.inverse(np.array([y]))[0])

    return Axis(scale, linear)


@dataclass
class WorkspaceGates:
    """Gates of one sample read so far, and the dimensions that they share.

    Parameters
    ----------
    transforms
        FlowKit's, by channel.
    gates, dimensions
        By name.
    flags
        What a person should look at.
    """

    transforms: Mapping[str, Anything]
    gates: dict[str, PlacedGate] = field(default_factory=dict)
    dimensions: dict[str, Dimension] = field(default_factory=dict)
    flags: dict[str, None] = field(default_factory=dict)

    def read(
        self,
        gate: Anything,
        place: Place,
        names: Names,
        matrices: Mapping[str, SpectrumMatrix | str],
    ) -> None:
        """Read one gate.

        Parameters
        ----------
        gate
            FlowKit's.
        place
            Names from the root of the tree down to the gate.
        names
            The name that each place gets.
        matrices
            Of the workspace; a text tells why one cannot be used.

        Raises
        ------
        StrategyError
            When the gate cannot be taken over.
        """
        name, parent = names[place], names.get(place[:-1], "")
        if type(gate).__name__ in ("BooleanGate", "GMLBooleanGate"):
            references = tuple(
                Reference(names.get((*r["path"], r["ref"]), r["ref"]), bool(r["complement"]))
                for r in gate.gate_refs
            )
            found: Gate = BooleanGate(cast("Operation", gate.type), references)
            self.gates[name] = PlacedGate(name, parent, found, "", "fixed", 1.0)
            return
        if not hasattr(gate, "vertices") and type(gate).__name__ not in _RECTANGLES:
            raise StrategyError(f"is a {type(gate).__name__}, which is not taken over")
        axes = [self._axis(dimension, matrices) for dimension in gate.dimensions]
        found = _polygon(gate, axes) if hasattr(gate, "vertices") else _rectangle(gate, axes)
        if isinstance(found, PolygonGate) and crosses_itself(found.vertices):
            self.flags[f"the polygon {name!r} crosses itself; it is read by winding"] = None
        if gate.use_complement:
            inner = f"inside of {name}"
            self.gates[inner] = PlacedGate(inner, parent, found, "", "fixed", 1.0)
            self.gates[name] = PlacedGate(name, parent, None, inner, "fixed", 1.0)
        else:
            self.gates[name] = PlacedGate(name, parent, found, "", "fixed", 1.0)

    def _axis(
        self, dimension: Anything, matrices: Mapping[str, SpectrumMatrix | str]
    ) -> tuple[str, Axis, Anything]:
        """Return name and axis of a dimension, and FlowKit's."""
        if not hasattr(dimension, "id") or hasattr(dimension, "ratio_ref"):
            raise StrategyError("is drawn on a derived parameter, which is not taken over")
        compensation = dimension.compensation_ref or UNCOMPENSATED
        matrix = matrices.get(compensation)
        if compensation != UNCOMPENSATED and not isinstance(matrix, SpectrumMatrix):
            raise StrategyError(
                f"uses the compensation {compensation!r}, which {matrix or 'is not there'}"
            )
        axis = axis_of(self.transforms.get(dimension.transformation_ref))
        channel = str(dimension.id)
        self.dimensions[channel] = Dimension(channel, compensation, axis.scale)
        return channel, axis, dimension


_RECTANGLES = ("RectangleGate", "GMLRectangleGate")


def _rectangle(gate: Anything, axes: list[tuple[str, Axis, Anything]]) -> Gate:
    return RectangleGate(
        {
            name: Range(axis.bound(told.min, -math.inf), axis.bound(told.max, math.inf))
            for name, axis, told in axes
        }
    )


def _polygon(gate: Anything, axes: list[tuple[str, Axis, Anything]]) -> Gate:
    (x, across, _), (y, up, _) = axes
    corners = tuple((across.corner(float(p)), up.corner(float(q))) for p, q in gate.vertices)
    return PolygonGate((x, y), corners)
