"""What a person did on the screen, as overrides in linear, compensated units."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from immunerecon.cytometry.transforms import Scale
from immunerecon.errors import StrategyError
from immunerecon.gating.geometry.gates import PolygonGate, Range, RectangleGate
from immunerecon.gating.overrides.override import SCOPES, Override
from immunerecon.review.tubes import ReviewTube

Edit = Mapping[str, Any]


def to_overrides(
    tube: ReviewTube,
    edits: Sequence[Edit],
    *,
    scope: str = "file",
    who: str = "draft",
    why: str = "draft",
) -> tuple[Override, ...]:
    """Return edits as overrides.

    Parameters
    ----------
    tube
        The tube on whose display they were made.
    edits
        Each with ``population`` and ``gate``, or ``threshold`` and ``value``, on the display
        scale.
    scope
        ``file``, ``patient`` or ``batch``; the last two are narrowed to the tube's panel.
    who, why
        Who moved the gates, and the reason.

    Returns
    -------
    tuple of Override
        In linear units, because display scales may change when tubes are added.

    Raises
    ------
    StrategyError
        For another scope, an empty one, or an edit that is none.
    """
    if scope not in SCOPES:
        raise StrategyError(f"there is no scope {scope!r} (accepted: {', '.join(SCOPES)})")
    target = str(getattr(tube, scope))
    if not target:
        raise StrategyError(f"{tube.file} has no {scope}: apply to this tube alone")
    place: dict[str, Any] = (
        {scope: target} if scope == "file" else {scope: target, "panel": tube.panel}
    )
    when = datetime.now(UTC).isoformat(timespec="seconds")
    return tuple(
        Override("replace", who=who, when=when, why=why, **place, **_linear(edit, tube))
        for edit in edits
    )


def _linear(edit: Edit, tube: ReviewTube) -> dict[str, Any]:
    """Return what an edit moves, and where to, in linear units."""
    if "threshold" in edit:
        name = str(edit["threshold"])
        if name not in tube.placed.boundaries:
            known = ", ".join(tube.placed.boundaries)
            raise StrategyError(f"{tube.file} has no boundary {name!r} (there are: {known})")
        marker = tube.placed.boundaries[name].marker
        return {"threshold": name, "value": _inverse(edit["value"], tube.scales[marker])}
    try:
        return {"population": str(edit["population"]), "gate": _geometry(edit["gate"], tube)}
    except (KeyError, TypeError, ValueError) as error:
        raise StrategyError(f"an edit that moves nothing: {edit!r}") from error


def _geometry(gate: Mapping[str, Any], tube: ReviewTube) -> PolygonGate | RectangleGate:
    if gate["kind"] == "polygon":
        x, y = gate["dimensions"]
        corners = tuple(
            (_inverse(across, tube.scales[x]), _inverse(up, tube.scales[y]))
            for across, up in gate["vertices"]
        )
        return PolygonGate((x, y), corners)
    ranges = {
        name: Range(**{end: _inverse(place, tube.scales[name]) for end, place in bounds.items()})
        for name, bounds in gate["ranges"].items()
    }
    return RectangleGate(ranges)


def _inverse(place: float, scale: Scale) -> float:
    """Return the linear value of a place on the display, to six digits."""
    value = float(scale.inverse(np.array([place], dtype=np.float64))[0])
    return float(f"{value:.6g}")
