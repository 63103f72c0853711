"""What the gates of a document are drawn on: a channel, compensated how, on which scale."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from immunerecon.cytometry.spillover import MAX_CONDITION, Spillover
from immunerecon.cytometry.tube import Tube
from immunerecon.errors import CompensationError, MarkerError, StrategyError
from immunerecon.gating.geometry.exact_scale import ExactScale

Doubles = NDArray[np.float64]
Rows = NDArray[np.intp]

_ROUNDING = 8e-6  # of a display in single precision, that of tables included
UNCOMPENSATED = "uncompensated"
FILE = "FCS"  # the spillover that serves the tube


@dataclass(frozen=True)
class Ratio:
    """``a (x - b) / (y - c)`` of two channels, Gating-ML's ``fratio``."""

    channels: tuple[str, str]
    a: float
    b: float
    c: float


@dataclass(frozen=True)
class Dimension:
    """One dimension of gates.

    Parameters
    ----------
    channel
        ``$PnN``, a marker of the tube, or a fluorochrome of the matrix; a `Ratio` of two.
    compensation
        ``uncompensated``, ``FCS`` for the spillover that serves the tube, or a matrix's name.
    scale
        None for linear values.
    """

    channel: str | Ratio
    compensation: str = UNCOMPENSATED
    scale: ExactScale | None = None

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that the dimension is made of."""
        return self.channel.channels if isinstance(self.channel, Ratio) else (self.channel,)


@dataclass(frozen=True)
class SpectrumMatrix:
    """How much of each fluorochrome every detector sees; there may be more detectors.

    Parameters
    ----------
    fluorochromes, detectors
        Names; detectors are channels (``$PnN``).
    rows
        One row a fluorochrome, one value a detector.

    Raises
    ------
    StrategyError
        When sizes differ, a name stands twice, or fluorochromes cannot be told apart.
    """

    fluorochromes: tuple[str, ...]
    detectors: tuple[str, ...]
    rows: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        shape = (len(self.fluorochromes), len(self.detectors))
        if not self.rows or len(self.rows) != shape[0] or {shape[1]} != set(map(len, self.rows)):
            raise StrategyError(f"is not of {shape[0]} fluorochromes and {shape[1]} detectors")
        if len(set(self.fluorochromes)) < shape[0] or len(set(self.detectors)) < shape[1]:
            raise StrategyError("names a fluorochrome or a detector twice")
        singular = np.linalg.svd(np.array(self.rows), compute_uv=False)
        if shape[0] > shape[1] or not singular[0] < MAX_CONDITION * singular[-1]:
            raise StrategyError(
                f"cannot be inverted (a condition number up to {MAX_CONDITION:g} would do)"
            )

    @cached_property
    def inverse(self) -> Doubles:
        """Share of each detector (row) in each fluorochrome (column)."""
        matrix = np.array(self.rows)
        square = len(set(matrix.shape)) == 1
        return np.asarray(np.linalg.inv(matrix) if square else np.linalg.pinv(matrix))

    def unmix(self, detected: Doubles, fluorochrome: str) -> Doubles:
        """Return the light of one fluorochrome; `detected` has a column a detector."""
        return np.asarray(detected @ self.inverse[:, self.fluorochromes.index(fluorochrome)])


def spectrum_of(spillover: Spillover) -> SpectrumMatrix:
    """Return a tube's spillover as a matrix whose fluorochromes are named as their channels."""
    rows = tuple(tuple(map(float, row)) for row in spillover.matrix)
    return SpectrumMatrix(spillover.channels, spillover.channels, rows)


@dataclass(frozen=True)
class Events:
    """Events of a tube as they were acquired, to be looked at along any dimension.

    Parameters
    ----------
    tube
        Uncompensated.
    dimensions
        By name.
    matrices
        Those that dimensions name; ``FCS`` is the tube's own, absent where it has none.
    markers
        Channel of each marker, for dimensions that name a marker.
    """

    tube: Tube
    dimensions: Mapping[str, Dimension]
    matrices: Mapping[str, SpectrumMatrix] = field(default_factory=dict)
    markers: Mapping[str, str] = field(default_factory=dict)

    def columns(self, names: Sequence[str], rows: Rows | None = None) -> dict[str, Doubles]:
        """Return display values in full precision.

        Parameters
        ----------
        names
            Dimensions.
        rows
            Row numbers of the events; all of them when left out.

        Returns
        -------
        dict of ndarray
            One value an event, by dimension.

        Raises
        ------
        MarkerError, CompensationError
            When the tube lacks a channel or matrix that a dimension needs.
        """
        return {name: self._values(self.dimensions[name], rows) for name in names}

    @cached_property
    def margins(self) -> dict[str, float]:
        """How far single precision may put an event from its place, by dimension.

        Compensation in single precision errs by the rounding of the largest signals that it takes
        away, which counts most around 0, where a display scale is steepest.
        """
        return {name: self._margin(dimension) for name, dimension in self.dimensions.items()}

    def _margin(self, dimension: Dimension) -> float:
        name = dimension.channels[0]
        matrix = self.matrices.get(dimension.compensation)
        if matrix is None or dimension.scale is None or name not in matrix.fluorochromes:
            return _ROUNDING
        inverse = np.abs(matrix.inverse[:, matrix.fluorochromes.index(name)])
        largest = np.array([self._largest.get(detector, 0.0) for detector in matrix.detectors])
        error = len(largest) * float(np.finfo(np.float32).eps) * float(inverse @ largest)
        step = dimension.scale.t * 1e-6
        low, high = dimension.scale.exact([-step, step])
        return _ROUNDING + error * float(high - low) / (2 * step)

    @cached_property
    def _largest(self) -> dict[str, float]:
        """Largest absolute value of each channel."""
        if self.tube.n_events == 0:
            return {}
        largest = np.abs(self.tube.extremes).max(axis=0)
        return {c.name: float(most) for c, most in zip(self.tube.channels, largest, strict=True)}

    def _values(self, dimension: Dimension, rows: Rows | None) -> Doubles:
        if isinstance(dimension.channel, Ratio):
            ratio = dimension.channel
            x, y = (self._light(name, dimension.compensation, rows) for name in ratio.channels)
            with np.errstate(divide="ignore", invalid="ignore"):
                linear = np.asarray(ratio.a * ((x - ratio.b) / (y - ratio.c)))
        else:
            linear = self._light(dimension.channel, dimension.compensation, rows)
        return linear if dimension.scale is None else dimension.scale.exact(linear)

    def _light(self, name: str, compensation: str, rows: Rows | None) -> Doubles:
        """Return linear values of a channel, or of a fluorochrome of a matrix."""
        if compensation in (UNCOMPENSATED, FILE):
            name = name if name in self._channels else self.markers.get(name, name)
        matrix = self.matrices.get(compensation)
        if matrix is None and compensation not in (UNCOMPENSATED, FILE):
            raise CompensationError(f"there is no compensation matrix {compensation!r}")
        if matrix is None or (compensation == FILE and name not in matrix.fluorochromes):
            return self._raw(name, rows)
        if name not in matrix.fluorochromes:
            raise CompensationError(
                f"the compensation matrix {compensation!r} has no fluorochrome {name!r}",
                remedy=f"It has {', '.join(matrix.fluorochromes)}",
            )
        detected = np.column_stack([self._raw(detector, rows) for detector in matrix.detectors])
        return matrix.unmix(detected, name)

    def _raw(self, channel: str, rows: Rows | None) -> Doubles:
        if channel not in self._channels:
            raise MarkerError(
                f"the gates are drawn on {channel!r}, which the tube does not have",
                remedy=f"It has {', '.join(self._channels)}",
            )
        values = self.tube.events[:, self._channels[channel]]
        return np.asarray(values if rows is None else values[rows], dtype=np.float64)

    @cached_property
    def _channels(self) -> dict[str, int]:
        return {channel.name: column for column, channel in enumerate(self.tube.channels)}
