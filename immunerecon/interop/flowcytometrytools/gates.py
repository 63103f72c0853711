"""Gates of FlowCytometryTools as gates of this package, and back, with equal counts."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

import numpy as np

from immunerecon.errors import StrategyError
from immunerecon.gating.gated_tube import PlacedGate
from immunerecon.gating.geometry.crossings import crosses_itself
from immunerecon.gating.geometry.gate_kinds import BooleanGate, Reference
from immunerecon.gating.geometry.gates import Gate, PolygonGate, Range, RectangleGate
from immunerecon.gating.placed_gates import PlacedGates
from immunerecon.interop.flowcytometrytools.loading import load


def from_gates(gates: Mapping[str, Any]) -> PlacedGates:
    """Return gates of FlowCytometryTools as placed gates.

    Parameters
    ----------
    gates
        Population -> ``ThresholdGate``, ``IntervalGate``, ``QuadGate``, ``PolyGate`` or
        ``CompositeGate``, each looked for among all events.

    Returns
    -------
    PlacedGates
        For `apply_gates`, with columns by channel (``{name: tube.values(name)}``), and for
        `gating_ml`. A gate that takes what lies outside, and a composite gate, need populations
        in between; they are named after the population with a number, e.g. ``NK (1)``.

    Raises
    ------
    StrategyError
        When a gate is of another kind, or a polygon crosses itself: FlowCytometryTools then
        leaves out what is wound round twice, and Gating-ML does not.

    Notes
    -----
    Bounds are in the units of the data that the gates were drawn on. An interval's upper bound
    counts as inside there and outside here; it is moved up to the next float32, which lets the
    same events in. Events that are no numbers are in no gate here; there they are below and out.
    Whether an event exactly on the edge of a polygon is inside depends there on the direction of
    the edge; here it is inside.

    Examples
    --------
    >>> fct = load()  # doctest: +SKIP
    >>> bright = fct.ThresholdGate(500, "Y2-A", "above")  # doctest: +SKIP
    >>> dim = fct.ThresholdGate(200, "B1-A", "below")  # doctest: +SKIP
    >>> from_gates({"RFP": bright & dim}).gates[-1].population  # doctest: +SKIP
    'RFP'
    """
    taken = set(gates)
    placed: list[PlacedGate] = []
    for name, gate in gates.items():
        placed += _unfolded(gate, name, _names(name, taken))
    return PlacedGates(tuple(placed))


def to_gates(placed: PlacedGates | Sequence[PlacedGate]) -> dict[str, Any]:
    """Return placed gates as gates of FlowCytometryTools.

    Parameters
    ----------
    placed
        Such as ``gated.gates`` of a `GatedTube`, parents first.

    Returns
    -------
    dict
        Population -> its gate together with those of its parents, so that it may be applied to
        all events. Bounds are on the display scale, dimensions are markers: they fit
        `to_measurement` of the gated tube.

    Raises
    ------
    StrategyError
        When a gate is an ellipsoid, which FlowCytometryTools does not have, or a polygon that
        crosses itself.

    Notes
    -----
    Where a population's `source` is ``model``, its events were counted by a model and the gate
    is an outline of them: the gate's count is close to the population's and not the same.
    """
    fct = load()
    gates = placed.gates if isinstance(placed, PlacedGates) else placed
    made: dict[str, Any] = {}
    for one in gates:
        inside = _made(fct, one.gate, one.population, made) if one.gate else ~made[one.without]
        made[one.population] = made[one.parent] & inside if one.parent else inside
    return made


def _names(name: str, taken: set[str]) -> Iterator[str]:
    """Yield names that no population has, and take them."""
    for n in count(1):
        if (free := f"{name} ({n})") not in taken:
            taken.add(free)
            yield free


def _unfolded(gate: Any, name: str, inner: Iterator[str]) -> Iterator[PlacedGate]:
    """Yield the populations that make up one gate, its own last."""
    kind = type(gate).__name__
    if kind == "CompositeGate":
        yield from _composed(gate, name, inner)
        return
    if kind not in {"ThresholdGate", "IntervalGate", "QuadGate", "PolyGate"}:
        raise StrategyError(
            f"{name}: a {kind} is no gate of FlowCytometryTools (accepted: ThresholdGate, "
            "IntervalGate, QuadGate, PolyGate, CompositeGate)"
        )
    geometry = _geometry(gate, kind, name)
    if kind in {"IntervalGate", "PolyGate"} and gate.region == "out":
        within = next(inner)
        yield _placed(within, geometry)
        yield _placed(name, BooleanGate("not", (Reference(within),)))
    else:
        yield _placed(name, geometry)


def _composed(gate: Any, name: str, inner: Iterator[str]) -> Iterator[PlacedGate]:
    parts = [next(inner) for _ in gate.gates]
    for part, of_part in zip(parts, gate.gates, strict=True):
        yield from _unfolded(of_part, part, inner)
    if gate.how == "invert":
        yield _placed(name, BooleanGate("not", (Reference(parts[0]),)))
    elif gate.how in {"and", "or"}:
        yield _placed(name, BooleanGate(gate.how, tuple(map(Reference, parts))))
    elif gate.how == "xor":
        only = [next(inner), next(inner)]
        for one, first, second in ((only[0], *parts), (only[1], *reversed(parts))):
            joined = (Reference(first), Reference(second, complement=True))
            yield _placed(one, BooleanGate("and", joined))
        yield _placed(name, BooleanGate("or", tuple(map(Reference, only))))
    else:
        raise StrategyError(f"{name}: {gate.how!r} joins no gates (accepted: and, or, xor, invert)")


def _placed(name: str, gate: Gate) -> PlacedGate:
    return PlacedGate(name, "", gate, "", "fixed", 1.0)


def _geometry(gate: Any, kind: str, name: str) -> Gate:
    """Return the region that a gate encloses, `region` other than ``out`` observed."""
    channels = [str(channel) for channel in gate.channels]
    if kind == "PolyGate":
        vertices = tuple((float(x), float(y)) for x, y in gate.vert)
        _refuse_crossing(vertices, name)
        return PolygonGate((channels[0], channels[1]), vertices)
    if kind == "IntervalGate":
        low, high = gate.vert
        return RectangleGate({channels[0]: Range(float(low), _next_above(high))})
    if kind == "ThresholdGate":
        return RectangleGate({channels[0]: _side(gate.vert, gate.region == "above")})
    right, top = "right" in gate.region, "top" in gate.region
    x, y = gate.vert
    return RectangleGate({channels[0]: _side(x, right), channels[1]: _side(y, top)})


def _side(value: float, above: bool) -> Range:
    return Range(low=float(value)) if above else Range(high=float(value))


def _next_above(value: float) -> float:
    return float(np.nextafter(np.float32(value), np.float32(np.inf)))


def _next_below(value: float) -> float:
    return float(np.nextafter(np.float32(value), np.float32(-np.inf)))


def _made(fct: Any, gate: Gate, name: str, made: Mapping[str, Any]) -> Any:
    """Return one gate as a gate of FlowCytometryTools."""
    if isinstance(gate, BooleanGate):
        named = [made[r.population] for r in gate.references]
        named = [~g if r.complement else g for g, r in zip(named, gate.references, strict=True)]
        joined = ~named[0] if gate.operation == "not" else named[0]
        for other in named[1:]:
            joined = joined & other if gate.operation == "and" else joined | other
        return joined
    if isinstance(gate, PolygonGate):
        _refuse_crossing(gate.vertices, name)
        return fct.PolyGate(list(gate.vertices), list(gate.dimensions), region="in", name=name)
    if not isinstance(gate, RectangleGate):
        raise StrategyError(f"{name}: FlowCytometryTools has no gate like a {gate.kind}")
    parts = [_bound(fct, channel, bounds, name) for channel, bounds in gate.ranges.items()]
    whole = parts[0]
    for part in parts[1:]:
        whole = whole & part
    return whole


def _bound(fct: Any, channel: str, bounds: Range, name: str) -> Any:
    # Bounds as float32, as they are compared here.
    low, high = float(np.float32(bounds.low)), float(np.float32(bounds.high))
    if np.isinf(high):
        return fct.ThresholdGate(low, channel, region="above", name=name)
    if np.isinf(low):
        return fct.ThresholdGate(high, channel, region="below", name=name)
    last = _next_below(high)
    if last <= low:
        raise StrategyError(f"{name}: {channel} from {low:g} to {high:g} holds no interval")
    return fct.IntervalGate((low, last), channel, region="in", name=name)


def _refuse_crossing(vertices: Sequence[tuple[float, float]], name: str) -> None:
    """Refuse a polygon of which two edges cross."""
    if crosses_itself(vertices):
        raise StrategyError(
            f"{name}: the polygon crosses itself; FlowCytometryTools leaves out what it winds "
            "round twice, Gating-ML counts it (draw it without crossing edges)"
        )
