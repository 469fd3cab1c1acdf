"""Which values of some rows are missing: rows that lack the same ones stand together."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from dask_gmm.mixture.features import Array, freeze

Indices = npt.NDArray[np.intp]
Marks = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Patterns:
    """The rows that lack q values each, by which these are.

    Parameters
    ----------
    first, stop : int
        Which of the rows of the gaps they are: ``first <= row < stop``, R of them.
    columns : ndarray of shape (q, n)
        What is missing in each pattern, rising.
    starts : ndarray of shape (n,)
        The first row of each pattern, from ``first`` on.
    which : ndarray of shape (R,)
        The pattern of each row.
    values : ndarray of shape (q, R)
        The numbers of the missing values of each row, column by column.
    """

    first: int
    stop: int
    columns: Indices
    starts: Indices
    which: Indices
    values: Indices

    def __post_init__(self) -> None:
        freeze(self.columns, self.starts, self.which, self.values)

    @property
    def lacking(self) -> int:
        """How many values each row lacks, q."""
        return len(self.columns)

    @property
    def rows(self) -> slice:
        """Which of the rows of the gaps they are."""
        return slice(self.first, self.stop)

    @property
    def pairs(self) -> tuple[Indices, Indices]:
        """The numbers of any two missing values of each row: of the right ones, of those left."""
        right, left = np.tril_indices(self.lacking, -1)
        return self.values[right].ravel(), self.values[left].ravel()

    def summed(self, values: Array, axis: int = 0) -> Array:
        """Sum values along the axis of rows (R,) over those of each pattern (n,)."""
        return np.asarray(np.add.reduceat(values, self.starts, axis=axis))


@dataclass(frozen=True, slots=True, eq=False)
class Gaps:
    """The rows with missing values among some rows, sorted by their number and by which they are.

    Missing values are numbered column by column, and in a column row by row.

    Parameters
    ----------
    rows : ndarray of shape (G,)
        Which rows they are.
    missing : ndarray of bool, shape (D, G)
        What they lack.
    owners : ndarray of shape (M,)
        The row of each missing value, as a number from 0 to G.
    edges : ndarray of shape (D + 1,)
        Those of column j have the numbers from ``edges[j]`` to ``edges[j + 1]``.
    """

    rows: Indices
    missing: Marks
    owners: Indices
    edges: Indices

    @classmethod
    def of(cls, missing: Marks) -> "Gaps | None":
        """Find the gaps, given what is missing (B, D); None where nothing is."""
        if not missing.any():
            return None
        lines = np.ascontiguousarray(missing.T)
        words, counts = _words(lines), _counts(lines)
        rows = np.flatnonzero(counts)
        keys = (*words[:, rows], _short(counts[rows], len(lines)))
        rows = rows[np.lexsort(keys)]
        return cls._of_sorted(rows, np.take(lines, rows, axis=1))

    @classmethod
    def _of_sorted(cls, rows: Indices, missing: Marks) -> "Gaps":
        owners = np.flatnonzero(missing) % len(rows)
        edges = np.concatenate([[0], np.cumsum(missing.sum(axis=1))])
        return cls(rows, missing, owners, edges)

    def __post_init__(self) -> None:
        freeze(self.rows, self.missing, self.owners, self.edges)

    @property
    def columns(self) -> Indices:
        """The column (M,) of each missing value."""
        return np.repeat(np.arange(len(self.missing)), np.diff(self.edges))

    def groups(self) -> Iterator[Patterns]:
        """Give the rows that lack as many values, from the fewest."""
        counts, columns = _counts(self.missing), self.columns
        by_row = np.argsort(_short(self.owners, len(counts)), kind="stable")
        changes = np.ones(len(counts), bool)
        changes[1:] = (self.missing[:, 1:] != self.missing[:, :-1]).any(axis=0)
        edges = np.flatnonzero(np.diff(counts, prepend=0, append=0))
        at = 0
        for first, stop in pairwise(edges):
            size = int(counts[first] * (stop - first))
            values = np.ascontiguousarray(by_row[at : at + size].reshape(stop - first, -1).T)
            changed = changes[first:stop]
            starts, which = np.flatnonzero(changed), np.cumsum(changed) - 1
            lacked = columns[np.take(values, starts, axis=1)]
            yield Patterns(int(first), int(stop), lacked, starts, which, values)
            at += size

    def portions(self, cost: Callable[[Indices], Array], limit: float) -> "tuple[Gaps, ...]":
        """Part the rows such that none costs more than a limit, unless it is a single row.

        Parameters
        ----------
        cost : callable
            From the numbers of values that rows lack (G,) to what each costs at most (G,).
        limit : float
        """
        costs = cost(_counts(self.missing))
        if costs.sum() <= limit:
            return (self,)
        pieces, first = [], 0
        while first < len(costs):
            size = int(np.searchsorted(np.cumsum(costs[first:]), limit, side="right"))
            piece = slice(first, first + max(size, 1))
            pieces.append(Gaps._of_sorted(self.rows[piece], self.missing[:, piece]))
            first = piece.stop
        return tuple(pieces)


def _counts(missing: Marks) -> Indices:
    """How many values rows lack (G,), given which (D, G)."""
    counts = missing.sum(axis=0, dtype=np.min_scalar_type(len(missing)))
    return np.asarray(counts, np.intp)


def _words(missing: Marks) -> npt.NDArray[np.uint16]:
    """What rows lack, of (D, B), as whole numbers (words, B) that differ where that differs.

    Those of 16 bits are sorted without a comparison.
    """
    words = np.zeros((-(-len(missing) // 16), missing.shape[1]), np.uint16)
    for j, line in enumerate(missing):
        words[j // 16] |= line.astype(np.uint16) << np.uint16(j % 16)
    return words


def _short(numbers: Indices, limit: int) -> npt.NDArray[np.unsignedinteger]:
    """Whole numbers up to a limit in as few bits as hold it, which are sorted sooner."""
    return numbers.astype(np.min_scalar_type(limit))
