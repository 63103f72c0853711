"""Display scales of a study, chosen from the surveys of all tubes of a panel and instrument.

One scale serves a patient's whole series, so a boundary means the same on every day.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from immunerecon.cytometry.transforms import Arcsinh, Linear, Logicle, Scale, scale_for
from immunerecon.cytometry.tube import Channel
from immunerecon.gating.geometry.exact_scale import PARAMETERS, ExactScale
from immunerecon.pipeline.records import Record

_SCATTER = ("FSC", "SSC")


def choose_scales(surveys: Sequence[Record]) -> dict[str, Scale]:
    """Choose one display scale a marker for all tubes of a panel on one instrument.

    Parameters
    ----------
    surveys
        Of the tubes that share the scales.

    Returns
    -------
    dict of Scale
        `Linear` for scatter, `Logicle` for fluorescence; in mass cytometry, which has no scatter,
        `Arcsinh`. The top is the largest of the tubes'.
    """
    tops: dict[str, float] = {}
    widths: dict[str, list[float]] = {}
    for survey in surveys:
        for marker, top in survey.facts["tops"].items():
            tops[marker] = max(top, tops.get(marker, 0.0))
        for marker, width in survey.facts["widths"].items():
            # Rounded, so that a further tube rarely changes the scale of all others.
            widths.setdefault(marker, []).append(round(width, 1))
    if not any(marker.startswith(_SCATTER) for marker in tops):
        return {marker: Arcsinh(top) for marker, top in tops.items()}
    return {
        marker: scale_for(Channel(marker, "", top), widths.get(marker, ()))
        for marker, top in tops.items()
    }


def instrument_key(survey: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """Return what tubes must share to share display scales: the channel behind each marker."""
    markers = survey["markers"]
    assert isinstance(markers, dict)
    return tuple(sorted(markers.items()))


def scale_facts(scales: Mapping[str, Scale]) -> dict[str, dict[str, Any]]:
    """Return scales as JSON-ready parameters."""
    # A scale of Gating-ML has a kind of its own.
    return {marker: {"kind": type(s).__name__, **vars(s)} for marker, s in scales.items()}


def scales_from(facts: Mapping[str, Mapping[str, Any]]) -> dict[str, Scale]:
    """Return scales from their parameters."""
    kinds = {"Linear": Linear, "Logicle": Logicle, "Arcsinh": Arcsinh}
    return {
        marker: cast("Scale", ExactScale(**values))  # it has all that a scale is asked for
        if values["kind"] in PARAMETERS
        else kinds[values["kind"]](**{k: v for k, v in values.items() if k != "kind"})
        for marker, values in facts.items()
    }
