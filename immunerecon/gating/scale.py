"""What gating asks of a display scale."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Scale(Protocol):
    """A display scale: linear instrument values to 0-1 and back."""

    def apply(self, values: Floats) -> Floats:
        """Return display values."""

    def inverse(self, display: Floats) -> Floats:
        """Return linear values."""
