"""Display scales of a study, chosen from the surveys of all tubes of a panel and instrument.

One scale serves a patient's whole series, so a boundary means the same on every day.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from immunerecon.cytometry.transforms import Linear, Logicle
from immunerecon.gating.engine import Scale
from immunerecon.pipeline.records import Record

_WIDTH_STEP = 0.1  # decades; a further tube rarely moves a median by this much


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


def scale_facts(scales: Mapping[str, Scale]) -> dict[str, dict[str, Any]]:
    """Return scales as JSON-ready parameters."""
    return {marker: {"kind": type(s).__name__, **vars(s)} for marker, s in scales.items()}


def scales_from(facts: Mapping[str, Mapping[str, Any]]) -> dict[str, Scale]:
    """Return scales from their parameters."""
    kinds = {"Linear": Linear, "Logicle": Logicle}
    return {
        marker: kinds[values["kind"]](**{k: v for k, v in values.items() if k != "kind"})
        for marker, values in facts.items()
    }
