"""What an FCS file says of itself, read without its events: labels, date, names of sample and tube.

The names may be a person's. They serve a draft that looks for study ids and days in them, and are
written nowhere as they stand.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from immunerecon.cytometry.fcs import data_sets, file_state, map_file
from immunerecon.cytometry.fcs_parameters import printable, read_parameters

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DATE = re.compile(r"(\d{1,2})-([A-Z]{3})-(\d{4})|(\d{4})-([A-Z]{3})-(\d{1,2})", re.IGNORECASE)
# Where cytometers put what a person typed for sample and tube, the most telling first.
_NAMED = ("TUBE NAME", "$SMNO", "SAMPLE ID", "$SRC", "PATIENT ID", "EXPERIMENT NAME", "$FIL")


@dataclass(frozen=True)
class FileLabels:
    """What a file says of itself.

    Parameters
    ----------
    channels
        ``$PnN`` and ``$PnS`` of each channel.
    date
        ``$DATE`` as an ISO date; empty where there is none that can be read.
    names
        Keyword -> what was typed for sample and tube. Not to be written anywhere.
    data_sets
        How many the file holds; all else is of the last.
    """

    channels: tuple[tuple[str, str], ...]
    date: str
    names: Mapping[str, str]
    data_sets: int


def read_labels(path: Path) -> FileLabels:
    """Read what a file says of itself; its events may be cut short.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    FcsError
        When HEADER or TEXT cannot be read, as in `immunerecon.cytometry.fcs.read_fcs`.
    """
    found = data_sets(map_file(path, n_bytes=file_state(path)[0]))
    values = found[-1].text.values
    parameters, _ = read_parameters(values)
    return FileLabels(
        tuple((parameter.name, parameter.label) for parameter in parameters),
        iso_date(values.get("$DATE", "")),
        {name: printable(values[name]) for name in _NAMED if values.get(name)},
        len(found),
    )


def iso_date(text: str) -> str:
    """Return ``$DATE`` as an ISO date; empty where it is not in one of the standard's forms.

    Examples
    --------
    >>> iso_date("07-Mar-2026"), iso_date("2026-MAR-07"), iso_date("03/07/26")
    ('2026-03-07', '2026-03-07', '')
    """
    match = _DATE.fullmatch(text.strip())
    if match is None:
        return ""
    day, month, year = match.groups()[:3] if match[1] else match.groups()[:2:-1]
    if month.upper() not in _MONTHS:
        return ""
    return f"{year}-{_MONTHS.index(month.upper()) + 1:02d}-{int(day):02d}"
