"""The cytometer: from stained events to raw detector values, photon by photon."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from immunerecon.simulate.cells import Cells, Mask, Values
from immunerecon.simulate.conditions import Conditions
from immunerecon.simulate.trial import chance

PANELS: Mapping[str, Mapping[str, str]] = {
    "lineage": {
        "CD45": "V500",
        "CD3": "FITC",
        "CD4": "PE-Cy7",
        "CD8": "APC-H7",
        "CD19": "APC",
        "CD56": "PE",
        "CD16": "BV421",
        "Viability": "7-AAD",
    },
    "donor_nk": {
        "CD45": "V500",
        "CD3": "APC-H7",
        "CD19": "BV605",
        "CD56": "PE-Cy7",
        "CD16": "APC",
        "Viability": "7-AAD",
        "HLA-A2": "BV421",
        "HLA-A24": "FITC",
        "HLA-Bw4": "PE",
    },
}

# Fluorochrome -> autofluorescence of a lymphocyte, units of one photoelectron.
_DETECTORS: Mapping[str, tuple[float, float]] = {
    "BV421": (70.0, 4.0),
    "V500": (160.0, 5.0),
    "BV605": (90.0, 5.0),
    "FITC": (130.0, 4.0),
    "PE": (70.0, 3.0),
    "7-AAD": (45.0, 6.0),
    "PE-Cy7": (25.0, 7.0),
    "APC": (30.0, 6.0),
    "APC-H7": (25.0, 10.0),
}
_DETECTOR_NAMES: Mapping[str, Mapping[str, str]] = {
    "LSRFortessa": {
        "7-AAD": "PerCP-Cy5-5-A",
        "BV421": "BV421-A",
        "V500": "BV510-A",
        "BV605": "BV605-A",
        "FITC": "FITC-A",
        "PE": "PE-A",
        "PE-Cy7": "PE-Cy7-A",
        "APC": "APC-A",
        "APC-H7": "APC-H7-A",
    },
    "CytoFLEX S": {
        "7-AAD": "Y690-A",
        "BV421": "V450-A",
        "V500": "V525-A",
        "BV605": "V610-A",
        "FITC": "B525-A",
        "PE": "Y585-A",
        "PE-Cy7": "Y780-A",
        "APC": "R660-A",
        "APC-H7": "R780-A",
    },
}
CYTOMETERS = tuple(_DETECTOR_NAMES)

# Share of a fluorochrome's light in another detector, relative to the worst pair.
_SPILLOVER: Mapping[tuple[str, str], float] = {
    ("FITC", "PE"): 1.0,
    ("FITC", "V500"): 0.10,
    ("PE", "7-AAD"): 0.90,
    ("PE", "FITC"): 0.06,
    ("PE", "PE-Cy7"): 0.12,
    ("PE", "BV605"): 0.25,
    ("7-AAD", "PE-Cy7"): 0.60,
    ("7-AAD", "APC"): 0.12,
    ("7-AAD", "APC-H7"): 0.15,
    ("PE-Cy7", "APC-H7"): 0.30,
    ("PE-Cy7", "PE"): 0.08,
    ("APC", "APC-H7"): 0.70,
    ("APC", "7-AAD"): 0.15,
    ("APC-H7", "APC"): 0.15,
    ("APC-H7", "PE-Cy7"): 0.20,
    ("BV421", "V500"): 0.60,
    ("BV421", "BV605"): 0.10,
    ("V500", "BV421"): 0.12,
    ("V500", "BV605"): 0.45,
    ("V500", "FITC"): 0.20,
    ("BV605", "PE"): 0.30,
    ("BV605", "7-AAD"): 0.35,
    ("BV605", "V500"): 0.06,
}
_ELECTRONIC_NOISE = 18.0
_MOST_PHOTOELECTRONS = 1e12  # far beyond the converter's ceiling; the sampler needs an end
_BEAD_FLUORESCENCE = 5.5e4
_CEILING = 262144.0
_STEP = 0.25  # of the digitised values; also makes files the same on every processor


@dataclass(frozen=True)
class Setup:
    """A cytometer as it was set up for one panel and one acquisition batch.

    Parameters
    ----------
    cytometer
        One of `CYTOMETERS`.
    batch
        Calendar quarter, e.g. ``2009Q2``.
    panel
        Marker -> fluorochrome.
    gains : shape (n_markers,)
        Relative detector gains.
    scatter_gains : shape (2,)
        Of FSC and SSC.
    spillover : shape (n_markers, n_markers)
        Truth: row emits, column detects, at these gains.
    recorded_spillover
        What the file says.
    """

    cytometer: str
    batch: str
    panel: Mapping[str, str]
    gains: Values
    scatter_gains: Values
    spillover: Values
    recorded_spillover: Values

    @property
    def channels(self) -> tuple[str, ...]:
        """``$PnN`` of the fluorescence detectors."""
        return tuple(_DETECTOR_NAMES[self.cytometer][dye] for dye in self.panel.values())

    @property
    def labels(self) -> tuple[str, ...]:
        """``$PnS`` of the fluorescence detectors as laboratories write them."""
        if self.cytometer == CYTOMETERS[0]:
            return tuple(f"{marker} {dye}" for marker, dye in self.panel.items())
        return tuple(
            f"{marker.replace('HLA-', 'HLA ')}-{dye}".replace("CD", "cd")
            for marker, dye in self.panel.items()
        )


def set_up(
    seed: int, panel: str, *, year: int, quarter: int, cytometer: str, conditions: Conditions
) -> Setup:
    """Return the cytometer as set up for one panel in one quarter of a year.

    Parameters
    ----------
    seed
        Of the trial.
    panel
        One of `PANELS`.
    year, quarter
        Of the acquisition; the gains stay the same within it.
    cytometer
        One of `CYTOMETERS`.
    conditions
        Gives gain drift and spillover.

    Returns
    -------
    Setup
        With true and recorded spillover.

    Examples
    --------
    >>> setup = set_up(
    ...     0, "lineage", year=2009, quarter=2, cytometer="LSRFortessa", conditions=Conditions()
    ... )
    >>> setup.batch, setup.channels[1], setup.labels[1]
    ('2009Q2', 'FITC-A', 'CD3 FITC')
    """
    number = CYTOMETERS.index(cytometer)
    rng = chance(seed, "batch", year, quarter, number)
    dyes = tuple(_DETECTORS)
    drift = np.exp(rng.uniform(-1, 1, len(dyes) + 2) * np.log1p(conditions.gain_drift))
    if number:
        drift *= np.exp(chance(seed, "cytometer", number).normal(0, 0.35, len(drift)))
    columns = [dyes.index(dye) for dye in PANELS[panel].values()]
    gains = drift[columns]
    emitted = conditions.spillover * np.array(
        [[_SPILLOVER.get((one, other), 0.0) for other in dyes] for one in dyes]
    )
    error = 1 + conditions.compensation_error * rng.standard_normal(emitted.shape)
    scale = drift[None, :-2] / drift[:-2, None]
    here = np.ix_(columns, columns)
    return Setup(
        cytometer=cytometer,
        batch=f"{year}Q{quarter}",
        panel=PANELS[panel],
        gains=gains,
        scatter_gains=drift[-2:] ** 0.3,
        spillover=(emitted * scale)[here] + np.eye(len(gains)),
        recorded_spillover=(emitted * scale * error)[here] + np.eye(len(gains)),
    )


def detect(rng: np.random.Generator, cells: Cells, setup: Setup, *, beads: Mask) -> Values:
    """Return the raw values of all events: scatter, then fluorescence.

    Parameters
    ----------
    rng
        Source of chance.
    cells
        Events.
    setup
        Cytometer, gains, spillover.
    beads
        Which events are counting beads, which shine into every detector.

    Returns
    -------
    ndarray, shape (n, 3 + n_markers)
        FSC-A, FSC-H, SSC-A and the detectors of the panel, before digitisation and ceiling.

    Notes
    -----
    A detector collects the light of its own fluorochrome, the spillover of the others and
    autofluorescence; the number of photoelectrons is Poisson distributed about it, so that bright
    neighbours spread the negatives after compensation; electronic noise is added.
    """
    glow, unit = np.array([_DETECTORS[dye] for dye in setup.panel.values()]).T
    per_light = setup.spillover * setup.gains[:, None] / setup.gains[None, :]
    light = cells.stains @ per_light + cells.autofluorescence[:, None] * glow
    light[beads] = _BEAD_FLUORESCENCE * cells.autofluorescence[beads, None]
    counts = rng.poisson(np.minimum(light / unit, _MOST_PHOTOELECTRONS))
    noise = rng.normal(0.0, _ELECTRONIC_NOISE, light.shape)
    fluorescence = counts * (unit * setup.gains) + noise
    fsc_gain, ssc_gain = setup.scatter_gains
    scatter = (cells.fsc_a * fsc_gain, cells.fsc_h * fsc_gain, cells.ssc_a * ssc_gain)
    return np.column_stack((*scatter, fluorescence))


def digitise(values: Values) -> NDArray[np.float32]:
    """Return values as the converter gives them.

    Parameters
    ----------
    values
        Detector values.

    Returns
    -------
    ndarray of float32
        In steps of 0.25, at most 262144.

    Examples
    --------
    >>> digitise(np.array([-1.3, 0.1, 3e5])).tolist()
    [-1.25, 0.0, 262144.0]
    """
    return np.minimum(np.round(values / _STEP) * _STEP, _CEILING).astype("<f4")
