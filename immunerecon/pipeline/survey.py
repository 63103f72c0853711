"""The first look at every tube: what it holds and how wide its negatives spread."""

import numpy as np

from immunerecon.cytometry.transforms import logicle_width
from immunerecon.cytometry.tube import Channel, Events
from immunerecon.pipeline.jobs import TubeJob, compensated, markers_of, open_tube
from immunerecon.pipeline.records import Record

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
        widths (logicle width of each fluorescence), keywords, flags.
    """
    tube = open_tube(job)
    markers = markers_of(tube, job)
    channels = {channel.name: channel for channel in tube.channels}
    stride = max(1, tube.n_events // _ENOUGH_EVENTS)
    some = tube.select(np.arange(tube.n_events) % stride == 0)
    some = compensated(some, job.compensation)
    used = [m for m in job.strategy.markers() if m in markers]
    tops = {m: _top(channels[markers[m]], tube.values(markers[m])) for m in used}
    widths = {
        m: logicle_width(some.values(markers[m]), t=tops[m])
        for m in used
        if not channels[markers[m]].is_scatter
    }
    return Record(
        {
            "sha256": tube.sha256,
            "n_events": tube.n_events,
            "markers": markers,
            "tops": tops,
            "widths": widths,
            "keywords": dict(tube.keywords),
            "flags": list(some.flags),
        }
    )


def _top(channel: Channel, values: Events) -> float:
    """Return the top of a channel's linear scale: ``$PnR``, unless it does not fit the events.

    Events beyond it show that it is wrong; scatter that fills less than a quarter of it would
    hide all structure on a linear scale. Then it is the power of 2 above the events.
    """
    if values.size == 0:
        return channel.maximum
    if channel.is_scatter:
        bulk = float(np.percentile(values, _SCATTER_BULK_PERCENT))
        if bulk < channel.maximum / 4:
            return _power_of_two(2 * bulk)
    largest = float(values.max())
    return channel.maximum if largest <= 1.01 * channel.maximum else _power_of_two(largest)


def _power_of_two(value: float) -> float:
    return float(2 ** np.ceil(np.log2(max(value, 1.0))))
