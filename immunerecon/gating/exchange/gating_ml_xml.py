"""Gating-ML 2.0 as XML that may come from anywhere: bounded, without entities, typed strictly."""

import io
import math
import re
from collections.abc import Iterator
from typing import IO
from xml.etree.ElementTree import Element

from immunerecon.errors import StrategyError

_BASE = "{http://www.isac-net.org/std/Gating-ML/v2.0/"
GATING, TRANSFORMS, DATA = (
    f"{_BASE}{part}}}" for part in ("gating", "transformations", "datatypes")
)
LARGEST = 10_000_000  # bytes
MOST_ELEMENTS = 500_000
DEEPEST = 50
_NUMBER = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?\s*", re.ASCII)


def parse_xml(content: bytes, name: str) -> Element:
    """Return the root of a Gating-ML 2.0 document.

    Parameters
    ----------
    content
        The file.
    name
        Of the file, for messages.

    Raises
    ------
    StrategyError
        When it is too large or too deep, holds a DTD or an entity, or is no Gating-ML 2.0.
    """
    if len(content) > LARGEST:
        raise StrategyError(f"{name} is larger than {LARGEST // 1_000_000} MB")
    root = check_xml(io.BytesIO(content), name, deepest=DEEPEST, most=MOST_ELEMENTS)
    if root.tag == f"{GATING}Gating-ML":
        return root
    if local_name(root) == "Workspace":
        raise StrategyError(f"{name} is a FlowJo workspace: its name must end with .wsp")
    raise StrategyError(
        f"{name} is no Gating-ML 2.0: its root is {root.tag[:120]!r} (accepted: Gating-ML of "
        f"the namespace {GATING[1:-1]})"
    )


def check_xml(stream: IO[bytes], name: str, *, deepest: int, most: int) -> Element:
    """Return the root of an XML document that may come from anywhere.

    Parameters
    ----------
    stream
        The document.
    name
        Of the file, for messages.
    deepest, most
        Levels and elements beyond which it is refused.

    Raises
    ------
    StrategyError
        When it is no XML, holds a document type or an entity, or is beyond the limits.
    """
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import iterparse

    depth = count = 0
    root: Element | None = None
    try:
        for event, element in iterparse(stream, ("start", "end"), forbid_dtd=True):
            root = element if root is None else root
            depth += 1 if event == "start" else -1
            count += event == "start"
            if depth > deepest or count > most:
                raise StrategyError(
                    f"{name} is nested deeper than {deepest} or has more than {most:,} elements"
                )
    except DefusedXmlException as error:
        raise StrategyError(
            f"{name} holds a document type or an entity, which gates do not need: {error}"
        ) from error
    # An unknown or lying encoding ends in one of the other two.
    except (ParseError, LookupError, ValueError) as error:
        raise StrategyError(f"{name} is not valid XML: {error}") from error
    if root is None:
        raise StrategyError(f"{name} is not valid XML: it holds no element")
    return root


def local_name(element: Element) -> str:
    """Return an element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def text_of(element: Element, attribute: str) -> str:
    """Return an attribute.

    Raises
    ------
    StrategyError
        When it is missing or empty.
    """
    if not (value := element.get(attribute, "").strip()):
        raise StrategyError(f"has no {attribute.rpartition('}')[2]} in {local_name(element)}")
    return value


def number(text: str, what: str) -> float:
    """Return a finite number.

    Raises
    ------
    StrategyError
        When the text is none.

    Examples
    --------
    >>> number(" 1e3 ", "min")
    1000.0
    """
    value = float(text) if _NUMBER.fullmatch(text) and len(text) < 1000 else math.nan
    if not math.isfinite(value):
        raise StrategyError(f"has {text[:40]!r} as {what}, which is no finite number")
    return value


def number_of(element: Element, attribute: str) -> float:
    """Return an attribute that is a number."""
    return number(text_of(element, attribute), attribute.rpartition("}")[2])


def children(element: Element, *tags: str) -> list[Element]:
    """Return the children of the given names, custom information passed over.

    Raises
    ------
    StrategyError
        When there is another child of Gating-ML's, which would be lost in silence.
    """
    found = []
    for child in element:
        if child.tag in tags:
            found.append(child)
        elif str(child.tag).startswith(_BASE) and not is_custom(child):
            raise StrategyError(f"holds an unknown {local_name(child)!r}")
    return found


def is_custom(element: Element) -> bool:
    """Return whether an element is another program's own information."""
    return local_name(element).replace("-", "_") == "custom_info"


def definitions(root: Element) -> Iterator[Element]:
    """Return gates, scales and matrices, also those within elements of other programs."""
    waiting = list(root)[::-1]
    while waiting:
        element = waiting.pop()
        if str(element.tag).startswith(_BASE):
            if not is_custom(element):
                yield element
        else:
            waiting.extend(list(element)[::-1])
