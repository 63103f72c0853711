"""Which HLA class I antigens an allele, a broad antigen or a split stands for.

Broad antigens and splits: WHO Nomenclature Committee, table rel_ser_ser of IPD-IMGT/HLA 3.58.
Antigens of alleles whose first field holds several: rel_dna_ser of the same database, the common
alleles only.
"""

BROAD = {
    "A9": (23, 24),
    "A10": (25, 26, 34, 66),
    "A19": (29, 30, 31, 32, 33, 74),
    "A28": (68, 69),
    "B5": (51, 52),
    "B12": (44, 45),
    "B14": (64, 65),
    "B15": (62, 63, 75, 76, 77),
    "B16": (38, 39),
    "B17": (57, 58),
    "B21": (49, 50),
    "B22": (54, 55, 56),
    "B40": (60, 61),
    "B70": (71, 72),
    "C3": (9, 10),
}

ALLELE_GROUPS = {
    "A": {1, 2, 3, 11, 23, 24, 25, 26, *range(29, 35), 36, 43, 66, 68, 69, 74, 80},
    "B": {7, 8, 13, 14, 15, 18, 27, 35, *range(37, 43), *range(44, 60), 67, 73, 78, 81, 82, 83},
    "C": {*range(1, 9), 12, 14, 15, 16, 17, 18},
}

_SPLIT_BY_ALLELE = {
    "B64": "B*14:01",
    "B65": "B*14:02",
    "B62": "B*15:01 B*15:04 B*15:05 B*15:06 B*15:07 B*15:25 B*15:27 B*15:32 B*15:35 B*15:39",
    "B63": "B*15:16 B*15:17",
    "B71": "B*15:10 B*15:18",
    "B72": "B*15:03",
    "B75": "B*15:02 B*15:08 B*15:11 B*15:21 B*15:31",
    "B76": "B*15:12 B*15:14 B*15:19",
    "B77": "B*15:13",
    "B60": "B*40:01 B*40:07 B*40:10 B*40:14",
    "B61": "B*40:02 B*40:03 B*40:04 B*40:06 B*40:09 B*40:11 B*40:16",
    "C9": "C*03:03",
    "C10": "C*03:02 C*03:04",
}
_SPLIT_OF = {allele: split for split, text in _SPLIT_BY_ALLELE.items() for allele in text.split()}

CLASS_I = frozenset(
    {f"{locus}{group}" for locus, groups in ALLELE_GROUPS.items() for group in groups}
    | {f"{broad[0]}{split}" for broad, splits in BROAD.items() for split in splits}
) - set(BROAD)


def split(antigen: str) -> frozenset[str]:
    """Return the antigens that a serological antigen covers.

    Parameters
    ----------
    antigen
        Broad antigen or split without the ``w`` of the C locus, e.g. ``A9``, ``A24``, ``C3``.

    Examples
    --------
    >>> sorted(split("A9")), sorted(split("A24"))
    (['A23', 'A24'], ['A24'])
    """
    if antigen in BROAD:
        return frozenset(f"{antigen[0]}{number}" for number in BROAD[antigen])
    return frozenset({antigen})


def antigens_of_allele(locus: str, fields: tuple[str, ...]) -> frozenset[str]:
    """Return the antigens that an allele may carry; more than one when the typing leaves it open.

    Parameters
    ----------
    locus
        ``A``, ``B`` or ``C``.
    fields
        Fields of the allele name, e.g. ``("15", "02")``.

    Examples
    --------
    >>> antigens_of_allele("B", ("15", "02"))
    frozenset({'B75'})
    >>> sorted(antigens_of_allele("B", ("40",)))
    ['B60', 'B61']
    """
    known = _SPLIT_OF.get(f"{locus}*{':'.join(fields[:2])}")
    if known:
        return frozenset({known})
    group = f"{locus}{int(fields[0])}"
    if group == "B15":  # the allele group holds two broad antigens
        return split("B15") | split("B70")
    return split(group)


def group_of_antigen(antigen: str) -> tuple[str, ...]:
    """Return the first field of the alleles that carry an antigen; none when there are several.

    Parameters
    ----------
    antigen
        Broad antigen or split, e.g. ``B62``.

    Examples
    --------
    >>> group_of_antigen("A2"), group_of_antigen("B62"), group_of_antigen("A9")
    (('02',), ('15',), ())
    """
    locus, number = antigen[0], int(antigen[1:])
    if number in ALLELE_GROUPS[locus]:
        return (f"{number:02d}",)
    if antigen in _SPLIT_BY_ALLELE:
        return (_SPLIT_BY_ALLELE[antigen][2:4],)
    return ()
