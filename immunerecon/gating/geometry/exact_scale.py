"""The scales of Gating-ML 2.0 in full precision, for gates that came from elsewhere.

Reference: Spidlen J, Moore W, Brinkman RR. Cytometry A 2015;87:683-687. doi:10.1002/cyto.a.22690
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from immunerecon.cytometry.transforms import Arcsinh, Linear, Logicle
from immunerecon.errors import StrategyError
from immunerecon.gating.geometry.scale import Scale

Doubles = NDArray[np.float64]
Kind = Literal["flin", "flog", "fasinh", "logicle", "hyperlog"]

PARAMETERS: Mapping[str, str] = {
    "flin": "ta",
    "flog": "tm",
    "fasinh": "tma",
    "logicle": "twma",
    "hyperlog": "twma",
}
_MOST_DECADES = 100.0


@dataclass(frozen=True)
class ExactScale:
    """One scale of Gating-ML 2.0, exact to the last bits of a double.

    Parameters
    ----------
    kind
        ``flin``, ``flog``, ``fasinh``, ``logicle`` or ``hyperlog``.
    t
        Top of the scale, displayed at 1.
    w, m, a
        Decades of the linear part, of the scale, and below 0, where the kind has them; `a` of
        ``flin`` is the value displayed at 0, with its sign turned.

    Raises
    ------
    StrategyError
        When parameters are outside what the kind allows.

    Examples
    --------
    >>> scale = ExactScale("flog", t=1000.0, m=3.0)
    >>> scale.exact([1.0, 1000.0])
    array([0., 1.])
    >>> scale.inverse([0.0]).round(9)
    array([1.])
    """

    kind: Kind
    t: float
    w: float = 0.0
    m: float = 0.0
    a: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in PARAMETERS:
            raise StrategyError(
                f"there is no scale {self.kind!r} (accepted: {', '.join(PARAMETERS)})"
            )
        if not self.t > 0 or not all(map(np.isfinite, (self.t, self.w, self.m, self.a))):
            raise self._refusal("T > 0")
        if self.kind == "flin":
            if not 0 <= self.a <= self.t:
                raise self._refusal("0 <= A <= T")
        elif not 0 < self.m <= _MOST_DECADES:
            raise self._refusal(f"0 < M <= {_MOST_DECADES:g}")
        elif self.kind == "fasinh" and not 0 <= self.a <= self.m:
            raise self._refusal("0 <= A <= M")
        elif self.kind in ("logicle", "hyperlog"):
            self._check_linear_part()

    def _check_linear_part(self) -> None:
        lowest = 0.0 if self.kind == "logicle" else np.nextafter(0.0, 1.0)
        if not lowest <= self.w <= self.m / 2:
            raise self._refusal(f"{'0 <=' if self.kind == 'logicle' else '0 <'} W <= M / 2")
        if not -self.w <= self.a <= self.m - 2 * self.w:
            raise self._refusal("-W <= A <= M - 2 W")

    def _refusal(self, accepted: str) -> StrategyError:
        told = ", ".join(f"{key.upper()} = {getattr(self, key):g}" for key in PARAMETERS[self.kind])
        return StrategyError(f"a scale {self.kind} with {told} does not exist ({accepted})")

    def exact(self, values: ArrayLike) -> Doubles:
        """Return the display of linear values, NaN where the scale has none."""
        flat = np.array(values, dtype=np.float64).ravel()
        return self._run(flat, "").reshape(np.shape(values))

    def apply(self, values: ArrayLike) -> NDArray[np.float32]:
        """Return the display of linear values in single precision."""
        return self.exact(values).astype(np.float32)

    def inverse(self, display: ArrayLike) -> Doubles:
        """Return the linear values of a display."""
        flat = np.array(display, dtype=np.float64).ravel()
        return self._run(flat, "_inverse").reshape(np.shape(display))

    def _run(self, flat: Doubles, way: str) -> Doubles:
        if self.kind == "flin":
            reach = self.t + self.a
            return flat * reach - self.a if way else (flat + self.a) / reach
        from flowutils import transforms

        names = PARAMETERS[self.kind]
        parameters: dict[str, Any] = {name: getattr(self, name) for name in names}
        finite = np.isfinite(flat)
        display = np.full(flat.shape, np.nan)
        if self.kind == "flog" and not way:
            finite &= flat > 0
            display[flat == 0] = -np.inf
        if finite.any():
            function = getattr(transforms, self.kind.removeprefix("f") + way)
            display[finite] = function(flat[finite], None, **parameters)
        return display


def exact_of(scale: Scale) -> ExactScale:
    """Return the same scale in full precision.

    Raises
    ------
    StrategyError
        When it is none that Gating-ML knows.

    Examples
    --------
    >>> exact_of(Linear(1024.0))
    ExactScale(kind='flin', t=1024.0, w=0.0, m=0.0, a=0.0)
    """
    if isinstance(scale, ExactScale):
        return scale
    if isinstance(scale, Logicle):
        return ExactScale("logicle", scale.t, scale.w, scale.m, scale.a)
    if isinstance(scale, Arcsinh):
        return ExactScale("fasinh", scale.t, m=scale.m)
    if isinstance(scale, Linear):
        return ExactScale("flin", scale.t)
    raise StrategyError(f"{scale!r} is no scale that Gating-ML knows")
