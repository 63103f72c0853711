"""Where DATA lies in a data set, proved by ``$TOT`` and the width of a row."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from immunerecon.cytometry.fcs_parameters import Parameter
from immunerecon.cytometry.fcs_text import Header, Segment, integer
from immunerecon.errors import FcsError

CHECKSUM_BYTES = 8


@dataclass(frozen=True)
class Layout:
    """How the events are stored.

    Parameters
    ----------
    n_events
        ``$TOT``.
    begin, n_bytes
        First byte and length of DATA in the data set.
    big_endian
        Whether the first byte is the highest (``$BYTEORD`` 4,3,2,1).
    packed
        Whether widths such as 10 bits follow each other without a gap; otherwise each value
        fills whole bytes.
    flags
        What a person should look at.
    """

    n_events: int
    begin: int
    n_bytes: int
    big_endian: bool
    packed: bool
    flags: tuple[str, ...]


@dataclass(frozen=True)
class _Place:
    """One statement about where DATA lies, and what speaks against it."""

    source: str
    segment: Segment
    n_bytes: int
    packed: bool
    fault: FcsError | None

    @property
    def n_stated(self) -> int:
        """Length of DATA as stated, which may be one byte off."""
        return self.segment.end - self.segment.begin + 1


def locate_data(
    header: Header, values: Mapping[str, str], parameters: Sequence[Parameter], size: int
) -> Layout:
    """Find DATA.

    Parameters
    ----------
    header, values, parameters
        HEADER, keywords and columns of the data set.
    size
        Bytes from its start to the end of the file.

    Raises
    ------
    FcsError
        When ``$MODE``, ``$BYTEORD`` or ``$TOT`` cannot be used, or neither HEADER nor TEXT
        names a place in the file that holds exactly ``$TOT`` events.

    Notes
    -----
    HEADER and TEXT both name the place, and cytometers get either wrong. A place is believed
    when it lies in the file, outside TEXT, and is as long as ``$TOT`` rows; its end may be off
    by one byte, or equal to its begin when the rows reach to the end of the file.
    """
    flags = _mode_flags(header, values)
    big_endian = _is_big_endian(values)
    n_events = integer(values, "$TOT")
    if n_events is None or n_events < 0:
        found = "is missing" if n_events is None else f"is {n_events}"
        raise FcsError(f"the number of events {found}", keyword="$TOT", remedy="Export it again")
    if n_events == 0:
        return Layout(0, 0, 0, big_endian, False, (*flags, _empty_flag(header)))
    lengths = _lengths(n_events, parameters)
    places = [
        _judged(source, segment, header, lengths, size)
        for source, segment in _stated_segments(header, values).items()
    ]
    place = _believed(places, header)
    flags += _place_flags(place, places, header)
    if not place.packed and any(parameter.bits % 8 for parameter in parameters):
        flags.append("values narrower than whole bytes are stored in whole bytes")
    begin = place.segment.begin
    return Layout(n_events, begin, place.n_bytes, big_endian, place.packed, tuple(flags))


def _mode_flags(header: Header, values: Mapping[str, str]) -> list[str]:
    """Refuse histograms."""
    mode = values.get("$MODE", "").upper()
    if mode == "L" or (not mode and header.version == "FCS3.2"):
        return []
    if not mode:
        return ["$MODE is missing, read as a list of events"]
    raise FcsError(
        f"mode {mode[:20]!r} is not a list of events (L)",
        keyword="$MODE",
        remedy="Export the file again in list mode",
    )


def _is_big_endian(values: Mapping[str, str]) -> bool:
    """Read ``$BYTEORD``."""
    text = values.get("$BYTEORD", "").replace(" ", "")
    order = text.split(",")
    ascending = [str(n) for n in range(1, len(order) + 1)]
    if text and order == ascending and len(order) <= 8:
        return False
    if text and order == ascending[::-1] and len(order) <= 8:
        return True
    raise FcsError(
        f"byte order {text[:20]!r}, accepted are 1,2,3,4 and 4,3,2,1"
        if text
        else "the byte order is missing, accepted are 1,2,3,4 and 4,3,2,1",
        keyword="$BYTEORD",
    )


def _stated_segments(header: Header, values: Mapping[str, str]) -> dict[str, Segment]:
    """Return what TEXT and HEADER say, in this order."""
    stated = {}
    begin, end = integer(values, "$BEGINDATA"), integer(values, "$ENDDATA")
    if begin and end:
        if begin < 0 or end < begin:
            raise FcsError(f"DATA from byte {begin} to {end}", keyword="$BEGINDATA")
        stated["TEXT"] = Segment(begin, end)
    if header.data is not None:
        stated["HEADER"] = header.data
    if not stated:
        raise FcsError("neither HEADER nor TEXT says where DATA lies", keyword="$BEGINDATA")
    return stated


def _lengths(n_events: int, parameters: Sequence[Parameter]) -> dict[int, bool]:
    """Return the possible lengths of DATA in bytes, each with whether values are packed."""
    packed = math.ceil(n_events * sum(parameter.bits for parameter in parameters) / 8)
    whole = n_events * sum(math.ceil(parameter.bits / 8) for parameter in parameters)
    return {packed: True} | {whole: False}


def _judged(
    source: str, segment: Segment, header: Header, lengths: Mapping[int, bool], size: int
) -> _Place:
    """Hold one stated place against the file."""
    stated = segment.end - segment.begin + 1
    n_bytes = min(lengths, key=lambda length: abs(length - stated))
    rest = size - segment.begin - n_bytes
    # With an end equal to the begin only the end of the file, less a checksum, proves $TOT.
    fits = abs(stated - n_bytes) <= 1 or (stated == 1 and 0 <= rest <= CHECKSUM_BYTES)
    fault = None
    if segment.end > size or (fits and rest < 0):
        raise FcsError(
            f"DATA should end at byte {segment.end}, the file ends at byte {size - 1}",
            keyword="$ENDDATA",
            offset=size,
            remedy="The file is cut short: copy it again from the cytometer",
        )
    if segment.begin <= header.text.end and segment.end >= header.text.begin:
        fault = FcsError(
            f"DATA (bytes {segment.begin} to {segment.end}) overlaps TEXT",
            keyword="$BEGINDATA",
            offset=segment.begin,
            remedy="Export the file again",
        )
    elif not fits:
        fault = FcsError(
            f"DATA has {stated:,} bytes, $TOT and the widths of the channels ask for {n_bytes:,}",
            keyword="$TOT",
            offset=segment.begin,
            remedy="$TOT, $PAR, $PnB or the offsets are wrong: export the file again",
        )
    return _Place(source, segment, n_bytes, lengths[n_bytes], fault)


def _believed(places: Sequence[_Place], header: Header) -> _Place:
    """Return the place that the file proves."""
    sound = [place for place in places if place.fault is None]
    if not sound and places[0].fault is not None:
        raise places[0].fault
    if len({place.segment.begin for place in sound}) > 1:
        sound = [place for place in sound if place.segment.begin == header.text.end + 1]
    if not sound:
        raise FcsError(
            "HEADER and TEXT name two places for DATA and the file proves neither",
            keyword="$BEGINDATA",
            remedy="Export the file again",
        )
    return sound[0]


def _empty_flag(header: Header) -> str:
    """Tell that there are no events, and whether DATA says otherwise."""
    n_bytes = header.data.end - header.data.begin + 1 if header.data else 0
    return f"no events, although DATA has {n_bytes:,} bytes" if n_bytes > 1 else "no events"


def _place_flags(place: _Place, places: Sequence[_Place], header: Header) -> list[str]:
    """Tell what was wrong with the statements about DATA."""
    flags = []
    if header.version != "FCS2.0" and all(other.source != "TEXT" for other in places):
        flags.append("$BEGINDATA is missing, HEADER is used")
    if len({other.segment.begin for other in places}) > 1:
        flags.append(f"HEADER and TEXT disagree where DATA begins, {place.source} is right")
    if abs(place.n_stated - place.n_bytes) > 1:
        flags.append("DATA is said to end where it begins, $TOT shows the right end")
    elif place.n_stated != place.n_bytes:
        flags.append("the end of DATA is off by one byte, $TOT shows the right end")
    return flags
