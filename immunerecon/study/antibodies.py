"""What an anti-HLA antibody sees of a person's cells."""

import re

from immunerecon.errors import HlaError
from immunerecon.study.alleles import Allele, Presence, Typing
from immunerecon.study.antigens import BROAD, CLASS_I, split
from immunerecon.study.kir import carries

_MARKER = re.compile(r"(?:HLA[-\s]?)?([ABC])(w?)\*?0*(\d{1,2})", re.IGNORECASE)

# Antibodies sold for the first antigen that, by clone, also bind the second.
_CROSS_REACTIVE = (("A2", "A69"), ("A2", "B57"), ("A2", "B58"), ("A3", "A11"), ("B7", "B27"))
_NEITHER_BW4_NOR_BW6 = frozenset({"B46", "B73"})


def hla_marker(text: str) -> str:
    """Return the canonical name of an anti-HLA class I antibody.

    Parameters
    ----------
    text
        E.g. ``HLA A2``, ``HLA-A*02``, ``A2``, ``Bw4``.

    Returns
    -------
    str
        E.g. ``HLA-A2``, ``HLA-Bw4``, ``HLA-Cw3``; empty when the text names no class I antigen
        (``HLA-DR`` and ``HLA-ABC`` do not).

    Examples
    --------
    >>> hla_marker("HLA-A*02"), hla_marker("hla bw4"), hla_marker("HLA-DR")
    ('HLA-A2', 'HLA-Bw4', '')
    """
    match = _MARKER.fullmatch(text.strip())
    if match is None:
        return ""
    locus, number = match[1].upper(), int(match[3])
    if locus == "B" and match[2] and number in {4, 6}:
        return f"HLA-Bw{number}"
    antigen = f"{locus}{number}"
    if antigen not in CLASS_I and antigen not in BROAD:
        return ""
    return f"HLA-{'Cw' if locus == 'C' else locus}{number}"


def antigen_presence(marker: str, typing: Typing) -> Presence:
    """Tell whether an anti-HLA antibody stains a person's cells.

    Parameters
    ----------
    marker
        E.g. ``HLA-A2``.
    typing
        The person's typing.

    Raises
    ------
    HlaError
        The marker is no antibody against one HLA class I antigen or against Bw4 or Bw6.

    Notes
    -----
    An antibody against a broad antigen sees its splits. Antigens that some clones also bind leave
    the answer open: A69, B57 and B58 for anti-A2, A11 for anti-A3, B27 for anti-B7, or the
    reverse.
    Anti-Bw4 sees the Bw4 of HLA-A as well. Alleles that are not on the surface are not seen.

    References
    ----------
    Hilton HG, Parham P. Tissue Antigens 2013;81:212-220.

    Examples
    --------
    >>> from immunerecon.study.alleles import parse_typing
    >>> antigen_presence("HLA-A24", parse_typing("A9 A2")).reason
    'A9 may or may not carry HLA-A24'
    """
    name = hla_marker(marker)
    if not name:
        raise HlaError(f"{marker!r} is not an antibody against one HLA class I antigen")
    if name in {"HLA-Bw4", "HLA-Bw6"}:
        return _public_presence(name.removeprefix("HLA-"), typing)
    antigen = name.removeprefix("HLA-").replace("w", "")
    seen, crossed = split(antigen), _cross_reactive(split(antigen))
    found = typing.presence([antigen[0]], lambda allele: _covers(seen, crossed, allele), name)
    if found.present is not False:
        return found
    suspects = [a.text for a in typing.alleles if a.antigens & crossed]
    if suspects:
        return Presence(None, f"some {name} antibodies also bind {' '.join(suspects)}")
    return found


def _covers(seen: frozenset[str], crossed: frozenset[str], allele: Allele) -> bool | None:
    """Whether the antigens that an allele may carry are among those seen."""
    if allele.antigens <= seen:
        return True
    return None if allele.antigens & seen else False


def _cross_reactive(seen: frozenset[str]) -> frozenset[str]:
    """Antigens outside `seen` that the antibody may bind."""
    return frozenset(
        other
        for pair in _CROSS_REACTIVE
        for one, other in (pair, pair[::-1])
        if one in seen and other not in seen
    )


def _public_presence(epitope: str, typing: Typing) -> Presence:
    """Whether Bw4 or Bw6 is on a person's cells."""
    if epitope == "Bw4":
        found = typing.presence("AB", lambda allele: carries(allele, "Bw4"), "Bw4")
    else:
        found = typing.presence("B", _carries_bw6, "Bw6")
    if epitope in typing.public and found.present is not True:
        if found.present is None:
            return Presence(True, f"{epitope} is reported")
        return Presence(None, f"{epitope} is reported, but {found.reason} do not carry it")
    return found


def _carries_bw6(allele: Allele) -> bool | None:
    if allele.antigens & _NEITHER_BW4_NOR_BW6:
        return None  # by sequence they carry neither, but sera have called them Bw6
    bw4 = carries(allele, "Bw4")
    return None if bw4 is None else not bw4
