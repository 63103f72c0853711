"""What an FCS file's name and keywords suggest of patient, day and role, to be corrected."""

import re
from collections.abc import Iterator, Mapping
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
    ("single_stain", r"comp|compensation|single[ _-]?stain|stained[ _]control|ss"),
    ("unstained", r"unstained|blank|autofluorescence"),
    ("fmo", r"fmo"),
    ("donor_control", r"donor(?![ _-]?nk)"),
    ("product", r"product|graft|infusate"),
    ("recipient_control", r"recipient|recipient[ _-]?control"),
)
_BEFORE = re.compile(rf"{_START}(pre|baseline|screening){_END}", re.IGNORECASE)


@dataclass(frozen=True)
class Guess:
    """What a file's name and keywords suggest.

    Parameters
    ----------
    patient
        As written, or empty.
    day
        Days from the infusion; weeks and months are converted. None where nothing tells it.
    role
        As in samples.csv.
    told_by
        What the guess stands on.
    """

    patient: str
    day: float | None
    role: str
    told_by: str


def guess_from_name(file: str, keywords: Mapping[str, str] | None = None) -> Guess:
    """Guess patient, day and role from a file's path below the study folder, then its keywords.

    Parameters
    ----------
    file
        With forward slashes.
    keywords
        What was typed at the cytometer for sample and tube, the most telling first. Only a study
        id or a day found in it gets into the guess, never the text itself.

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
    >>> guess_from_name("003.fcs", {"TUBE NAME": "NK D+14", "$SRC": "Jane Doe P12"}).told_by
    "patient from 'P12' in $SRC, day from 'D+14' in TUBE NAME"
    """
    stem = str(PurePosixPath(file).with_suffix(""))
    typed = keywords or {}
    told: list[str] = []
    patient = _patient(stem, typed, told)
    day = _day(stem, typed, told)
    return Guess(patient, day, _role(stem, typed, told), ", ".join(told))


# Words such as donor or baseline mean the tube only where the tube is named.
_OF_TUBE = frozenset({"TUBE NAME"})


def _places(name: str, keywords: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Return the texts to look at, each with the words that say where it stands."""
    yield name, ""
    for keyword, text in keywords.items():
        yield text, f" in {keyword}"


def _of_tube(keywords: Mapping[str, str]) -> dict[str, str]:
    return {keyword: text for keyword, text in keywords.items() if keyword in _OF_TUBE}


def _patient(stem: str, keywords: Mapping[str, str], told: list[str]) -> str:
    for text, place in _places(stem, keywords):
        if match := _PATIENT.search(text):
            told.append(f"patient from {match[1]!r}{place}")
            return match[1]
    folder = PurePosixPath(stem).parts[:-1]
    if folder:
        told.append(f"patient from the folder {folder[-1]!r}")
        return folder[-1]
    return ""


def _day(stem: str, keywords: Mapping[str, str], told: list[str]) -> float | None:
    for text, place in _places(PurePosixPath(stem).name, keywords):
        if match := _DAY.search(text):
            told.append(f"day from {match[1] + match[2]!r}{place}")
            return round(float(match[2]) * _DAYS_IN[match[1][0].lower()], 1)
    for text, place in _places(stem, _of_tube(keywords)):
        if match := _BEFORE.search(text):
            told.append(f"day before infusion from {match[1]!r}{place}")
            return -1.0
    return None


def _role(stem: str, keywords: Mapping[str, str], told: list[str]) -> str:
    for text, place in _places(stem, _of_tube(keywords)):
        for name, words in _ROLES:
            if match := re.search(rf"{_START}({words}){_END}", text, re.IGNORECASE):
                told.append(f"role from {match[1]!r}{place}")
                return name
    return "draw"
