"""What an FCS file's name suggests of patient, day and role: a draft to be corrected."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

_START, _END = r"(?:^|[\s_/.()-])", r"(?=$|[\s_/.()-])"
_PATIENT = re.compile(
    rf"{_START}((?:p|pt|pat|patient|subj|subject|id)[ _-]?\d{{1,5}}){_END}", re.IGNORECASE
)
_DAY = re.compile(
    rf"{_START}(d|day|w|wk|week|m|mo|month)[ _]?([+-]?\d{{1,4}}){_END}", re.IGNORECASE
)
_DAYS_IN = {"d": 1.0, "w": 7.0, "m": 30.4375}
_ROLES = (
    ("single_stain", r"comp|compensation|single[ _-]?stain|ss"),
    ("unstained", r"unstained|blank|autofluorescence"),
    ("fmo", r"fmo"),
    ("donor_control", r"donor(?![ _-]?nk)"),
    ("product", r"product|graft|infusate"),
    ("recipient_control", r"recipient|recipient[ _-]?control"),
)
_BEFORE = re.compile(rf"{_START}(pre|baseline|screening){_END}", re.IGNORECASE)


@dataclass(frozen=True)
class Guess:
    """What a file's name suggests.

    Parameters
    ----------
    patient
        As written, or empty.
    day
        Days from the infusion; weeks and months are converted. None where the name has none.
    role
        As in samples.csv.
    told_by
        The parts of the name that the guess stands on.
    """

    patient: str
    day: float | None
    role: str
    told_by: str


def guess_from_name(file: str) -> Guess:
    """Guess patient, day and role from a file's path below the study folder.

    Parameters
    ----------
    file
        With forward slashes.

    Returns
    -------
    Guess
        A draft: it must be looked at by a person.

    Examples
    --------
    >>> guess_from_name("P07/P07_day-7_tube1.fcs")
    Guess(patient='P07', day=-7.0, role='draw', told_by="patient from 'P07', day from 'day-7'")
    >>> guess_from_name("Pt 3 w4 donor control.fcs").role
    'donor_control'
    """
    stem = str(PurePosixPath(file).with_suffix(""))
    told: list[str] = []
    patient = _patient(stem, told)
    day = _day(stem, told)
    role = "draw"
    for name, words in _ROLES:
        if match := re.search(rf"{_START}({words}){_END}", stem, re.IGNORECASE):
            role = name
            told.append(f"role from {match[1]!r}")
            break
    return Guess(patient, day, role, ", ".join(told))


def _patient(stem: str, told: list[str]) -> str:
    if match := _PATIENT.search(stem):
        told.append(f"patient from {match[1]!r}")
        return match[1]
    folder = PurePosixPath(stem).parts[:-1]
    if folder:
        told.append(f"patient from the folder {folder[-1]!r}")
        return folder[-1]
    return ""


def _day(stem: str, told: list[str]) -> float | None:
    if match := _DAY.search(PurePosixPath(stem).name):
        told.append(f"day from {match[1] + match[2]!r}")
        return round(float(match[2]) * _DAYS_IN[match[1][0].lower()], 1)
    if match := _BEFORE.search(stem):
        told.append(f"day before infusion from {match[1]!r}")
        return -1.0
    return None
