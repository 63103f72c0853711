"""HLA typings at whatever resolution a laboratory reports them."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from immunerecon.errors import HlaError
from immunerecon.study.antigens import (
    ALLELE_GROUPS,
    BROAD,
    CLASS_I,
    antigens_of_allele,
    group_of_antigen,
    split,
)

FORMS = "A*02:01, A*02, A2, A9, Cw3 or Bw4, separated by spaces or ;"
_PREFIX = r"(?:HLA-)?"
_ALLELE = re.compile(
    _PREFIX + r"(?P<locus>[A-Z]{1,4}\d?)\*(?P<fields>\d{2,3}(?::\d{2,4}){0,3})"
    r"(?::(?P<code>[A-Z]{2,5}))?(?P<suffix>[NLSCAQGP]?)",
    re.IGNORECASE,
)
_SEROLOGY = re.compile(
    _PREFIX + r"(?P<locus>[A-Z]{1,4}?)W?(?P<number>\d{1,4})(?:\(\d+\))?", re.IGNORECASE
)
_PUBLIC = re.compile(_PREFIX + r"BW(?P<number>[46])", re.IGNORECASE)
_CLASS_II = ("D", "E", "F", "G", "MIC")
_ABSENT_FROM_SURFACE = frozenset("NSC")
_UNSURE_ON_SURFACE = frozenset("LAQ")


@dataclass(frozen=True)
class Allele:
    """One class I allele or antigen of a person.

    Parameters
    ----------
    text
        As reported.
    locus
        ``A``, ``B`` or ``C``.
    fields
        Fields of the allele name, ``("02", "01")``; the group alone at low resolution; none where
        a broad antigen covers several groups.
    antigens
        The antigens it may carry, e.g. ``{"A24"}``; several when the typing leaves it open.
    expression
        ``N`` null, ``S`` secreted, ``C`` cytoplasmic: none on the surface. ``L`` low, ``A``
        aberrant, ``Q`` questionable: perhaps. Empty: as usual.
    """

    text: str
    locus: str
    fields: tuple[str, ...]
    antigens: frozenset[str]
    expression: str = ""

    @property
    def name(self) -> str:
        """Name of at most two fields, ``B*15:01``; empty for a broad antigen."""
        return f"{self.locus}*{':'.join(self.fields[:2])}" if self.fields else ""


@dataclass(frozen=True)
class Presence:
    """Whether a person's cells carry something.

    Parameters
    ----------
    present
        None when the typing does not tell.
    reason
        The alleles that decide it, or what is missing.
    """

    present: bool | None
    reason: str


@dataclass(frozen=True)
class Typing:
    """HLA class I of one person.

    Parameters
    ----------
    alleles
        Those of HLA-A, -B and -C, in the order reported; a homozygous allele stands twice.
    public
        The public epitopes reported beside them: ``Bw4``, ``Bw6``.
    """

    alleles: tuple[Allele, ...] = ()
    public: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return " ".join([*(allele.text for allele in self.alleles), *sorted(self.public)])

    def presence(
        self, loci: Sequence[str], carries: Callable[[Allele], bool | None], what: str
    ) -> Presence:
        """Tell whether any allele carries something.

        Parameters
        ----------
        loci
            The loci that could.
        carries
            Whether one allele does; None when its typing leaves it open.
        what
            Its name, for the reason.

        Returns
        -------
        Presence
            Absent only when both alleles of every locus are known and carry it not.
        """
        alleles = [allele for allele in self.alleles if allele.locus in loci]
        answers = [(allele, _on_surface(allele, carries(allele))) for allele in alleles]
        carriers = [allele.text for allele, answer in answers if answer]
        if carriers:
            return Presence(True, " ".join(carriers))
        unsure = [allele.text for allele, answer in answers if answer is None]
        if unsure:
            return Presence(None, f"{' '.join(unsure)} may or may not carry {what}")
        for locus in loci:
            known = sum(allele.locus == locus for allele in alleles)
            if known < 2:
                return Presence(None, f"HLA-{locus}: {known} of 2 alleles known")
        return Presence(False, " ".join(allele.text for allele in alleles))


def _on_surface(allele: Allele, carried: bool | None) -> bool | None:
    """Whether a carried antigen is on the surface, given how the allele is expressed."""
    if allele.expression in _ABSENT_FROM_SURFACE:
        return False
    if carried and allele.expression in _UNSURE_ON_SURFACE:
        return None
    return carried


def parse_typing(text: str) -> Typing:
    """Read an HLA typing.

    Parameters
    ----------
    text
        Alleles or antigens separated by spaces, ``,`` or ``;``, at any resolution: ``A*02:01:01G``,
        ``A*02:01``, ``A*02``, ``A*02:XX``, ``A2``, ``A9``, ``A24(9)``, ``Cw3``, ``Bw4``, null
        alleles (``A*24:09N``), alternatives (``A*02:01/02:09``). Class II is passed over.

    Returns
    -------
    Typing
        Empty for an empty text.

    Raises
    ------
    HlaError
        A part that is no HLA name, an antigen that does not exist, or more than two at one locus;
        all of them at once.

    Examples
    --------
    >>> typing = parse_typing("A*02:01 A9 B*07:02 B44(12) Cw3 C*07")
    >>> [sorted(allele.antigens) for allele in typing.alleles]
    [['A2'], ['A23', 'A24'], ['B7'], ['B44'], ['C10', 'C9'], ['C7']]
    """
    alleles: list[Allele] = []
    public: set[str] = set()
    faults: list[str] = []
    for token in re.split(r"[\s;,]+", text.strip()) if text.strip() else []:
        if match := _PUBLIC.fullmatch(token):
            public.add(f"Bw{match['number']}")
        elif not token.upper().removeprefix("HLA-").startswith(_CLASS_II):
            try:
                alleles.append(_parse(token))
            except HlaError as error:
                faults.append(str(error))
    for locus in ALLELE_GROUPS:
        at_locus = [allele.text for allele in alleles if allele.locus == locus]
        if len(at_locus) > 2:
            faults.append(f"{len(at_locus)} alleles at HLA-{locus}: {' '.join(at_locus)}")
    if faults:
        raise HlaError("; ".join(faults))
    return Typing(tuple(alleles), frozenset(public))


def _parse(token: str) -> Allele:
    """Read one allele or antigen, or alternatives of one allele."""
    first, *others = token.split("/")
    allele = _parse_one(first)
    for other in others:
        written = other if other[:1].isalpha() else f"{allele.locus}*{other}"
        alternative = _parse_one(written)
        if alternative.locus != allele.locus:
            raise HlaError(f"{token!r} joins two loci")
        allele = Allele(
            token,
            allele.locus,
            _shared(allele.fields, alternative.fields),
            allele.antigens | alternative.antigens,
            allele.expression if allele.expression == alternative.expression else "Q",
        )
    return allele


def _shared(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    """Return the leading fields that two alleles share."""
    pairs = zip(one, other, strict=False)
    return tuple(field for field, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _parse_one(token: str) -> Allele:
    if match := _ALLELE.fullmatch(token):
        locus = match["locus"].upper().removesuffix("W")
        fields = tuple(match["fields"].split(":"))
        if locus not in ALLELE_GROUPS or int(fields[0]) not in ALLELE_GROUPS[locus]:
            raise HlaError(f"there is no HLA allele group {locus}*{fields[0]} (in {token!r})")
        suffix = match["suffix"].upper()
        expression = "" if suffix in "GP" else suffix  # G and P name groups of alleles
        return Allele(token, locus, fields, antigens_of_allele(locus, fields), expression)
    if match := _SEROLOGY.fullmatch(token):
        locus = match["locus"].upper()
        antigen = f"{locus}{int(match['number'])}"
        if antigen not in CLASS_I and antigen not in BROAD:
            raise HlaError(f"there is no HLA class I antigen {token!r}")
        return Allele(token, locus, group_of_antigen(antigen), split(antigen))
    if re.search(r"\*\d{4}", token):
        raise HlaError(f"{token!r} has no colons between its fields")
    raise HlaError(f"{token!r} is not an HLA allele or antigen")
