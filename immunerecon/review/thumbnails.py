"""The same gate in many tubes, small: from the pictures that a run kept, or from the events."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from immunerecon.gating.gated_tube import GatedTube
from immunerecon.gating.pictures import GatePicture, picture_gates
from immunerecon.review.telling import tell_geometry

SIDE = 96


def find_picture(pictures: Sequence[GatePicture], population: str) -> GatePicture | None:
    """Return the picture of a population's gate, None where it was not gated."""
    return next((picture for picture in pictures if picture.population == population), None)


def fresh_picture(gated: GatedTube, population: str) -> GatePicture | None:
    """Return the picture of a population's gate, made from the tube's events."""
    return find_picture(picture_gates(gated), population)


def tell_thumbnail(file: str, picture: GatePicture) -> tuple[dict[str, Any], bytes]:
    """Return what a thumbnail says, and its density as bytes.

    Parameters
    ----------
    file
        Of the tube.
    picture
        The gate on its parent's events.

    Returns
    -------
    told, levels
        `levels` holds 96 x 96 bytes, y from the bottom first: 0 where a bin is empty, up to 255.
    """
    told = {
        "file": file,
        "parent": picture.parent,
        "x": picture.x,
        "y": picture.y,
        "count": picture.count,
        "parentCount": picture.parent_count,
        "source": picture.source,
        "confidence": round(picture.confidence, 3),
        "gate": tell_geometry(picture.gate),
    }
    return told, _levels(picture.counts).tobytes()


def _levels(counts: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Return how dark each bin is; a single event is seen where there are few."""
    most = max(int(counts.max(initial=0)), 8)
    levels = np.ceil(np.log1p(counts.T) * (255 / np.log1p(most)))
    return np.ascontiguousarray(levels, dtype=np.uint8)
