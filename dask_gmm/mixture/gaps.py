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
    columns : ndarray of shape (n, q)
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
        return int(self.columns.shape[1])

    @property
    def rows(self) -> slice:
        """Which of the rows of the gaps they are."""
        return slice(self.first, self.stop)


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
        counts = missing.sum(axis=1)
        rows = np.flatnonzero(counts)
        if not len(rows):
            return None
        lacking = missing[rows]
        order = np.lexsort((*_words(lacking).T, counts[rows]))
        return cls._of_sorted(rows[order], np.ascontiguousarray(lacking[order].T))

    @classmethod
    def _of_sorted(cls, rows: Indices, missing: Marks) -> "Gaps":
        owners = np.nonzero(missing)[1]
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
        counts = self.missing.sum(axis=0)
        changes = np.ones(len(counts), bool)
        changes[1:] = (self.missing[:, 1:] != self.missing[:, :-1]).any(axis=0)
        numbers = (np.cumsum(self.missing) - 1).reshape(self.missing.shape)
        edges = np.flatnonzero(np.diff(counts, prepend=0, append=0))
        for first, stop in pairwise(edges):
            changed = changes[first:stop]
            starts, which = np.flatnonzero(changed), np.cumsum(changed) - 1
            columns = _columns(self.missing[:, first + starts])
            values = numbers[columns[which].T, np.arange(first, stop)]
            yield Patterns(int(first), int(stop), columns, starts, which, values)

    def portions(self, cost: Callable[[Indices], Array], limit: float) -> "tuple[Gaps, ...]":
        """Part the rows such that none costs more than a limit, unless it is a single row.

        Parameters
        ----------
        cost : callable
            From the numbers of values that rows lack (G,) to what each costs at most (G,).
        limit : float
        """
        costs = cost(self.missing.sum(axis=0))
        if costs.sum() <= limit:
            return (self,)
        pieces, first = [], 0
        while first < len(costs):
            size = int(np.searchsorted(np.cumsum(costs[first:]), limit, side="right"))
            piece = slice(first, first + max(size, 1))
            pieces.append(Gaps._of_sorted(self.rows[piece], self.missing[:, piece]))
            first = piece.stop
        return tuple(pieces)


def _words(missing: Marks) -> npt.NDArray[np.uint64]:
    """What rows (G, D) lack as whole numbers (G, words) that differ where that differs."""
    bits = np.packbits(missing, axis=1)
    padded = np.zeros((len(bits), -(-bits.shape[1] // 8) * 8), np.uint8)
    padded[:, : bits.shape[1]] = bits
    return padded.view(np.uint64)


def _columns(missing: Marks) -> Indices:
    """The columns (n, q) that are marked in (D, n), q in each of n."""
    return np.nonzero(missing.T)[1].reshape(missing.shape[1], -1)
