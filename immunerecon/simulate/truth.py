"""Truth tables: what every tube contains of each standard population."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import numpy as np

from immunerecon.simulate.biology import Blood, donor_nk_per_ul, draw_blood
from immunerecon.simulate.conditions import Conditions
from immunerecon.simulate.instrument import Setup
from immunerecon.simulate.phenotypes import LYMPHOCYTES, POPULATIONS, code_of
from immunerecon.simulate.trial import Patient
from immunerecon.simulate.tubes import KINDS, Acquisition

Row = dict[str, object]

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
_OPTIONAL = ("cells_per_ul", "donor_cells_per_ul", "donor_count", "donor_fraction")
_EXPANDED_PER_UL = 100


def tell_populations(acquisition: Acquisition, blood: Blood | None) -> Iterator[Row]:
    """Yield the truth about each standard population in one tube.

    Parameters
    ----------
    acquisition
        The tube's events.
    blood
        The draw that it was stained from; None when it was not.

    Yields
    ------
    dict
        ``population, parent, count, parent_count, count_undisturbed`` (live single cells in the
        file; the last without those during a clog), ``donor_count, donor_fraction`` (the donor's
        among NK, T and B in the file), ``cells_per_ul, donor_cells_per_ul`` (in the blood).
        `Singlets` are single cells, live or dead, without debris and beads.

    Examples
    --------
    >>> no = np.zeros(3, dtype=bool)
    >>> kind, population = np.array([0, 0, 4]), np.array([code_of("B"), code_of("CD4"), -1])
    >>> tube = Acquisition(np.zeros((3, 12)), kind, population, no, no, volume_ul=0.1)
    >>> {row["population"]: row["count"] for row in tell_populations(tube, None)}["Lymphocytes"]
    2
    """
    kinds = {kind: acquisition.kind == number for number, kind in enumerate(KINDS)}
    members = {"Singlets": kinds["cell"] | kinds["dead"], "Live": kinds["cell"]}
    for name, (_, parts) in STANDARD.items():
        members[name] = np.isin(acquisition.population, [code_of(part) for part in parts])
        members[name] &= kinds["cell"]
    members["Beads"] = kinds["bead"]
    counts = {name: int(member.sum()) for name, member in members.items()}
    for name, member in members.items():
        parent, parts = STANDARD.get(name, ("Singlets" if name == "Live" else "", ()))
        row: Row = {
            "population": name,
            "parent": parent,
            "count": counts[name],
            "parent_count": counts.get(parent, ""),
            "count_undisturbed": int((member & ~acquisition.disturbed).sum()),
            **dict.fromkeys(_OPTIONAL, ""),
        }
        if blood is not None and parts:
            row["cells_per_ul"] = f"{blood.total(parts):.6g}"
            row["donor_cells_per_ul"] = f"{blood.donor_total(parts):.6g}"
        if name in _WITH_DONOR and counts[name]:
            donors = int((member & acquisition.donor).sum())
            row |= {"donor_count": donors, "donor_fraction": f"{donors / counts[name]:.6g}"}
        yield row


def tell_tube(acquisition: Acquisition, setup: Setup) -> Row:
    """Return what else is true of a tube.

    Parameters
    ----------
    acquisition
        The tube's events.
    setup
        Of the cytometer.

    Returns
    -------
    dict
        ``cytometer, batch, n_events``, the number of events of each of `KINDS`, ``disturbed``
        (events during a clog), ``blood_acquired_ul``.
    """
    kinds = np.bincount(acquisition.kind, minlength=len(KINDS)).tolist()
    return {
        "cytometer": setup.cytometer,
        "batch": setup.batch,
        "n_events": len(acquisition.kind),
        **dict(zip(KINDS, kinds, strict=True)),
        "disturbed": int(acquisition.disturbed.sum()),
        "blood_acquired_ul": f"{acquisition.volume_ul:.6g}",
    }


def tell_patient(patient: Patient) -> Row:
    """Return what is true of one patient.

    Parameters
    ----------
    patient
        Whose truth.

    Returns
    -------
    dict
        ``patient``, ``informative`` (HLA markers), ``donor_course``, and of the donor NK cells:
        ``c_max`` (cells/µL) and ``t_max`` (days) of the smooth course, and whether they
        ``expanded`` to 100/µL at day 14 (Geller MA et al., Cytotherapy 2011;13:98-107).

    Examples
    --------
    >>> from immunerecon.simulate.conditions import EVERYDAY
    >>> from immunerecon.simulate.trial import enrol
    >>> tell_patient(enrol(5, seed=0, conditions=EVERYDAY))["donor_course"]
    'never'
    """
    days = np.arange(0, 60, 0.125)
    counts = np.array([donor_nk_per_ul(patient, float(day)) for day in days])
    return {
        "patient": patient.id,
        "informative": " ".join(patient.pair.informative),
        "donor_course": patient.plan.donor_course,
        "c_max": f"{counts.max():.6g}",
        "t_max": f"{days[counts.argmax()]:g}" if counts.max() > 0 else "",
        "expanded": "yes" if donor_nk_per_ul(patient, 14) >= _EXPANDED_PER_UL else "no",
    }


def tell_course(patient: Patient, conditions: Conditions) -> Iterator[Row]:
    """Yield true concentrations at every scheduled draw in the patient's life, missed ones too.

    Parameters
    ----------
    patient
        Whose course.
    conditions
        Of the trial.

    Yields
    ------
    dict
        ``patient, day, population, cells_per_ul, donor_cells_per_ul``.

    Examples
    --------
    >>> from immunerecon.simulate.conditions import EVERYDAY
    >>> from immunerecon.simulate.trial import enrol
    >>> course = tell_course(enrol(1, seed=0, conditions=EVERYDAY), EVERYDAY)
    >>> next(course)["population"]
    'Leukocytes'
    """
    for day in conditions.draw_days:
        if day >= patient.last_day:
            continue
        blood = draw_blood(patient, day, conditions=conditions)
        for name, (_, parts) in STANDARD.items():
            yield {
                "patient": patient.id,
                "day": day,
                "population": name,
                "cells_per_ul": f"{blood.total(parts):.6g}",
                "donor_cells_per_ul": f"{blood.donor_total(parts):.6g}",
            }
