"""The first pass over a tube: its content, its clean events, what it tells the other tubes."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from immunerecon.cytometry.acquisition import acquisition_batch
from immunerecon.cytometry.instruments import detectors_of, instrument_of
from immunerecon.cytometry.quality import Cleaning, clean
from immunerecon.cytometry.transforms import logicle_width
from immunerecon.cytometry.tube import Channel, Events, Tube
from immunerecon.errors import TubeError
from immunerecon.pipeline.jobs import TubeJob, compensated_for, markers_of, open_tube
from immunerecon.pipeline.neighbours import evidence_to_record
from immunerecon.pipeline.records import Record
from immunerecon.pipeline.scales import choose_scales

MOST_EVENTS = 50_000  # boundaries hardly move with more
_ENOUGH_EVENTS = 20_000  # the spread of the negatives is known to 1 % by then
_SCATTER_BULK_PERCENT = 99.5


def survey_tube(job: TubeJob) -> Record:
    """Return what one tube tells before it is gated.

    Parameters
    ----------
    job
        The tube.

    Returns
    -------
    Record
        Facts sha256, n_events, markers (channel of each), tops (largest value or ``$PnR``),
        widths (logicle width of each fluorescence), acquired (label of day and cytometer),
        acquisition (cytometer, software, spillover, detector of each marker), flags, cleaning (what
        was left out and why), and for a tube that is gated its evidence on its own display scales,
        or `silent`: why it has none. Array ``kept``: the clean events as packed bits, where some
        are left out.

    Notes
    -----
    Everything but content and cleaning is taken from at most 50,000 events, spread evenly over
    the acquisition.
    """
    raw = open_tube(job)
    cleaning = clean(raw)
    rows = np.flatnonzero(cleaning.kept)
    stride = max(1, -(-rows.size // MOST_EVENTS))
    sample = compensated_for(raw.take(rows[::stride]), job)
    markers = markers_of(raw, job)
    facts: dict[str, Any] = {
        "sha256": raw.sha256,
        "n_events": raw.n_events,
        "acquired": acquisition_batch(raw.keywords),
        "flags": list(sample.flags),
        "cleaning": {key: value for key, value in asdict(cleaning).items() if key != "kept"},
        "acquisition": {
            **instrument_of(raw),
            "compensation": sample.compensation,
            "detectors": detectors_of(raw, markers),
        },
        **_display(raw, sample, job, markers),
    }
    kept = {} if cleaning.kept.all() else {"kept": np.packbits(cleaning.kept)}
    if not job.gated or job.strategy.is_fixed:
        return Record(facts, kept)
    try:
        scales = choose_scales([Record(facts)])
        told = evidence_to_record(sample, job, scales=scales, events_each=stride)
    except TubeError as error:
        return Record({**facts, "silent": str(error)}, kept)
    return Record({**facts, **told.facts}, {**kept, **told.arrays})


def cleaning_of(survey: Record) -> Cleaning:
    """Return the cleaning that a survey found."""
    facts = survey.facts["cleaning"]
    n_events = survey.facts["n_events"]
    kept: NDArray[np.bool_] = np.ones(n_events, dtype=bool)
    if "kept" in survey.arrays:
        kept = np.unpackbits(survey.arrays["kept"], count=n_events).astype(bool)
    return Cleaning(kept, **{**facts, "flags": tuple(facts["flags"])})


def _display(
    raw: Tube, sample: Tube, job: TubeJob, markers: Mapping[str, str]
) -> dict[str, Mapping[str, Any]]:
    """Return markers, tops and widths, from which display scales are chosen."""
    channels = {channel.name: channel for channel in raw.channels}
    used = {marker: markers[marker] for marker in job.strategy.markers() if marker in markers}
    some = max(1, sample.n_events // _ENOUGH_EVENTS)
    tops = {marker: _top(channels[name], raw, sample.values(name)) for marker, name in used.items()}
    widths = {
        marker: logicle_width(sample.values(name)[::some], t=tops[marker])
        for marker, name in used.items()
        if not channels[name].is_scatter
    }
    return {"markers": markers, "tops": tops, "widths": widths}


def _top(channel: Channel, raw: Tube, sample: Events) -> float:
    """Return the top of a channel's linear scale: ``$PnR``, unless it does not fit the events.

    Events beyond it show that it is wrong; scatter that fills less than a quarter of it would
    hide all structure on a linear scale. Then it is the power of 2 above the events.
    """
    if sample.size == 0:
        return channel.maximum
    if channel.is_scatter:
        bulk = float(np.percentile(sample, _SCATTER_BULK_PERCENT))
        if bulk < channel.maximum / 4:
            return _power_of_two(2 * bulk)
    largest = float(raw.extremes[1, raw.index(channel.name)])
    if not np.isfinite(largest):
        values = raw.values(channel.name)
        largest = float(values.max(initial=0.0, where=np.isfinite(values)))
    return channel.maximum if largest <= 1.01 * channel.maximum else _power_of_two(largest)


def _power_of_two(value: float) -> float:
    return float(2 ** np.ceil(np.log2(max(value, 1.0))))
