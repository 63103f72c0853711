"""HEADER and TEXT of one FCS data set: where the segments lie, and the keywords."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from immunerecon.errors import FcsError

Bytes = NDArray[np.uint8]

VERSIONS = ("FCS2.0", "FCS3.0", "FCS3.1", "FCS3.2")
HEADER_BYTES = 58
TEXT_CAP = 16_000_000
VALUE_CAP = 1_000_000
# What HEADER says of a segment that lies beyond the eight digits it has for an offset.
BEYOND_HEADER = {0, 99_999_999}
BLANKS = " \r\n\t\0"

_FOREIGN = {
    b"version https://git-lfs": ("a Git LFS pointer", "Fetch the file itself with `git lfs pull`"),
    b"\xff\xd8\xff": ("a JPEG picture", ""),
    b"\x89PNG": ("a PNG picture", ""),
    b"PK\x03\x04": ("a ZIP archive or an Excel workbook", "Unpack the FCS files first"),
    b"\x1f\x8b": ("a gzip archive", "Unpack the FCS files first"),
    b"\x89HDF": ("an HDF5 file", ""),
    b"%PDF": ("a PDF document", ""),
    b"<?xml": ("an XML file, perhaps a workspace", ""),
}
_SEGMENTS = ("TEXT", "DATA", "ANALYSIS")
_STANDARD_KEYWORD = re.compile(
    r"\$(?:P\d+[BDEFGLNORSTV]|PAR|TOT|MODE|DATATYPE|BYTEORD|NEXTDATA|(?:BEGIN|END)(?:DATA|ANALYSIS"
    r"|STEXT)|ABRT|BTIM|CELLS|COM|CYT|CYTSN|DATE|ETIM|EXP|FIL|INST|LOST|OP|PROJ|SMNO|SPILLOVER|SRC"
    r"|SYS|TIMESTEP|TR|VOL)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Segment:
    """Bytes `begin` to `end` of a data set, the last one included as in HEADER."""

    begin: int
    end: int


@dataclass(frozen=True)
class Header:
    """What HEADER says; `data` and `analysis` are None where it leaves them to TEXT."""

    version: str
    text: Segment
    data: Segment | None
    analysis: Segment | None
    flags: tuple[str, ...]


@dataclass(frozen=True)
class Text:
    """The keywords of a data set, names in upper case, values stripped of outer blanks."""

    values: Mapping[str, str]
    flags: tuple[str, ...]


def read_header(content: Bytes) -> Header:
    """Read HEADER from the first 58 bytes of a data set.

    Parameters
    ----------
    content : ndarray of uint8
        The data set, from its first byte.

    Raises
    ------
    FcsError
        When this is not FCS, is of an unknown version, or an offset is not a number, negative,
        reversed, or (TEXT) beyond the end of the file.
    """
    start = content[:HEADER_BYTES].tobytes()
    _require_fcs(start)
    if len(start) < HEADER_BYTES:
        raise FcsError(
            f"the file has {len(start)} bytes, its HEADER alone needs {HEADER_BYTES}",
            keyword="HEADER",
            offset=len(start),
            remedy="Copy it again from the cytometer",
        )
    version = start[:6].decode("latin-1")
    if version not in VERSIONS:
        raise FcsError(
            f"unknown version {version!r}",
            keyword="HEADER",
            offset=0,
            remedy=f"Accepted are {', '.join(VERSIONS)}: export the file again as one of these",
        )
    text, data, analysis = (_segment(start, place) for place in range(3))
    text = _checked_text(text, content.size)
    flags = []
    if b"99999999" in start[26:42]:
        flags.append("HEADER puts DATA at 99999999, the offsets in TEXT are used")
    if data is not None and data.begin == text.end:
        text = Segment(text.begin, text.end - 1)
        flags.append(f"TEXT and DATA share byte {data.begin}, it is taken as DATA")
    return Header(version, text, data, analysis, tuple(flags))


def read_keywords(content: Bytes, header: Header) -> Text:
    """Read the keywords of TEXT and, where there is one, of the supplemental TEXT.

    Parameters
    ----------
    content : ndarray of uint8
        The data set, from its first byte.
    header
        Its HEADER.

    Raises
    ------
    FcsError
        When keywords and values cannot be told apart, differ between two places, or are longer
        than any cytometer writes.

    Notes
    -----
    Keywords are never empty and never hold the delimiter; a value may be empty (which the
    standard forbids and cytometers write) and may hold the delimiter doubled. Read so, no
    TEXT has two meanings.
    """
    primary = _parse(content, header.text)
    extra = _supplement(primary.values, header.text)
    if extra is None:
        return primary
    if (
        extra.begin < HEADER_BYTES
        or not 0 <= extra.end - extra.begin < TEXT_CAP
        or (extra.end >= content.size)
    ):
        return Text(primary.values, (*primary.flags, "the supplemental TEXT is out of place"))
    try:
        further = _parse(content, extra)
    except FcsError:
        return Text(primary.values, (*primary.flags, "the supplemental TEXT cannot be read"))
    return Text({**further.values, **primary.values}, primary.flags)


def integer(values: Mapping[str, str], keyword: str) -> int | None:
    """Return a keyword's whole number, None where the keyword is missing or blank."""
    text = values.get(keyword, "")
    if not text:
        return None
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise FcsError(f"{text[:40]!r} is not a whole number", keyword=keyword)
    return int(text)


def _require_fcs(start: bytes) -> None:
    """Refuse what does not begin as FCS does, and say what it is."""
    if not start:
        raise FcsError("the file is empty", offset=0, remedy="Copy it again from the cytometer")
    if start.startswith(b"FCS"):
        return
    for magic, (what, remedy) in _FOREIGN.items():
        if start.startswith(magic):
            raise FcsError(f"this is {what}, not FCS", offset=0, remedy=remedy)
    raise FcsError(
        "the file does not begin with FCS, so it is no FCS file",
        offset=0,
        remedy="Check that samples.csv names the right file",
    )


def _segment(start: bytes, place: int) -> Segment | None:
    """Read one pair of HEADER offsets, None where HEADER leaves the segment to TEXT."""
    name = _SEGMENTS[place]
    offsets = []
    for at in (10 + 16 * place, 18 + 16 * place):
        field = start[at : at + 8].strip(b" \0")
        if field and not re.fullmatch(rb"-?[0-9]+", field):
            raise FcsError(
                f"the {name} offset {field.decode('latin-1')!r} is not a number",
                keyword="HEADER",
                offset=at,
            )
        offsets.append(int(field or b"0"))
        if offsets[-1] < 0:
            raise FcsError(f"the {name} offset is negative", keyword="HEADER", offset=at)
    begin, end = offsets
    if begin in BEYOND_HEADER or end in BEYOND_HEADER:
        return None
    # An empty segment ends one byte before it begins.
    if end < begin - 1:
        raise FcsError(
            f"{name} ends (byte {end}) before it begins (byte {begin})",
            keyword="HEADER",
            offset=10 + 16 * place,
        )
    return Segment(begin, end)


def _checked_text(text: Segment | None, size: int) -> Segment:
    """Return the place of TEXT when it lies in the file."""
    if text is None or text.begin < HEADER_BYTES or text.end <= text.begin:
        raise FcsError("HEADER does not say where TEXT lies", keyword="HEADER", offset=10)
    if text.end >= size:
        raise FcsError(
            f"TEXT should end at byte {text.end}, the file ends at byte {size - 1}",
            keyword="HEADER",
            offset=size,
            remedy="The file is cut short: copy it again from the cytometer",
        )
    if text.end - text.begin >= TEXT_CAP:
        raise FcsError(f"TEXT is longer than {TEXT_CAP:,} bytes", keyword="HEADER", offset=18)
    return text


def _supplement(values: Mapping[str, str], primary: Segment) -> Segment | None:
    """Return the place of the supplemental TEXT, None where there is none of its own."""
    begin, end = integer(values, "$BEGINSTEXT"), integer(values, "$ENDSTEXT")
    if not begin or not end or begin == primary.begin:
        return None
    return Segment(begin, end)


def _parse(content: Bytes, place: Segment) -> Text:
    """Split one TEXT segment into keywords and values."""
    text = _decode(content[place.begin : place.end + 1].tobytes())
    delimiter = text[0]
    flags = _delimiter_flags(delimiter, place.begin)
    text = text.rstrip(BLANKS.replace(delimiter, ""))
    if len(text) < 2 or not text.endswith(delimiter):
        flags.append("TEXT has no final delimiter")
        text += delimiter
    values: dict[str, str] = {}
    d = re.escape(delimiter)
    pair = re.compile(rf"([^{d}]+){d}((?:[^{d}]++|{d}{d})*+){d}(?!{d})")
    position = 1
    while match := pair.match(text, position):
        name = match[1].strip(BLANKS).upper()
        value = match[2].replace(delimiter * 2, delimiter).strip(BLANKS)
        _check_pair(values, name, value, place.begin + position)
        values[name] = value
        position = match.end()
    rest = text[position:].strip(delimiter)
    if delimiter in rest or not values:
        raise FcsError(
            "keywords and values cannot be told apart from here on",
            keyword="TEXT",
            offset=place.begin + position,
            remedy="Export the file again; a value may hold the delimiter only if it is doubled",
        )
    if rest:
        flags.append("the last keyword has no value and is left out")
    return Text(values, tuple(flags))


def _decode(raw: bytes) -> str:
    """Return TEXT as FCS 3.1 has it, UTF-8, or else as older software wrote it, Latin-1."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _delimiter_flags(delimiter: str, offset: int) -> list[str]:
    """Return the flag of an odd delimiter; refuse what cannot be one."""
    if delimiter.isalnum() or delimiter in "$ ":
        raise FcsError(
            f"TEXT begins with {delimiter!r}, which cannot be its delimiter",
            keyword="TEXT",
            offset=offset,
        )
    # BD software writes a form feed; that is no reason to look at the file.
    if not delimiter.isprintable() and delimiter != "\f":
        return [f"the delimiter of TEXT is the control character {ord(delimiter):#04x}"]
    return []


def _check_pair(values: Mapping[str, str], name: str, value: str, offset: int) -> None:
    """Refuse a pair that shows that names and values are out of step.

    Neither may be quoted in the message: out of step, even a name can be a patient's.
    """
    if max(len(name), len(value)) > VALUE_CAP:
        reason = f"a keyword or its value is longer than {VALUE_CAP:,} characters"
    elif _STANDARD_KEYWORD.fullmatch(value):
        reason = f"the keyword {value} stands where a value should: one before holds the delimiter"
    elif values.get(name, value) != value:
        reason = "a keyword is given twice with different values" + (
            f": {name}" if _STANDARD_KEYWORD.fullmatch(name) else ""
        )
    else:
        return
    raise FcsError(reason, keyword="TEXT", offset=offset, remedy="Export the file again")
