"""Display scales: linear values to a display of 0 to 1, and back."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from flowutils import transforms as flowutils
from numpy.typing import ArrayLike, NDArray

from immunerecon.cytometry.tube import Channel, Events
from immunerecon.errors import StrategyError

Display = NDArray[np.float32]
Linears = NDArray[np.float64]

DECADES = 4.5
DEFAULT_WIDTH = 0.5
MIN_NEGATIVES = 20
# Pattern of the upper half of a float32 from which on it is infinite or no number.
_INFINITE = 0x7F80
_BLOCK = 16_384  # events displayed at once, so that what is in between stays in the cache


@dataclass(frozen=True)
class Linear:
    """x / t, Gating-ML's ``flin`` with A = 0.

    Parameters
    ----------
    t
        Top of the scale, displayed at 1.
    """

    t: float

    def __post_init__(self) -> None:
        _require(self.t > 0, f"a linear scale with t = {self.t:g}", "t > 0")

    def apply(self, values: ArrayLike) -> Display:
        """Return the display of linear values."""
        return np.asarray(values, dtype=np.float32) * np.float32(1 / self.t)

    def inverse(self, display: ArrayLike) -> Linears:
        """Return the linear values of a display."""
        return np.asarray(display, dtype=np.float64) * self.t


@dataclass(frozen=True)
class Arcsinh:
    """asinh(x / cofactor) / asinh(t / cofactor), for mass cytometry with a cofactor of 5.

    Parameters
    ----------
    t
        Top of the scale, displayed at 1.
    cofactor
        Where the scale turns from linear to logarithmic.

    Notes
    -----
    It is Gating-ML's ``fasinh`` with A = 0 and M = `m`.
    """

    t: float
    cofactor: float = 5.0

    def __post_init__(self) -> None:
        _require(
            self.t > 0 and self.cofactor > 0,
            f"an arcsinh scale with t = {self.t:g}, cofactor = {self.cofactor:g}",
            "both > 0",
        )

    @property
    def m(self) -> float:
        """Decades of the scale."""
        return float(np.arcsinh(self.t / self.cofactor) / np.log(10))

    def apply(self, values: ArrayLike) -> Display:
        """Return the display of linear values."""
        scaled = np.asarray(values, dtype=np.float32) * np.float32(1 / self.cofactor)
        return np.asarray(np.arcsinh(scaled) / np.float32(self.m * np.log(10)))

    def inverse(self, display: ArrayLike) -> Linears:
        """Return the linear values of a display."""
        decades = np.asarray(display, dtype=np.float64) * self.m
        return np.asarray(np.sinh(decades * np.log(10)) * self.cofactor)


@dataclass(frozen=True)
class Logicle:
    """The logicle scale: linear around 0, logarithmic above, Gating-ML's ``logicle``.

    Parameters
    ----------
    t
        Top of the scale, displayed at 1.
    w
        Decades of the linear part, 0 to m / 2.
    m
        Decades of the scale.
    a
        Further decades below 0.

    Notes
    -----
    `apply` interpolates in a table of exact values at 65,280 nodes, 128 to an octave, and errs
    by less than 2e-6 of the display; values outside 0 to `t` get their display outside 0 to 1,
    infinite ones get NaN.

    References
    ----------
    Parks, Roederer & Moore 2006, Cytometry A 69A:541, doi:10.1002/cyto.a.20258;
    Moore & Parks 2012, Cytometry A 81A:273, doi:10.1002/cyto.a.22030.

    Examples
    --------
    >>> scale = Logicle(t=262144, w=0.5)
    >>> scale.apply([0, 262144]).round(3)
    array([0.111, 1.   ], dtype=float32)
    >>> scale.inverse(scale.apply([1000.0])).round()
    array([1000.])
    """

    t: float
    w: float
    m: float = DECADES
    a: float = 0.0

    def __post_init__(self) -> None:
        _require(
            self.t > 0 and self.m > 0 and 0 <= self.w <= self.m / 2,
            f"a logicle scale with t = {self.t:g}, w = {self.w:g}, m = {self.m:g}",
            "t > 0, m > 0, 0 <= w <= m / 2",
        )
        _require(
            -self.w <= self.a <= self.m - 2 * self.w,
            f"a logicle scale with a = {self.a:g}",
            "-w <= a <= m - 2 w",
        )

    def apply(self, values: ArrayLike) -> Display:
        """Return the display of linear values."""
        events = np.ascontiguousarray(values, dtype=np.float32)
        offsets, slopes = _table(self.t, self.w, self.m, self.a)
        display = np.empty_like(events)
        flat, shown = events.reshape(-1), display.reshape(-1)
        for start in range(0, flat.size, _BLOCK):
            block, part = flat[start : start + _BLOCK], shown[start : start + _BLOCK]
            # Sign, exponent and seven bits of a float are the place of its segment in the table.
            segments = (block.view(np.uint32) >> 16).astype(np.intp)
            slopes.take(segments, out=part, mode="clip")
            part *= block
            part += offsets.take(segments)
        return display

    def inverse(self, display: ArrayLike) -> Linears:
        """Return the linear values of a display, exactly."""
        flat = np.array(display, dtype=np.float64).ravel()
        linear = flowutils.logicle_inverse(flat, None, t=self.t, m=self.m, w=self.w, a=self.a)
        return np.asarray(linear).reshape(np.shape(display))


Scale = Linear | Arcsinh | Logicle


def logicle_width(values: Events, t: float, m: float = DECADES) -> float:
    """Return the logicle width that shows a channel's negative events as one population.

    Parameters
    ----------
    values
        Linear values of one channel of one tube, compensated.
    t, m
        Top and decades of the scale.

    Returns
    -------
    float
        0 to just under m / 2; NaN with fewer than 20 negative values, which tell nothing.

    Notes
    -----
    w = (m - log10(t / |r|)) / 2, r being the 5th percentile of the values below 0: the noise
    around 0 then fills the linear part, and a few far outliers change nothing.

    References
    ----------
    Parks, Roederer & Moore 2006, Cytometry A 69A:541, doi:10.1002/cyto.a.20258.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(0, 100, 10_000)
    >>> round(logicle_width(noise, t=262144), 2)
    0.69
    """
    negatives = values[values < 0]
    if negatives.size < MIN_NEGATIVES:
        return float("nan")
    reference = abs(float(np.percentile(negatives, 5)))
    width = (m - np.log10(t / reference)) / 2
    return float(np.clip(width, 0.0, m / 2 - 0.01))


def scale_for(channel: Channel, widths: Sequence[float] = ()) -> Scale:
    """Choose the one scale that serves a channel in all tubes of a panel.

    Parameters
    ----------
    channel
        Scatter and time get a linear scale, all others a logicle one.
    widths
        `logicle_width` of the channel in the panel's tubes; NaN where a tube tells nothing.

    Returns
    -------
    Scale
        Up to the channel's maximum.

    Notes
    -----
    The width is the 90 % quantile: too narrow a linear part splits the negative events of the
    widest tubes in two, too wide a one costs little. Without any width it is 0.5.

    Examples
    --------
    >>> scale_for(Channel("PE-A", "CD56", 262144), [0.6, 0.7, float("nan"), 0.8]).w
    0.78
    >>> scale_for(Channel("FSC-A", "", 262144))
    Linear(t=262144)
    """
    if channel.is_scatter or channel.is_time:
        return Linear(channel.maximum)
    known = [width for width in widths if np.isfinite(width)]
    width = round(float(np.quantile(known, 0.9)), 6) if known else DEFAULT_WIDTH
    return Logicle(channel.maximum, width)


def _require(condition: bool, found: str, accepted: str) -> None:
    """Refuse parameters outside their range."""
    if not condition:
        raise StrategyError(f"{found} does not exist (accepted: {accepted})")


@lru_cache(maxsize=64)
def _table(t: float, w: float, m: float, a: float) -> tuple[Display, Display]:
    """Return offset and slope of the display for each upper half of a float32."""
    nodes = (np.arange(_INFINITE + 1, dtype=np.uint32) << 16).view(np.float32).astype(np.float64)
    nodes[-1] = 2.0**128
    display = flowutils.logicle(nodes.copy(), None, t=t, m=m, w=w, a=a)
    above = np.diff(display) / np.diff(nodes)
    # So close to 0 differences drown in rounding; the scale is straight there.
    first = int(np.searchsorted(nodes, t * 1e-9))
    above[:first] = above[first]
    display[:first] = display[0] + above[first] * nodes[:first]
    slopes = np.full((2, 0x8000), np.nan, dtype=np.float32)
    offsets = slopes.copy()
    # The scale is symmetric about the display of 0; the sign is the highest bit.
    slopes[:, :_INFINITE] = above
    offsets[0, :_INFINITE] = display[:-1] - above * nodes[:-1]
    offsets[1, :_INFINITE] = 2 * display[0] - offsets[0, :_INFINITE]
    return offsets.ravel(), slopes.ravel()
