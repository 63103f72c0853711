"""What gating asks of a display scale."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Scale(Protocol):
    """A display scale: linear instrument values to 0-1 and back."""

    def apply(self, values: ArrayLike) -> NDArray[np.float32]:
        """Return display values."""

    def inverse(self, display: ArrayLike) -> NDArray[Any]:
        """Return linear values."""
