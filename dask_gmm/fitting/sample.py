"""A sample of rows, uniform or by weight, drawn in one pass, the same for any layout of the rows.

By weight, the rank of a row is an exponential variable over its weight, and rows of the smallest
ranks are drawn (Cohen and Kaplan, 2007): of two rows the heavier is the likelier in proportion, and
a row of nearly all the weight is always there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dask_gmm.mixture.features import Array

Keys = npt.NDArray[np.uint64]

SMALLEST_SAMPLE: Final = 20_000
ROWS_PER_COMPONENT_AND_COLUMN: Final = 50
# A sample itself, its levels with rows drawn for rare components, and the bytes of a checkpoint.
FORMS: Final = 4


def sample_size(n_components: int, n_features: int) -> int:
    """Number of rows to start from: 20,000, or 50 per component and column if that is more."""
    return max(SMALLEST_SAMPLE, ROWS_PER_COMPONENT_AND_COLUMN * n_components * n_features)


def kept_bytes(rows: int, n_features: int, beside: int = 0) -> int:
    """Project what a fit holds of a sample of so many rows from one pass to the next.

    Besides their columns these are a key, a number, and ``beside`` so many others of each row.
    """
    return FORMS * rows * 8 * (n_features + 2 + beside)


def keys_of(seed: int, numbers: npt.NDArray[np.int64]) -> Keys:
    """Give a key for the number (n,) of each row.

    It is as good as random: SplitMix64 (Steele, Lea and Flood, 2014).
    """
    gamma = 0x9E3779B97F4A7C15
    with np.errstate(over="ignore"):
        state = (numbers.astype(np.uint64) + np.uint64(1)) * np.uint64(gamma)
        state += np.uint64((seed * 0xD1342543DE82EF95 + gamma) % 2**64)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(state ^ (state >> np.uint64(31)))


def ranks_of(keys: Keys, weights: Array) -> Array:
    """Give the rank (n,) of rows of weights (n,) above zero, given keys as good as random.

    A row is below a rank r with a chance of ``1 - exp(-r * weight)``.
    """
    uniform = np.minimum((keys.astype(np.float64) + 0.5) / 2.0**64, 1 - 2.0**-53)
    with np.errstate(over="ignore"):
        return np.asarray(-np.log1p(-uniform) / weights)


def keys_by_weight(keys: Keys, weights: Array) -> Keys:
    """Give whole numbers (n,) that are in the order of ranks."""
    return ranks_of(keys, weights).view(np.uint64)


def key_of_rank(rank: float) -> int:
    """Give the whole number of a rank; see `keys_by_weight`."""
    return int(np.array(rank, dtype=np.float64).view(np.uint64))


def key_limit(size: int, rows: int) -> int:
    """Keys below this are enough for a sample, but for a chance of 1e-9, and hardly more."""
    share = (size + 6 * size**0.5) / rows
    return min(2**64 - 1, int(share * 2**64))


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """The rows with the smallest keys; of two samples the smallest of both are kept.

    Parameters
    ----------
    size : int
        Number of rows wanted.
    keys : ndarray of uint64, shape (n,)
        Rising.
    index : ndarray of int64, shape (n,)
        Number of each row in the data.
    rows : ndarray of shape (n, n_features)
    weights : ndarray of float64, shape (n,), optional
        How often each row counts. Of rows that are drawn by weight, keys are in the order of ranks.
    beyond : float
        No row that is not here has a smaller rank: infinity where all are here.
    labels : ndarray of int64, shape (n,), optional
        The component that each row is known to be of, -1 where it is not known.
    """

    size: int
    keys: Keys
    index: npt.NDArray[np.int64]
    rows: npt.NDArray[np.floating]
    weights: Array | None = None
    beyond: float = np.inf
    labels: npt.NDArray[np.int64] | None = None

    @property
    def kept_bytes(self) -> int:
        """Project what a fit holds of it from one pass to the next."""
        beside = (self.weights is not None) + (self.labels is not None)
        return kept_bytes(len(self.rows), self.rows.shape[1], beside)

    @classmethod
    def smallest_of(cls, parts: Sequence["Sample"]) -> "Sample":
        """Keep the rows with the smallest keys of all parts; of equal keys, the first row."""
        keys = np.concatenate([part.keys for part in parts])
        index = np.concatenate([part.index for part in parts])
        rows = np.concatenate([part.rows for part in parts])
        weights = together([part.weights for part in parts])
        labels = together([part.labels for part in parts])
        size, beyond = parts[0].size, min(part.beyond for part in parts)
        order = np.lexsort((index, keys))
        if weights is not None and len(order) > size:
            beyond = min(beyond, float(keys.view(np.float64)[order[size]]))
        whole = cls(size, keys, index, rows, weights, beyond, labels)
        return whole._at(order[:size])

    def _at(self, order: Any) -> "Sample":
        return replace(
            self,
            keys=self.keys[order],
            index=self.index[order],
            rows=self.rows[order],
            weights=None if self.weights is None else self.weights[order],
            labels=None if self.labels is None else self.labels[order],
        )

    def __add__(self, other: "Sample") -> "Sample":
        return Sample.smallest_of((self, other))

    def first(self, size: int | None) -> "Sample":
        """Give the sample of so many rows, which this one holds; all of it if it has fewer."""
        first = self._at(slice(size))
        if self.weights is None or size is None or size >= len(self.keys):
            return first
        return replace(first, beyond=float(self.keys.view(np.float64)[size]))

    def in_row_order(self) -> npt.NDArray[np.float64]:
        """Give the rows (n, n_features) as float64, in the order of the data."""
        return np.ascontiguousarray(self.rows[np.argsort(self.index)], dtype=np.float64)

    @property
    def in_order(self) -> "Sample":
        """The same rows, as float64 (n, n_features), in the order of the data."""
        return replace(self._at(np.argsort(self.index)), rows=self.in_row_order())

    @property
    def counts(self) -> Array | None:
        """How often each row (n,) counts for all rows; None where each counts once.

        Of all rows it is the weight. Of a part, it is the weight over the chance to be drawn
        (Horvitz and Thompson, 1952; Cohen and Kaplan, 2007), such that the sum is the number of
        equal rows that would tell as much (Kish, 1965).
        """
        if self.weights is None or self.beyond == np.inf:
            return self.weights
        with np.errstate(over="ignore", under="ignore"):
            counts = self.weights / self._chances
            counts = counts / counts.max()
        return np.asarray(counts * (counts.sum() / (counts @ counts)))

    @property
    def equal_rows(self) -> float | None:
        """Estimate how many rows of one weight would tell as much as all rows do (Kish, 1965).

        It stays the same when all weights are multiplied; None where each row counts once.
        """
        if self.weights is None or not len(self.weights):
            return None
        shares = self.weights / self.weights.max()
        counts = shares / self._chances
        return float(counts.sum() ** 2 / (counts @ shares))

    @property
    def _chances(self) -> Array:
        """How likely each row (n,) was to be drawn by its weight."""
        assert self.weights is not None  # who asks has seen to that
        with np.errstate(over="ignore", under="ignore"):
            return np.asarray(-np.expm1(-self.weights * self.beyond))

    def distinct(self, enough: int) -> int:
        """Count rows that differ from each other, and stop when there are enough of them."""
        taken = min(2 * enough, len(self.rows))
        found = len(np.unique(self.rows[:taken], axis=0))
        if found < enough and taken < len(self.rows):
            found = len(np.unique(self.rows, axis=0))
        return min(found, enough)


def together(parts: Sequence[npt.NDArray[Any] | None]) -> npt.NDArray[Any] | None:
    """Put arrays (n,) one behind the other, if there are any."""
    there = [part for part in parts if part is not None]
    return np.concatenate(there) if there else None
