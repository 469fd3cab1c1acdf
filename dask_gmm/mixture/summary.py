"""The summary of all rows: count, mean, scatter, range, and what is not finite."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from dask_gmm.mixture.features import Array, Floats, freeze

NOWHERE: Final = (-1, -1)
TINY: Final = float(np.finfo(np.float64).tiny)


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
        Sum of ``(x - mean) (x - mean)'``, each times its weight, about the rounded mean; or its
        diagonal alone, (n_features,), where no family needs more.
    minimum, maximum : ndarray of shape (n_features,)
    bad_rows : int
        Number of rows with a value that is not finite; they are left out of everything else.
    first_bad : (int, int)
        Row and column of the first such value, (-1, -1) if there is none.
    present : ndarray of shape (n_features,), optional
        Where NaN stand for values that are missing, and there are some: the sum of the weights of
        the rows that have a value in each column. Mean, remainder, scatter and range are those of
        what is there, column by column, and the scatter between columns is 0; see `completed`.
    empty_rows : int
        Number of rows that have no value at all; they, too, are left out of everything else.
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
    present: Array | None = None
    empty_rows: int = 0

    def __post_init__(self) -> None:
        freeze(self.mean, self.remainder, self.scatter, self.minimum, self.maximum)
        if self.present is not None:
            freeze(self.present)

    @property
    def variance(self) -> Array:
        """Variance of each column (n_features,), exactly 0 where the column is constant."""
        mass = (self.mass or 1.0) if self.present is None else np.maximum(self.present, TINY)
        return np.where(self.constant, 0.0, self.squares / mass)

    @property
    def squares(self) -> Array:
        """Sum of the squares of each column (n_features,) about the mean."""
        return np.diagonal(self.scatter) if self.has_matrix else self.scatter

    @property
    def has_matrix(self) -> bool:
        """Whether the scatter is more than its diagonal."""
        return self.scatter.ndim == 2

    @property
    def constant(self) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Whether each column has the same value in all rows, or none."""
        return np.asarray(self.minimum >= self.maximum)

    def __add__(self, other: "DataSummary") -> "DataSummary":
        bad_rows = self.bad_rows + other.bad_rows
        first_bad = self.first_bad if self.bad_rows else other.first_bad
        empty_rows = self.empty_rows + other.empty_rows
        if not self.rows or not other.rows:
            kept = self if self.rows else other
            kept = replace(kept, bad_rows=bad_rows, first_bad=first_bad)
            return replace(kept, empty_rows=empty_rows)
        if self.present is not None or other.present is not None:
            return _added(self, other, bad_rows, first_bad, empty_rows)
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
            empty_rows=empty_rows,
        )

    def times(self, weight: float) -> "DataSummary":
        """Let each row count so often."""
        mass, remainder = weight * self.mass, weight * self.remainder
        present = None if self.present is None else weight * self.present
        scatter = weight * self.scatter
        return replace(self, mass=mass, remainder=remainder, scatter=scatter, present=present)

    @property
    def correlation(self) -> Array:
        """Correlations (n_features, n_features) of the columns; 0 with a constant one."""
        deviations = np.sqrt(self.variance)
        units = np.outer(deviations, deviations)
        scatter = np.where(units > 0, self.scatter, 0.0)
        return np.asarray(scatter / (self.mass * np.where(units > 0, units, 1.0)))

    def completed(self, correlation: Array) -> "DataSummary":
        """Give the summary of rows that lack nothing: each column varies as what is there of it.

        Parameters
        ----------
        correlation : ndarray of shape (n_features, n_features)
            Between columns.
        """
        if self.present is None:
            return self
        more = self.mass / np.where(self.present > 0, self.present, np.inf)
        squares = np.diagonal(self.scatter) * more
        scatter = correlation * np.sqrt(np.outer(squares, squares))
        np.fill_diagonal(scatter, squares)
        return replace(self, scatter=scatter, remainder=self.remainder * more, present=None)

    def scatter_about(self, center: Array) -> Array:
        """Sum (n_features, n_features) of ``(x - center) (x - center)'``, each times its weight."""
        apart = self.mean - center
        if not self.has_matrix:
            return self.scatter + 2 * self.remainder * apart + self.mass * apart**2
        cross = np.outer(self.remainder, apart)
        return self.scatter + (cross + cross.T) + self.mass * np.outer(apart, apart)

    def _remainder_about(self, center: Array) -> Array:
        return self.remainder + self.mass * (self.mean - center)


def summarize(
    rows: Floats,
    start: int = 0,
    weights: Array | None = None,
    matrix: bool = True,
    *,
    incomplete: bool = False,
) -> DataSummary:
    """Summarize rows (B, D), of which the first is row number ``start`` of the data.

    A row of weight 2, of weights (B,) above zero, is two rows but in their number. Where rows are
    ``incomplete``, NaN stand for values that are missing. Of the scatter the diagonal alone is
    summed if no ``matrix`` is wanted.
    """
    # Of rows that came from another process, numpy would add the misaligned in another order.
    x = np.require(rows.T, np.float64, ("C", "A"))
    finite = np.isfinite(x)
    if finite.all():
        return _finite_summary(x, weights, 0, NOWHERE, matrix)
    if incomplete:
        return _of_incomplete(x, start, weights)
    bad = ~finite.all(axis=0)
    row = int(np.argmax(bad))
    column = int(np.argmin(finite[:, row]))
    weights = None if weights is None else weights[~bad]
    return _finite_summary(x[:, ~bad], weights, int(bad.sum()), (start + row, column), matrix)


def _finite_summary(
    x: Array, weights: Array | None, bad_rows: int, first_bad: tuple[int, int], matrix: bool = True
) -> DataSummary:
    n_features, rows = x.shape
    if not rows:
        nothing = np.zeros(n_features)
        scatter = np.zeros((n_features, n_features) if matrix else n_features)
        return DataSummary(0, 0.0, nothing, nothing, scatter, nothing, nothing, bad_rows, first_bad)
    minimum, maximum = x.min(axis=1), x.max(axis=1)
    mass, mean, remainder, scatter = _moments(x, weights, minimum, maximum, matrix)
    return DataSummary(rows, mass, mean, remainder, scatter, minimum, maximum, bad_rows, first_bad)


def _moments(
    x: Array, weights: Array | None, minimum: Array, maximum: Array, matrix: bool
) -> tuple[float, Array, Array, Array]:
    """Mass, mean, what its rounding leaves, and scatter about it."""
    with np.errstate(over="ignore", invalid="ignore"):
        if weights is None:
            mean = np.clip(x.mean(axis=1), minimum, maximum)
            centered = x - mean[:, None]
            scatter = _products(centered, matrix)
            return float(x.shape[1]), mean, centered.sum(axis=1), scatter
        mass = float(weights.sum())
        mean = np.clip(x @ (weights / mass), minimum, maximum)
        centered = x - mean[:, None]
        scaled = centered * np.sqrt(weights)
        return mass, mean, centered @ weights, _products(scaled, matrix)


def _products(centered: Array, matrix: bool) -> Array:
    return centered @ centered.T if matrix else np.einsum("db,db->d", centered, centered)


def _of_incomplete(x: Array, start: int, weights: Array | None) -> DataSummary:
    """Summarize rows (D, B) of which values are missing, or not finite."""
    there, infinite = ~np.isnan(x), np.isinf(x)
    bad = infinite.any(axis=0)
    kept = there.any(axis=0) & ~bad
    first_bad = NOWHERE
    if bad.any():
        row = int(np.argmax(bad))
        first_bad = start + row, int(np.argmax(infinite[:, row]))
    weights = None if weights is None else weights[kept]
    told = int(bad.sum()), first_bad
    found = _finite_summary if there[:, kept].all() else _present_summary
    summary = found(x[:, kept], weights, *told)
    return replace(summary, empty_rows=int((~there.any(axis=0)).sum()))


def _present_summary(
    x: Array, weights: Array | None, bad_rows: int, first_bad: tuple[int, int]
) -> DataSummary:
    there = ~np.isnan(x)
    mass = np.ones(x.shape[1]) if weights is None else weights
    present = there @ mass
    some = np.maximum(present, TINY)
    minimum = np.where(there, x, np.inf).min(axis=1)
    maximum = np.where(there, x, -np.inf).max(axis=1)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = np.where(there, x, 0.0) @ mass / some
        mean = np.where(present > 0, np.clip(mean, minimum, maximum), 0.0)
        centered = np.where(there, x - mean[:, None], 0.0)
        scatter = np.diag(np.square(centered) @ mass)
        remainder = centered @ mass
    total = float(mass.sum())
    values = (total, mean, remainder, scatter, minimum, maximum)
    return DataSummary(x.shape[1], *values, bad_rows, first_bad, present)


def _added(
    one: DataSummary, other: DataSummary, bad_rows: int, first_bad: tuple[int, int], empty: int
) -> DataSummary:
    """Add summaries of which one or both are of incomplete rows, column by column."""
    first, second = (_present(each) for each in (one, other))
    present = first + second
    with np.errstate(over="ignore", invalid="ignore"):
        mean = one.mean + (other.mean - one.mean) * (second / np.maximum(present, TINY))
        mean = np.where(first > 0, mean, other.mean)
        parts = [_about(each, mean) for each in (one, other)]
        remainder, squares = (a + b for a, b in zip(*parts, strict=True))
    return DataSummary(
        one.rows + other.rows,
        one.mass + other.mass,
        mean,
        remainder,
        np.diag(squares),
        np.minimum(one.minimum, other.minimum),
        np.maximum(one.maximum, other.maximum),
        bad_rows,
        first_bad,
        present,
        empty,
    )


def _present(summary: DataSummary) -> Array:
    if summary.present is not None:
        return summary.present
    return np.full(len(summary.mean), summary.mass)


def _about(summary: DataSummary, center: Array) -> tuple[Array, Array]:
    """What the mean leaves, and the squares, (D,), about another center."""
    present = _present(summary)
    apart = np.where(present > 0, summary.mean - center, 0.0)
    squares = np.diagonal(summary.scatter) + 2 * summary.remainder * apart + present * apart**2
    return summary.remainder + present * apart, squares
