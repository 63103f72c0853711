"""What a donor estimate says, and what a laboratory may set."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Call = Literal["detected", "detected_below_loq", "not_detected", "not_evaluable"]


@dataclass(frozen=True)
class DonorSettings:
    """What a laboratory may set.

    Parameters
    ----------
    min_events
        Parents below which a draw is not evaluable: fewer could not show 30 % of donor cells
        (three expected events). Above it the interval and the limits tell how little is known.
    min_control_events
        Parents below which a control tube is not used.
    min_youden
        Sensitivity + specificity - 1 below which the marker does not inform.
    cv
        Coefficient of variation at the limit of quantitation, 0-1.
    level
        Coverage of the interval, 0-1.
    replicates
        Bootstrap replicates of the controls.
    simulated_blanks
        Blank draws simulated for the limit of blank.
    seed
        Of the replicates and the blanks.
    """

    min_events: int = 10
    min_control_events: int = 50
    min_youden: float = 0.9
    cv: float = 0.2
    level: float = 0.95
    replicates: int = 48
    simulated_blanks: int = 300
    seed: int = 0


@dataclass(frozen=True)
class FittedParts:
    """The draw as the sum of its parts, for a figure.

    Parameters
    ----------
    marker : ndarray, shape (bins,)
        Middle of each bin on the scale of the draw, ascending; with several markers, on the
        axis that separates the controls best.
    observed, recipient, donor : ndarray, shape (bins,)
        Events of the draw, and fitted events of each kind of cells.
    """

    marker: Floats
    observed: Floats
    recipient: Floats
    donor: Floats


@dataclass(frozen=True)
class DonorEstimate:
    """How many of a draw's cells are the donor's. Fractions are 0-1, NaN where not evaluable.

    Parameters
    ----------
    call, reason
        What can be said, and why.
    total_events
        Parents in the draw.
    donor_events
        Expected donor cells among them.
    donor_fraction, fraction_low, fraction_high
        Estimate and interval; the interval begins at 0 where nothing is detected.
    raw_fraction
        The estimate before it was cut at 0.
    lob, lod, loq
        Limits of blank, detection and quantitation of this draw.
    sensitivity, specificity, youden
        Of the boundary between the controls; without a donor control only the specificity.
    rogan_gladen, rogan_gladen_low, rogan_gladen_high
        The estimate from that boundary alone, for comparison; not cut at 0.
    gain_shift
        How far all cells lie above the controls, in SD of the recipient's cells.
    method
        Where the donor's shape came from.
    flags
        What a person should look at.
    parts
        For a figure; None where not evaluable.
    """

    call: Call
    reason: str
    total_events: int
    donor_events: float = np.nan
    donor_fraction: float = np.nan
    fraction_low: float = np.nan
    fraction_high: float = np.nan
    raw_fraction: float = np.nan
    lob: float = np.nan
    lod: float = np.nan
    loq: float = np.nan
    sensitivity: float = np.nan
    specificity: float = np.nan
    youden: float = np.nan
    rogan_gladen: float = np.nan
    rogan_gladen_low: float = np.nan
    rogan_gladen_high: float = np.nan
    gain_shift: float = np.nan
    method: str = ""
    flags: tuple[str, ...] = ()
    parts: FittedParts | None = None
