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
    events = _Binned(gated, {}, {})
    return tuple(
        _picture(gated, gate, events) for gate in gated.gates if gate.gate and gate.gate.dimensions
    )


def _picture(gated: GatedTube, placed: PlacedGate, events: "_Binned") -> GatePicture:
    """Return the picture of one gate."""
    assert placed.gate is not None  # the caller's filter
    x, y = shown_on(placed.gate, gated.columns)
    return GatePicture(
        population=placed.population,
        parent=placed.parent,
        x=x,
        y=y,
        counts=events.histogram(placed.parent, x, y),
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


@dataclass(frozen=True)
class _Binned:
    """The events of a tube in bins; what gates share (parent, plane) is found once.

    Parameters
    ----------
    gated
        The tube.
    bins
        Bin of each event of a population along a dimension, as far as they were asked for.
    histograms
        Of a population in a plane, likewise.
    """

    gated: GatedTube
    bins: dict[tuple[str, str], Bins]
    histograms: dict[tuple[str, str, str], NDArray[np.uint32]]

    def histogram(self, population: str, x: str, y: str) -> NDArray[np.uint32]:
        """Return the number of events in each bin, shape (96, 96), first axis x."""
        if x > y:
            return np.ascontiguousarray(self.histogram(population, y, x).T)
        key = population, x, y
        if key not in self.histograms:
            place = self.along(population, x).astype(np.uint16)  # holds BINS squared
            place *= np.uint16(BINS)
            place += self.along(population, y)
            counts = np.bincount(place, minlength=BINS * BINS).astype(np.uint32)
            self.histograms[key] = counts.reshape(BINS, BINS)
        return self.histograms[key]

    def along(self, population: str, dimension: str) -> Bins:
        """Return the bin of each event of a population along a dimension."""
        key = population, dimension
        if key not in self.bins:
            if population:
                found = self.along("", dimension).take(self.gated.members[population])
            else:
                place = self.gated.columns[dimension] - np.float32(LOW)
                place *= np.float32(BINS / (HIGH - LOW))
                found = np.clip(place, 0, BINS - 1, out=place).astype(np.uint8)
            self.bins[key] = found
        return self.bins[key]
