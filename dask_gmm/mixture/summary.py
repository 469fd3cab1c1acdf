"""The summary of all rows: count, mean, scatter, range, and what is not finite."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from dask_gmm.mixture.features import Array, Floats, freeze

NOWHERE: Final = (-1, -1)


@dataclass(frozen=True, slots=True, eq=False)
class DataSummary:
    """Moments of a set of rows, about a stated center so that no offset can cancel them.

    Two summaries add by the pairwise update of Chan, Golub and LeVeque (1983), equations 1.5a
    and 1.5b, about the center that is stored. A mean far from zero is rounded by much more than
    the thinnest direction of the rows may be; what rounding left is carried along, and the
    scatter stays exact.

    Parameters
    ----------
    rows : int
        Number of finite rows.
    mass : float
        Sum of their weights: without weights, their number.
    mean : ndarray of shape (n_features,)
        Rounded to float64.
    remainder : ndarray of shape (n_features,)
        Sum of ``x - mean``, each times its weight: what the rounded mean leaves.
    scatter : ndarray of shape (n_features, n_features)
        Sum of ``(x - mean) (x - mean)'``, each times its weight, about the rounded mean.
    minimum, maximum : ndarray of shape (n_features,)
    bad_rows : int
        Number of rows with a value that is not finite; they are left out of everything else.
    first_bad : (int, int)
        Row and column of the first such value, (-1, -1) if there is none.
    """

    rows: int
    mass: float
    mean: Array
    remainder: Array
    scatter: Array
    minimum: Array
    maximum: Array
    bad_rows: int
    first_bad: tuple[int, int]

    def __post_init__(self) -> None:
        freeze(self.mean, self.remainder, self.scatter, self.minimum, self.maximum)

    @property
    def variance(self) -> Array:
        """Variance of each column (n_features,), exactly 0 where the column is constant."""
        return np.where(self.constant, 0.0, np.diagonal(self.scatter) / (self.mass or 1.0))

    @property
    def constant(self) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Whether each column has the same value in all rows."""
        return np.asarray(self.minimum == self.maximum)

    def __add__(self, other: "DataSummary") -> "DataSummary":
        bad_rows = self.bad_rows + other.bad_rows
        first_bad = self.first_bad if self.bad_rows else other.first_bad
        if not self.rows or not other.rows:
            kept = self if self.rows else other
            return replace(kept, bad_rows=bad_rows, first_bad=first_bad)
        mass = self.mass + other.mass
        with np.errstate(over="ignore", invalid="ignore"):
            mean = self.mean + (other.mean - self.mean) * (other.mass / mass)
            remainder = self._remainder_about(mean) + other._remainder_about(mean)
            scatter = self.scatter_about(mean) + other.scatter_about(mean)
        minimum = np.minimum(self.minimum, other.minimum)
        maximum = np.maximum(self.maximum, other.maximum)
        return DataSummary(
            self.rows + other.rows,
            mass,
            mean,
            remainder,
            scatter,
            minimum,
            maximum,
            bad_rows,
            first_bad,
        )

    def times(self, weight: float) -> "DataSummary":
        """Let each row count so often."""
        mass, remainder = weight * self.mass, weight * self.remainder
        return replace(self, mass=mass, remainder=remainder, scatter=weight * self.scatter)

    def scatter_about(self, center: Array) -> Array:
        """Sum (n_features, n_features) of ``(x - center) (x - center)'``, each times its weight."""
        apart = self.mean - center
        cross = np.outer(self.remainder, apart)
        return self.scatter + (cross + cross.T) + self.mass * np.outer(apart, apart)

    def _remainder_about(self, center: Array) -> Array:
        return self.remainder + self.mass * (self.mean - center)


def summarize(rows: Floats, start: int = 0, weights: Array | None = None) -> DataSummary:
    """Summarize rows (B, D), of which the first is row number ``start`` of the data.

    A row of weight 2, of weights (B,) above zero, is two rows but in their number.
    """
    # Of rows that came from another process, numpy would add the misaligned in another order.
    x = np.require(rows.T, np.float64, ("C", "A"))
    finite = np.isfinite(x)
    if finite.all():
        return _finite_summary(x, weights, 0, NOWHERE)
    bad = ~finite.all(axis=0)
    row = int(np.argmax(bad))
    column = int(np.argmin(finite[:, row]))
    weights = None if weights is None else weights[~bad]
    return _finite_summary(x[:, ~bad], weights, int(bad.sum()), (start + row, column))


def _finite_summary(
    x: Array, weights: Array | None, bad_rows: int, first_bad: tuple[int, int]
) -> DataSummary:
    n_features, rows = x.shape
    if not rows:
        nothing = np.zeros(n_features)
        scatter = np.zeros((n_features, n_features))
        return DataSummary(0, 0.0, nothing, nothing, scatter, nothing, nothing, bad_rows, first_bad)
    minimum, maximum = x.min(axis=1), x.max(axis=1)
    mass, mean, remainder, scatter = _moments(x, weights, minimum, maximum)
    return DataSummary(rows, mass, mean, remainder, scatter, minimum, maximum, bad_rows, first_bad)


def _moments(
    x: Array, weights: Array | None, minimum: Array, maximum: Array
) -> tuple[float, Array, Array, Array]:
    """Mass, mean, what its rounding leaves, and scatter about it."""
    with np.errstate(over="ignore", invalid="ignore"):
        if weights is None:
            mean = np.clip(x.mean(axis=1), minimum, maximum)
            centered = x - mean[:, None]
            return float(x.shape[1]), mean, centered.sum(axis=1), centered @ centered.T
        mass = float(weights.sum())
        mean = np.clip(x @ (weights / mass), minimum, maximum)
        centered = x - mean[:, None]
        scaled = centered * np.sqrt(weights)
        return mass, mean, centered @ weights, scaled @ scaled.T
