"""Writing events as FCS 3.1."""

from array import array
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import flowio
import numpy as np
from numpy.typing import NDArray

_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]


def write_fcs(
    path: Path,
    values: NDArray[np.float32],
    *,
    channels: Sequence[str],
    labels: Sequence[str],
    keywords: Mapping[str, str],
) -> None:
    """Write one data set of 32-bit floats, little endian.

    Parameters
    ----------
    path
        File to write; its folder is made.
    values : shape (n_events, n_channels)
        Events.
    channels, labels
        ``$PnN`` and ``$PnS`` of each channel, an empty label for none.
    keywords
        Further keywords of TEXT.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.fcs"
    ...     events = np.ones((5, 1), dtype=np.float32)
    ...     write_fcs(path, events, channels=["FITC-A"], labels=["CD3 FITC"], keywords={})
    ...     flowio.FlowData(path).event_count
    5
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as handle:
        flowio.create_fcs(
            handle, array("f", values.tobytes()), list(channels), list(labels), dict(keywords)
        )


def format_spillover(channels: Sequence[str], matrix: NDArray[np.float64]) -> str:
    """Return the value of ``$SPILLOVER``.

    Parameters
    ----------
    channels
        ``$PnN`` of the n fluorescence channels.
    matrix : shape (n, n)
        Row emits, column detects.

    Returns
    -------
    str
        Number of channels, their names, the coefficients row by row.

    Examples
    --------
    >>> format_spillover(["FITC-A", "PE-A"], np.array([[1, 0.15], [0.01, 1]]))
    '2,FITC-A,PE-A,1,0.15,0.01,1'
    """
    return ",".join((str(len(channels)), *channels, *(f"{value:.6g}" for value in matrix.ravel())))


def format_date(day: date) -> str:
    """Return the value of ``$DATE``, in English whatever the locale.

    Parameters
    ----------
    day
        Date of acquisition.

    Examples
    --------
    >>> format_date(date(2009, 3, 2))
    '02-MAR-2009'
    """
    return f"{day.day:02d}-{_MONTHS[day.month - 1]}-{day.year}"
