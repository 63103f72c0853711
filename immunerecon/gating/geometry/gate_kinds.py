"""Further kinds of gates, as Gating-ML 2.0 and FlowJo know them: ellipsoids, boolean gates."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from immunerecon.errors import StrategyError

Columns = Mapping[str, NDArray[Any]]
Mask = NDArray[np.bool_]
Operation = Literal["and", "or", "not"]

_CORNERS = 64  # of an ellipse that is drawn


@dataclass(frozen=True)
class EllipsoidGate:
    """An ellipse, or an ellipsoid in more dimensions; its surface is inside.

    Parameters
    ----------
    dimensions
        Two or more.
    mean
        Centre, one value a dimension, on the display scale.
    covariance
        Rows of the matrix that gives the half axes.
    distance_square
        Square of the Mahalanobis distance from the centre to the surface.

    Raises
    ------
    StrategyError
        When sizes differ, or the covariance cannot be inverted.

    Examples
    --------
    >>> gate = EllipsoidGate(("x", "y"), (0.0, 0.0), ((4.0, 0.0), (0.0, 1.0)), 1.0)
    >>> gate.contains({"x": np.array([2.0, 0.0]), "y": np.array([0.0, 2.0])})
    array([ True, False])
    """

    dimensions: tuple[str, ...]
    mean: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    distance_square: float
    kind = "ellipsoid"

    def __post_init__(self) -> None:
        size = len(self.dimensions)
        if size < 2 or {len(self.mean), len(self.covariance), *map(len, self.covariance)} != {size}:
            raise StrategyError(
                f"an ellipsoid on {' x '.join(self.dimensions)} needs at least 2 dimensions, and "
                "a mean and a covariance matrix of as many"
            )
        singular = np.linalg.svd(np.array(self.covariance), compute_uv=False)
        if not singular[0] * np.finfo(float).eps < singular[-1]:
            raise StrategyError(
                f"an ellipsoid on {' x '.join(self.dimensions)} has a covariance matrix that "
                "cannot be inverted"
            )

    @property
    def is_ellipsoid(self) -> bool:
        """Whether the covariance is one: symmetric, positive definite, the distance not below 0."""
        matrix = np.array(self.covariance)
        symmetric = np.allclose(matrix, matrix.T, rtol=1e-6, atol=0)
        positive = bool((np.linalg.eigvalsh(matrix) > 0).all())
        return symmetric and positive and self.distance_square >= 0

    def contains(self, columns: Columns) -> Mask:
        """Return which events lie inside; `columns` holds an array for each dimension."""
        from flowutils.gating import points_in_ellipsoid

        points = np.column_stack([columns[name] for name in self.dimensions]).astype(np.float64)
        with np.errstate(all="ignore"):  # infinite values lie outside
            inside: Mask = points_in_ellipsoid(
                np.array(self.covariance), np.array(self.mean), self.distance_square, points
            )
        return inside

    def outline(self, x: str, y: str) -> NDArray[np.float64]:
        """Return corners, shape (n, 2), of the ellipse along two dimensions; else its centre.

        Examples
        --------
        >>> gate = EllipsoidGate(("x", "y"), (1.0, 0.0), ((4.0, 0.0), (0.0, 1.0)), 1.0)
        >>> gate.outline("x", "y").max(axis=0)
        array([3., 1.])
        """
        seen = [self.dimensions.index(name) for name in (x, y)]
        matrix = np.array(self.covariance)[np.ix_(seen, seen)] * self.distance_square
        if not self.is_ellipsoid or self.distance_square == 0:
            return np.array([self.mean])[:, seen]
        angles = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)
        circle = np.column_stack([np.cos(angles), np.sin(angles)])
        return np.asarray(circle @ np.linalg.cholesky(matrix).T + np.array(self.mean)[seen])

    def parameters(self) -> dict[str, Any]:
        """Return the geometry as JSON-ready values."""
        return {
            "dimensions": list(self.dimensions),
            "mean": list(self.mean),
            "covariance": [list(row) for row in self.covariance],
            "distance_square": self.distance_square,
        }


@dataclass(frozen=True)
class Reference:
    """A population that a boolean gate speaks of, or all events but it."""

    population: str
    complement: bool = False


@dataclass(frozen=True)
class BooleanGate:
    """Other populations joined by ``and``, ``or`` or ``not``; it looks at no dimension itself.

    Parameters
    ----------
    operation
        ``not`` has one reference.
    references
        At least one; a population counts with all that it lies in.

    Raises
    ------
    StrategyError
        When the number of references does not fit the operation.

    Examples
    --------
    >>> gate = BooleanGate("and", (Reference("A"), Reference("B", complement=True)))
    >>> gate.combine({"A": np.array([True, True]), "B": np.array([True, False])})
    array([False,  True])
    """

    operation: Operation
    references: tuple[Reference, ...]
    kind = "boolean"
    dimensions = ()

    def __post_init__(self) -> None:
        count = len(self.references)
        if count == 0 or (self.operation == "not" and count != 1):
            wanted = "one" if self.operation == "not" else "at least one"
            raise StrategyError(
                f"a boolean gate by {self.operation!r} has {count} references; it needs {wanted}"
            )

    def select(self, members: Mapping[str, NDArray[np.intp]], n_events: int) -> Mask:
        """Return which of all events the gate holds, given the rows of each population."""
        masks = {r.population: np.zeros(n_events, dtype=np.bool_) for r in self.references}
        for population, mask in masks.items():
            mask[members[population]] = True
        return self.combine(masks)

    def combine(self, members: Mapping[str, Mask]) -> Mask:
        """Return which events the gate holds, given which each population that it names holds."""
        masks = [members[r.population] ^ r.complement for r in self.references]
        if self.operation == "not":
            return ~masks[0]
        join = np.logical_and if self.operation == "and" else np.logical_or
        joined: Mask = join.reduce(masks)
        return joined

    def parameters(self) -> dict[str, Any]:
        """Return the gate as JSON-ready values."""
        return {
            "operation": self.operation,
            "references": [[r.population, r.complement] for r in self.references],
        }
