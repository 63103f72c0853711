"""KIR ligands that donor and recipient do not share, for every pair of a trial."""

from collections.abc import Iterable

import pandas as pd

from immunerecon.study.alleles import Typing
from immunerecon.study.kir import KirMismatch, kir_mismatch

Pair = tuple[str, Typing, Typing]
_TOLD = {True: "yes", False: "no", None: "ambiguous"}


def kir_mismatch_table(pairs: Iterable[Pair]) -> pd.DataFrame:
    """Compare the KIR ligands of each patient and donor, in both directions.

    Parameters
    ----------
    pairs
        (patient, recipient's typing, donor's typing).

    Returns
    -------
    DataFrame
        One row a patient and ligand (C1, C2, Bw4, A3/A11): `patient, ligand, receptor,
        graft_versus_host, host_versus_graft`, each ``yes``, ``no`` or ``ambiguous`` where a
        typing does not tell; the same with `usual_`, an allele of C*12, C*15, C*16 or B15 typed
        to one field being taken for the common ones; and `reason` for what is ambiguous. Whether
        the donor has the receptor is not known here. Typings stay out of it, but for the alleles
        that are ambiguous.

    Examples
    --------
    >>> from immunerecon.study.alleles import parse_typing
    >>> recipient = parse_typing("A*02:01 A*33:03 B*07:02 B*08:01 C*07:01 C*07:02")
    >>> donor = parse_typing("A*02:01 A*33:03 B*07:02 B*44:02 C*16 C*07:02")
    >>> table = kir_mismatch_table([("P1", recipient, donor)]).set_index("ligand")
    >>> table[["graft_versus_host", "usual_graft_versus_host"]].iloc[:3]
           graft_versus_host usual_graft_versus_host
    ligand
    C1                    no                      no
    C2             ambiguous                      no
    Bw4                  yes                     yes
    """
    rows = []
    for patient, recipient, donor in pairs:
        sure, usual = (kir_mismatch(recipient, donor, usual=taken) for taken in (False, True))
        for found, taken in zip(sure, usual, strict=True):
            rows.append(
                {
                    "patient": patient,
                    "ligand": found.ligand,
                    "receptor": found.receptor,
                    "graft_versus_host": _TOLD[found.graft_versus_host],
                    "host_versus_graft": _TOLD[found.host_versus_graft],
                    "usual_graft_versus_host": _TOLD[taken.graft_versus_host],
                    "usual_host_versus_graft": _TOLD[taken.host_versus_graft],
                    "reason": _open(found),
                }
            )
    return pd.DataFrame(rows, columns=list(_COLUMNS))


_COLUMNS = (
    *("patient", "ligand", "receptor", "graft_versus_host", "host_versus_graft"),
    *("usual_graft_versus_host", "usual_host_versus_graft", "reason"),
)


def _open(found: KirMismatch) -> str:
    """Return what leaves a direction open, without naming the alleles that decide."""
    if None not in (found.graft_versus_host, found.host_versus_graft):
        return ""
    return "; ".join(part for part in found.reason.split("; ") if "cannot tell" in part)
