"""One stained tube: the events that come out of the cytometer, each with its label."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from immunerecon.simulate.cells import Cells, Codes, Mask, Staining, Values, join, make_cells
from immunerecon.simulate.instrument import Setup, detect, digitise
from immunerecon.simulate.phenotypes import POPULATIONS
from immunerecon.simulate.specimens import Specimen

TIMESTEP = 0.01
KINDS = ("cell", "dead", "doublet", "debris", "bead")

_LARGEST_ACQUIRED_UL = 40.0
_EVENTS_PER_SECOND = 250.0
_CLOGGED_SIGNAL = 0.6
_FSC_THRESHOLD = 9e3


@dataclass(frozen=True)
class Acquisition:
    """Events of a tube in the order of acquisition, with the truth about each.

    Parameters
    ----------
    values : shape (n, n_channels)
        Raw values: FSC-A, FSC-H, SSC-A, detectors, Time.
    kind
        Place in `KINDS`.
    population
        Place in `phenotypes.POPULATIONS`, -1 for what is not a single cell.
    donor
        Whether a cell is the donor's.
    disturbed
        Whether the event was taken while a clog disturbed the signals.
    volume_ul
        Blood acquired, µL.
    """

    values: NDArray[np.float32]
    kind: Codes
    population: Codes
    donor: Mask
    disturbed: Mask
    volume_ul: float


def acquire(
    rng: np.random.Generator, specimen: Specimen, *, staining: Staining, setup: Setup, events: int
) -> Acquisition:
    """Return the events of a tube.

    Parameters
    ----------
    rng
        Source of chance of this tube.
    specimen
        What is in it.
    staining, setup
        How it was stained and measured.
    events
        About how many events are acquired; fewer when the blood is used up before.

    Returns
    -------
    Acquisition
        Numbers of cells are Poisson distributed about concentration times acquired volume. Dead
        cells and doublets come on top of the blood's live cells.

    Examples
    --------
    >>> from immunerecon.simulate.conditions import EVERYDAY
    >>> from immunerecon.simulate.instrument import PANELS, set_up
    >>> from immunerecon.simulate.specimens import healthy_pbmc
    >>> how = {"cytometer": "LSRFortessa", "conditions": EVERYDAY}
    >>> setup = set_up(0, "lineage", year=2009, quarter=2, **how)
    >>> staining = Staining(tuple(PANELS["lineage"]), {}, EVERYDAY)
    >>> rng, pbmc = np.random.default_rng(0), healthy_pbmc(donor=False)
    >>> tube = acquire(rng, pbmc, staining=staining, setup=setup, events=100)
    >>> tube.values.shape[1], len(tube.kind) == len(tube.values)
    (12, True)
    """
    conditions = staining.conditions
    live_per_ul = sum(specimen.recipient.values()) + sum(specimen.donor.values())
    dead_per_live = conditions.dead / (1 - conditions.dead)
    doublets_per_live = (1 + dead_per_live) * conditions.doublets / (1 - conditions.doublets)
    particles_per_ul = live_per_ul * (1 + dead_per_live + doublets_per_live)
    particles_per_ul += specimen.debris_per_ul + specimen.beads_per_ul
    volume = min(events * rng.uniform(0.85, 1.15) / particles_per_ul, _LARGEST_ACQUIRED_UL)
    singles = _single_cells(rng, specimen, volume, dead_per_live, staining)
    parts = (
        singles,
        _doublets(rng, singles, rng.poisson(doublets_per_live * live_per_ul * volume)),
        _debris(rng, rng.poisson(specimen.debris_per_ul * volume), staining),
        _beads(rng, rng.poisson(specimen.beads_per_ul * volume), staining),
    )
    kind = np.repeat(np.array([0, 2, 3, 4], dtype=np.int8), [len(part) for part in parts])
    kind[: len(singles)] = singles.dead
    order = rng.permutation(len(kind))
    cells, kind = join(parts).take(order), kind[order]
    time, disturbed = _pass_time(rng, len(cells), clog=rng.random() < conditions.clogs)
    values = detect(rng, cells, setup, beads=kind == KINDS.index("bead"))
    values[disturbed] *= _CLOGGED_SIGNAL
    return Acquisition(
        values=digitise(np.column_stack((values, time / TIMESTEP))),
        kind=kind,
        population=cells.population,
        donor=cells.donor,
        disturbed=disturbed,
        volume_ul=volume,
    )


def _single_cells(
    rng: np.random.Generator,
    specimen: Specimen,
    volume: float,
    dead_per_live: float,
    staining: Staining,
) -> Cells:
    """Return live and dead single cells of both persons."""
    per_ul = np.array(
        [[person[name] for name in POPULATIONS] for person in (specimen.recipient, specimen.donor)]
    )
    expected = np.stack((per_ul, per_ul * dead_per_live)) * volume
    counts = rng.poisson(expected)
    state, person, population = (index.ravel() for index in np.indices(counts.shape))
    cells = make_cells(
        rng,
        np.repeat(population, counts.ravel()).astype(np.int8),
        donor=np.repeat(person == 1, counts.ravel()),
        dead=np.repeat(state == 1, counts.ravel()),
        staining=staining,
    )
    pipetting = 10 ** rng.normal(0, 0.02, len(staining.markers))
    return replace(cells, stains=cells.stains * pipetting)


def _doublets(rng: np.random.Generator, singles: Cells, n: int) -> Cells:
    """Return pairs of cells that pass the laser as one: areas add up, heights hardly."""
    n = n if len(singles) else 0
    first, second = (singles.take(rng.integers(0, max(len(singles), 1), n)) for _ in range(2))
    return Cells(
        population=np.full(n, -1, dtype=np.int8),
        donor=first.donor & second.donor,
        dead=first.dead | second.dead,
        fsc_a=first.fsc_a + second.fsc_a,
        fsc_h=np.maximum(first.fsc_h, second.fsc_h) * rng.uniform(1.0, 1.35, n),
        ssc_a=first.ssc_a + second.ssc_a,
        autofluorescence=first.autofluorescence + second.autofluorescence,
        stains=first.stains + second.stains,
    )


def _particles(n: int, fsc: Values, ssc: Values, glow: Values, stains: Values) -> Cells:
    """Return events that are no cells."""
    return Cells(
        population=np.full(n, -1, dtype=np.int8),
        donor=np.zeros(n, dtype=bool),
        dead=np.zeros(n, dtype=bool),
        fsc_a=fsc,
        fsc_h=fsc * 0.84,
        ssc_a=ssc,
        autofluorescence=glow,
        stains=stains,
    )


def _debris(rng: np.random.Generator, n: int, staining: Staining) -> Cells:
    """Return remains of red cells, platelets and fragments that pass the FSC threshold."""
    fsc = (_FSC_THRESHOLD + rng.exponential(7e3, n)) * np.exp(0.05 * rng.standard_normal(n))
    ssc = 10 ** rng.normal(3.75, 0.3, n)
    stains = 10 ** rng.normal(1.2, 0.4, (n, len(staining.markers)))
    if "CD45" not in staining.omitted:  # pieces of leukocytes carry some
        torn = rng.random(n) < 0.2
        stains[torn, staining.markers.index("CD45")] = 10 ** rng.normal(2.6, 0.4, int(torn.sum()))
    return _particles(n, fsc, ssc, 10 ** rng.normal(-0.5, 0.25, n), stains)


def _beads(rng: np.random.Generator, n: int, staining: Staining) -> Cells:
    """Return counting beads: small, granular, bright everywhere, all alike."""
    fsc = 34e3 * np.exp(0.03 * rng.standard_normal(n))
    ssc = 215e3 * np.exp(0.035 * rng.standard_normal(n))
    glow = np.exp(0.04 * rng.standard_normal(n))
    return _particles(n, fsc, ssc, glow, np.zeros((n, len(staining.markers))))


def _pass_time(rng: np.random.Generator, n: int, *, clog: bool) -> tuple[Values, Mask]:
    """Return ascending times of the events in seconds, and which of them a clog disturbed."""
    place, seconds = np.sort(rng.random(n)), n / _EVENTS_PER_SECOND
    if not clog:
        return place * seconds, np.zeros(n, dtype=bool)
    start = rng.uniform(0.2, 0.6)
    gap, recovery = rng.uniform(0.06, 0.12), rng.uniform(0.04, 0.08)
    edges = np.array([0.0, start, start + gap, start + gap + recovery, 1.0])
    rates = np.array([1.0, 0.05, 1.0, 1.0])  # hardly any events pass during the gap
    share = np.concatenate(([0.0], np.cumsum(rates * np.diff(edges))))
    time = np.interp(place, share / share[-1], edges)
    return time * seconds, (time >= start) & (time < start + gap + recovery)
