"""The second look at a tube: clean, compensate, gate, count; everything later steps need of it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from immunerecon.cytometry.acquisition import acquisition_seconds
from immunerecon.cytometry.quality import clean
from immunerecon.enumeration.population_table import TubeVolume, population_rows
from immunerecon.gating.engine import place_gates
from immunerecon.gating.exchange.cleaning_gates import cleaning_gates
from immunerecon.gating.exchange.gating_ml import gating_ml
from immunerecon.gating.gated_tube import GatedTube
from immunerecon.gating.overrides.applied_overrides import apply_overrides
from immunerecon.gating.pictures import GatePicture, picture_gates
from immunerecon.gating.placed_gates import PlacedGates, apply_gates
from immunerecon.pipeline.jobs import TubeJob, columns_of, compensated_for, events_of, open_tube
from immunerecon.pipeline.placed_records import (
    counted_arrays,
    gate_facts,
    gate_from,
    placed_facts,
)
from immunerecon.pipeline.records import Record, value_digest
from immunerecon.pipeline.scales import scale_facts
from immunerecon.pipeline.survey import cleaning_of
from immunerecon.pipeline.tube_quality import quality_facts, quality_flags

DONOR_PARENTS = ("NK", "T", "B")
NANOLITRES_PER_UL = 1000.0  # `$VOL` is in nL from FCS 3.1 on


@dataclass(frozen=True)
class Gated:
    """A gated tube with what its cleaning found.

    Parameters
    ----------
    tube
        The populations.
    placed
        Where the data put the gates, before overrides.
    n_events
        Events in the file.
    volume
        What is known of the blood behind it.
    gating_ml
        The gates as Gating-ML 2.0.
    flags
        What a person should look at.
    seconds
        How long the acquisition took, NaN where the file does not say.
    quality
        Numbers of events left out, of doublets and at the top of a scale.
    """

    tube: GatedTube
    placed: PlacedGates
    n_events: int
    volume: TubeVolume
    gating_ml: str
    flags: tuple[str, ...]
    seconds: float
    quality: Mapping[str, int | None]


def gate_file(job: TubeJob) -> Gated:
    """Read, clean, compensate and gate one file.

    Parameters
    ----------
    job
        The tube with its scales.

    Returns
    -------
    Gated

    Raises
    ------
    TubeError
        When the file cannot be used.
    """
    raw = open_tube(job)
    cleaning = clean(raw) if job.survey is None else cleaning_of(job.survey)
    kept = raw.select(cleaning.kept)
    tube, events = compensated_for(kept, job), events_of(kept, job)
    columns = columns_of(kept, job, compensated=tube)
    placed = place_gates(
        columns, job.strategy, scales=job.scales, placement=job.placement, exact=events
    )
    gated = apply_gates(apply_overrides(placed, job.overrides, job.scales), columns, events)
    left_out = cleaning_gates(raw, cleaning)
    xml = gating_ml(
        left_out.above(gated.gates),
        dimensions={**events.dimensions, **left_out.dimensions},
        matrices=events.matrices,
        remark=left_out.remark,
    )
    kept_time = 1 - cleaning.n_time / raw.n_events if raw.n_events else 1.0
    volume, volume_flags = _volume(replace(job.volume, kept_time=kept_time), raw.keywords)
    flags = (*quality_flags(tube, cleaning, gated, job), *gated.flags, *volume_flags)
    seconds = acquisition_seconds(raw)
    return Gated(
        gated,
        placed,
        raw.n_events,
        volume,
        xml.decode(),
        flags,
        seconds,
        quality_facts(cleaning, gated),
    )


def _volume(volume: TubeVolume, keywords: Mapping[str, str]) -> tuple[TubeVolume, tuple[str, ...]]:
    """Return the volume with what the cytometer measured, where samples.csv does not say it."""
    if math.isnan(volume.acquired_volume_ul) and keywords.get("FCSVERSION", "") >= "FCS3.1":
        nanolitres = _number(keywords.get("$VOL", ""))
        volume = replace(volume, acquired_volume_ul=nanolitres / NANOLITRES_PER_UL)
    if volume.acquired_volume_ul > 0 and math.isnan(volume.dilution):
        return replace(volume, dilution=1.0), ("no dilution given: undiluted blood is assumed",)
    return volume, ()


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def gate_to_record(job: TubeJob) -> Record:
    """Gate one file and keep what the tables, figures and donor step need."""
    gated = gate_file(job)
    pictures = picture_gates(gated.tube)
    arrays: dict[str, NDArray[Any]] = {f"picture {p.population}": p.counts for p in pictures}
    donor_values = _donor_values(gated.tube, job.strategy.donor_markers)
    arrays |= donor_values
    arrays |= counted_arrays(gated.placed, gated.tube.n_events)
    facts = {
        "gating_ml": gated.gating_ml,
        "n_events": gated.n_events,
        "n_events_clean": gated.tube.n_events,
        "flags": list(gated.flags),
        "populations": population_rows(gated.tube, gated.volume),
        "gates": [gate_facts(placed) for placed in gated.tube.gates],
        "placed": placed_facts(gated.placed),
        "scales": scale_facts(job.scales),
        "pictures": [[p.population, p.x, p.y] for p in pictures],
        "seconds": gated.seconds,
        "quality": dict(gated.quality),
        "donor_digests": {name: value_digest(values) for name, values in donor_values.items()},
    }
    return Record(facts, arrays)


def _donor_values(gated: GatedTube, markers: tuple[str, ...]) -> dict[str, NDArray[np.float32]]:
    """Return the display values of each anti-HLA marker on each population it is read on."""
    return {
        f"donor {population} {marker}": gated.values(population, marker)
        for marker in markers
        for population in DONOR_PARENTS
        if marker in gated.columns and population in gated.members
    }


def pictures_of(record: Record) -> tuple[GatePicture, ...]:
    """Return the pictures of a tube's gates that its record keeps."""
    gates = {facts["population"]: facts for facts in record.facts["gates"]}
    counts = {row["population"]: row for row in record.facts["populations"]}
    return tuple(
        GatePicture(
            population=name,
            parent=gates[name]["parent"],
            x=x,
            y=y,
            counts=record.arrays[f"picture {name}"],
            gate=gate_from(gates[name]),
            count=counts[name]["count"],
            parent_count=counts[name]["parent_count"],
            source=gates[name]["source"],
            confidence=gates[name]["confidence"],
        )
        for name, x, y in record.facts["pictures"]
    )
