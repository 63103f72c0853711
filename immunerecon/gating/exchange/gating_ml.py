"""Gates of a tube as Gating-ML 2.0, for FlowKit, flowWorkspace, Cytobank and others.

References
----------
Spidlen J, Moore W, Brinkman RR. Cytometry A 2015;87:683-687. doi:10.1002/cyto.a.22690
"""

import math
from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from immunerecon.gating.exchange.xml_names import encode_name
from immunerecon.gating.gated_tube import PlacedGate
from immunerecon.gating.geometry.dimensions import (
    FILE,
    UNCOMPENSATED,
    Dimension,
    Ratio,
    SpectrumMatrix,
)
from immunerecon.gating.geometry.exact_scale import PARAMETERS, ExactScale
from immunerecon.gating.geometry.gate_kinds import BooleanGate, EllipsoidGate, Reference
from immunerecon.gating.geometry.gates import PolygonGate, RectangleGate

_OUTLINE = (
    "Outline of a kind of cells that a model placed; the counts of record are the model's and "
    "stand in populations.csv. Events near the outline may be counted differently."
)
_BASE = "http://www.isac-net.org/std/Gating-ML/v2.0"
_NAMES = {
    "gating": f"{_BASE}/gating",
    "transforms": f"{_BASE}/transformations",
    "data-type": f"{_BASE}/datatypes",
}
_KINDS = {"rectangle": "Rectangle", "polygon": "Polygon", "ellipsoid": "Ellipsoid"}


def gating_ml(
    gates: Sequence[PlacedGate],
    *,
    dimensions: Mapping[str, Dimension],
    matrices: Mapping[str, SpectrumMatrix],
    remark: str = "",
) -> bytes:
    """Write the gates of a tube as a Gating-ML 2.0 document.

    Parameters
    ----------
    gates
        What a gate speaks of stands before it.
    dimensions
        What each dimension of the gates is.
    matrices
        Those that dimensions name; ``FCS`` is what the tube was compensated with, absent for an
        uncompensated tube.
    remark
        What a reader of the document must know.

    Returns
    -------
    bytes
        UTF-8 XML, the same for the same gates. Names that are no XML identifier are encoded, as
        `encode_name` tells.

    Examples
    --------
    >>> from immunerecon.gating.geometry.gates import Range
    >>> gate = PlacedGate("T", "", RectangleGate({"CD3": Range(low=0.5)}))
    >>> scale = ExactScale("logicle", 262144, w=0.5, m=4.5)
    >>> xml = gating_ml([gate], dimensions={"CD3": Dimension("FITC-A", FILE, scale)}, matrices={})
    >>> b'min="0.5"' in xml
    True
    """
    root = Element("gating:Gating-ML", {f"xmlns:{key}": url for key, url in _NAMES.items()})
    names = _Identifiers([gate.population for gate in gates], dimensions, matrices)
    if remark:
        SubElement(root, "data-type:custom_info").text = remark
    used = sorted({name for gate in gates if gate.gate for name in gate.gate.dimensions})
    needed = {dimensions[name].compensation for name in used}
    for name in sorted(needed & set(matrices)):
        _add_matrix(root, names.matrices[name], matrices[name])
    for name in used:
        _add_definitions(root, name, dimensions[name], names)
    for placed in gates:
        _add_gate(root, placed, dimensions, names)
    indent(root)
    text: str = tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


class _Identifiers:
    """Identifiers of all that a document defines, valid and each used once."""

    def __init__(
        self,
        populations: Sequence[str],
        dimensions: Mapping[str, Dimension],
        matrices: Mapping[str, SpectrumMatrix],
    ) -> None:
        self.channels = {name: matrix.fluorochromes for name, matrix in matrices.items()}
        taken = {encode_name(name) for name in populations}
        self.matrices = {
            name: _free("spillover" if name == FILE else encode_name(name), taken)
            for name in matrices
        }
        self.scales = {name: _free(f"scale_{encode_name(name)}", taken) for name in dimensions}
        self.ratios = {
            name: _free(f"ratio_{encode_name(name)}", taken)
            for name, dimension in dimensions.items()
            if isinstance(dimension.channel, Ratio)
        }

    def compensation(self, dimension: Dimension) -> str:
        """Return what a dimension is compensated by."""
        name = dimension.compensation
        compensated = self.channels.get(name, ())
        if isinstance(dimension.channel, Ratio) or dimension.channel in compensated:
            return self.matrices.get(name, UNCOMPENSATED)
        return UNCOMPENSATED


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _add_matrix(root: Element, name: str, content: SpectrumMatrix) -> None:
    matrix = SubElement(root, "transforms:spectrumMatrix", {"transforms:id": name})
    for group in ("fluorochromes", "detectors"):
        part = SubElement(matrix, f"transforms:{group}")
        for channel in getattr(content, group):
            SubElement(part, "data-type:fcs-dimension", {"data-type:name": channel})
    for row in content.rows:
        spectrum = SubElement(matrix, "transforms:spectrum")
        for value in row:
            told = {"transforms:value": repr(float(value))}
            SubElement(spectrum, "transforms:coefficient", told)


def _add_definitions(root: Element, name: str, dimension: Dimension, names: _Identifiers) -> None:
    """Add what a dimension refers to: its ratio, its scale."""
    if isinstance(dimension.channel, Ratio):
        ratio = dimension.channel
        holder = SubElement(
            root, "transforms:transformation", {"transforms:id": names.ratios[name]}
        )
        told = {f"transforms:{key.upper()}": repr(float(getattr(ratio, key))) for key in "abc"}
        element = SubElement(holder, "transforms:fratio", told)
        for channel in ratio.channels:
            SubElement(element, "data-type:fcs-dimension", {"data-type:name": channel})
    if dimension.scale is not None:
        holder = SubElement(
            root, "transforms:transformation", {"transforms:id": names.scales[name]}
        )
        SubElement(holder, f"transforms:{dimension.scale.kind}", _parameters(dimension.scale))


def _parameters(scale: ExactScale) -> dict[str, str]:
    return {
        f"transforms:{key.upper()}": repr(float(getattr(scale, key)))
        for key in PARAMETERS[scale.kind]
    }


def _add_gate(
    root: Element, placed: PlacedGate, dimensions: Mapping[str, Dimension], names: _Identifiers
) -> None:
    gate = placed.gate or BooleanGate("not", (Reference(placed.without),))
    kind = _KINDS.get(gate.kind, "Boolean")
    identifier = encode_name(placed.population)
    element = SubElement(root, f"gating:{kind}Gate", {"gating:id": identifier})
    if placed.parent:
        element.set("gating:parent_id", encode_name(placed.parent))
    if placed.source == "model":
        SubElement(element, "data-type:custom_info").text = _OUTLINE
    axes = [_add_axis(element, name, dimensions[name], names) for name in gate.dimensions]
    if isinstance(gate, BooleanGate):
        _add_references(element, gate)
    elif isinstance(gate, PolygonGate):
        for point in gate.vertices:
            _add_coordinates(element, "vertex", point)
    elif isinstance(gate, EllipsoidGate):
        _add_ellipsoid(element, gate)
    else:
        _set_bounds(axes, gate)


def _add_axis(element: Element, name: str, dimension: Dimension, names: _Identifiers) -> Element:
    axis = SubElement(element, "gating:dimension")
    axis.set("gating:compensation-ref", names.compensation(dimension))
    if dimension.scale is not None:
        axis.set("gating:transformation-ref", names.scales[name])
    if isinstance(dimension.channel, Ratio):
        told = {"data-type:transformation-ref": names.ratios[name]}
        SubElement(axis, "data-type:new-dimension", told)
    else:
        SubElement(axis, "data-type:fcs-dimension", {"data-type:name": dimension.channel})
    return axis


def _set_bounds(axes: Sequence[Element], gate: RectangleGate) -> None:
    for axis, bounds in zip(axes, gate.ranges.values(), strict=True):
        for key, value in (("min", bounds.low), ("max", bounds.high)):
            if math.isfinite(value):
                axis.set(f"gating:{key}", repr(float(value)))


def _add_references(element: Element, gate: BooleanGate) -> None:
    join = SubElement(element, f"gating:{gate.operation}")
    for reference in gate.references:
        told = {"gating:ref": encode_name(reference.population)}
        if reference.complement:
            told["gating:use-as-complement"] = "true"
        SubElement(join, "gating:gateReference", told)


def _add_ellipsoid(element: Element, gate: EllipsoidGate) -> None:
    _add_coordinates(element, "mean", gate.mean)
    matrix = SubElement(element, "gating:covarianceMatrix")
    for values in gate.covariance:
        row = SubElement(matrix, "gating:row")
        for value in values:
            SubElement(row, "gating:entry", {"data-type:value": repr(float(value))})
    told = {"data-type:value": repr(float(gate.distance_square))}
    SubElement(element, "gating:distanceSquare", told)


def _add_coordinates(element: Element, kind: str, point: Sequence[float]) -> None:
    holder = SubElement(element, f"gating:{kind}")
    for value in point:
        SubElement(holder, "gating:coordinate", {"data-type:value": repr(float(value))})
