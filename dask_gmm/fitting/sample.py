"""A uniform sample of rows, drawn in one pass, the same for any layout of the rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.uint64]

SMALLEST_SAMPLE: Final = 20_000
ROWS_PER_COMPONENT_AND_COLUMN: Final = 50
# A sample itself, its levels with rows drawn for rare components, and the bytes of a checkpoint.
FORMS: Final = 4


def sample_size(n_components: int, n_features: int) -> int:
    """Number of rows to start from: 20,000, or 50 per component and column if that is more."""
    return max(SMALLEST_SAMPLE, ROWS_PER_COMPONENT_AND_COLUMN * n_components * n_features)


def kept_bytes(rows: int, n_features: int) -> int:
    """Project what a fit holds of a sample of so many rows from one pass to the next."""
    return FORMS * rows * 8 * (n_features + 2)  # with a key and a number


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
    """

    size: int
    keys: Keys
    index: npt.NDArray[np.int64]
    rows: npt.NDArray[np.floating]

    @classmethod
    def smallest_of(cls, parts: Sequence["Sample"]) -> "Sample":
        """Keep the rows with the smallest keys of all parts; of equal keys, the first row."""
        keys = np.concatenate([part.keys for part in parts])
        index = np.concatenate([part.index for part in parts])
        rows = np.concatenate([part.rows for part in parts])
        size = parts[0].size
        order = np.lexsort((index, keys))[:size]
        return cls(size, keys[order], index[order], rows[order])

    def __add__(self, other: "Sample") -> "Sample":
        return Sample.smallest_of((self, other))

    def first(self, size: int | None) -> "Sample":
        """Give the sample of so many rows, which this one holds; all of it if it has fewer."""
        return Sample(self.size, self.keys[:size], self.index[:size], self.rows[:size])

    def in_row_order(self) -> npt.NDArray[np.float64]:
        """Give the rows (n, n_features) as float64, in the order of the data."""
        return np.ascontiguousarray(self.rows[np.argsort(self.index)], dtype=np.float64)

    def distinct(self, enough: int) -> int:
        """Count rows that differ from each other, and stop when there are enough of them."""
        taken = min(2 * enough, len(self.rows))
        found = len(np.unique(self.rows[:taken], axis=0))
        if found < enough and taken < len(self.rows):
            found = len(np.unique(self.rows, axis=0))
        return min(found, enough)
