"""What is pipetted into a tube: whole blood, mononuclear cells, the NK-cell product."""

from collections.abc import Mapping
from dataclasses import dataclass

from immunerecon.simulate.biology import COURSES, DEBRIS_PER_UL, Blood


@dataclass(frozen=True)
class Specimen:
    """Contents of a tube before acquisition, per µL of the stained blood (or suspension).

    Parameters
    ----------
    recipient, donor
        Live cells/µL by population.
    debris_per_ul, beads_per_ul
        Other particles.
    """

    recipient: Mapping[str, float]
    donor: Mapping[str, float]
    debris_per_ul: float = DEBRIS_PER_UL
    beads_per_ul: float = 0.0


def whole_blood(blood: Blood, *, beads_per_ul: float = 0.0) -> Specimen:
    """Return lysed whole blood, not washed.

    Parameters
    ----------
    blood
        The draw.
    beads_per_ul
        Counting beads per µL of blood.

    Returns
    -------
    Specimen
        With all cells of the blood.

    Examples
    --------
    >>> blood = Blood({"B": 200.0}, {"B": 0.0}, activation=0.0)
    >>> whole_blood(blood, beads_per_ul=1000).beads_per_ul
    1000
    """
    return Specimen(blood.recipient, blood.donor, beads_per_ul=beads_per_ul)


def healthy_pbmc(*, donor: bool) -> Specimen:
    """Return mononuclear cells in usual proportions.

    Parameters
    ----------
    donor
        Whether they are the donor's (else the recipient's).

    Returns
    -------
    Specimen
        With hardly any granulocytes.

    Examples
    --------
    >>> pbmc = healthy_pbmc(donor=True)
    >>> sum(pbmc.recipient.values()), pbmc.donor["Neutrophil"] < pbmc.donor["NK_dim"]
    (0.0, True)
    """
    losses = {"Neutrophil": 0.02, "Eosinophil": 0.02}
    cells = {
        name: course.baseline_per_ul * losses.get(name, 1.0) for name, course in COURSES.items()
    }
    nothing = dict.fromkeys(COURSES, 0.0)
    persons = (nothing, cells) if donor else (cells, nothing)
    return Specimen(*persons, debris_per_ul=0.1 * DEBRIS_PER_UL)


def nk_product(cd3_per_nk: float) -> Specimen:
    """Return a CD3-depleted apheresis: NK cells, B cells, monocytes and few T cells.

    Parameters
    ----------
    cd3_per_nk
        T cells for each NK cell.

    Returns
    -------
    Specimen
        Donor cells alone.

    Examples
    --------
    >>> product = nk_product(0.01).donor
    >>> round(product["CD4"] / product["NK_dim"], 4)
    0.0054
    """
    t_cells = 0.38 * cd3_per_nk
    shares = {
        "NK_dim": 0.35,
        "NK_bright": 0.03,
        "NK_CD56neg": 0.01,
        "B": 0.20,
        "Mono_classical": 0.30,
        "Mono_CD16": 0.03,
        "Neutrophil": 0.06,
        "Basophil": 0.02,
        "CD4": 0.5 * t_cells,
        "CD8": 0.4 * t_cells,
        "NKT_CD8": 0.1 * t_cells,
    }
    cells = {name: 5000 * shares.get(name, 0.0) for name in COURSES}
    return Specimen(dict.fromkeys(COURSES, 0.0), cells, debris_per_ul=200.0)
