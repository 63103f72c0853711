"""Gates on dimensions that were divided by a number."""

from collections.abc import Mapping
from dataclasses import replace

from immunerecon.gating.geometry.gate_kinds import BooleanGate, EllipsoidGate
from immunerecon.gating.geometry.gates import Gate, PolygonGate, Range, RectangleGate


def rescaled(gate: Gate, tops: Mapping[str, float]) -> Gate:
    """Return a gate as it is when some of its dimensions are divided.

    Parameters
    ----------
    gate
        The gate.
    tops
        What each dimension is divided by; 1 where it is not there.

    Examples
    --------
    >>> rescaled(RectangleGate({"FSC-A": Range(low=512.0)}), {"FSC-A": 1024.0}).parameters()
    {'FSC-A': {'low': 0.5}}
    """
    if isinstance(gate, BooleanGate):
        return gate
    if isinstance(gate, RectangleGate):
        return RectangleGate(
            {
                name: Range(bounds.low / tops.get(name, 1.0), bounds.high / tops.get(name, 1.0))
                for name, bounds in gate.ranges.items()
            }
        )
    by = [tops.get(name, 1.0) for name in gate.dimensions]
    if isinstance(gate, PolygonGate):
        return replace(gate, vertices=tuple((x / by[0], y / by[1]) for x, y in gate.vertices))
    return _rescaled_ellipsoid(gate, by)


def _rescaled_ellipsoid(gate: EllipsoidGate, by: list[float]) -> EllipsoidGate:
    return replace(
        gate,
        mean=tuple(value / top for value, top in zip(gate.mean, by, strict=True)),
        covariance=tuple(
            tuple(value / (across * up) for value, across in zip(row, by, strict=True))
            for row, up in zip(gate.covariance, by, strict=True)
        ),
    )
