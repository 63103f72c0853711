"""FlowKit: its samples and sessions as tubes and gates, and a gated tube as a session."""

import io
import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from immunerecon.cytometry.fcs import KEPT_KEYWORDS
from immunerecon.cytometry.fcs_parameters import printable
from immunerecon.cytometry.tube import Channel, Tube
from immunerecon.gating.exchange.gating_document import GatingDocument
from immunerecon.gating.exchange.gating_ml import gating_ml
from immunerecon.gating.exchange.gating_ml_import import read_gating_ml
from immunerecon.gating.geometry.dimensions import FILE, Dimension, spectrum_of
from immunerecon.gating.geometry.exact_scale import exact_of
from immunerecon.interop.extras import require
from immunerecon.interop.fcs import write_population
from immunerecon.interop.gated import GatedEvents

if TYPE_CHECKING:
    from flowkit import Sample, Session

_LEFT = "FlowKit was told to leave the events as stored: gain and time step are not applied"


def from_sample(sample: "Sample") -> Tube:
    """Return the raw events of a FlowKit ``Sample`` as a tube.

    Parameters
    ----------
    sample
        Its own compensation and transforms are not asked for; its spillover keyword comes along.

    Returns
    -------
    Tube
        Linear values as float32. Keywords that may name a person stay behind.
    """
    events = np.asfortranarray(sample.get_events(source="raw"), dtype=np.float32)
    events.flags.writeable = False
    tops = sample.channels["pnr"].astype(float)
    channels = tuple(
        Channel(printable(name), printable(label or ""), _top(top, column))
        for name, label, top, column in zip(
            sample.pnn_labels, sample.pns_labels, tops, events.T, strict=True
        )
    )
    keywords = {"FCSVERSION": f"FCS{sample.version}"}
    for key, value in sample.metadata.items():
        # FlowKit drops the dollar of standard keywords.
        for name in (f"${key.upper()}", key.upper()):
            if KEPT_KEYWORDS.fullmatch(name):
                keywords[name] = printable(str(value))
                break
    flags = () if sample.is_preprocessed else (_LEFT,)
    return Tube(events, channels, keywords, flags=flags)


def from_session(session: "Session") -> dict[str, Tube]:
    """Return the samples of a FlowKit ``Session`` as tubes, by their ids."""
    return {name: from_sample(session.get_sample(name)) for name in session.get_sample_ids()}


def gates_of(session: "Session", sample_id: str) -> GatingDocument:
    """Return the gates of a FlowKit ``Session`` for one sample.

    Parameters
    ----------
    session
        With gates, drawn there or read from a FlowJo workspace.
    sample_id
        Whose gates, where a gate was moved for some samples.

    Returns
    -------
    GatingDocument
        By way of Gating-ML 2.0, as `read_gating_ml` reads it: its ``refused`` says what could not
        be taken over, and `gate_all_events` applies it.
    """
    written = io.BytesIO()
    session.export_gml(written, sample_id=sample_id)
    return read_gating_ml(written.getvalue(), f"FlowKit session, {sample_id}")


def to_sample(events: GatedEvents, sample_id: str = "") -> "Sample":
    """Return the clean events of a gated tube as a FlowKit ``Sample``.

    Parameters
    ----------
    events
        The gated tube, from `gated_events`.
    sample_id
        The file's name where empty.

    Raises
    ------
    ModuleNotFoundError
        Without the extra ``flowjo``.
    """
    flowkit = require("flowkit", extra="flowjo")
    with tempfile.TemporaryDirectory() as folder:
        path = write_population(Path(folder) / "events.fcs", events)
        return flowkit.Sample(path, sample_id=sample_id or _id(events))


def to_session(events: GatedEvents, sample_id: str = "") -> "Session":
    """Return a gated tube as a FlowKit ``Session``: its events and its gates.

    Parameters
    ----------
    events, sample_id
        As for `to_sample`.

    Returns
    -------
    Session
        Already analysed. Gates travel as Gating-ML 2.0, and FlowKit finds the same events; only
        where a population's `source` is ``model`` does it find those inside the outline.

    Raises
    ------
    ModuleNotFoundError
        Without the extra ``flowjo``.
    """
    flowkit = require("flowkit", extra="flowjo")
    dimensions = {
        marker: Dimension(events.markers[marker], FILE, exact_of(scale))
        for marker, scale in events.scales.items()
        if marker in events.markers
    }
    matrices = {} if events.spillover is None else {FILE: spectrum_of(events.spillover)}
    xml = gating_ml(events.gated.gates, dimensions=dimensions, matrices=matrices)
    strategy = flowkit.parse_gating_xml(io.BytesIO(xml))
    session = flowkit.Session(strategy, [to_sample(events, sample_id)])
    session.analyze_samples()
    return session


def _id(events: GatedEvents) -> str:
    return str(events.facts.get("file", "")) or events.raw.sha256 or "tube"


def _top(top: float, column: np.ndarray[Any, Any]) -> float:
    """Return the top of a channel's scale, its largest value where the file has none."""
    if math.isfinite(top) and top > 0:
        return float(top)
    largest = float(column.max(initial=0.0, where=np.isfinite(column)))
    return largest if largest > 0 else 1.0
