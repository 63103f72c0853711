"""Measurements and plates of FlowCytometryTools as tubes, and back."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from immunerecon.cytometry.fcs import KEPT_KEYWORDS
from immunerecon.cytometry.fcs_parameters import printable
from immunerecon.cytometry.tube import Channel, Tube
from immunerecon.errors import FcsError
from immunerecon.gating.gated_tube import GatedTube
from immunerecon.interop.flowcytometrytools.loading import load


def from_measurement(measurement: Any) -> Tube:
    """Return an ``FCMeasurement`` as a tube.

    Parameters
    ----------
    measurement
        Its data may come from a file, be transformed, gated, or queued to be.

    Returns
    -------
    Tube
        The numbers are the measurement's own, as float32. Keywords that may name a person stay
        behind. Where FlowCytometryTools leaves a scaling to the user (gain, logarithmic
        amplification, time step), a flag says so; `read_fcs` of the file applies it.

    Raises
    ------
    FcsError
        When a column does not hold numbers.
    """
    data = measurement.get_data()
    meta = measurement.meta or {}
    described = _described(meta, list(data.columns))
    try:
        events = np.asfortranarray(data.to_numpy(dtype=np.float32))
    except (TypeError, ValueError) as error:
        raise FcsError(f"{measurement.ID}: the data are not all numbers: {error}") from error
    events.flags.writeable = False
    channels = tuple(
        _channel(str(name), described.get(str(name), {}), column)
        for name, column in zip(data.columns, events.T, strict=True)
    )
    keywords = {
        key.upper(): printable(str(value))
        for key, value in meta.items()
        if KEPT_KEYWORDS.fullmatch(key.upper())
    }
    return Tube(events, channels, keywords, flags=tuple(_scaling_flags(described, keywords)))


def to_measurement(tube: Tube | GatedTube, name: str) -> Any:
    """Return a tube as an ``FCMeasurement``, for its plots and gates.

    Parameters
    ----------
    tube
        A `Tube` gives its linear events by channel. A `GatedTube` gives display values (0-1) by
        marker, which `to_gates` refers to, and on which its plots show
        compensated data on a logicle scale, which the package itself does not have.
    name
        ID of the measurement.

    Returns
    -------
    FCMeasurement
        With data and the description of the channels, and without a file.
    """
    frame = tube.to_frame()
    if isinstance(tube, Tube):
        labels = [channel.label for channel in tube.channels]
        tops = [channel.maximum for channel in tube.channels]
        keywords = dict(tube.keywords)
    else:
        labels, tops, keywords = [""] * frame.shape[1], [1.0] * frame.shape[1], {}
    numbers = pd.Index(range(1, frame.shape[1] + 1), name="Channel Number")
    channels = pd.DataFrame(
        {"$PnN": list(frame.columns), "$PnR": tops, "$PnS": labels, "$PnG": 1, "$PnB": 32},
        index=numbers,
    )
    made = load().FCMeasurement(name, readdata=False, readmeta=False)
    made.set_data(frame)
    made.set_meta(
        {**keywords, "_channels_": channels, "_channel_names_": tuple(frame.columns)},
    )
    return made


def from_plate(plate: Any) -> dict[str, Tube]:
    """Return the tubes of an ``FCPlate`` (or ``FCCollection``) by their keys, such as ``A3``."""
    return {str(key): from_measurement(measurement) for key, measurement in plate.items()}


def to_plate(tubes: Iterable[tuple[str, str, Tube | GatedTube]], name: str) -> Any:
    """Arrange tubes as an ``FCPlate``, for its grid of plots.

    Parameters
    ----------
    tubes
        Row, column and tube, such as ``("P01", "day 28", tube)``. Rows and columns keep the
        order in which they first come.
    name
        ID of the plate.

    Returns
    -------
    FCPlate
        With the keys ``row column``.

    Raises
    ------
    ValueError
        When there is no tube, or two for one place.
    """
    placed: dict[tuple[str, str], Any] = {}
    for row, column, tube in tubes:
        if (row, column) in placed:
            raise ValueError(f"row {row!r}, column {column!r} has two tubes, a plate takes one")
        placed[row, column] = to_measurement(tube, f"{row} {column}")
    if not placed:
        raise ValueError("there is no tube to put on the plate")
    rows, columns = (list(dict.fromkeys(place[i] for place in placed)) for i in (0, 1))
    return load().FCPlate(
        name,
        list(placed.values()),
        position_mapper={made.ID: place for place, made in placed.items()},
        shape=(len(rows), len(columns)),
        row_labels=rows,
        col_labels=columns,
    )


def _described(meta: Mapping[str, Any], columns: list[Any]) -> dict[str, Mapping[str, Any]]:
    """Return what the file says of each column."""
    channels = meta.get("_channels_")
    if channels is None:
        return {}
    names = meta.get("_channel_names_", ())
    rows = channels.to_dict("records")
    known = {str(name): row for name, row in zip(names, rows, strict=True)}
    return {str(name): known[str(name)] for name in columns if str(name) in known}


def _channel(name: str, described: Mapping[str, Any], column: np.ndarray[Any, Any]) -> Channel:
    top = float(described.get("$PnR") or np.nan)
    if not top > 0:
        largest = float(column.max(initial=0.0, where=np.isfinite(column)))
        top = largest if largest > 0 else 1.0
    channel = str(described.get("$PnN", name))
    label = str(described.get("$PnS", ""))
    # Its reader puts the channel's name where the file has no label.
    return Channel(name, "" if label in (name, channel) and name == channel else label, top)


def _scaling_flags(
    described: Mapping[str, Mapping[str, Any]], keywords: Mapping[str, str]
) -> Iterator[str]:
    """Say what the reader of FlowCytometryTools leaves undone."""
    gained = [name for name, row in described.items() if _number(row.get("$PnG", 1)) not in (0, 1)]
    logged = [name for name, row in described.items() if _decades(row.get("$PnE")) > 0]
    timed = [name for name in described if Channel(name, "", 1).is_time]
    if gained:
        yield f"the gain is not divided out ({', '.join(gained)})"
    if logged:
        yield f"logarithmic channels are left as stored ({', '.join(logged)})"
    if timed and _number(keywords.get("$TIMESTEP", 1)) not in (0, 1):
        yield f"time is in steps of {keywords['$TIMESTEP']} s ({', '.join(timed)})"


def _number(value: object) -> float:
    """Return the number, 1 where there is none."""
    try:
        return float(str(value))
    except ValueError:
        return 1.0


def _decades(value: object) -> float:
    """Return the decades of an amplification such as ``[4.0, 1.0]`` or ``4,1``."""
    parts = value if isinstance(value, (list, tuple)) else str(value or "0").strip("[]").split(",")
    return _number(parts[0]) if parts and value else 0.0
