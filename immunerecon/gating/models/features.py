"""Display values as a model sees them: fluorescence as it is, scatter on a logarithmic scale."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from immunerecon.gating.geometry.scale import Scale

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Rows = NDArray[np.intp]

SLOPE_GRID = np.linspace(-0.3, 1.2, 151)
_DECADE = 1 / 4.5  # of the display, as on a logicle scale over 4.5 decades
_LEAST = 1e-4  # of the scatter scale; below it nothing is told apart
_SMALL_GAIN = 0.05  # natural log units


def is_scatter(dimension: str) -> bool:
    """Return whether a dimension is light scatter."""
    return dimension.startswith(("FSC", "SSC"))


def features(
    columns: Mapping[str, Floats], dimensions: Sequence[str], rows: Rows | None = None
) -> Floats:
    """Return the events as the model sees them.

    Parameters
    ----------
    columns
        Display values by dimension, each of shape (n_events,).
    dimensions
        Which, in this order.
    rows : ndarray of int, shape (n,)
        Row numbers of the events; all of them when left out.

    Returns
    -------
    ndarray of float32, shape (n, d)
        Each dimension contiguous in memory.

    Notes
    -----
    On the logarithm a population's scatter is as wide whether cells are small or large.
    """
    if not dimensions:
        return np.empty((0, 0), dtype=np.float32)
    n_events = len(columns[dimensions[0]]) if rows is None else len(rows)
    values = np.empty((len(dimensions), n_events), dtype=np.float32)
    for row, name in zip(values, dimensions, strict=True):
        if rows is None:
            row[:] = columns[name]
        else:
            columns[name].take(rows, out=row, mode="clip")  # with "raise" the copy is made twice
        if is_scatter(name):
            np.log10(np.maximum(row, _LEAST, out=row), out=row)
            row *= _DECADE
            row += 1
    return values.T


def columns_of(values: Floats, dimensions: Sequence[str]) -> dict[str, Floats]:
    """Return the display values behind features.

    Parameters
    ----------
    values : ndarray, shape (n, d)
        As `features` returns them.
    dimensions
        Which, in this order.

    Returns
    -------
    dict of ndarray, shape (n,)
        By dimension. Scatter below the least that `features` tells apart comes back as that.

    Examples
    --------
    >>> columns = {"SSC-A": np.float32([0.01, 0.5]), "CD3": np.float32([0.2, 0.7])}
    >>> columns_of(features(columns, ["SSC-A", "CD3"]), ["SSC-A", "CD3"])["SSC-A"].round(4)
    array([0.01, 0.5 ], dtype=float32)
    """
    return {
        name: (10 ** ((column.astype(np.float64) - 1) / _DECADE)).astype(np.float32)
        if is_scatter(name)
        else column
        for name, column in zip(dimensions, values.T, strict=True)
    }


def scatter_on_display(feature: Doubles) -> Doubles:
    """Return the display value of a scatter feature: the inverse of what `features` does."""
    return np.asarray(10 ** ((feature - 1) / _DECADE))


def display_slope(feature: Doubles) -> Doubles:
    """Return how far the display moves for a unit of a scatter feature."""
    return np.asarray(scatter_on_display(feature) * np.log(10) / _DECADE)


def gain_slopes(scales: Mapping[str, Scale], dimensions: Sequence[str]) -> Floats:
    """Return how far a feature moves for a unit of the logarithm of the gain.

    Parameters
    ----------
    scales
        Display scale of each dimension.
    dimensions
        Which, in this order.

    Returns
    -------
    ndarray of float32, shape (d, 151)
        Derivative of each feature by the natural logarithm of the gain, at `SLOPE_GRID`.
    """
    slopes = np.full((len(dimensions), SLOPE_GRID.size), _DECADE / np.log(10), dtype=np.float32)
    for row, name in enumerate(dimensions):
        if not is_scatter(name):
            linear = np.asarray(scales[name].inverse(SLOPE_GRID.astype(np.float32)))
            up, down = (
                scales[name].apply((linear * np.exp(gain)).astype(np.float32))
                for gain in (_SMALL_GAIN, -_SMALL_GAIN)
            )
            slopes[row] = (np.asarray(up) - np.asarray(down)) / (2 * _SMALL_GAIN)
    return slopes
