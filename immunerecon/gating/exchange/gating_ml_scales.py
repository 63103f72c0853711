"""Scales, ratios and compensation matrices of a Gating-ML 2.0 document."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar, cast
from xml.etree.ElementTree import Element

from immunerecon.errors import StrategyError
from immunerecon.gating.exchange.gating_ml_xml import (
    DATA,
    TRANSFORMS,
    children,
    local_name,
    number_of,
    text_of,
)
from immunerecon.gating.geometry.dimensions import Ratio, SpectrumMatrix
from immunerecon.gating.geometry.exact_scale import PARAMETERS, ExactScale, Kind

Definition = TypeVar("Definition")
MOST_CHANNELS = 512


@dataclass(frozen=True)
class Definitions:
    """What gates refer to, by name; a text tells why a definition cannot be used."""

    scales: Mapping[str, ExactScale | Ratio | str]
    matrices: Mapping[str, SpectrumMatrix | str]

    def scale(self, name: str) -> ExactScale:
        """Return a scale; `StrategyError` when there is none, or none that can be used."""
        return _found(self.scales, name, ExactScale, "transformation")

    def ratio(self, name: str) -> Ratio:
        """Return a ratio; `StrategyError` when there is none, or none that can be used."""
        return _found(self.scales, name, Ratio, "ratio")

    def matrix(self, name: str) -> SpectrumMatrix:
        """Return a matrix; `StrategyError` when there is none, or none that can be used."""
        return _found(self.matrices, name, SpectrumMatrix, "compensation matrix")


def _found(
    known: Mapping[str, object], name: str, wanted: type[Definition], what: str
) -> Definition:
    found = known.get(name)
    if isinstance(found, wanted):
        return found
    if isinstance(found, str):
        raise StrategyError(f"uses the {what} {name!r}, which {found}")
    raise StrategyError(f"uses the {what} {name!r}, which the document does not define as one")


def read_scale(element: Element) -> ExactScale | Ratio | str:
    """Return what a ``transformation`` defines, or why it cannot be used."""
    try:
        return _scale(element)
    except StrategyError as error:
        return str(error)


def _scale(element: Element) -> ExactScale | Ratio:
    kinds = [f"{TRANSFORMS}{kind}" for kind in (*PARAMETERS, "fratio")]
    found = [child for child in element if child.tag in kinds]
    others = [c for c in element if c.tag not in kinds and str(c.tag).startswith(TRANSFORMS)]
    if others or len(found) != 1:
        told = ", ".join(map(local_name, others or found)) or "nothing"
        raise StrategyError(f"is {told} (accepted: one of {', '.join(PARAMETERS)}, fratio)")
    kind = local_name(found[0])
    if kind == "fratio":
        channels = _names(found[0])
        if len(channels) != 2:
            raise StrategyError(f"is a ratio of {len(channels)} channels")
        a, b, c = (number_of(found[0], f"{TRANSFORMS}{key}") for key in "ABC")
        return Ratio((channels[0], channels[1]), a, b, c)
    values = {key: number_of(found[0], f"{TRANSFORMS}{key.upper()}") for key in PARAMETERS[kind]}
    return ExactScale(cast("Kind", kind), **values)


def read_matrix(element: Element) -> SpectrumMatrix | str:
    """Return what a ``spectrumMatrix`` defines, or why it cannot be used."""
    try:
        return _matrix(element)
    except StrategyError as error:
        return str(error)


def _matrix(element: Element) -> SpectrumMatrix:
    if f"{TRANSFORMS}matrix-inverted-already" in element.attrib:
        raise StrategyError("is inverted already, which is not supported")
    names = {}
    for part in ("fluorochromes", "detectors"):
        lists = element.findall(f"{TRANSFORMS}{part}")
        names[part] = tuple(name for entry in lists for name in _names(entry))
        if not 0 < len(names[part]) <= MOST_CHANNELS:
            raise StrategyError(f"has {len(names[part])} {part} (accepted: 1-{MOST_CHANNELS})")
    rows = tuple(
        tuple(
            number_of(value, f"{TRANSFORMS}value")
            for value in children(spectrum, f"{TRANSFORMS}coefficient")
        )
        for spectrum in element.findall(f"{TRANSFORMS}spectrum")
    )
    return SpectrumMatrix(names["fluorochromes"], names["detectors"], rows)


def _names(element: Element) -> tuple[str, ...]:
    return tuple(
        text_of(child, f"{DATA}name") for child in children(element, f"{DATA}fcs-dimension")
    )
