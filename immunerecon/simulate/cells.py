"""Single cells as they would be measured without an instrument: size, granularity, stains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from immunerecon.simulate.conditions import Conditions
from immunerecon.simulate.haplotypes import ANTIBODIES
from immunerecon.simulate.phenotypes import (
    BACKGROUND,
    HLA_BACKGROUND,
    HLA_SPREAD,
    PHENOTYPES,
    SUBSETS,
    VIABILITY_OF_DEAD,
    VIABILITY_OF_LIVE,
    code_of,
)

Values = NDArray[np.float64]
Codes = NDArray[np.int8]
Mask = NDArray[np.bool_]

_SIZE_SHARE = 0.35  # of a quantity's spread, common to all quantities of a cell
_NKT = [code_of(name) for name in ("NKT_CD8", "NKT_CD4", "NKT_DN")]
_NK_BRIGHT, _NK_DIM = code_of("NK_bright"), code_of("NK_dim")
_ACTIVATION_SHIFT = {"CD56": 0.35, "CD16": -0.6}  # of log10 intensity, at activation 1


@dataclass(frozen=True)
class Cells:
    """Events before they are measured; all arrays have one entry, or row, an event.

    Parameters
    ----------
    population
        Place in `phenotypes.POPULATIONS`; -1 for what is not a single cell.
    donor, dead
        Whether it is the donor's, and whether it is dead.
    fsc_a, fsc_h, ssc_a
        Scatter.
    autofluorescence
        Relative to a lymphocyte.
    stains : shape (n, n_markers)
        Intensity of each marker's fluorochrome.
    """

    population: Codes
    donor: Mask
    dead: Mask
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
    """Return all events of several sets, in their order.

    Parameters
    ----------
    parts
        One or more sets with the same markers.

    Returns
    -------
    Cells
        As many as all parts together.
    """
    return Cells(
        *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Cells))
    )


@dataclass(frozen=True)
class Staining:
    """What decides how cells of one tube look, beside their population.

    Parameters
    ----------
    markers
        In the order of the columns of `Cells.stains`.
    hla_doses
        Antibody -> gene copies that it sees on the recipient and on the donor.
    conditions
        Of the trial.
    activation
        Of NK cells by IL-2, 0 resting.
    cd3_lot
        Brightness of the CD3 lot, 1 usual.
    omitted
        Markers of the panel that this tube was not stained for.
    """

    markers: tuple[str, ...]
    hla_doses: Mapping[str, tuple[float, float]]
    conditions: Conditions
    activation: float = 0.0
    cd3_lot: float = 1.0
    omitted: frozenset[str] = frozenset()


def make_cells(
    rng: np.random.Generator, population: Codes, *, donor: Mask, dead: Mask, staining: Staining
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
    >>> staining = Staining(("CD3", "CD56"), {}, Conditions(tails=0))
    >>> no = np.zeros(100, dtype=bool)
    >>> t = np.full(100, code_of("CD4"), dtype=np.int8)
    >>> cells = make_cells(np.random.default_rng(0), t, donor=no, dead=no, staining=staining)
    >>> bool((cells.stains[:, 0] > cells.stains[:, 1]).all())
    True
    """
    n, tails = len(population), staining.conditions.tails
    deviates = _deviates(rng, (n, 5 + len(staining.markers)), tails)
    size, own = deviates[:, :1], deviates[:, 1:]
    mixed = _SIZE_SHARE * size + np.sqrt(1 - _SIZE_SHARE**2) * own
    fsc, ssc, ssc_sd, glow = np.array(
        [(p.fsc, p.ssc, p.ssc_sd, p.autofluorescence) for p in PHENOTYPES.values()]
    )[population].T
    nk = (population == _NK_BRIGHT) | (population == _NK_DIM)
    swelling = np.where(nk, staining.activation, 0.0)
    fsc_a = fsc * (1 + 0.08 * swelling) * np.exp(0.10 * size[:, 0]) * np.where(dead, 0.6, 1.0)
    ssc_a = ssc * (1 + 0.12 * swelling) * 10 ** (ssc_sd * mixed[:, 1]) * np.where(dead, 0.8, 1.0)
    return Cells(
        population=population,
        donor=donor,
        dead=dead,
        fsc_a=fsc_a,
        fsc_h=fsc_a * 0.84 * np.exp(0.028 * own[:, 0]),
        ssc_a=ssc_a,
        autofluorescence=glow * 10 ** (0.12 * mixed[:, 2]) * np.where(dead, 3.0, 1.0),
        stains=_stain(rng, population, donor=donor, dead=dead, mixed=mixed[:, 4:], how=staining),
    )


def _deviates(rng: np.random.Generator, shape: tuple[int, int], tails: float) -> Values:
    """Return deviates near mean 0 and spread 1; `tails` lengthens the right tail and whole cells'.

    Cells stray by Student's t with 2 / `tails` degrees of freedom, at least 3.
    """
    deviates = rng.standard_normal(shape)
    if tails > 0:
        deviates += tails * (rng.standard_exponential(shape) - 1)
        freedom = max(3.0, 2 / tails)
        deviates *= np.sqrt(freedom / rng.chisquare(freedom, (shape[0], 1)))
    return deviates


def _stain(
    rng: np.random.Generator,
    population: Codes,
    *,
    donor: Mask,
    dead: Mask,
    mixed: Values,
    how: Staining,
) -> Values:
    """Return the intensity of every marker on every cell."""
    maturity = _maturity(rng, population, how.conditions.continuum)
    stains = np.zeros_like(mixed)
    for column, marker in enumerate(how.markers):
        if marker in how.omitted:
            continue
        if marker == "Viability":
            table = np.array((VIABILITY_OF_LIVE, VIABILITY_OF_DEAD))
            median, spread = table[dead.astype(int)].T
        elif marker in ANTIBODIES:
            median, spread = _hla_stain(population, donor, how.hla_doses[marker])
        else:
            median, spread = _antigen_stain(rng, population, marker)
            median += _shift(population, marker, maturity, how)
        stains[:, column] = 10 ** (median + spread * mixed[:, column])
        if marker != "Viability":  # dead cells have lost antigen, and hold on to any antibody
            sticky = 10 ** (2.5 + 0.35 * mixed[:, column])
            stains[:, column] = np.where(dead, 0.45 * stains[:, column] + sticky, stains[:, column])
    return _understain(rng, stains, share=0.1 * how.conditions.tails)


def _antigen_stain(
    rng: np.random.Generator, population: Codes, marker: str
) -> tuple[Values, Values]:
    """Return median and spread of log10 intensity of an antigen on each cell."""
    table = np.array([look.stains.get(marker, BACKGROUND) for look in PHENOTYPES.values()])
    median, spread = table[population].T
    for name, subset_marker, share, stain in SUBSETS:
        if subset_marker == marker:
            members = (population == code_of(name)) & (rng.random(len(population)) < share)
            median[members], spread[members] = stain
    return median, spread


def _hla_stain(population: Codes, donor: Mask, doses: tuple[float, float]) -> tuple[Values, Values]:
    """Return median and spread of log10 anti-HLA intensity; a positive person's cells all stain."""
    dose = np.array(doses)[donor.astype(int)]
    per_copy = np.array([look.hla for look in PHENOTYPES.values()])[population]
    positive = per_copy + np.log10(np.where(dose > 0, dose, 1.0))
    median = np.where(dose > 0, positive, HLA_BACKGROUND[0])
    return median, np.where(dose > 0, HLA_SPREAD, HLA_BACKGROUND[1])


def _maturity(rng: np.random.Generator, population: Codes, continuum: float) -> Values:
    """Return each cell's way from CD56bright (0) to CD56dim (1), and T cells' loss of CD56."""
    way = 0.5 * continuum * rng.beta(1, 2, len(population))
    return np.where(population == _NK_DIM, 1 - way, way)


def _shift(population: Codes, marker: str, maturity: Values, how: Staining) -> Values:
    """Return the change of log10 intensity by lot, maturity and activation."""
    shift = np.zeros(len(population))
    if marker == "CD3":
        carries = [code_of(name) for name, look in PHENOTYPES.items() if "CD3" in look.stains]
        shift[np.isin(population, carries)] = np.log10(how.cd3_lot)
    if marker in _ACTIVATION_SHIFT:
        bright, dim = population == _NK_BRIGHT, population == _NK_DIM
        way = PHENOTYPES["NK_dim"].stains[marker][0] - PHENOTYPES["NK_bright"].stains[marker][0]
        shift += way * np.where(bright, maturity, np.where(dim, maturity - 1, 0.0))
        affected = bright | dim if marker == "CD56" else dim
        shift += np.where(affected, _ACTIVATION_SHIFT[marker] * how.activation, 0.0)
    if marker == "CD56":
        shift -= np.where(np.isin(population, _NKT), 1.5 * maturity, 0.0)
    return shift


def _understain(rng: np.random.Generator, stains: Values, *, share: float) -> Values:
    """Return the stains with each marker dimmed, up to 16-fold, on a share of the cells."""
    dimmed = rng.random(stains.shape) < share
    return np.where(dimmed, stains * 10 ** (-1.2 * rng.random(stains.shape)), stains)
