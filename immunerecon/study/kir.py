"""Ligands of inhibitory KIR on a person's cells, and their mismatch between two people."""

from collections.abc import Mapping
from dataclasses import dataclass

from immunerecon.study.alleles import Allele, Presence, Typing

_C1_GROUPS = frozenset({"01", "03", "07", "08", "12", "14", "16"})
_C_EXCEPTIONS = {
    "C2": "C*01:14 C*03:07 C*03:10 C*03:15 C*07:07 C*07:09 C*08:10 C*12:04 C*12:05 C*14:12 C*16:02",
    "C1": "C*02:27 C*04:11 C*04:36 C*05:20 C*06:11 C*15:07",
    "unknown": "C*12 C*15 C*16",  # at one field both are common
}
_AB_LIGANDS = {
    "Bw4-80I": "A23 A24 A25 A32 B49 B51 B52 B53 B57 B58 B59 B77",
    "Bw4-80T": "B13 B37 B44 B47",
    "Bw4": "B27 B38 B63",
    "C1": "B46 B73",
    "A3/A11": "A3 A11",
}
_AB_EXCEPTIONS = {
    "none": "A*24:04 B*27:08 B*44:09",
    "Bw4-80I": "B*15:13 B*15:17 B*15:23 B*15:24 B*27:02 B*38:01 B*40:13",
    "Bw4-80T": "B*08:02 B*27:04 B*27:05 B*38:02 B*56:07",
    # Rare alleles said to leave the rule of their group; the published lists disagree.
    "unknown": "B*08:03 B*13:09 B*18:09 B*27:12 B*27:18 B*44:06 B*47:02",
}


def _by_name(names: Mapping[str, str]) -> dict[str, str]:
    """Turn ligand -> names into name -> ligand."""
    return {name: ligand for ligand, text in names.items() for name in text.split()}


_LIGAND_OF_ALLELE = _by_name(_C_EXCEPTIONS) | _by_name(_AB_EXCEPTIONS)
_LIGAND_OF_ANTIGEN = _by_name(_AB_LIGANDS)
# What the common alleles of a group carry where its rare ones differ.
_USUAL = {"C*12": "C1", "C*15": "C2", "C*16": "C1", "B62": "none"}
_PROTECTION = {"A23": "weak", "A25": "weak", "A24": "strong", "A32": "strong", "B13": "none"}
_RECEPTORS = {"C1": "KIR2DL2/3", "C2": "KIR2DL1", "Bw4": "KIR3DL1", "A3/A11": "KIR3DL2"}


@dataclass(frozen=True)
class AlleleLigand:
    """What an allele shows to KIR.

    Parameters
    ----------
    ligand
        ``C1``, ``C2``, ``Bw4-80I``, ``Bw4-80T``, ``Bw4`` (position 80 open), ``A3/A11``, ``none``,
        or ``unknown`` when the typing leaves it open.
    protection
        How well a Bw4 protects the cell from KIR3DL1 NK cells where that is known to differ:
        ``strong``, ``weak`` or ``none``; else empty.
    """

    ligand: str
    protection: str = ""


@dataclass(frozen=True)
class KirLigands:
    """KIR ligands of one person.

    Parameters
    ----------
    c1, c2, bw4, a3_a11
        Of all loci that can carry them.
    bw4_b
        Bw4 on HLA-B alone, as many publications count it.
    """

    c1: Presence
    c2: Presence
    bw4: Presence
    bw4_b: Presence
    a3_a11: Presence


@dataclass(frozen=True)
class KirMismatch:
    """One KIR ligand between donor and recipient; None where a typing does not tell.

    Parameters
    ----------
    ligand, receptor
        E.g. ``C1`` and ``KIR2DL2/3``.
    graft_versus_host
        The donor has the ligand and the recipient lacks it: donor NK cells that carry the receptor
        miss it on the recipient's cells.
    host_versus_graft
        The reverse.
    reason
        The alleles on either side.
    """

    ligand: str
    receptor: str
    graft_versus_host: bool | None
    host_versus_graft: bool | None
    reason: str


def allele_ligand(allele: Allele) -> AlleleLigand:
    """Return the KIR ligand of one allele.

    Parameters
    ----------
    allele
        Of HLA-A, -B or -C; its expression is not considered here.

    Notes
    -----
    HLA-C: asparagine 80 is C1, lysine 80 is C2. Bw4: leucine and arginine at 82-83, with isoleucine
    or threonine at 80. C1 also stands on B*46:01 and B*73:01. The rules by allele group and their
    exceptions were derived from residues 77-83 in IPD-IMGT/HLA 3.58; C*12, C*15 and C*16 of one
    field, and any B*15 that is not of a known split, stay unknown.

    References
    ----------
    Foley B, et al. Blood 2008;112:435-443.

    Examples
    --------
    >>> from immunerecon.study.alleles import parse_typing
    >>> [allele_ligand(a).ligand for a in parse_typing("A*24:02 B*15 B*46:01 C*12:04").alleles]
    ['Bw4-80I', 'unknown', 'C1', 'C2']
    """
    if allele.name in _LIGAND_OF_ALLELE:
        return AlleleLigand(_LIGAND_OF_ALLELE[allele.name])
    if allele.locus == "C" and allele.fields:
        return AlleleLigand("C1" if allele.fields[0] in _C1_GROUPS else "C2")
    if allele.locus == "C":  # alternatives of two groups
        return AlleleLigand("unknown")
    ligands = {_LIGAND_OF_ANTIGEN.get(antigen, "none") for antigen in allele.antigens}
    protections = {_PROTECTION.get(antigen, "") for antigen in allele.antigens}
    if len(ligands) == 1:
        return AlleleLigand(ligands.pop(), protections.pop() if len(protections) == 1 else "")
    return AlleleLigand("Bw4" if all(map(_is_bw4, ligands)) else "unknown")


def usual_ligand(allele: Allele) -> AlleleLigand:
    """Return the KIR ligand of an allele, of its group's common alleles where typing is ambiguous.

    Parameters
    ----------
    allele
        Of HLA-A, -B or -C.

    Returns
    -------
    AlleleLigand
        As `allele_ligand`, but C1 for C*12 and C*16, C2 for C*15 and none for B15 that were
        typed to one field; what is as ambiguous among common alleles (B12) stays unknown.

    Examples
    --------
    >>> from immunerecon.study.alleles import parse_typing
    >>> [usual_ligand(allele).ligand for allele in parse_typing("B12 B15 C*16").alleles]
    ['unknown', 'none', 'C1']
    """
    known = allele_ligand(allele)
    if known.ligand != "unknown":
        return known
    group = "B62" if "B62" in allele.antigens else allele.name
    return AlleleLigand(_USUAL.get(group, "unknown"))


def _is_bw4(ligand: str) -> bool:
    return ligand.startswith("Bw4")


def carries(allele: Allele, ligand: str, *, usual: bool = False) -> bool | None:
    """Tell whether an allele carries a ligand; None when its typing leaves it open.

    Parameters
    ----------
    allele
        Of HLA-A, -B or -C.
    ligand
        ``C1``, ``C2``, ``Bw4`` or ``A3/A11``.
    usual
        Whether an ambiguous typing is taken for the common alleles of its group.

    Examples
    --------
    >>> from immunerecon.study.alleles import parse_typing
    >>> [carries(allele, "Bw4") for allele in parse_typing("A*24:04 B*27:05 B12").alleles]
    [False, True, None]
    """
    found = (usual_ligand if usual else allele_ligand)(allele).ligand
    return None if found == "unknown" else found.startswith(ligand)


def kir_ligands(typing: Typing, *, usual: bool = False) -> KirLigands:
    """Return the KIR ligands of one person.

    Parameters
    ----------
    typing
        HLA-A, -B and -C; C1 needs HLA-B as well, for B*46 and B*73 carry it.
    usual
        Whether an ambiguous typing (C*12, C*15, C*16 or B15 of one field) is taken for the common
        alleles of its group, as publications do; else such a ligand is open.

    Examples
    --------
    >>> from immunerecon.study.alleles import parse_typing
    >>> ligands = kir_ligands(parse_typing("A*02:01 A*24:02 B*07:02 B*44:02 C*05:01 C*07:02"))
    >>> ligands.c1.present, ligands.c2.present, ligands.bw4.reason, ligands.a3_a11.present
    (True, True, 'A*24:02 B*44:02', False)
    """

    def find(ligand: str, loci: str) -> Presence:
        return typing.presence(loci, lambda allele: carries(allele, ligand, usual=usual), ligand)

    return KirLigands(
        c1=find("C1", "BC"),
        c2=find("C2", "C"),
        bw4=find("Bw4", "AB"),
        bw4_b=find("Bw4", "B"),
        a3_a11=find("A3/A11", "A"),
    )


def kir_mismatch(
    recipient: Typing, donor: Typing, *, usual: bool = False
) -> tuple[KirMismatch, ...]:
    """Compare the KIR ligands of donor and recipient, in both directions.

    Parameters
    ----------
    recipient, donor
        Their typings.
    usual
        As in `kir_ligands`.

    Returns
    -------
    tuple of KirMismatch
        C1, C2, Bw4 (HLA-A and -B) and A3/A11, the last for information only.

    Notes
    -----
    Ligand incompatibility: whether the NK cells carry the receptor is not typed here.

    References
    ----------
    Ruggeri L, et al. Science 2002;295:2097-2100. doi:10.1126/science.1068440

    Examples
    --------
    >>> from immunerecon.study.alleles import parse_typing
    >>> recipient = parse_typing("A*01:01 A*02:01 B*07:02 B*08:01 C*07:01 C*07:02")
    >>> donor = parse_typing("A*01:01 A*03:01 B*08:01 B*44:02 C*05:01 C*07:01")
    >>> [m.ligand for m in kir_mismatch(recipient, donor) if m.graft_versus_host]
    ['C2', 'Bw4', 'A3/A11']
    """
    of_recipient, of_donor = (kir_ligands(one, usual=usual) for one in (recipient, donor))
    pairs = {
        "C1": (of_donor.c1, of_recipient.c1),
        "C2": (of_donor.c2, of_recipient.c2),
        "Bw4": (of_donor.bw4, of_recipient.bw4),
        "A3/A11": (of_donor.a3_a11, of_recipient.a3_a11),
    }
    return tuple(
        KirMismatch(
            ligand,
            _RECEPTORS[ligand],
            _only_first(ours, theirs),
            _only_first(theirs, ours),
            f"donor: {_describe(ours)}; recipient: {_describe(theirs)}",
        )
        for ligand, (ours, theirs) in pairs.items()
    )


def _only_first(first: Presence, second: Presence) -> bool | None:
    """Whether the first has what the second lacks, in three-valued logic."""
    if first.present is False or second.present is True:
        return False
    if first.present is None or second.present is None:
        return None
    return True


def _describe(presence: Presence) -> str:
    if presence.present is None:
        return f"cannot tell, {presence.reason}"
    return presence.reason if presence.present else f"none ({presence.reason})"
