"""The numbers of one tube: counts, percent of parent, cells per µL, each with its interval."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from immunerecon.enumeration.concentration import (
    BeadPlatform,
    Concentration,
    Platform,
    VolumePlatform,
    blood_count_platform,
)
from immunerecon.enumeration.proportions import wilson
from immunerecon.gating.gated_tube import GatedTube

if TYPE_CHECKING:
    import pandas as pd

COUNTS = ("count", "parent_count", "gate_count")
FEW_EVENTS = 20  # below this a count is given and flagged: rare-event guidance, see docs


@dataclass(frozen=True)
class TubeVolume:
    """What is known of the blood behind one tube; NaN where it is not.

    Parameters
    ----------
    beads_added, blood_volume_ul
        Counting beads put in the tube, and blood stained in µL.
    acquired_volume_ul, dilution
        Volume taken up by the cytometer in µL, and stained volume over blood volume.
    alc, wbc
        Lymphocytes and leukocytes of the day's blood count, 10^9/L.
    kept_time
        Share (0-1) of the acquisition that was steady and is counted.
    """

    beads_added: float = math.nan
    blood_volume_ul: float = math.nan
    acquired_volume_ul: float = math.nan
    dilution: float = math.nan
    alc: float = math.nan
    wbc: float = math.nan
    kept_time: float = 1.0


def count_populations(gated: GatedTube, volume: TubeVolume) -> "pd.DataFrame":
    """Return one row for each population of a strategy.

    Parameters
    ----------
    gated
        The gated tube.
    volume
        What is known of the blood behind it.

    Returns
    -------
    DataFrame
        Columns population, parent, count, parent_count, percent_of_parent (0-100) with its Wilson
        interval, gate_count (by the gate's geometry within its parents', as another program counts
        it: the count, but where a model counts), expected_count (by that model), cells_per_ul with
        its 95 % interval, count_method, flags. Populations that could not be gated have no numbers
        and say why.
    """
    import pandas as pd

    return pd.DataFrame(population_rows(gated, volume)).astype(dict.fromkeys(COUNTS, "Int64"))


def population_rows(gated: GatedTube, volume: TubeVolume) -> list[dict[str, Any]]:
    """Return the rows of `count_populations`; a number that there is not is None.

    Parameters
    ----------
    gated, volume
        As for `count_populations`.
    """
    ancestors = _ancestors(gated)
    rows: list[dict[str, Any]] = []
    for gate in gated.gates:
        count, total = gated.count(gate.population), gated.count(gate.parent)
        # Where kinds of cells overlap, fewer events than were counted are evidence.
        clarity = gated.clarity.get(gate.population, 1.0)
        low, high = wilson(count * clarity, total * clarity)
        platform = _platform(ancestors[gate.population], gated, volume)
        cells = platform.concentration(count, clarity) if platform else Concentration()
        rows.append(
            {
                "population": gate.population,
                "parent": gate.parent,
                "count": count,
                "parent_count": total,
                "percent_of_parent": 100 * count / total if total else None,
                "percent_low": _known(100 * float(low)),
                "percent_high": _known(100 * float(high)),
                "gate_count": gated.gate_counts.get(gate.population, count),
                "expected_count": gated.expected.get(gate.population),
                "cells_per_ul": _known(cells.cells_per_ul),
                "cells_per_ul_low": _known(cells.low),
                "cells_per_ul_high": _known(cells.high),
                "count_method": cells.method,
                "flags": "few events" if count < FEW_EVENTS else "",
            }
        )
    nothing = dict.fromkeys(rows[0]) if rows else {}
    rows += [
        nothing
        | {"population": name, "parent": "", "count_method": "none"}
        | {"flags": f"not gated: {reason}"}
        for name, reason in gated.dropped.items()
    ]
    return rows


def _known(value: float) -> float | None:
    """Return a number, None where there is none."""
    return None if math.isnan(value) else value


def _ancestors(gated: GatedTube) -> dict[str, tuple[str, ...]]:
    """Return each population with all that it lies in, itself first."""
    found: dict[str, tuple[str, ...]] = {"": ()}
    for gate in gated.gates:
        found[gate.population] = (gate.population, *found[gate.parent])
    return found


def _platform(lineage: tuple[str, ...], gated: GatedTube, volume: TubeVolume) -> Platform | None:
    """Return the best platform there is: beads, then volume, then the blood count."""
    if "Beads" in lineage:
        return None
    if "Beads" in gated.members and not math.isnan(volume.beads_added):
        return BeadPlatform(volume.beads_added, volume.blood_volume_ul, gated.count("Beads"))
    if volume.acquired_volume_ul > 0:
        return VolumePlatform(volume.acquired_volume_ul * volume.kept_time, volume.dilution)
    counts = {
        name.lower(): gated.count(name) if name in gated.members else 0
        for name in ("Lymphocytes", "Leukocytes")
    }
    return blood_count_platform(lineage, alc=volume.alc, wbc=volume.wbc, **counts)
