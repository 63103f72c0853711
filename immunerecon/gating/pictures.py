"""What a person sees of a gate: its parent's events as a small two-dimensional histogram."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from immunerecon.gating.gated_tube import GatedTube, PlacedGate
from immunerecon.gating.geometry.gates import Gate

Bins = NDArray[np.uint8]

BINS = 96
LOW, HIGH = -0.05, 1.05  # display; a little room beyond both ends of the scale


@dataclass(frozen=True)
class GatePicture:
    """A gate on the density of its parent.

    Parameters
    ----------
    population, parent
        Names; an empty parent means all clean events.
    x, y
        The two dimensions; `y` of a one-dimensional gate is side scatter, where the tube has it.
    counts : ndarray of uint32, shape (96, 96)
        Events of the parent, first axis x; both axes run over the display from -0.05 to 1.05,
        events beyond are counted in the outermost bins.
    gate
        The geometry; None for a complement.
    count, parent_count
        Events of the population and of its parent.
    source, confidence
        As in `PlacedGate`.
    """

    population: str
    parent: str
    x: str
    y: str
    counts: NDArray[np.uint32]
    gate: Gate | None
    count: int
    parent_count: int
    source: str
    confidence: float


def picture_gates(gated: GatedTube) -> tuple[GatePicture, ...]:
    """Return a picture of every gate that has a geometry.

    Parameters
    ----------
    gated
        The gated tube.

    Returns
    -------
    tuple of GatePicture
        In the order of gating.
    """
    bins: dict[str, Bins] = {}
    return tuple(
        _picture(gated, gate, bins) for gate in gated.gates if gate.gate and gate.gate.dimensions
    )


def _picture(gated: GatedTube, placed: PlacedGate, bins: dict[str, Bins]) -> GatePicture:
    """Return the picture of one gate; the bins of all events are found once for a dimension."""
    assert placed.gate is not None  # the caller's filter
    x, y = shown_on(placed.gate, gated.columns)
    return GatePicture(
        population=placed.population,
        parent=placed.parent,
        x=x,
        y=y,
        counts=_histogram(*(_bins_of(gated, placed.parent, name, bins) for name in (x, y))),
        gate=placed.gate,
        count=gated.count(placed.population),
        parent_count=gated.count(placed.parent),
        source=placed.source,
        confidence=placed.confidence,
    )


def shown_on(gate: Gate, columns: Collection[str]) -> tuple[str, str]:
    """Return the two dimensions that a gate is shown on.

    Parameters
    ----------
    gate
        In one or more dimensions.
    columns
        The dimensions that the tube has.

    Examples
    --------
    >>> from immunerecon.gating.geometry.gates import Range, RectangleGate
    >>> shown_on(RectangleGate({"Viability": Range(high=0.5)}), ["Viability", "SSC-A"])
    ('Viability', 'SSC-A')
    """
    x, *rest = gate.dimensions
    companions = ("SSC-A", "FSC-A", "CD45", "CD3")
    return x, next((y for y in (*rest, *companions) if y in columns and y != x), x)


def _bins_of(gated: GatedTube, population: str, dimension: str, bins: dict[str, Bins]) -> Bins:
    """Return the bin of each event of a population along a dimension."""
    if dimension not in bins:
        place = (gated.columns[dimension] - np.float32(LOW)) * np.float32(BINS / (HIGH - LOW))
        bins[dimension] = np.clip(place, 0, BINS - 1, out=place).astype(np.uint8)
    return bins[dimension] if population == "" else bins[dimension].take(gated.members[population])


def _histogram(across: Bins, up: Bins) -> NDArray[np.uint32]:
    place = across.astype(np.uint16)  # BINS squared is less than it can hold
    place *= np.uint16(BINS)
    place += up
    counts = np.bincount(place, minlength=BINS * BINS)
    return counts.reshape(BINS, BINS).astype(np.uint32)
