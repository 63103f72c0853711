"""The first look at every tube: what it holds and how wide its negatives spread.

Display scales are chosen from the surveys of all tubes of a panel, so that one scale serves a
patient's whole series and a boundary means the same on every day.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from immunerecon.cytometry.transforms import Linear, Logicle, logicle_width
from immunerecon.gating.engine import Scale
from immunerecon.pipeline.jobs import TubeJob, compensated, markers_of, open_tube
from immunerecon.pipeline.records import Record

_ENOUGH_EVENTS = 20_000  # the spread of the negatives is known to 1 % by then
_WIDTH_STEP = 0.1  # decades; a further tube rarely moves a median by this much


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
    tops = {m: _top(channels[markers[m]].maximum, tube.values(markers[m])) for m in used}
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


def _top(maximum: float, values: np.ndarray) -> float:
    """Return the top of a channel's linear scale: ``$PnR`` unless events lie beyond it."""
    largest = float(values.max(initial=1.0))
    return maximum if largest <= 1.01 * maximum else float(2 ** np.ceil(np.log2(largest)))


def choose_scales(surveys: Sequence[Record]) -> dict[str, Scale]:
    """Choose one display scale a marker for all tubes of a panel on one instrument.

    Parameters
    ----------
    surveys
        Of the tubes that share the scales.

    Returns
    -------
    dict of Scale
        `Linear` for scatter; `Logicle` for fluorescence, with the median width of the tubes'
        (rounded to 0.1 decades) and the largest top.
    """
    tops: dict[str, float] = {}
    widths: dict[str, list[float]] = {}
    for survey in surveys:
        for marker, top in survey.facts["tops"].items():
            tops[marker] = max(top, tops.get(marker, 0.0))
        for marker, width in survey.facts["widths"].items():
            widths.setdefault(marker, []).append(width)
    return {marker: _scale(top, widths.get(marker)) for marker, top in tops.items()}


def _scale(top: float, widths: Sequence[float] | None) -> Scale:
    if widths is None:
        return Linear(t=top)
    return Logicle(t=top, w=float(np.round(np.median(widths) / _WIDTH_STEP) * _WIDTH_STEP))


def instrument_key(survey: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """Return what tubes must share to share display scales: the channel behind each marker."""
    markers = survey["markers"]
    assert isinstance(markers, dict)
    return tuple(sorted(markers.items()))
