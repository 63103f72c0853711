"""Where the other tubes of a study say that the gates of one tube belong."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from immunerecon.gating.boundaries import Boundary
from immunerecon.gating.models.mixture import Mixture

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Placement:
    """What a tube takes over from the others.

    Parameters
    ----------
    boundaries
        Borrowed boundaries by name; the others are the tube's own.
    mixture
        Kinds of cells, where the strategy describes them and the tubes show them.
    means : ndarray, shape (k, d)
        Centre of each kind in this tube.
    errors : ndarray, shape (k, d)
        Standard error of each centre.
    batch
        Number of the batch that the data put this tube in, within panel and instrument.
    flags
        How the tube differs from the others of its patient.
    """

    boundaries: Mapping[str, Boundary] = field(default_factory=dict)
    mixture: Mixture | None = None
    means: Doubles = field(default_factory=lambda: np.empty((0, 0)))
    errors: Doubles = field(default_factory=lambda: np.empty((0, 0)))
    batch: int = 0
    flags: tuple[str, ...] = ()


ALONE = Placement()
