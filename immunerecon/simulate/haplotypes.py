"""HLA class I of recipients and their haploidentical donors, and what antibodies see of it."""

from dataclasses import dataclass

import numpy as np

ANTIBODIES = ("HLA-A2", "HLA-A24", "HLA-Bw4")

# A-C-B haplotypes common in Koreans with relative weights. The six most frequent, with their
# frequencies: Hwang SH et al., Korean J Lab Med 2004;24:396-404. The others: known East Asian
# associations, weighted by the allele frequencies of In JW et al.,
# Ann Lab Med 2015;35:429-435, doi 10.3343/alm.2015.35.4.429; weights rounded.
_HAPLOTYPES: tuple[tuple[str, float], ...] = (
    ("A*33:03 C*03:02 B*58:01", 5.2),
    ("A*24:02 C*14:02 B*51:01", 4.5),
    ("A*11:01 C*04:01 B*15:01", 4.3),
    ("A*33:03 C*14:03 B*44:03", 4.0),
    ("A*30:01 C*06:02 B*13:02", 3.7),
    ("A*02:07 C*01:02 B*46:01", 3.2),
    ("A*24:02 C*07:02 B*07:02", 3.0),
    ("A*24:02 C*01:02 B*54:01", 2.8),
    ("A*02:01 C*03:03 B*15:01", 2.5),
    ("A*02:06 C*08:01 B*48:01", 2.0),
    ("A*24:02 C*12:02 B*52:01", 2.0),
    ("A*02:01 C*14:02 B*51:01", 2.0),
    ("A*26:01 C*03:04 B*40:02", 2.0),
    ("A*31:01 C*14:02 B*51:01", 1.8),
    ("A*02:01 C*01:02 B*54:01", 1.8),
    ("A*11:01 C*07:02 B*40:01", 1.6),
    ("A*02:06 C*07:02 B*39:01", 1.4),
    ("A*26:01 C*03:03 B*35:01", 1.4),
    ("A*03:01 C*05:01 B*44:02", 0.8),
    ("A*01:01 C*06:02 B*37:01", 0.8),
)

# Of these haplotypes, the ones that carry Bw4 on HLA-B; A24 carries it too, fainter
# (Foley B et al., Blood 2008;112:435-443).
_BW4_B = ("B*13", "B*37", "B*44", "B*51", "B*52", "B*58")
_BW4_ON_A24 = 0.4
# Some anti-A2 antibodies also bind these; no laboratory would rely on A2 beside them.
_CONFUSED_WITH_A2 = ("B*57", "B*58")


@dataclass(frozen=True)
class Pair:
    """HLA alleles of a recipient and the donor, who share one haplotype.

    Parameters
    ----------
    recipient, donor
        Six alleles each, two fields, e.g. ``A*02:01``.
    """

    recipient: tuple[str, ...]
    donor: tuple[str, ...]

    @property
    def informative(self) -> tuple[str, ...]:
        """Markers that tell the two apart: ``HLA-A2+`` (donor positive) or ``HLA-A2-``."""
        both = self.recipient + self.donor
        markers = []
        for antibody in ANTIBODIES:
            if antibody == "HLA-A2" and any(x.startswith(_CONFUSED_WITH_A2) for x in both):
                continue
            on_donor = doses(self.donor, antibody) > 0
            if on_donor != (doses(self.recipient, antibody) > 0):
                markers.append(antibody + ("+" if on_donor else "-"))
        return tuple(markers)


def doses(alleles: tuple[str, ...], antibody: str) -> float:
    """Return how many gene copies an antibody sees on a person's cells.

    Parameters
    ----------
    alleles
        Six alleles of two fields.
    antibody
        One of `ANTIBODIES`.

    Returns
    -------
    float
        Copies of the antigen; an A24 counts 0.4 for anti-Bw4.

    Examples
    --------
    >>> doses(("A*24:02", "C*07:02", "B*07:02", "A*02:01", "C*14:02", "B*51:01"), "HLA-Bw4")
    1.4
    """
    if antibody == "HLA-Bw4":
        on_b = sum(allele.startswith(_BW4_B) for allele in alleles)
        return on_b + _BW4_ON_A24 * doses(alleles, "HLA-A24")
    group = "A*" + antibody.removeprefix("HLA-A").zfill(2)
    return float(sum(allele.startswith(group) for allele in alleles))


def match(rng: np.random.Generator, wanted: str) -> Pair:
    """Draw a recipient and a haploidentical donor as wanted.

    Parameters
    ----------
    rng
        Source of chance.
    wanted
        ``+`` (an informative marker with the donor positive), ``-`` (all informative
        markers have the donor negative) or ``none`` (no marker tells them apart).

    Returns
    -------
    Pair
        The first pair drawn that is as wanted.

    Examples
    --------
    >>> match(np.random.default_rng(0), "none").informative
    ()
    """
    weights = np.array([weight for _, weight in _HAPLOTYPES])
    while True:
        drawn = rng.choice(len(weights), size=3, replace=False, p=weights / weights.sum())
        shared, own, other = (_HAPLOTYPES[place][0].split() for place in drawn)
        pair = Pair(recipient=_typing(shared, own), donor=_typing(shared, other))
        signs = {marker[-1] for marker in pair.informative}
        if {"+": "+" in signs, "-": signs == {"-"}, "none": not signs}[wanted]:
            return pair


def _typing(first: list[str], second: list[str]) -> tuple[str, ...]:
    """Return the alleles of two haplotypes in the order of a typing report: A, A, B, B, C, C."""
    return tuple(sorted(first + second))
