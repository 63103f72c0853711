"""Run a strategy on one tube: place each boundary, gate each population on its parent."""

from collections.abc import Mapping

from immunerecon.cytometry.tube import Tube
from immunerecon.errors import MarkerError
from immunerecon.gating.evidence import TubeEvidence, collect_evidence
from immunerecon.gating.gated_tube import GatedTube, PlacedGate
from immunerecon.gating.placement import ALONE, Placement
from immunerecon.gating.scale import Scale
from immunerecon.gating.strategy import Strategy
from immunerecon.gating.tree import Tree

LOW_CONFIDENCE = 0.5
MANY_STRANGERS = 0.05  # of the modelled events


def gate_tube(
    tube: Tube,
    strategy: Strategy,
    *,
    markers: Mapping[str, str],
    scales: Mapping[str, Scale],
    placement: Placement = ALONE,
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

    Returns
    -------
    GatedTube

    Raises
    ------
    MarkerError
        When a marker that the strategy requires is not in the tube.
    """
    tree = _grow(tube, strategy, markers, scales, placement)
    return GatedTube(
        n_events=tube.n_events,
        columns=tree.columns,
        members=tree.members,
        gates=tuple(tree.gates.values()),
        dropped=tree.dropped,
        flags=(*_low_confidence(tree.gates), *_strangers(tree)),
        expected=tree.expected(),
        clarity=tree.clarity(),
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
    tree = _grow(tube, strategy, markers, scales, ALONE)
    return collect_evidence(tree, strategy.model, scales)


def _grow(
    tube: Tube,
    strategy: Strategy,
    markers: Mapping[str, str],
    scales: Mapping[str, Scale],
    placement: Placement,
) -> Tree:
    """Gate every population of a strategy on a tube."""
    missing = [marker for marker in strategy.required if marker not in markers]
    if missing:
        raise MarkerError(
            f"strategy {strategy.name!r} needs {', '.join(missing)}, which the tube does not have",
            remedy=f"It has {', '.join(markers) or 'no known marker'}; name the channel under "
            "panels: markers in study.yaml if its label is wrong",
        )
    columns = {
        marker: scales[marker].apply(tube.values(markers[marker]))
        for marker in strategy.markers()
        if marker in markers
    }
    tree = Tree(strategy, columns, scales, tube.n_events, placement=placement)
    for name, rule in strategy.populations.items():
        tree.add(name, rule)
    return tree


def _strangers(tree: Tree) -> tuple[str, ...]:
    """Return a flag where many events are like no kind of cell that the strategy lists."""
    share = tree.model.strangers() if tree.model else 0.0
    if share <= MANY_STRANGERS:
        return ()
    return (f"{100 * share:.0f} % of the events are like no kind of cell of the strategy",)


def _low_confidence(gates: Mapping[str, PlacedGate]) -> tuple[str, ...]:
    doubtful = [name for name, gate in gates.items() if gate.confidence < LOW_CONFIDENCE]
    return (f"low confidence in the gates of {', '.join(doubtful)}",) if doubtful else ()
