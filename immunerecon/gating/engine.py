"""Run a strategy on one tube in three steps: place its gates, let a person move them, apply them.

Placing looks at data and knows nothing of overrides, so what a person moves moves no other gate.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from immunerecon.cytometry.tube import Tube
from immunerecon.errors import MarkerError
from immunerecon.gating.evidence import TubeEvidence, collect_evidence
from immunerecon.gating.gated_tube import GatedTube
from immunerecon.gating.geometry.dimensions import Events
from immunerecon.gating.geometry.scale import Scale
from immunerecon.gating.overrides.applied_overrides import apply_overrides
from immunerecon.gating.overrides.override import Override
from immunerecon.gating.placed_gates import LOW_CONFIDENCE, PlacedGates, apply_gates
from immunerecon.gating.placement import ALONE, Placement
from immunerecon.gating.strategy import Strategy
from immunerecon.gating.tree import Tree, grow_tree

__all__ = [
    "LOW_CONFIDENCE",
    "apply_gates",
    "display_columns",
    "evidence_of",
    "gate_tube",
    "place_gates",
]

MANY_STRANGERS = 0.05  # of the modelled events


def gate_tube(
    tube: Tube,
    strategy: Strategy,
    *,
    markers: Mapping[str, str],
    scales: Mapping[str, Scale],
    placement: Placement = ALONE,
    overrides: Sequence[Override] = (),
    exact: Events | None = None,
) -> GatedTube:
    """Gate one tube.

    Parameters
    ----------
    tube
        Clean, compensated events.
    strategy
        What to gate and how boundaries are found.
    markers
        The channel (``$PnN``) of each marker that the tube has.
    scales
        The display scale of each of these markers.
    placement
        What the other tubes of the study know (`borrow`); without it the tube stands alone, and
        is gated by its own boundaries.
    overrides
        What a person says of the tube's gates, from `overrides_for`.
    exact
        The tube's events before compensation, along the dimensions of the strategy: for those
        that lie so near to an edge that single precision cannot place them.

    Returns
    -------
    GatedTube

    Raises
    ------
    MarkerError
        When a marker that the strategy requires is not in the tube.
    """
    columns = display_columns(tube, strategy, markers=markers, scales=scales)
    placed = place_gates(columns, strategy, scales=scales, placement=placement, exact=exact)
    return apply_gates(apply_overrides(placed, overrides, scales), columns, exact)


def display_columns(
    tube: Tube, strategy: Strategy, *, markers: Mapping[str, str], scales: Mapping[str, Scale]
) -> dict[str, NDArray[np.float32]]:
    """Return the display values of each dimension that the strategy may look at.

    Parameters
    ----------
    tube, strategy, markers, scales
        As for `gate_tube`.

    Returns
    -------
    dict of ndarray of float32, shape (n_events,)

    Raises
    ------
    MarkerError
        When a marker that the strategy requires is not in the tube, or none that it knows is.
    """
    missing = [marker for marker in strategy.required if marker not in markers]
    known = [marker for marker in strategy.markers() if marker in markers]
    if missing or not known:
        wanted = missing or strategy.markers()
        raise MarkerError(
            f"strategy {strategy.name!r} needs {', '.join(wanted)}, which the tube does not have",
            remedy=f"It has {', '.join(markers) or 'no known marker'}; name the channel under "
            "panels: markers in study.yaml if its label is wrong",
        )
    return {marker: scales[marker].apply(tube.values(markers[marker])) for marker in known}


def place_gates(
    columns: Mapping[str, NDArray[np.float32]],
    strategy: Strategy,
    *,
    scales: Mapping[str, Scale],
    placement: Placement = ALONE,
    exact: Events | None = None,
) -> PlacedGates:
    """Place every gate of a strategy by a tube's data.

    Parameters
    ----------
    columns
        As `display_columns` returns them.
    strategy, scales, placement, exact
        As for `gate_tube`.

    Returns
    -------
    PlacedGates
        For `apply_gates`, or to be moved by hand before.
    """
    tree = grow_tree(columns, strategy, scales=scales, placement=placement, exact=exact)
    counted = tree.counted()
    return PlacedGates(
        gates=tuple(tree.gates.values()),
        boundaries={name: found for name, found in tree.boundaries.items() if found is not None},
        counted=counted,
        found={name: rows for name, rows in tree.members.items() if name and name not in counted},
        expected=tree.expected(),
        clarity=tree.clarity(),
        dropped=tree.dropped,
        flags=(*strategy.remarks, *placement.flags, *_gateless(tree), *_strangers(tree)),
    )


def evidence_of(
    tube: Tube, strategy: Strategy, *, markers: Mapping[str, str], scales: Mapping[str, Scale]
) -> TubeEvidence:
    """Gate one tube alone and keep what helps the other tubes of a study.

    Parameters
    ----------
    tube, strategy, markers, scales
        As for `gate_tube`.

    Returns
    -------
    TubeEvidence
        A few thousand events and the tube's own boundaries, for `borrow`.

    Raises
    ------
    MarkerError
        When a marker that the strategy requires is not in the tube.
    """
    columns = display_columns(tube, strategy, markers=markers, scales=scales)
    tree = grow_tree(columns, strategy, scales=scales)
    return collect_evidence(tree, strategy.model, scales)


def _gateless(tree: Tree) -> tuple[str, ...]:
    """Return a flag where no gate in two dimensions holds what the model counts."""
    names = tree.counted()
    return (f"counted by the model, no gate parts them well: {', '.join(names)}",) if names else ()


def _strangers(tree: Tree) -> tuple[str, ...]:
    """Return a flag where many events are like no kind of cell that the strategy lists."""
    share = tree.model.strangers() if tree.model else 0.0
    if share <= MANY_STRANGERS:
        return ()
    return (f"{100 * share:.0f} % of the events are like no kind of cell of the strategy",)
