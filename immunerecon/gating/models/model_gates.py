"""The gate of a population that the model knows, and whether that gate can stand for the model."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from immunerecon.gating.gated_tube import PlacedGate
from immunerecon.gating.models.modelled import ModelledEvents
from immunerecon.gating.models.outlines import Target, calibrated_gate

Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]

_LEAST_PURITY = 0.75  # of the events in a gate, below which the model counts without one
_MOST_MISSED, _FEW_MISSED = 0.02, 3.0  # share of the expected number, and events
_NOISE_MISSED = 0.5  # of the counting error, below which a difference matters little
_OWN = 0.5  # weight of a tube's own events from which its gates are placed by its data


@dataclass(frozen=True)
class ModelGate:
    """A population's gate as the model places it.

    Parameters
    ----------
    placed
        The gate. Its source is ``data`` where the tube's own events tell most of its place,
        ``borrowed`` where other tubes do, and ``model`` where no gate in two dimensions holds
        what the model counts.
    inside : ndarray of bool, shape (n,)
        Which of the modelled events lie in it.
    """

    placed: PlacedGate
    inside: Bools


def gate_by_model(
    model: ModelledEvents,
    name: str,
    parent: str,
    plane: tuple[str, str],
    columns: Mapping[str, Floats],
    parents: Bools | None,
) -> ModelGate:
    """Gate a population where the model parts it from the rest of its parent.

    Parameters
    ----------
    model
        The tube's events by the model.
    name, parent
        Of the population and of its parent.
    plane
        The two dimensions to gate it in.
    columns
        Display values of the tube, shape (n_events,).
    parents : ndarray of bool, shape (n,)
        Which of the modelled events lie in the parent; all where left out.
    """
    parents = np.ones(len(model.events), dtype=np.bool_) if parents is None else parents
    seen = {key: columns[key].take(model.events) for key in plane}
    gate = calibrated_gate(model, Target(name, parent, parents, seen))
    inside, rows = parents.copy(), np.flatnonzero(parents)
    inside[rows] = gate.contains({key: column.take(rows) for key, column in seen.items()})
    own = model.told_by_itself(name, plane) >= _OWN
    source = "model" if _fails(model, name, inside) else "data" if own else "borrowed"
    error = model.standard_error(name, plane)
    certainty = model.certainty(name)
    placed = PlacedGate(name, parent, gate, "", source, certainty, standard_error=error)
    return ModelGate(placed, inside)


def what_is_left(
    model: ModelledEvents, name: str, parent: str, other: ModelGate, parents: Bools | None
) -> ModelGate:
    """Gate a population as what another one leaves of their parent; parameters as above."""
    inside = ~other.inside if parents is None else parents & ~other.inside
    gone = other.placed
    certainty = model.certainty(name)
    error = gone.standard_error
    placed = PlacedGate(
        name, parent, None, gone.population, gone.source, certainty, standard_error=error
    )
    return ModelGate(placed, inside)


def _fails(model: ModelledEvents, name: str, inside: Bools) -> bool:
    """Return whether a gate holds other events than the model counts."""
    rows = np.flatnonzero(inside)
    weights = model.weights.take(rows).astype(np.float64)
    held, expected = float(weights.sum()), model.expected(name)
    pure = float(weights @ model.probability(name).take(rows))
    missed = abs(held - expected)
    borne = max(_FEW_MISSED, _MOST_MISSED * expected, _NOISE_MISSED * expected**0.5)
    return missed > borne or (held - pure > max(_FEW_MISSED, (1 - _LEAST_PURITY) * held))
