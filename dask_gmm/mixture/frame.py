"""The coordinates in which a pass computes: shifted to the mean, scaled by powers of two."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from dask_gmm.errors import DataError
from dask_gmm.mixture.features import Array, Floats, freeze
from dask_gmm.mixture.summary import DataSummary

# Squares of deviations, and their inverses, must themselves be numbers of float64.
SMALLEST_DEVIATION: Final = 1e-140
LARGEST_DEVIATION: Final = 1e140


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One per data set: ``z = (x - shift) * scale``.

    Parameters
    ----------
    shift : ndarray of shape (n_features,)
        The mean of the rows, subtracted in float64 before any cast.
    scale : ndarray of shape (n_features,)
        The power of two near one over the standard deviation, 1 for a constant column;
        multiplying by it is exact.
    reach : ndarray of shape (n_features,)
        The largest ``|z|`` of all rows, for the bound on rounding errors; infinite where nothing
        is known of them.
    """

    shift: Array
    scale: Array
    reach: Array

    @classmethod
    def of(cls, summary: DataSummary, number: Callable[[int], int] = int) -> "Frame":
        """Choose the frame from the summary of all rows.

        Parameters
        ----------
        summary : DataSummary
        number : callable
            The number of a column in messages: where the rows are of chosen columns, another.

        Raises
        ------
        DataError
            If a column varies by so much, or so little, that float64 cannot hold its variance.
        """
        deviation = np.sqrt(summary.variance)
        _check_deviation(deviation, summary, number)
        scale = _scale(np.where(deviation > 0, deviation, 1.0))
        shift = summary.mean
        farthest = np.maximum(summary.maximum - shift, shift - summary.minimum)
        return cls(shift, scale, np.maximum(farthest, 0.0) * scale)

    @classmethod
    def around(cls, mean: Array, deviation: Array) -> "Frame":
        """Choose the frame of rows of which nothing is known but where they may be expected.

        Parameters
        ----------
        mean, deviation : ndarray of shape (n_features,)
            A deviation that is no number, or too small or too large, is replaced by one that fits.
        """
        fitting = np.clip(np.nan_to_num(deviation, nan=1.0), SMALLEST_DEVIATION, LARGEST_DEVIATION)
        return cls(mean, _scale(fitting), np.full(len(mean), np.inf))

    def __post_init__(self) -> None:
        freeze(self.shift, self.scale, self.reach)

    def same_as(self, other: "Frame") -> bool:
        """Whether sums computed in both may be added."""
        return self is other or (
            np.array_equal(self.shift, other.shift) and np.array_equal(self.scale, other.scale)
        )

    def standardize(self, rows: Floats, out: Floats, work: Array) -> Floats:
        """Write rows (B, D) as feature-major ``z`` (D, B) into ``out``, in its own precision.

        ``work`` is a float64 array of the same shape; it may be ``out`` itself.
        """
        np.subtract(rows.T, self.shift[:, None], out=work)
        np.multiply(work, self.scale[:, None], out=out, casting="same_kind")
        return out


def _scale(deviation: Array) -> Array:
    """Powers of two (n_features,) near one over the deviations."""
    exponent = np.round(np.log2(deviation))
    return np.ldexp(1.0, -exponent.astype(np.int64))


def _check_deviation(deviation: Array, summary: DataSummary, number: Callable[[int], int]) -> None:
    fits = (deviation >= SMALLEST_DEVIATION) & (deviation <= LARGEST_DEVIATION)
    bad = np.flatnonzero(~(fits | summary.constant))
    if len(bad):
        j = int(bad[0])
        raise DataError(
            f"Wanted columns whose standard deviation is between {SMALLEST_DEVIATION:g} and "
            f"{LARGEST_DEVIATION:g}; found {deviation[j]:.3g} in column {number(j)}, whose "
            f"values go from {summary.minimum[j]:.6g} to {summary.maximum[j]:.6g}. Multiply the "
            "column by a power of ten."
        )
