"""Single cells as they would be measured without an instrument: size, granularity, stains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from immunerecon.simulate.conditions import Conditions
from immunerecon.simulate.haplotypes import ANTIBODIES

Values = NDArray[np.float64]
Stain = tuple[float, float]


@dataclass(frozen=True)
class Phenotype:
    """Look of one population.

    Parameters
    ----------
    fsc, ssc
        Median scatter areas.
    ssc_sd
        Of log10 SSC.
    autofluorescence
        Relative to a lymphocyte.
    hla
        Log10 of the HLA class I staining per gene copy.
    stains
        Marker -> median and standard deviation of log10 intensity; background otherwise.
    """

    fsc: float
    ssc: float
    ssc_sd: float
    autofluorescence: float
    hla: float
    stains: Mapping[str, Stain]


def _lymphocyte(fsc: float, ssc: float, **stains: Stain) -> Phenotype:
    """A small round cell with bright CD45."""
    return Phenotype(fsc, ssc, 0.085, 1.0, 3.85, {"CD45": (4.55, 0.08), **stains})


_CD3: Stain = (4.10, 0.11)
_CD4: Stain = (4.20, 0.10)
_CD8: Stain = (4.45, 0.14)
_CD56_ON_T: Stain = (3.50, 0.22)

PHENOTYPES: Mapping[str, Phenotype] = {
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
POPULATIONS = tuple(PHENOTYPES)

_BACKGROUND: Stain = (1.35, 0.28)
_VIABILITY_LIVE: Stain = (2.10, 0.16)
_VIABILITY_DEAD: Stain = (4.15, 0.22)
_CD8_ON_NK: Stain = (3.35, 0.25)
_CD8_SHARE_OF_NK = 0.35
_SIZE_SHARE = 0.35  # of a stain's spread that goes with the cell's size


@dataclass(frozen=True)
class Cells:
    """Events before they are measured; all arrays have one entry, or row, an event.

    Parameters
    ----------
    population
        Index into `POPULATIONS`; -1 for debris, beads and doublets.
    donor, dead
        Whether it is the donor's, and whether it is dead.
    fsc_a, fsc_h, ssc_a
        Scatter.
    autofluorescence
        Relative to a lymphocyte.
    stains : shape (n, n_markers)
        Intensity of each marker's fluorochrome.
    """

    population: NDArray[np.int8]
    donor: NDArray[np.bool_]
    dead: NDArray[np.bool_]
    fsc_a: Values
    fsc_h: Values
    ssc_a: Values
    autofluorescence: Values
    stains: Values

    def __len__(self) -> int:
        return len(self.population)

    def take(self, index: NDArray[np.intp]) -> "Cells":
        """Return the events at the given positions."""
        return Cells(*(getattr(self, field.name)[index] for field in fields(self)))


def join(parts: Sequence[Cells]) -> Cells:
    """Return all events of several sets, in their order."""
    return Cells(
        *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Cells))
    )


def residuals(rng: np.random.Generator, shape: tuple[int, int], tails: float) -> Values:
    """Return standard deviates of cells, skewed and heavy-tailed as wanted.

    Parameters
    ----------
    rng
        Source of chance.
    shape
        Cells, features.
    tails
        0 for normal deviates; above, the right tail is longer, and whole cells stray further
        (Student's t with 2/`tails` degrees of freedom, at least 3).

    Returns
    -------
    ndarray
        Mean near 0, spread near 1.

    Examples
    --------
    >>> residuals(np.random.default_rng(0), (5, 2), 0.0).shape
    (5, 2)
    """
    deviates = rng.standard_normal(shape)
    if tails > 0:
        deviates += tails * (rng.standard_exponential(shape) - 1)
        freedom = max(3.0, 2 / tails)
        deviates *= np.sqrt(freedom / rng.chisquare(freedom, (shape[0], 1)))
    return deviates


@dataclass(frozen=True)
class Staining:
    """What decides how cells of one tube look, beside their population.

    Parameters
    ----------
    markers
        In the order of the columns of `Cells.stains`.
    hla_doses
        Antibody -> gene copies that it sees on the recipient and on the donor.
    activation
        Of NK cells by IL-2, 0 resting.
    cd3_lot
        Brightness of the CD3 lot, 1 usual.
    conditions
        Of the trial.
    """

    markers: tuple[str, ...]
    hla_doses: Mapping[str, tuple[float, float]]
    activation: float
    cd3_lot: float
    conditions: Conditions


def make_cells(
    rng: np.random.Generator,
    population: NDArray[np.int8],
    *,
    donor: NDArray[np.bool_],
    dead: NDArray[np.bool_],
    staining: Staining,
) -> Cells:
    """Return stained single cells.

    Parameters
    ----------
    rng
        Source of chance.
    population, donor, dead
        Of each cell, as in `Cells`.
    staining
        Panel, HLA and conditions.

    Returns
    -------
    Cells
        In the given order.

    Notes
    -----
    All quantities are log-normal about the population's median. A share of the spread is common to
    all of a cell's quantities (large cells scatter more and carry more of everything).

    Examples
    --------
    >>> staining = Staining(("CD3", "CD56"), {}, 0.0, 1.0, Conditions())
    >>> no = np.zeros(100, dtype=bool)
    >>> t = np.full(100, POPULATIONS.index("CD4"), dtype=np.int8)
    >>> cells = make_cells(np.random.default_rng(0), t, donor=no, dead=no, staining=staining)
    >>> bool((cells.stains[:, 0] > cells.stains[:, 1]).all())
    True
    """
    n, tails = len(population), staining.conditions.tails
    size = residuals(rng, (n, 1), tails)[:, 0]
    own = residuals(rng, (n, 4 + len(staining.markers)), tails)
    mixed = _SIZE_SHARE * size[:, None] + np.sqrt(1 - _SIZE_SHARE**2) * own
    looks = [PHENOTYPES[name] for name in POPULATIONS]
    active = np.isin(population, [POPULATIONS.index(name) for name in ("NK_bright", "NK_dim")])
    swelling = np.where(active, staining.activation, 0.0)
    fsc = np.array([look.fsc for look in looks])[population] * (1 + 0.08 * swelling)
    ssc = np.array([look.ssc for look in looks])[population] * (1 + 0.12 * swelling)
    ssc_sd = np.array([look.ssc_sd for look in looks])[population]
    glow = np.array([look.autofluorescence for look in looks])[population]
    fsc_a = fsc * np.exp(0.085 * size) * np.where(dead, 0.6, 1.0)
    return Cells(
        population=population,
        donor=donor,
        dead=dead,
        fsc_a=fsc_a,
        fsc_h=fsc_a * 0.84 * np.exp(0.022 * own[:, 0]),
        ssc_a=ssc * 10 ** (ssc_sd * mixed[:, 1]) * np.where(dead, 0.8, 1.0),
        autofluorescence=glow * 10 ** (0.12 * mixed[:, 2]) * np.where(dead, 3.0, 1.0),
        stains=_stain(rng, population, donor, dead, mixed[:, 4:], staining),
    )


def _stain(
    rng: np.random.Generator,
    population: NDArray[np.int8],
    donor: NDArray[np.bool_],
    dead: NDArray[np.bool_],
    deviates: Values,
    staining: Staining,
) -> Values:
    """Intensity of every marker on every cell."""
    maturity = _maturity(rng, population, staining.conditions.continuum)
    with_cd8 = rng.random(len(population)) < _CD8_SHARE_OF_NK
    stains = np.empty_like(deviates)
    for column, marker in enumerate(staining.markers):
        if marker == "Viability":
            live, stained = (np.array(stain) for stain in (_VIABILITY_LIVE, _VIABILITY_DEAD))
            median, spread = np.where(dead[:, None], stained, live).T
        elif marker in ANTIBODIES:
            median, spread = _hla(population, donor, staining.hla_doses.get(marker, (0.0, 0.0)))
        else:
            median, spread = _antigen(population, marker)
            median = median + _shift(population, marker, maturity, staining)
            if marker == "CD8":
                on_nk = with_cd8 & (population == POPULATIONS.index("NK_dim"))
                median = np.where(on_nk, _CD8_ON_NK[0], median)
                spread = np.where(on_nk, _CD8_ON_NK[1], spread)
        stains[:, column] = 10 ** (median + spread * deviates[:, column])
        if marker != "Viability":
            sticky = 10 ** (2.5 + 0.35 * deviates[:, column])
            stains[:, column] = np.where(dead, 0.45 * stains[:, column] + sticky, stains[:, column])
    return stains


def _antigen(population: NDArray[np.int8], marker: str) -> tuple[Values, Values]:
    """Median and spread of log10 intensity of a marker on each cell."""
    table = np.array([PHENOTYPES[name].stains.get(marker, _BACKGROUND) for name in POPULATIONS])
    return table[population, 0], table[population, 1]


def _hla(
    population: NDArray[np.int8], donor: NDArray[np.bool_], doses: tuple[float, float]
) -> tuple[Values, Values]:
    """Median and spread of log10 anti-HLA intensity: every cell of a positive person stains."""
    dose = np.where(donor, doses[1], doses[0])
    bright = np.array([PHENOTYPES[name].hla for name in POPULATIONS])[population]
    positive = bright + np.log10(np.where(dose > 0, dose, 1.0))
    return (
        np.where(dose > 0, positive, _BACKGROUND[0] + 0.45),
        np.where(dose > 0, 0.13, _BACKGROUND[1]),
    )


def _maturity(rng: np.random.Generator, population: NDArray[np.int8], continuum: float) -> Values:
    """Way of an NK cell from CD56bright (0) to CD56dim (1), of T cells from CD56 to none."""
    way = continuum * 0.5 * rng.random(len(population))
    later = continuum * 0.5 * rng.beta(1, 2, len(population))
    return np.where(population == POPULATIONS.index("NK_dim"), 1 - later, way)


def _shift(
    population: NDArray[np.int8], marker: str, maturity: Values, staining: Staining
) -> Values:
    """Change of log10 intensity with maturity and activation."""
    shift = np.zeros(len(population))
    if marker == "CD3":
        shift[_antigen(population, "CD3")[0] > 3] = np.log10(staining.cd3_lot)
    if marker not in {"CD56", "CD16"}:
        return shift
    index = {name: POPULATIONS.index(name) for name in POPULATIONS}
    bright, dim = (PHENOTYPES[name].stains[marker][0] for name in ("NK_bright", "NK_dim"))
    is_bright, is_dim = population == index["NK_bright"], population == index["NK_dim"]
    shift[is_bright] = (maturity * (dim - bright))[is_bright]
    shift[is_dim] = ((maturity - 1) * (dim - bright))[is_dim]
    by_activation = 0.35 if marker == "CD56" else -0.6
    shift[is_dim | (is_bright & (marker == "CD56"))] += by_activation * staining.activation
    if marker == "CD56":
        on_t = np.isin(population, [index[name] for name in ("NKT_CD8", "NKT_CD4", "NKT_DN")])
        shift[on_t] -= 1.2 * maturity[on_t]
    return shift
