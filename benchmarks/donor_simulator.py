"""Tubes of known donor fraction, with everything that an oracle may know about them.

Positions are in SD of the negative cells, recipient cells at 0 and donor cells at `distance`;
the stain index is half that distance. Tubes of one study share shapes; each has its own gain,
its own background and its own share of dim donor cells.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

FAMILIES = ("normal", "skewed", "heavy", "counting")
LEAKS = ("smear", "flat", "bump")


def sample_core(rng, number, family):
    """Return values of one population, mean 0 and SD 1."""
    if family == "normal":
        return rng.standard_normal(number)
    if family == "skewed":
        return (rng.gamma(6.0, size=number) - 6.0) / np.sqrt(6.0)
    if family == "heavy":
        return rng.standard_t(8, number) / np.sqrt(8 / 6)
    # Photoelectrons of a log-normal population on an asinh scale, electronic noise added.
    photons = rng.poisson(25 * np.exp(0.25 * rng.standard_normal(number)))
    return (np.arcsinh((photons + rng.normal(0, 2, number)) / 10) - 1.654) / 0.268


def sample_leak(rng, number, kind, distance):
    """Return recipient cells on the donor's side, the recipient at 0, the donor at `distance`."""
    if kind == "smear":
        return distance / 2 + rng.exponential(distance / 3, number)
    if kind == "flat":
        return rng.uniform(distance / 2, distance + 3, number)
    return np.maximum(rng.normal(0.75 * distance, distance / 6, number), distance / 2)


@dataclass(frozen=True)
class Assay:
    """What tubes of one study have in common."""

    family: str
    kind: str
    stain_index: float
    leak: float
    positive: bool
    leak_cv: float = 0.4
    miss: float = 0.003
    gain_sd: float = 0.2

    @property
    def distance(self):
        """Between the two peaks."""
        return 2.0 * self.stain_index

    def sample(self, rng, number, part):
        """Return positions of `core`, `leak` (recipient), `donor` or `miss` (donor) cells."""
        if part == "leak":
            return sample_leak(rng, number, self.kind, self.distance)
        if part == "miss":
            return rng.uniform(-2, self.distance / 2, number)
        values = sample_core(rng, number, self.family)
        if part == "core":
            return values * (1.0 if self.positive else 1.2)
        return self.distance - values * (1.2 if self.positive else 1.0)

    def tube(self, rng, number, fraction):
        """Return displayed values of a tube, and its gain."""
        shape = self.leak_cv**-2
        leak, miss = np.minimum(rng.gamma(shape, 1 / shape, 2) * (self.leak, self.miss), 0.5)
        donor = rng.binomial(number, fraction)
        leaked, missed = rng.binomial(number - donor, leak), rng.binomial(donor, miss)
        numbers = {"core": number - donor - leaked, "leak": leaked}
        numbers |= {"donor": donor - missed, "miss": missed}
        gain = rng.normal(0, self.gain_sd)
        position = gain + np.concatenate([self.sample(rng, n, p) for p, n in numbers.items()])
        return 2 + 0.2 * position * (1 if self.positive else -1), gain

    def controls(self, rng, size):
        """Return fresh control tubes of about `size` parents each."""

        def tubes(number, fraction):
            sizes = (size * np.exp(0.4 * rng.standard_normal(number))).astype(int)
            return [self.tube(rng, n, fraction)[0] for n in sizes]

        return {"recipient": tubes(2, 0.0), "donor": tubes(1, 1.0), "blanks": tubes(12, 0.0)}


@cache
def true_shapes(assay, edges):
    """Return the bin probabilities of the four kinds of cells from two million of each."""
    rng = np.random.default_rng(0)
    inside = [
        np.clip(assay.sample(rng, 2_000_000, part), edges[0], edges[-1] - 1e-9)
        for part in ("core", "leak", "donor", "miss")
    ]
    return [np.histogram(values, edges)[0] / 2e6 + 2.5e-7 for values in inside]
