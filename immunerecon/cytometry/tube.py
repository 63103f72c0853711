"""One tube: the events of one data set of one FCS file, as values that never change."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from immunerecon.errors import MarkerError

if TYPE_CHECKING:
    import pandas as pd

Events = NDArray[np.float32]

# Set by the reader and by the quality control, once for a tube.
TIME_BACKWARDS = "time runs backwards"

_SCATTER = re.compile(r"(FSC?|SSC?)(?![A-Z])|(FORWARD|SIDE) SCATTER", re.IGNORECASE)


@dataclass(frozen=True)
class Channel:
    """One measured parameter of a tube.

    Parameters
    ----------
    name
        ``$PnN``, the detector, e.g. ``FITC-A``.
    label
        ``$PnS``, what was stained, e.g. ``CD3 FITC``; empty when the file has none.
    maximum
        ``$PnR``, the top of the linear scale.
    """

    name: str
    label: str
    maximum: float

    @property
    def is_scatter(self) -> bool:
        """Whether this is light scatter (``FSC-A``, ``SSC-B-H``, ``FS Lin``, ``Side Scatter``)."""
        return _SCATTER.match(self.name) is not None

    @property
    def is_time(self) -> bool:
        """Whether this is the acquisition time (``Time``, Miltenyi ``HDR-T``)."""
        return self.name.upper() in {"TIME", "HDR-T"}


@dataclass(frozen=True)
class Tube:
    """Events of one tube on their linear scale.

    Parameters
    ----------
    events : ndarray of float32, shape (n_events, n_channels), column-major, read-only
        One row an event, in the order of acquisition, each column contiguous in memory.
    channels
        One for each column.
    keywords
        The allow-listed keywords of TEXT (instrument, date, volume, time step ...), upper case.
        Keywords that may name a person or a place are left in the file.
    sha256
        Of the whole file.
    compensation
        Where the applied spillover came from (``keyword``, ``controls``, a file name);
        empty while the tube is uncompensated.
    flags
        What a person should look at, one short sentence each.
    known_extremes : ndarray of float32, shape (2, n_channels), or None
        What `extremes` returns, where the reader has looked already.
    """

    events: Events
    channels: tuple[Channel, ...]
    keywords: Mapping[str, str] = field(default_factory=dict)
    sha256: str = ""
    compensation: str = ""
    flags: tuple[str, ...] = ()
    known_extremes: Events | None = field(default=None, repr=False, compare=False)

    @property
    def n_events(self) -> int:
        """Number of events."""
        return int(self.events.shape[0])

    def index(self, channel: str) -> int:
        """Return the column of a channel.

        Parameters
        ----------
        channel
            ``$PnN`` of the channel.

        Raises
        ------
        MarkerError
            When the tube has no such channel.
        """
        for position, candidate in enumerate(self.channels):
            if candidate.name == channel:
                return position
        names = ", ".join(candidate.name for candidate in self.channels)
        raise MarkerError(f"the tube has no channel {channel!r}", remedy=f"It has {names}")

    def values(self, channel: str) -> Events:
        """Return one channel's values as a view of length ``n_events``."""
        return self.events[:, self.index(channel)]

    @cached_property
    def extremes(self) -> Events:
        """Lowest and highest value of each channel, shape (2, n_channels).

        NaN where a channel holds one, and without events.
        """
        return extremes_of(self.events.T) if self.known_extremes is None else self.known_extremes

    def to_frame(self) -> "pd.DataFrame":
        """Return the events as a table: a row an event, a column a channel.

        Returns
        -------
        DataFrame, shape (n_events, n_channels)
            float32 on the linear scale; the columns are named by ``$PnN``.

        Examples
        --------
        >>> tube = Tube(np.array([[120, 7]], "f4"), (Channel("A", "CD3", 1e5), Channel("B", "", 1)))
        >>> tube.to_frame().iloc[0].to_dict()
        {'A': 120.0, 'B': 7.0}
        """
        import pandas as pd

        return pd.DataFrame(self.events, columns=[channel.name for channel in self.channels])

    def select(self, kept: NDArray[np.bool_]) -> "Tube":
        """Return the tube with only the events where `kept` is true."""
        return self if kept.all() else self.take(np.flatnonzero(kept))

    def take(self, rows: NDArray[np.intp]) -> "Tube":
        """Return the tube with only the events in these rows."""
        columns = np.empty((len(self.channels), rows.size), dtype=np.float32)
        for column, values in zip(columns, self.events.T, strict=True):
            np.take(values, rows, out=column, mode="clip")
        return self.with_events(columns)

    def with_events(self, columns: Events) -> "Tube":
        """Return the tube with other events, shape (n_channels, n_events), each channel contiguous.

        They become read-only.
        """
        columns.flags.writeable = False
        return replace(self, events=columns.T, known_extremes=None)

    def flagged(self, *flags: str) -> "Tube":
        """Return the tube with further flags."""
        return replace(self, flags=self.flags + flags)

    def __repr__(self) -> str:
        state = f"compensated ({self.compensation})" if self.compensation else "uncompensated"
        return f"<Tube of {self.n_events:,} events, {len(self.channels)} channels, {state}>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(c.name)}</td><td>{escape(c.label)}</td><td>{c.maximum:g}</td></tr>"
            for c in self.channels
        )
        return (
            f"<p>{escape(repr(self)[1:-1])}</p>"
            f"<table><tr><th>channel</th><th>label</th><th>maximum</th></tr>{rows}</table>"
        )


def extremes_of(columns: Events) -> Events:
    """Return the lowest and the highest value of each row, shape (2, n_rows); NaN without any."""
    if columns.shape[1] == 0:
        return np.full((2, columns.shape[0]), np.nan, dtype=np.float32)
    return np.stack([columns.min(axis=1), columns.max(axis=1)])
