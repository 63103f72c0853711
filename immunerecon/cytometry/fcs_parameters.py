"""The ``$Pn`` keywords of TEXT: what each column of DATA is and how it becomes linear."""

import math
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from immunerecon.cytometry.fcs_text import integer
from immunerecon.cytometry.tube import Channel
from immunerecon.errors import FcsError

MAX_PARAMETERS = 512
MAX_DECADES = 10.0
_WIDTH_OF = {"F": 32, "D": 64}
# Terminal sequences (a title, a colour) go as a whole, other control characters one by one.
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.?)")

Notes = defaultdict[str, list[str]]


@dataclass(frozen=True)
class Parameter:
    """One column of DATA.

    Parameters
    ----------
    name, label
        ``$PnN`` and ``$PnS`` without control characters.
    kind
        ``I`` (unsigned integer), ``F`` (float32) or ``D`` (float64).
    bits
        ``$PnB``.
    reach
        ``$PnR``; NaN where a float column has none.
    decades, zero
        ``$PnE`` of a logarithmic amplifier; 0 decades mean a linear one.
    gain
        ``$PnG`` of a linear amplifier.
    """

    name: str
    label: str
    kind: str
    bits: int
    reach: float
    decades: float
    zero: float
    gain: float

    @property
    def mask(self) -> int:
        """The bits that carry the value: those below the power of two at or above `reach`."""
        return (1 << min(self.bits, (math.ceil(self.reach) - 1).bit_length())) - 1

    @property
    def is_time(self) -> bool:
        """Whether this is the acquisition time."""
        return Channel(self.name, self.label, self.reach).is_time


def read_parameters(values: Mapping[str, str]) -> tuple[tuple[Parameter, ...], tuple[str, ...]]:
    """Read the ``$Pn`` keywords.

    Parameters
    ----------
    values
        Keywords of TEXT, upper case.

    Returns
    -------
    parameters, flags
        One parameter a column, and what a person should look at.

    Raises
    ------
    FcsError
        When ``$PAR``, ``$DATATYPE`` or a ``$Pn`` keyword is missing, out of its range or in
        contradiction to another.
    """
    n_parameters = _n_parameters(values)
    notes: Notes = defaultdict(list)
    parameters = tuple(_parameter(values, n, notes) for n in range(1, n_parameters + 1))
    names = [parameter.name for parameter in parameters]
    for n, name in enumerate(names, start=1):
        if name in names[: n - 1]:
            raise FcsError(
                f"two channels are called {name!r}",
                keyword=f"$P{n}N",
                remedy="Give every channel a name of its own and export the file again",
            )
    flags = [f"{problem} ({', '.join(channels)})" for problem, channels in notes.items()]
    return parameters, (*flags, *_surplus_flags(values, n_parameters))


def data_type(values: Mapping[str, str], keyword: str = "$DATATYPE") -> str:
    """Return I, F or D."""
    kind = values.get(keyword, "").upper()
    if kind == "A":
        raise FcsError(
            "events written as text (A) are not supported",
            keyword=keyword,
            remedy="Export the file again with float (F) data",
        )
    if kind not in {"I", "F", "D"}:
        found = f"unknown data type {kind[:20]!r}" if kind else "the data type is missing"
        raise FcsError(f"{found}, accepted are I, F and D", keyword=keyword)
    return kind


def printable(text: str) -> str:
    """Return the text without terminal sequences and control characters."""
    return "".join(c for c in _ANSI.sub("", text) if c.isprintable()).strip()


def _n_parameters(values: Mapping[str, str]) -> int:
    """Read ``$PAR``."""
    n_parameters = integer(values, "$PAR")
    if n_parameters is None or not 1 <= n_parameters <= MAX_PARAMETERS:
        found = "is missing" if n_parameters is None else f"is {n_parameters}"
        raise FcsError(
            f"the number of channels {found}, accepted are 1 to {MAX_PARAMETERS}", keyword="$PAR"
        )
    return n_parameters


def _parameter(values: Mapping[str, str], n: int, notes: Notes) -> Parameter:
    """Read one parameter; what is odd about it goes into `notes`, by problem."""
    name = printable(values.get(f"$P{n}N", ""))
    label = printable(values.get(f"$P{n}S", ""))
    if not name:
        raise FcsError(
            f"channel {n} has no name",
            keyword=f"$P{n}N",
            remedy="Name the channel and export the file again",
        )
    if not (name + label).isascii():
        notes["name or label beyond ASCII, check that it reads well"].append(name)
    own_type = f"$P{n}DATATYPE"
    kind = data_type(values, own_type if values.get(own_type) else "$DATATYPE")
    decades, zero = _amplification(values, n, kind, name, notes)
    return Parameter(
        name=name,
        label=label,
        kind=kind,
        bits=_bits(values, n, kind),
        reach=_reach(values, n, kind, name, notes),
        decades=decades,
        zero=zero,
        gain=_gain(values, n, name, notes),
    )


def _bits(values: Mapping[str, str], n: int, kind: str) -> int:
    """Read ``$PnB``."""
    keyword = f"$P{n}B"
    bits = integer(values, keyword)
    if bits is None:
        raise FcsError(f"channel {n} has no width in bits", keyword=keyword)
    if kind in _WIDTH_OF and bits != _WIDTH_OF[kind]:
        raise FcsError(f"{bits} bits, type {kind} has {_WIDTH_OF[kind]}", keyword=keyword)
    if not 8 <= bits <= 64:
        raise FcsError(f"{bits} bits, accepted are 8 to 64", keyword=keyword)
    return bits


def _reach(values: Mapping[str, str], n: int, kind: str, name: str, notes: Notes) -> float:
    """Read ``$PnR``."""
    reach = _number(values.get(f"$P{n}R", ""))
    if math.isfinite(reach) and reach > 0:
        return reach
    if kind == "I":
        raise FcsError(
            f"channel {n} has no range above 0, which integer data need", keyword=f"$P{n}R"
        )
    notes["no $PnR, the largest value is taken for the maximum"].append(name)
    return math.nan


def _amplification(
    values: Mapping[str, str], n: int, kind: str, name: str, notes: Notes
) -> tuple[float, float]:
    """Read ``$PnE`` as decades and value at zero."""
    keyword = f"$P{n}E"
    text = values.get(keyword, "")
    if not text and kind != "I":
        return 0.0, 0.0
    numbers = [_number(part) for part in text.split(",")]
    if len(numbers) != 2 or not 0 <= numbers[0] <= MAX_DECADES or not 0 <= numbers[1] < math.inf:
        raise FcsError(
            f"{text[:40]!r} is no amplification, accepted are two numbers such as '0,0' or '4,1'",
            keyword=keyword,
        )
    decades, zero = numbers
    if decades and kind != "I":
        notes["$PnE says logarithmic, floats are linear and left as they are"].append(name)
        return 0.0, 0.0
    if decades and not zero:
        notes["$PnE has 0 for its lowest value, read as 1"].append(name)
        zero = 1.0
    return decades, zero


def _gain(values: Mapping[str, str], n: int, name: str, notes: Notes) -> float:
    """Read ``$PnG``."""
    text = values.get(f"$P{n}G", "")
    gain = _number(text) if text else 1.0
    if math.isfinite(gain) and gain > 0:
        return gain
    notes["$PnG is no number above 0, read as 1"].append(name)
    return 1.0


def _number(text: str) -> float:
    """Return the number, NaN where there is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _surplus_flags(values: Mapping[str, str], n_parameters: int) -> list[str]:
    """Look for channels beyond ``$PAR``: refused when one is described in full."""
    surplus = {
        int(found[1])
        for keyword in values
        if (found := re.fullmatch(r"\$P([0-9]{1,6})N", keyword)) and int(found[1]) > n_parameters
    }
    for n in sorted(surplus):
        if all(values.get(f"$P{n}{letter}") for letter in "BR"):
            raise FcsError(
                f"the file says {n_parameters} channels and describes channel {n} as well",
                keyword="$PAR",
                remedy="Export the file again",
            )
    return ["keywords of channels beyond $PAR are left out"] if surplus else []
