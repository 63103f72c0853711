"""Cells per µL by counting beads, by acquired volume, or by a blood count."""

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from immunerecon.enumeration.poisson import count_ratio, garwood
from immunerecon.enumeration.proportions import wilson

CELLS_PER_UL_PER_GIGA_PER_LITRE = 1000.0


@dataclass(frozen=True)
class Concentration:
    """Cells per µL of blood with their 95 % interval; NaN where they cannot be told."""

    cells_per_ul: float = math.nan
    low: float = math.nan
    high: float = math.nan
    method: str = "none"


@dataclass(frozen=True)
class BeadPlatform:
    """Single platform: beads of a known number in a known volume of blood.

    Parameters
    ----------
    beads_added
        Beads put in the tube.
    blood_volume_ul
        Blood stained in the tube, in µL.
    beads
        Bead events acquired.
    """

    beads_added: float
    blood_volume_ul: float
    beads: int

    def concentration(self, count: int, clarity: float = 1.0) -> Concentration:
        """Return cells per µL for a number of events, `clarity` (0-1) of which are evidence.

        Examples
        --------
        >>> BeadPlatform(50_000, 50, beads=10_000).concentration(400).cells_per_ul
        40.0
        """
        if self.beads == 0:
            return Concentration()
        scale = self.beads_added / self.blood_volume_ul
        low, high = (bound / clarity for bound in count_ratio(count * clarity, self.beads))
        value = scale * count / self.beads
        return Concentration(value, scale * float(low), scale * float(high), "single-platform")


@dataclass(frozen=True)
class VolumePlatform:
    """A cytometer that measures the volume it takes up.

    Parameters
    ----------
    acquired_volume_ul
        Volume acquired in µL, less the share of events removed for an unsteady flow.
    dilution
        Volume of the stained sample over the volume of blood in it.
    """

    acquired_volume_ul: float
    dilution: float = 1.0

    def concentration(self, count: int, clarity: float = 1.0) -> Concentration:
        """Return cells per µL for a number of events, `clarity` (0-1) of which are evidence.

        Examples
        --------
        >>> VolumePlatform(50.0, dilution=20).concentration(400).cells_per_ul
        160.0
        """
        scale = self.dilution / self.acquired_volume_ul
        low, high = (bound / clarity for bound in garwood(count * clarity))
        return Concentration(scale * count, scale * float(low), scale * float(high), "volumetric")


@dataclass(frozen=True)
class BloodCountPlatform:
    """Dual platform: the tube gives shares, a haematology analyser gives cells.

    The analyser's own error is not known and not in the interval.

    Parameters
    ----------
    reference_cells_per_ul
        Lymphocytes (or all leukocytes) per µL by the analyser.
    reference_events
        Events of the same population in the tube.
    """

    reference_cells_per_ul: float
    reference_events: int

    def concentration(self, count: int, clarity: float = 1.0) -> Concentration:
        """Return cells per µL for events (`clarity` of them evidence) among the reference events.

        Examples
        --------
        >>> BloodCountPlatform(1200.0, reference_events=6000).concentration(400).cells_per_ul
        80.0
        """
        if self.reference_events == 0:
            return Concentration()
        total = self.reference_cells_per_ul
        low, high = wilson(count * clarity, self.reference_events * clarity)
        value = total * count / self.reference_events
        return Concentration(value, total * float(low), total * float(high), "dual-platform")


Platform = BeadPlatform | VolumePlatform | BloodCountPlatform


def blood_count_platform(
    lineage: Collection[str], *, alc: float, wbc: float, lymphocytes: int, leukocytes: int
) -> BloodCountPlatform | None:
    """Return the blood count that serves a population, by what the population is part of.

    Parameters
    ----------
    lineage
        The population and all it lies in.
    alc, wbc
        Lymphocytes and leukocytes in 10^9/L; NaN where not measured.
    lymphocytes, leukocytes
        Events of `Lymphocytes` and `Leukocytes` in the tube.

    Returns
    -------
    BloodCountPlatform or None
        From `alc` for lymphocytes and below, else from `wbc` for leukocytes; None elsewhere.
    """
    if "Lymphocytes" in lineage and not np.isnan(alc):
        return BloodCountPlatform(alc * CELLS_PER_UL_PER_GIGA_PER_LITRE, lymphocytes)
    if "Leukocytes" in lineage and not np.isnan(wbc):
        return BloodCountPlatform(wbc * CELLS_PER_UL_PER_GIGA_PER_LITRE, leukocytes)
    return None
