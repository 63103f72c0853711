"""Truth tables: what every tube contains of each standard population."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import numpy as np

from immunerecon.simulate.biology import LYMPHOCYTES, Blood
from immunerecon.simulate.cells import POPULATIONS
from immunerecon.simulate.tubes import KINDS, Acquisition

_T = ("CD4", "CD8", "DN", "NKT_CD8", "NKT_CD4", "NKT_DN")
_NK = ("NK_bright", "NK_dim")

# Standard population -> its parent and the simulated populations it is made of.
STANDARD: Mapping[str, tuple[str, tuple[str, ...]]] = MappingProxyType(
    {
        "Leukocytes": ("Live", POPULATIONS),
        "Lymphocytes": ("Leukocytes", LYMPHOCYTES),
        "Monocytes": ("Leukocytes", ("Mono_classical", "Mono_CD16")),
        "Granulocytes": ("Leukocytes", ("Neutrophil", "Eosinophil")),
        "T": ("Lymphocytes", _T),
        "CD4_T": ("T", ("CD4", "NKT_CD4")),
        "CD8_T": ("T", ("CD8", "NKT_CD8")),
        "DN_T": ("T", ("DN", "NKT_DN")),
        "NKT_like": ("T", ("NKT_CD8", "NKT_CD4", "NKT_DN")),
        "NK": ("Lymphocytes", _NK),
        "NK_CD56bright": ("NK", ("NK_bright",)),
        "NK_CD56dim": ("NK", ("NK_dim",)),
        "B": ("Lymphocytes", ("B",)),
    }
)
_WITH_DONOR = ("NK", "T", "B")


def tell_populations(acquisition: Acquisition, blood: Blood | None) -> Iterator[dict[str, object]]:
    """Yield one row a standard population of one tube.

    Parameters
    ----------
    acquisition
        The tube's events.
    blood
        The draw that it was stained from; None when no blood count applies.

    Yields
    ------
    dict
        ``population, parent, count, parent_count, count_undisturbed`` (live single cells in the
        file; the last without those during a clog), ``donor_count, donor_fraction`` (the donor's
        among NK, T and B in the file), ``cells_per_ul, donor_cells_per_ul`` (in the blood).
    """
    cell, dead = (acquisition.kind == KINDS.index(kind) for kind in ("cell", "dead"))
    bead = acquisition.kind == KINDS.index("bead")
    members = {"Singlets": cell | dead, "Live": cell, "Beads": bead}
    parents = {"Singlets": "", "Live": "Singlets", "Beads": ""}
    for name, (parent, parts) in STANDARD.items():
        codes = [POPULATIONS.index(part) for part in parts]
        members[name], parents[name] = cell & np.isin(acquisition.population, codes), parent
    counts = {name: int(member.sum()) for name, member in members.items()}
    for name, member in members.items():
        row: dict[str, object] = {
            "population": name,
            "parent": parents[name],
            "count": counts[name],
            "parent_count": counts.get(parents[name], ""),
            "count_undisturbed": int((member & ~acquisition.disturbed).sum()),
            "cells_per_ul": "",
            "donor_cells_per_ul": "",
            "donor_count": "",
            "donor_fraction": "",
        }
        if blood is not None and name in STANDARD:
            row["cells_per_ul"] = f"{blood.total(STANDARD[name][1]):.6g}"
        if name in _WITH_DONOR:
            donors = int((member & acquisition.donor).sum())
            row["donor_count"] = donors
            row["donor_fraction"] = f"{donors / counts[name]:.6g}" if counts[name] else ""
            if blood is not None:
                donor_per_ul = sum(blood.donor[part] for part in STANDARD[name][1])
                row["donor_cells_per_ul"] = f"{donor_per_ul:.6g}"
        yield row
