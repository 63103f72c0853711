"""Gates put into the order in which they can be applied: what a gate speaks of stands before it."""

from collections.abc import Mapping

from immunerecon.gating.gated_tube import PlacedGate
from immunerecon.gating.geometry.gate_kinds import BooleanGate


def gates_in_order(
    gates: Mapping[str, PlacedGate],
) -> tuple[tuple[PlacedGate, ...], dict[str, str]]:
    """Order gates by parents and references.

    Parameters
    ----------
    gates
        By name, in the order of their document.

    Returns
    -------
    placed : tuple of PlacedGate
        Those that can be applied, as near to the given order as possible.
    refused : dict of str
        Why the others cannot: a circle, or a gate that is missing or refused itself.

    Examples
    --------
    >>> gates_in_order({"A": PlacedGate("A", "B", None), "B": PlacedGate("B", "A", None)})
    ((), {'B': "stands in a circle: 'A' needs 'B' needs 'A'", 'A': "needs 'B', which is refused"})
    """
    done: dict[str, PlacedGate] = {}
    refused: dict[str, str] = {}
    for name in gates:
        path = {} if name in done or name in refused else {name: None}
        while path:
            current = next(reversed(path))
            fault, following = _next(current, path, gates, done, refused)
            if fault:
                refused[current] = fault
            elif following:
                path[following] = None
                continue
            else:
                done[current] = gates[current]
            del path[current]
    return tuple(done.values()), refused


def needs(placed: PlacedGate) -> tuple[str, ...]:
    """Return the populations that must be gated before a gate."""
    references = placed.gate.references if isinstance(placed.gate, BooleanGate) else ()
    named = (placed.parent, placed.without, *(r.population for r in references))
    return tuple(dict.fromkeys(filter(None, named)))


def _next(
    current: str,
    path: Mapping[str, None],
    gates: Mapping[str, PlacedGate],
    done: Mapping[str, PlacedGate],
    refused: Mapping[str, str],
) -> tuple[str, str]:
    """Return why a gate is refused, or the gate that it still waits for."""
    for other in needs(gates[current]):
        if other in done:
            continue
        if other in path:
            circle = [*list(path)[list(path).index(other) :], other]
            return f"stands in a circle: {' needs '.join(map(repr, circle[:8]))}", ""
        if other not in gates:
            return f"needs {other!r}, which is not there", ""
        if other in refused:
            return f"needs {other!r}, which is refused", ""
        return "", other
    return "", ""
