"""Gates from Gating-ML 2.0, whoever wrote it.

Reference: Spidlen J, Moore W, Brinkman RR. Cytometry A 2015;87:683-687. doi:10.1002/cyto.a.22690
"""

from collections.abc import Mapping
from pathlib import Path
from xml.etree.ElementTree import Element

from immunerecon.errors import StrategyError
from immunerecon.gating.exchange.gating_document import GatingDocument
from immunerecon.gating.exchange.gating_ml_gates import GateReader
from immunerecon.gating.exchange.gating_ml_scales import Definitions, read_matrix, read_scale
from immunerecon.gating.exchange.gating_ml_xml import (
    GATING,
    TRANSFORMS,
    definitions,
    local_name,
    parse_xml,
    text_of,
)
from immunerecon.gating.exchange.xml_names import decode_name
from immunerecon.gating.gate_order import gates_in_order

_READ = {f"{TRANSFORMS}transformation": read_scale, f"{TRANSFORMS}spectrumMatrix": read_matrix}
MOST_GATES = 5_000


def load_gating_ml(path: Path) -> GatingDocument:
    """Read a Gating-ML 2.0 file; as `read_gating_ml`.

    Raises
    ------
    StrategyError
        When it cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StrategyError(f"{path.name} cannot be read: {error.strerror}") from error
    return read_gating_ml(content, path.name)


def read_gating_ml(content: bytes, name: str = "Gating-ML") -> GatingDocument:
    r"""Read gates from Gating-ML 2.0.

    Parameters
    ----------
    content
        The file.
    name
        Of the file, for messages.

    Returns
    -------
    GatingDocument
        With the reason for each gate that could not be taken over; `GatingDocument.whole` refuses
        a document that has one.

    Raises
    ------
    StrategyError
        When it is no Gating-ML 2.0, holds an entity or a document type, is larger than 10 MB, or
        a name stands twice.

    Notes
    -----
    Without a ``compensation-ref``, which the standard asks for and FlowJo leaves out, a channel
    ``Comp-X`` is taken as X compensated by the tube's spillover, any other as uncompensated, and
    the document is flagged.

    Examples
    --------
    >>> document = read_gating_ml(
    ...     b'<g:Gating-ML xmlns:g="http://www.isac-net.org/std/Gating-ML/v2.0/gating"'
    ...     b' xmlns:d="http://www.isac-net.org/std/Gating-ML/v2.0/datatypes">'
    ...     b'<g:RectangleGate g:id="Bright"><g:dimension g:compensation-ref="FCS" g:min="5">'
    ...     b'<d:fcs-dimension d:name="PE-A"/></g:dimension></g:RectangleGate></g:Gating-ML>'
    ... )
    >>> document.gates[0].population, document.gates[0].gate.parameters()
    ('Bright', {'PE-A': {'low': 5.0}})
    """
    root = parse_xml(content, name)
    gates: list[Element] = []
    found: dict[str, dict[str, object]] = {tag: {} for tag in _READ}
    unknown: dict[str, str] = {}
    for element in definitions(root):
        label = _label(element)
        if element.tag in _READ:
            _keep(found[element.tag], label, _READ[element.tag](element), name)
        elif str(element.tag).startswith(GATING) and local_name(element).endswith("Gate"):
            gates.append(element)
        else:
            unknown[label or local_name(element)] = f"is an unknown {local_name(element)!r}"
    if len(gates) > MOST_GATES:
        raise StrategyError(f"{name} has {len(gates):,} gates (accepted: up to {MOST_GATES:,})")
    scales, matrices = (found[tag] for tag in _READ)
    return _document(gates, Definitions(scales, matrices), unknown, name)  # type: ignore[arg-type] # each reader's own values


def _label(element: Element) -> str:
    prefix = GATING if str(element.tag).startswith(GATING) else TRANSFORMS
    return element.get(f"{prefix}id", "").strip()


def _keep(known: dict[str, object], label: str, value: object, name: str) -> None:
    if not label or label in known:
        what = f"the id {label!r} stands twice" if label else "a definition has no id"
        raise StrategyError(f"{name}: {what}")
    known[label] = value


def _document(
    elements: list[Element], known: Definitions, unknown: Mapping[str, str], name: str
) -> GatingDocument:
    reader = GateReader(known)
    refused = dict(unknown)
    for element in elements:
        try:
            label = decode_name(text_of(element, f"{GATING}id"))
        except StrategyError as error:
            raise StrategyError(f"{name}: a {local_name(element)} {error}") from None
        if label in refused or label in reader.gates:
            raise StrategyError(f"{name}: the gate {label!r} stands twice")
        try:
            reader.read(element, label)
        except StrategyError as error:
            refused[label] = str(error)
    placed, unreachable = gates_in_order(reader.gates)
    dimensions = {label: dimension for dimension, label in reader.dimensions.items()}
    used = {d.compensation for d in dimensions.values()} & set(known.matrices)
    return GatingDocument(
        name=name,
        gates=placed,
        dimensions=dimensions,
        matrices={label: known.matrix(label) for label in sorted(used)},
        flags=tuple(reader.flags),
        refused={**refused, **unreachable},
    )
