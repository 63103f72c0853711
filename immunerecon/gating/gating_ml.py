"""Gates of a tube as Gating-ML 2.0, for FlowKit, flowWorkspace, Cytobank and others.

References
----------
Spidlen J, Moore W, Brinkman RR. Cytometry A 2015;87:683-687. doi:10.1002/cyto.a.22690
"""

import math
import re
from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from immunerecon.cytometry.spillover import Spillover
from immunerecon.cytometry.transforms import Scale
from immunerecon.gating.gated_tube import PlacedGate
from immunerecon.gating.gates import PolygonGate, Range, RectangleGate

_OUTLINE = (
    "Outline of a kind of cells that a model placed; the counts of record are the model's and "
    "stand in populations.csv. Events near the outline may be counted differently."
)
_BASE = "http://www.isac-net.org/std/Gating-ML/v2.0"
# Element and parameters (A of a linear or arcsinh scale is 0).
_SCALES = {"Linear": ("flin", "ta"), "Logicle": ("logicle", "twma"), "Arcsinh": ("fasinh", "tma")}
_NAMES = {
    "gating": f"{_BASE}/gating",
    "transforms": f"{_BASE}/transformations",
    "data-type": f"{_BASE}/datatypes",
}


def gating_ml(
    gates: Sequence[PlacedGate],
    *,
    markers: Mapping[str, str],
    scales: Mapping[str, Scale],
    spillover: Spillover | None = None,
) -> bytes:
    """Write the gates of a tube as a Gating-ML 2.0 document.

    Parameters
    ----------
    gates
        Parents first.
    markers
        The channel (``$PnN``) of each dimension.
    scales
        The display scale of each dimension (`Linear` or `Logicle`).
    spillover
        What the tube was compensated with; None for an uncompensated tube.

    Returns
    -------
    bytes
        UTF-8 XML, the same for the same gates.

    Examples
    --------
    >>> from immunerecon.gating.gates import Range, RectangleGate
    >>> from immunerecon.cytometry.transforms import Logicle
    >>> gate = PlacedGate("T", "", RectangleGate({"CD3": Range(low=0.5)}))
    >>> xml = gating_ml([gate], markers={"CD3": "FITC-A"}, scales={"CD3": Logicle(262144, 0.5)})
    >>> b'min="0.5"' in xml
    True
    """
    root = Element("gating:Gating-ML", {f"xmlns:{key}": url for key, url in _NAMES.items()})
    used = sorted({name for gate in gates if gate.gate for name in gate.gate.dimensions})
    if spillover is not None:
        _add_matrix(root, spillover)
    for name in used:
        _add_scale(root, name, scales[name])
    compensated = set(spillover.channels) if spillover is not None else set()
    for placed in gates:
        _add_gate(root, placed, markers, compensated)
    indent(root)
    text: str = tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


def _add_matrix(root: Element, spillover: Spillover) -> None:
    matrix = SubElement(root, "transforms:spectrumMatrix", {"transforms:id": "spillover"})
    for group in ("fluorochromes", "detectors"):
        part = SubElement(matrix, f"transforms:{group}")
        for channel in spillover.channels:
            SubElement(part, "data-type:fcs-dimension", {"data-type:name": channel})
    for row in spillover.matrix:
        spectrum = SubElement(matrix, "transforms:spectrum")
        for value in row:
            told = {"transforms:value": repr(float(value))}
            SubElement(spectrum, "transforms:coefficient", told)


def _scale_id(dimension: str) -> str:
    """Return an identifier that XML accepts (no spaces, no slashes)."""
    return "scale_" + re.sub(r"[^\w.-]", "_", dimension)


def _add_scale(root: Element, name: str, scale: Scale) -> None:
    kind, parameters = _SCALES[type(scale).__name__]
    holder = SubElement(root, "transforms:transformation", {"transforms:id": _scale_id(name)})
    told = {
        f"transforms:{key.upper()}": repr(float(getattr(scale, key, 0.0))) for key in parameters
    }
    SubElement(holder, f"transforms:{kind}", told)


def _add_gate(
    root: Element, placed: PlacedGate, markers: Mapping[str, str], compensated: set[str]
) -> None:
    kind = {None: "Boolean", "polygon": "Polygon", "rectangle": "Rectangle"}[
        placed.gate.kind if placed.gate else None
    ]
    element = SubElement(root, f"gating:{kind}Gate", {"gating:id": placed.population})
    if placed.parent:
        element.set("gating:parent_id", placed.parent)
    if placed.source == "model":
        SubElement(element, "data-type:custom_info").text = _OUTLINE
    if placed.gate is None:
        complement = SubElement(element, "gating:not")
        SubElement(complement, "gating:gateReference", {"gating:ref": placed.without})
    elif isinstance(placed.gate, PolygonGate):
        _add_polygon(element, placed.gate, markers, compensated)
    else:
        _add_rectangle(element, placed.gate, markers, compensated)


def _add_polygon(
    element: Element, gate: PolygonGate, markers: Mapping[str, str], compensated: set[str]
) -> None:
    for name in gate.dimensions:
        _add_dimension(element, name, markers[name], compensated)
    for point in gate.vertices:
        vertex = SubElement(element, "gating:vertex")
        for value in point:
            told = {"data-type:value": repr(float(value))}
            SubElement(vertex, "gating:coordinate", told)


def _add_rectangle(
    element: Element, gate: RectangleGate, markers: Mapping[str, str], compensated: set[str]
) -> None:
    for name, bounds in gate.ranges.items():
        dimension = _add_dimension(element, name, markers[name], compensated)
        _set_bounds(dimension, bounds)


def _set_bounds(dimension: Element, bounds: Range) -> None:
    for key, value in (("min", bounds.low), ("max", bounds.high)):
        if math.isfinite(value):
            dimension.set(f"gating:{key}", repr(float(value)))


def _add_dimension(element: Element, name: str, channel: str, compensated: set[str]) -> Element:
    dimension = SubElement(
        element,
        "gating:dimension",
        {
            "gating:compensation-ref": "spillover" if channel in compensated else "uncompensated",
            "gating:transformation-ref": _scale_id(name),
        },
    )
    SubElement(dimension, "data-type:fcs-dimension", {"data-type:name": channel})
    return dimension
