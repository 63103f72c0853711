"""Writing a tube as FCS 3.1, for FlowJo, flowCore, FlowKit and every other reader."""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from immunerecon.cytometry.fcs import KEPT_KEYWORDS
from immunerecon.cytometry.fcs_parameters import printable
from immunerecon.cytometry.spillover import KEYWORDS as SPILLOVER_KEYWORDS, Spillover
from immunerecon.cytometry.tube import Tube
from immunerecon.errors import FcsError
from immunerecon.files import write_atomically

# A form feed is in no printable text, so no value ever needs it doubled; flowCore and FlowJo
# disagree about what a doubled delimiter means.
_DELIMITER = "\f"
_TEXT_BEGIN = 256
_HEADER_MAX = 99_999_999
# Values in memory are scaled already: time is in seconds, gains are divided out.
_SUPERSEDED = {*SPILLOVER_KEYWORDS, "$TIMESTEP", "CREATOR", "SOFTWARE"}


def write_fcs(
    path: Path,
    tube: Tube,
    *,
    spillover: Spillover | None = None,
    keywords: Mapping[str, str] | None = None,
) -> Path:
    """Write a tube as one data set of FCS 3.1: 32-bit floats, little endian.

    Parameters
    ----------
    path
        File to write; it is whole or not there.
    tube
        The events, written as they are. Its own keywords are written along, except those that
        described the original's numbers (spillover, time step).
    spillover
        Written as ``$SPILLOVER``; only for a tube that is not compensated.
    keywords
        Further keywords, such as what the events are.

    Returns
    -------
    Path
        The file written; the same tube gives the same bytes.

    Raises
    ------
    FcsError
        When a name, label or value is empty or holds control characters, the tube has no
        channel, or a compensated tube is to get a spillover.
    OSError
        When the file cannot be written.

    Notes
    -----
    ``$PnR`` is the channel's maximum, rounded up. ``$TIMESTEP`` is 1, because time is in seconds.
    What `read_fcs` leaves in a file (names of patients, operators, paths) is not in the tube
    and so cannot be written.

    References
    ----------
    Spidlen et al. 2010, Cytometry A 77A:97, doi:10.1002/cyto.a.20825 (FCS 3.1).

    Examples
    --------
    >>> import tempfile
    >>> from immunerecon.cytometry.fcs import read_fcs
    >>> from immunerecon.cytometry.tube import Channel
    >>> tube = Tube(np.array([[1.5], [2.5]], "f4"), (Channel("FITC-A", "CD3", 262144),))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     read_fcs(write_fcs(Path(folder) / "t.fcs", tube)).values("FITC-A").tolist()
    [1.5, 2.5]
    """
    if spillover is not None and tube.compensation:
        raise FcsError(
            f"the tube is compensated already by {tube.compensation}, a reader would do it again",
            keyword="$SPILLOVER",
            remedy="Write it without a spillover, or write the uncompensated tube",
        )
    values = {**_described(tube, path.name), **_kept(tube), **(keywords or {})}
    if spillover is not None:
        values["$SPILLOVER"] = _spillover_text(spillover)
    data = np.ascontiguousarray(tube.events, dtype="<f4").tobytes()
    text, begin = _laid_out(values, len(data))
    return write_atomically(path, _header(begin, len(data)) + text + data)


def _described(tube: Tube, name: str) -> dict[str, str]:
    """Return the keywords that the standard requires, channel by channel."""
    if not tube.channels:
        raise FcsError("a tube without channels cannot be written", keyword="$PAR")
    values = {
        "$BEGINANALYSIS": "0",
        "$ENDANALYSIS": "0",
        "$BEGINSTEXT": "0",
        "$ENDSTEXT": "0",
        "$NEXTDATA": "0",
        "$MODE": "L",
        "$DATATYPE": "F",
        "$BYTEORD": "1,2,3,4",
        "$PAR": str(len(tube.channels)),
        "$TOT": str(tube.n_events),
        "$ORIGINALITY": "DataModified",
        "$FIL": name,
    }
    for n, channel in enumerate(tube.channels, start=1):
        values |= {f"$P{n}B": "32", f"$P{n}E": "0,0", f"$P{n}G": "1"}
        values |= {f"$P{n}R": str(math.ceil(channel.maximum)), f"$P{n}N": channel.name}
        if channel.label:
            values[f"$P{n}S"] = channel.label
        if channel.is_time:
            values["$TIMESTEP"] = "1"
    return values


def _kept(tube: Tube) -> dict[str, str]:
    """Return the tube's keywords that are still true of its numbers and name nobody."""
    return {
        name: value
        for name, value in tube.keywords.items()
        if value and name not in _SUPERSEDED and KEPT_KEYWORDS.fullmatch(name)
    }


def _spillover_text(spillover: Spillover) -> str:
    numbers = (repr(float(value)) for value in spillover.matrix.ravel())
    return ",".join((str(len(spillover.channels)), *spillover.channels, *numbers))


def _laid_out(values: Mapping[str, str], n_bytes: int) -> tuple[bytes, int]:
    """Return TEXT and the byte at which DATA begins."""
    for name, value in values.items():
        if not value or printable(name) != name or printable(value) != value:
            raise FcsError(
                f"the value {value!r} is empty or holds blanks at its ends or control characters",
                keyword=name,
                remedy="Give channels and keywords plain printable names",
            )
    begin = _TEXT_BEGIN
    while True:  # the offsets stand in TEXT, so that they grow with their own digits
        placed = {**values, "$BEGINDATA": str(begin), "$ENDDATA": str(begin + n_bytes - 1)}
        pairs = "".join(f"{k}{_DELIMITER}{v}{_DELIMITER}" for k, v in placed.items())
        text = (_DELIMITER + pairs).encode("utf-8")
        if _TEXT_BEGIN + len(text) == begin:
            return text, begin
        begin = _TEXT_BEGIN + len(text)


def _header(begin: int, n_bytes: int) -> bytes:
    """Return HEADER, filled up to where TEXT begins."""
    data = (begin, begin + n_bytes - 1) if begin + n_bytes - 1 <= _HEADER_MAX else (0, 0)
    offsets = (_TEXT_BEGIN, begin - 1, *data, 0, 0)
    told = "FCS3.1" + " " * 4 + "".join(f"{offset:>8}" for offset in offsets)
    return told.ljust(_TEXT_BEGIN).encode("ascii")
