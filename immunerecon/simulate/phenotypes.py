"""How each population of blood cells looks: scatter, autofluorescence, antigens."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

Stain = tuple[float, float]
"""Median and standard deviation of log10 intensity."""


@dataclass(frozen=True)
class Phenotype:
    """Look of one population.

    Parameters
    ----------
    fsc, ssc
        Median scatter areas.
    ssc_sd
        Standard deviation of log10 SSC.
    autofluorescence
        Relative to a lymphocyte.
    hla
        Log10 of the HLA class I staining per gene copy.
    stains
        Marker -> stain; background otherwise.
    """

    fsc: float
    ssc: float
    ssc_sd: float
    autofluorescence: float
    hla: float
    stains: Mapping[str, Stain]


def _lymphocyte(fsc: float, ssc: float, **stains: Stain) -> Phenotype:
    """Return a small round cell with bright CD45."""
    return Phenotype(fsc, ssc, 0.085, 1.0, 3.85, {"CD45": (4.55, 0.08), **stains})


_CD3: Stain = (4.10, 0.11)
_CD4: Stain = (4.20, 0.10)
_CD8: Stain = (4.45, 0.14)
_CD56_ON_T: Stain = (3.50, 0.22)

PHENOTYPES: Mapping[str, Phenotype] = MappingProxyType(
    {
        "CD4": _lymphocyte(68e3, 14.5e3, CD3=_CD3, CD4=_CD4),
        "CD8": _lymphocyte(68e3, 15.5e3, CD3=_CD3, CD8=_CD8),
        "DN": _lymphocyte(69e3, 15.5e3, CD3=(4.25, 0.14)),
        "NKT_CD8": _lymphocyte(72e3, 17.5e3, CD3=_CD3, CD8=(4.25, 0.22), CD56=_CD56_ON_T),
        "NKT_CD4": _lymphocyte(70e3, 16e3, CD3=_CD3, CD4=_CD4, CD56=_CD56_ON_T),
        "NKT_DN": _lymphocyte(72e3, 17e3, CD3=(4.20, 0.14), CD56=_CD56_ON_T),
        "B": _lymphocyte(66e3, 14.5e3, CD45=(4.42, 0.10), CD19=(4.05, 0.12)),
        "NK_bright": _lymphocyte(78e3, 17.5e3, CD56=(4.35, 0.15), CD16=(2.10, 0.35)),
        "NK_dim": _lymphocyte(74e3, 18.5e3, CD56=(3.55, 0.17), CD16=(4.05, 0.20)),
        "NK_CD56neg": _lymphocyte(72e3, 18e3, CD16=(3.90, 0.25)),
        "Mono_classical": Phenotype(
            118e3, 44e3, 0.075, 2.4, 4.1, {"CD45": (4.30, 0.09), "CD4": (3.10, 0.14)}
        ),
        "Mono_CD16": Phenotype(
            104e3,
            36e3,
            0.075,
            2.2,
            4.2,
            {"CD45": (4.42, 0.09), "CD4": (2.95, 0.16), "CD16": (3.90, 0.22)},
        ),
        "Neutrophil": Phenotype(
            122e3, 122e3, 0.085, 2.0, 3.5, {"CD45": (3.75, 0.10), "CD16": (4.50, 0.16)}
        ),
        "Eosinophil": Phenotype(112e3, 192e3, 0.07, 6.0, 3.5, {"CD45": (4.00, 0.09)}),
        "Basophil": Phenotype(70e3, 22e3, 0.08, 1.3, 3.8, {"CD45": (3.80, 0.10)}),
    }
)
POPULATIONS = tuple(PHENOTYPES)
LYMPHOCYTES = POPULATIONS[:10]

# A share of a population that carries a marker otherwise absent from it.
SUBSETS: tuple[tuple[str, str, float, Stain], ...] = (
    ("NK_dim", "CD8", 0.35, (3.35, 0.25)),
    ("Mono_classical", "CD56", 0.06, (3.00, 0.25)),
)

BACKGROUND: Stain = (1.35, 0.28)
HLA_BACKGROUND: Stain = (1.80, 0.28)
HLA_SPREAD = 0.13
VIABILITY_OF_LIVE: Stain = (2.10, 0.16)
VIABILITY_OF_DEAD: Stain = (4.15, 0.22)


def code_of(population: str) -> int:
    """Return the number that stands for a population in arrays.

    Parameters
    ----------
    population
        One of `POPULATIONS`.

    Returns
    -------
    int
        Its place in `POPULATIONS`.

    Examples
    --------
    >>> POPULATIONS[code_of("NK_dim")]
    'NK_dim'
    """
    return POPULATIONS.index(population)
