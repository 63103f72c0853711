"""Evidence of a tube, found on display scales of its own, on the scales that all tubes share."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from immunerecon.gating.boundaries import Boundary
from immunerecon.gating.evidence import TubeEvidence
from immunerecon.gating.geometry.scale import Scale
from immunerecon.gating.models.features import columns_of, features, gain_slopes

Scales = Mapping[str, Scale]


def rescale_evidence(evidence: TubeEvidence, *, own: Scales, common: Scales) -> TubeEvidence:
    """Return the evidence as it lies on other display scales.

    Parameters
    ----------
    evidence
        Of a tube on its own scales.
    own, common
        Scale of each dimension: that of the evidence, and that which is wanted.

    Returns
    -------
    TubeEvidence
        Events and boundaries at the same linear values, slopes of the common scales.

    Notes
    -----
    It saves a second look at the tube once the common scales are known. Both scales rise, so no
    event changes sides of a boundary but by the rounding of a float32.
    """
    columns = {
        name: _moved(column, own[name], common[name])
        for name, column in columns_of(evidence.values, evidence.dimensions).items()
    }
    return replace(
        evidence,
        values=features(columns, evidence.dimensions),
        slopes=gain_slopes(common, evidence.dimensions),
        boundaries=tuple(_rescaled(found, own, common) for found in evidence.boundaries),
    )


def _rescaled(boundary: Boundary, own: Scales, common: Scales) -> Boundary:
    about = boundary.value + boundary.standard_error * np.array([-1, 0, 1])
    about[1] = boundary.value  # known, even where its error is not
    low, value, high = _moved(
        about.astype(np.float32), own[boundary.marker], common[boundary.marker]
    ).tolist()
    return replace(boundary, value=value, standard_error=(high - low) / 2)


def _moved(
    display: np.ndarray[tuple[int, ...], np.dtype[np.float32]], own: Scale, common: Scale
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return common.apply(np.asarray(own.inverse(display)).astype(np.float32))
