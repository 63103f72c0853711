"""Reading FCS 2.0, 3.0, 3.1 and 3.2 list mode files, strictly."""

import hashlib
import math
import re
import stat
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from immunerecon.cytometry.fcs_data import Columns, read_columns
from immunerecon.cytometry.fcs_layout import Layout, locate_data
from immunerecon.cytometry.fcs_parameters import Parameter, printable, read_parameters
from immunerecon.cytometry.fcs_text import (
    Bytes,
    Header,
    Text,
    integer,
    read_header,
    read_keywords,
)
from immunerecon.cytometry.tube import TIME_BACKWARDS, Channel, Tube, extremes_of
from immunerecon.errors import FcsError

MAX_NONFINITE_FRACTION = 0.001
MAX_DATA_SETS = 100
# The only keywords that leave the file; names of people, places and samples are in others.
KEPT_KEYWORDS = re.compile(
    r"\$(?:DATE|BTIM|ETIM|VOL|TIMESTEP|CYT|CYTSN|SYS|SPILLOVER|P\d+V)"
    r"|SPILLOVER|SPILL|CREATOR|SOFTWARE"
)


@dataclass(frozen=True)
class DataSet:
    """One data set of a file: its bytes to the end of the file, HEADER and TEXT."""

    content: Bytes
    header: Header
    text: Text


FileState = tuple[int, int, int]


def read_fcs(path: Path | str, *, dataset: int | None = None, sha256: str = "") -> Tube:
    """Read the events of one data set of an FCS file, or say why they cannot be trusted.

    Parameters
    ----------
    path
        The file.
    dataset
        Which data set of a file that holds several, counted from 1.
    sha256
        Of the file, where it is known; left out, it is computed.

    Returns
    -------
    Tube
        Linear values; time in seconds where the file has ``$TIMESTEP``. Its keywords are
        ``FCSVERSION`` (such as ``FCS3.1``) and those of an allow-list: ``$DATE``, ``$BTIM``,
        ``$ETIM``, ``$VOL``, ``$TIMESTEP``, ``$CYT``, ``$CYTSN``, ``$SYS``, ``$PnV``,
        ``CREATOR``, ``SOFTWARE`` and the spillover matrix (``$SPILLOVER``, ``SPILLOVER`` or
        ``SPILL``).

    Raises
    ------
    FcsError
        When the file is not FCS, contradicts itself, is cut short, holds histograms or text
        data, holds several data sets and `dataset` names none of them, has NaN or infinite
        values in over 0.1 % of its events, or changes while it is read.

    Notes
    -----
    Oddities that do not touch the numbers, and those that the file itself resolves (such as an
    end of DATA off by one byte, proved by ``$TOT``), are told in the flags of the tube.
    NaN and infinite values up to 0.1 % of the events stay in; `quality.clean` drops them.

    References
    ----------
    Spidlen et al. 2010, Cytometry A 77A:97, doi:10.1002/cyto.a.20825 (FCS 3.1);
    Spidlen et al. 2021, Cytometry A 99:100, doi:10.1002/cyto.a.24225 (FCS 3.2).

    Examples
    --------
    >>> import tempfile
    >>> from immunerecon.errors import FcsError
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = Path(folder) / "day7.fcs"
    ...     _ = table.write_text("patient,day,CD4")
    ...     try:
    ...         read_fcs(table)
    ...     except FcsError as error:
    ...         print(error.reason)
    at byte 0: the file does not begin with FCS, so it is no FCS file
    """
    path = Path(path)
    before = file_state(path)
    content = map_file(path, n_bytes=before[0])
    data_set = _chosen(data_sets(content), dataset)
    if sha256:
        tube = _read_data_set(data_set)
    else:
        # Hashing takes as long as reading and leaves the interpreter free.
        with ThreadPoolExecutor(max_workers=1) as pool:
            digest = pool.submit(hashlib.sha256, content.data)
            tube = _read_data_set(data_set)
        sha256 = digest.result().hexdigest()
    if file_state(path) != before:
        raise FcsError(
            "the file changed while it was read",
            remedy="Wait until the cytometer or the copy has finished, then run again",
        )
    return replace(tube, sha256=sha256)


def file_state(path: Path) -> FileState:
    """Return what tells whether a file was changed: size, time of its last change, inode.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    FcsError
        When it cannot be read, or is no plain file.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise FcsError(f"the file cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(status.st_mode):
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or a device"
        raise FcsError(f"this is {what}, not a file", remedy="Name a file in samples.csv")
    return status.st_size, status.st_mtime_ns, status.st_ino


def map_file(path: Path, *, n_bytes: int) -> Bytes:
    """Map the file into memory; pages are read as they are used."""
    if n_bytes == 0:
        return np.empty(0, dtype=np.uint8)
    try:
        return np.asarray(np.memmap(path, dtype=np.uint8, mode="r", shape=(n_bytes,)))
    except OSError as error:
        raise FcsError(f"the file cannot be read: {error.strerror}") from error
    except ValueError as error:  # shorter than a moment ago
        raise FcsError("the file changed while it was read") from error


def data_sets(content: Bytes) -> list[DataSet]:
    """Follow ``$NEXTDATA`` through the file."""
    found: list[DataSet] = []
    start = 0
    while True:
        rest = content[start:]
        header = read_header(rest)
        text = read_keywords(rest, header)
        found.append(DataSet(rest, header, text))
        step = integer(text.values, "$NEXTDATA")
        if not step:
            return found
        start += step
        if step < 0 or start >= content.size or len(found) == MAX_DATA_SETS:
            raise FcsError(
                f"the next data set is said to begin at byte {start} of {content.size}",
                keyword="$NEXTDATA",
                offset=start,
                remedy="Export the data sets as files of their own",
            )
        if content[start : start + 3].tobytes() != b"FCS":
            raise FcsError(f"no data set begins at byte {start}", keyword="$NEXTDATA", offset=start)


def _chosen(found: Sequence[DataSet], dataset: int | None) -> DataSet:
    """Return the data set that was asked for."""
    remedy = f"Put a number from 1 to {len(found)} in the column dataset of samples.csv"
    if dataset is None and len(found) > 1:
        raise FcsError(f"the file holds {len(found)} data sets", keyword="$NEXTDATA", remedy=remedy)
    if dataset is not None and not 1 <= dataset <= len(found):
        raise FcsError(
            f"data set {dataset} was asked for, the file holds {len(found)}", remedy=remedy
        )
    return found[(dataset or 1) - 1]


def _read_data_set(data_set: DataSet) -> Tube:
    """Read one data set; the hash of the file is still missing."""
    content, header, text = data_set.content, data_set.header, data_set.text
    parameters, parameter_flags = read_parameters(text.values)
    layout = locate_data(header, text.values, parameters, content.size)
    time_step, time_flags = _time_step(text.values)
    columns = read_columns(content, layout, parameters, time_step)
    columns.flags.writeable = False
    channels = tuple(
        _channel(parameter, column, time_step)
        for parameter, column in zip(parameters, columns, strict=True)
    )
    extremes = extremes_of(columns)
    flags = (
        *header.flags,
        *text.flags,
        *parameter_flags,
        *layout.flags,
        *time_flags,
        *_event_flags(columns, channels, extremes),
        *_trailing_flags(data_set, layout),
    )
    kept = {k: printable(v) for k, v in text.values.items() if KEPT_KEYWORDS.fullmatch(k)}
    keywords = {"FCSVERSION": header.version, **kept}
    return Tube(columns.T, channels, keywords, flags=flags, known_extremes=extremes)


def _time_step(values: Mapping[str, str]) -> tuple[float, tuple[str, ...]]:
    """Return the seconds of one unit of time, 1 where the file does not say."""
    text = values.get("$TIMESTEP", "")
    try:
        step = float(text) if text else 1.0
    except ValueError:
        step = math.nan
    if math.isfinite(step) and step > 0:
        return step, ()
    return 1.0, ("$TIMESTEP is no number above 0, time is left as stored",)


def _channel(parameter: Parameter, column: Columns, time_step: float) -> Channel:
    """Describe one column on its linear scale."""
    maximum = parameter.reach
    if parameter.is_time:
        maximum *= time_step
    elif parameter.decades:
        maximum = parameter.zero * 10.0**parameter.decades
    else:
        maximum /= parameter.gain
    if math.isnan(maximum):
        largest = float(column.max(initial=0.0, where=np.isfinite(column)))
        maximum = largest if largest > 0 else 1.0
    return Channel(parameter.name, parameter.label, maximum)


def _event_flags(columns: Columns, channels: Sequence[Channel], extremes: Columns) -> list[str]:
    """Look at the values; refuse a tube with too many that are no numbers."""
    n_events = columns.shape[1]
    if n_events == 0:
        return []
    flags = []
    # NaN and infinity show in the extremes, so that the tube needs no pass of its own for them.
    lows, highs = extremes
    if not (np.isfinite(lows).all() and np.isfinite(highs).all()):
        flags.append(_nonfinite_flag(columns, channels))
    constant = _names(channels, lows == highs)
    if constant and n_events > 1:
        flags.append(f"every event has the same value ({', '.join(constant)})")
    for channel, column in zip(channels, columns, strict=True):
        if channel.is_time and bool((column[1:] < column[:-1]).any()):
            flags.append(TIME_BACKWARDS)
    return flags


def _nonfinite_flag(columns: Columns, channels: Sequence[Channel]) -> str:
    """Count the events with NaN or infinite values; refuse over 0.1 %."""
    odd = ~np.isfinite(columns)
    n_odd = int(np.count_nonzero(odd.any(axis=0)))
    names = _names(channels, np.asarray(odd.any(axis=1)))
    found = f"{n_odd} of {columns.shape[1]} events have NaN or infinite values"
    if n_odd > MAX_NONFINITE_FRACTION * columns.shape[1]:
        raise FcsError(
            f"{found} ({', '.join(names)}), accepted are {MAX_NONFINITE_FRACTION:.1%}",
            remedy="Export the file again from the cytometer's own software",
        )
    return f"{found} ({', '.join(names)})"


def _names(channels: Sequence[Channel], chosen: NDArray[np.bool_]) -> list[str]:
    """Return the names of the chosen channels."""
    return [channel.name for channel, one in zip(channels, chosen, strict=True) if one]


def _trailing_flags(data_set: DataSet, layout: Layout) -> list[str]:
    """Look at what follows the last segment of the last data set."""
    values, header = data_set.text.values, data_set.header
    if integer(values, "$NEXTDATA"):
        return []
    ends = [header.text.end + 1, layout.begin + layout.n_bytes]
    ends += [header.analysis.end + 1] if header.analysis else []
    ends += [(integer(values, keyword) or -1) + 1 for keyword in ("$ENDANALYSIS", "$ENDSTEXT")]
    tail = data_set.content[max(ends) :]
    # Eight zeros are what the standard asks for when no checksum was computed.
    if re.fullmatch(rb"\0{0,2}(0{8})?\s{0,2}", tail[:16].tobytes()):
        return []
    return [f"{tail.size:,} bytes after the last segment are left out"]
