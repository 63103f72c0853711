"""Gated events as AnnData, for scanpy, pytometry and the rest of scverse."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from immunerecon.errors import ResultsError
from immunerecon.interop.extras import require
from immunerecon.interop.gated import GatedEvents, each_gated_events
from immunerecon.pipeline.results import Results
from immunerecon.pipeline.scales import scale_facts
from immunerecon.study.folder import Study

if TYPE_CHECKING:
    from anndata import AnnData

_FACTS = ("file", "patient", "day", "panel", "role")
EVENTS_PER_TUBE = 2000


def to_anndata(events: GatedEvents, *, n_events: int | None = None, seed: int = 0) -> "AnnData":
    """Return a gated tube as AnnData.

    Parameters
    ----------
    events
        The gated tube, from `gated_events`.
    n_events
        At most so many events, drawn at random without replacement; None for all.
    seed
        Of the draw, together with the content of the file: the same events every time, whatever
        other tubes there are.

    Returns
    -------
    AnnData, shape (n_events, n_channels)
        ``X`` and the layer ``transformed`` hold the display values (0-1), the layers
        ``compensated`` and ``raw`` the linear ones, all float32. ``obs`` has file, patient, day,
        panel, role, the event's number in the file and one boolean column a population; ``var``
        (by marker) has channel, label, marker and maximum; ``uns["immunerecon"]`` has the
        version, the source of the events, spillover, scales, gates, and why populations were
        dropped.

    Raises
    ------
    ModuleNotFoundError
        Without the extra ``anndata``.

    Notes
    -----
    pytometry compensates ``X`` in place and finds its matrix under ``uns["meta"]["spill"]``. There
    is none here, because ``X`` is compensated and transformed already.

    References
    ----------
    Virshup et al. 2024, JOSS 9:4371, doi:10.21105/joss.04371 (anndata).
    """
    anndata = require("anndata", extra="anndata")
    chosen = _chosen(events, n_events, seed)
    channels = events.raw.channels
    raw, compensated = (
        np.ascontiguousarray(tube.events[chosen]) for tube in (events.raw, events.compensated)
    )
    display = [
        events.scale_of(channel).apply(column)
        for channel, column in zip(channels, compensated.T, strict=True)
    ]
    transformed = np.ascontiguousarray(np.array(display, dtype=np.float32).T)
    layers = {"raw": raw, "compensated": compensated, "transformed": transformed}
    return anndata.AnnData(
        X=transformed.copy(),
        obs=_obs(events, chosen),
        var=_var(events),
        uns={"immunerecon": _told(events, chosen.size)},
        layers=layers,
    )


def study_to_anndata(
    study: Study,
    results: Results,
    *,
    panel: str = "",
    events_per_tube: int = EVENTS_PER_TUBE,
    seed: int | None = None,
) -> "AnnData":
    """Return sampled events of all gated tubes of a panel as one AnnData.

    Parameters
    ----------
    study, results
        The study and what `run_study` made of it.
    panel
        Which; may be left out where the run has just one.
    events_per_tube
        At most so many events of each tube, so that memory is bounded.
    seed
        Of the draw; the study's own where None.

    Returns
    -------
    AnnData
        As from `to_anndata`. A marker that a tube lacks is NaN there. A population that a tube
        has no gate for is missing (``<NA>``) there, not False; ``uns["immunerecon"]["dropped"]``
        says why. ``uns["immunerecon"]["tubes"]`` has one row a tube with the number of its clean
        events and of those drawn, which weights need.

    Raises
    ------
    ResultsError
        When the run has several panels and `panel` names none of them, or gated no tube of it.
    ModuleNotFoundError
        Without the extra ``anndata``.
    """
    anndata = require("anndata", extra="anndata")
    panel = _panel(results, panel)
    seed = study.settings.seed if seed is None else seed
    tubes = [
        to_anndata(events, n_events=events_per_tube, seed=seed)
        for events in each_gated_events(study, results, panel=panel)
    ]
    whole = anndata.concat(tubes, join="outer", fill_value=np.nan)
    whole.obs = _joined_obs([tube.obs for tube in tubes])
    whole.var = _joined_var([tube.var for tube in tubes]).reindex(whole.var_names)
    facts = [tube.uns["immunerecon"] for tube in tubes]
    names = [str(fact["source"]["file"]) for fact in facts]
    shared = {"version": facts[0]["version"], "panel": panel, "seed": seed}
    by_file = {
        key: {_key(name): fact[key] for name, fact in zip(names, facts, strict=True)}
        for key in ("dropped", "scales")
    }
    listed = pd.DataFrame([fact["source"] for fact in facts])
    listed.index = listed.index.astype(str)
    whole.uns["immunerecon"] = {**shared, **by_file, "tubes": listed}
    return whole


def _panel(results: Results, panel: str) -> str:
    """Return the panel that is meant."""
    panels = list(dict.fromkeys(results.populations["panel"]))
    if panel in panels:
        return panel
    if not panel and len(panels) == 1:
        return str(panels[0])
    asked = f"panel {panel!r} was not gated" if panel else "the run has several panels"
    raise ResultsError(f"{asked}: name one of {', '.join(map(str, panels)) or 'none'}")


def _chosen(events: GatedEvents, n_events: int | None, seed: int) -> NDArray[np.intp]:
    """Draw events by what the file holds, so that no other file has a say in it."""
    available = events.raw.n_events
    if n_events is None or n_events >= available:
        return np.arange(available)
    content = hashlib.sha256(f"{events.raw.sha256} {seed}".encode()).digest()
    random = np.random.default_rng(int.from_bytes(content[:16], "big"))
    return np.sort(random.choice(available, size=n_events, replace=False))


def _obs(events: GatedEvents, chosen: NDArray[np.intp]) -> pd.DataFrame:
    rows = events.rows[chosen] if events.rows.size else chosen
    stem = events.facts.get("file", "")
    frame = pd.DataFrame(
        {name: events.facts[name] for name in _FACTS if name in events.facts},
        index=[f"{stem}:{row}" if stem else str(row) for row in rows],
    )
    for name in frame.columns.intersection(["file", "patient", "panel", "role"]):
        frame[name] = frame[name].astype("category")
    frame["event"] = rows
    for population in events.gated.members:
        frame[population] = events.members(population)[chosen]
    return frame


def _var(events: GatedEvents) -> pd.DataFrame:
    channels = events.raw.channels
    frame = pd.DataFrame(
        {
            "marker": [events.marker_of(channel) for channel in channels],
            "channel": [channel.name for channel in channels],
            "label": [channel.label for channel in channels],
            "maximum": [channel.maximum for channel in channels],
        }
    )
    # Two channels may bear one name (a detector's area and height); then both go by channel.
    doubled = frame["marker"].duplicated(keep=False)
    frame.index = pd.Index(frame["marker"].where(~doubled, frame["channel"]), name=None)
    return frame


def _told(events: GatedEvents, n_drawn: int) -> dict[str, Any]:
    """Return where the events come from and what was done to them, as AnnData can store it."""
    from immunerecon import __version__

    source = {name: events.facts[name] for name in _FACTS if name in events.facts}
    source |= {"sha256": events.raw.sha256, "compensation": events.compensated.compensation}
    source |= {"n_events_clean": events.raw.n_events, "n_events": n_drawn}
    told: dict[str, Any] = {
        "version": __version__,
        "source": source,
        "scales": {_key(marker): facts for marker, facts in scale_facts(events.scales).items()},
        "dropped": {_key(name): reason for name, reason in events.gated.dropped.items()},
        "gates": pd.DataFrame(
            [(g.population, g.parent, g.source, g.confidence) for g in events.gated.gates],
            columns=["population", "parent", "source", "confidence"],
            index=[str(n) for n in range(len(events.gated.gates))],
        ),
    }
    if events.spillover is not None:
        names = list(events.spillover.channels)
        told["spillover"] = pd.DataFrame(events.spillover.matrix, index=names, columns=names)
    return told


def _key(name: str) -> str:
    """Return a name that HDF5 takes for a key: a slash would open a group."""
    return name.replace("/", "__")


def _joined_obs(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put the tables of all tubes below each other; what a tube lacks is missing, not False."""
    whole = pd.concat(frames)
    for name in whole.columns:
        kinds: Mapping[str, object] = {str(f[name].dtype): None for f in frames if name in f}
        if "bool" in kinds and whole[name].dtype != bool:
            whole[name] = whole[name].astype("boolean")
        elif "category" in kinds:
            whole[name] = whole[name].astype("category")
    return whole


def _joined_var(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put the channels of all tubes together; several channels of one marker are all named."""
    whole = pd.concat(frames)
    grouped = whole.groupby(level=0, sort=False)
    names = grouped[["marker", "channel", "label"]].agg(_told_once)
    return names.assign(maximum=grouped["maximum"].max())


def _told_once(names: "pd.Series[str]") -> str:
    return " / ".join(dict.fromkeys(names))
