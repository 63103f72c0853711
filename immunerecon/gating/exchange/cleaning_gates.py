"""What was left out of a tube before gating, as gates, so that other programs leave it out too."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from immunerecon.cytometry.quality import Cleaning, is_forward_scatter
from immunerecon.cytometry.tube import Tube
from immunerecon.gating.gated_tube import PlacedGate
from immunerecon.gating.geometry.dimensions import Dimension
from immunerecon.gating.geometry.gate_kinds import BooleanGate, Reference
from immunerecon.gating.geometry.gates import Gate, Range, RectangleGate

_ABOVE_ZERO = float(np.nextafter(np.float32(0), np.float32(1)))
_LARGEST = float(np.finfo(np.float32).max)

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class CleaningGates:
    """Gates that hold the events that are used.

    Parameters
    ----------
    parts
        Steady periods, where there are several.
    clean
        All events that are used; None where no event was left out, or no gate can say which.
    dimensions
        What they are drawn on.
    remark
        What no gate can say.
    """

    parts: tuple[Gate, ...] = ()
    clean: Gate | None = None
    dimensions: Mapping[str, Dimension] = field(default_factory=dict)
    remark: str = ""

    def above(self, gates: Sequence[PlacedGate]) -> tuple[PlacedGate, ...]:
        """Return gates as they lie within those of the cleaning, ``Clean`` and ``Steady_1`` ...

        Their names give way to populations of the same name.
        """
        if self.clean is None:
            return tuple(gates)
        mark = "_" if {"Clean", "Steady_1"} & {gate.population for gate in gates} else ""
        names = [f"Steady_{number}{mark}" for number, _ in enumerate(self.parts, start=1)]
        parts = [
            PlacedGate(name, "", part, "", "fixed")
            for name, part in zip(names, self.parts, strict=True)
        ]
        whole = BooleanGate("or", tuple(map(Reference, names))) if parts else self.clean
        clean = PlacedGate(f"Clean{mark}", "", whole, "", "fixed")
        below = [replace(gate, parent=gate.parent or clean.population) for gate in gates]
        return (*parts, clean, *below)


def cleaning_gates(tube: Tube, cleaning: Cleaning) -> CleaningGates:
    """Return gates that hold just the events that a cleaning kept.

    Parameters
    ----------
    tube
        All events, uncompensated.
    cleaning
        What was kept of them.

    Returns
    -------
    CleaningGates
        With a remark where no gate can tell the kept events from the others, as when periods were
        left out of a tube without a usable clock.

    Examples
    --------
    >>> from immunerecon.cytometry.tube import Channel
    >>> tube = Tube(np.float32([[0], [5]]), (Channel("FSC-A", "", 1024),))
    >>> kept = np.array([False, True])
    >>> found = cleaning_gates(tube, Cleaning(kept, 0, 1, 0, ()))
    >>> [gate.population for gate in found.above([PlacedGate("T", "", None)])]
    ['Clean', 'T']
    """
    if cleaning.kept.all():
        return CleaningGates()
    measured, usable = _measured(tube)
    periods = list(_periods(tube, cleaning.kept, usable)) or [{}]
    parts = [RectangleGate({**measured, **period}) for period in periods]
    names = {name for part in parts for name in part.dimensions}
    columns = {name: tube.values(name).astype(np.float64) for name in names}
    held = [part.contains(columns) for part in parts if part.ranges]
    if not held or not np.array_equal(np.logical_or.reduce(held), cleaning.kept):
        left_out = int(cleaning.kept.size - cleaning.kept.sum())
        return CleaningGates(
            remark=f"{left_out:,} events were left out before gating, and no gate can say which: "
            "programs that gate the whole file count more events"
        )
    return CleaningGates(
        parts=tuple(parts) if len(parts) > 1 else (),
        clean=parts[0],
        dimensions={name: Dimension(name) for name in names},
    )


def _measured(tube: Tube) -> tuple[dict[str, Range], Mask]:
    """Return bounds of events with forward scatter and finite values, and which those are."""
    ranges: dict[str, Range] = {}
    usable = np.ones(tube.n_events, dtype=np.bool_)
    for channel in tube.channels:
        values = tube.values(channel.name)
        finite = np.isfinite(values)
        low = -_LARGEST
        if is_forward_scatter(channel) and (values[finite] <= 0).any():
            low = _ABOVE_ZERO
        if low > 0 or not finite.all():
            ranges[channel.name] = Range(low, math.inf if finite.all() else _LARGEST)
            usable &= finite & (values >= low)
    return ranges, usable


def _periods(tube: Tube, kept: Mask, usable: Mask) -> Iterator[dict[str, Range]]:
    """Return the periods of time from which events were kept; none when all of it was."""
    clock = next((channel.name for channel in tube.channels if channel.is_time), "")
    rows = np.flatnonzero(usable)
    if not clock or kept[rows].all():
        return
    seconds = tube.values(clock)[rows].astype(np.float64)
    changes = np.flatnonzero(np.diff(kept[rows].astype(np.int8))) + 1
    # Halfway between two ticks, so that rounding of the clock moves no event across.
    cuts = [-math.inf, *(seconds[changes - 1] + seconds[changes]) / 2, math.inf]
    starts = [0, *changes]
    for number, start in enumerate(starts):
        if kept[rows[start]]:
            yield {clock: Range(float(cuts[number]), float(cuts[number + 1]))}
