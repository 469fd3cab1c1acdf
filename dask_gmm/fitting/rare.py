"""Rows drawn with unequal chances, so that there are enough of what is rare; for any layout."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from dask_gmm.fitting.sample import Sample, keys_of
from dask_gmm.mixture.features import Array, freeze

KEYS: Final = 2.0**64


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Rows whose keys, as shares of all keys, are below the chances that they were given.

    Parameters
    ----------
    size : int
        Number of rows at most. One more is kept: its rank says by how much all chances would have
        to be smaller for no more rows than these.
    total : int
        Number of rows of the data.
    ranks : ndarray of float64, shape (n,)
        Rising: the share of keys that are below that of the row, over its chance.
    index : ndarray of int64, shape (n,)
        Number of each row in the data.
    chances : ndarray of float64, shape (n,)
    rows : ndarray of shape (n, n_features)
    """

    size: int
    total: int
    ranks: Array
    index: npt.NDArray[np.int64]
    chances: Array
    rows: npt.NDArray[np.floating]

    def __post_init__(self) -> None:
        freeze(self.ranks, self.chances)

    @classmethod
    def of(
        cls,
        size: int,
        total: int,
        seed: int,
        numbers: npt.NDArray[np.int64],
        rows: npt.NDArray[np.floating],
        chances: npt.NDArray[np.floating],
    ) -> "Drawn":
        """Draw from rows (B, D) of these numbers (B,) with chances (B,)."""
        ranks = keys_of(seed, numbers) / (KEYS * np.maximum(chances, 1 / KEYS))
        at = np.flatnonzero(ranks < 1)
        taken = np.asarray(chances[at], np.float64)
        return cls(size, total, ranks[at], numbers[at], taken, rows[at])._smallest()

    def __add__(self, other: "Drawn") -> "Drawn":
        if not len(other.ranks):
            return self
        return Drawn(
            self.size,
            self.total,
            np.concatenate([self.ranks, other.ranks]),
            np.concatenate([self.index, other.index]),
            np.concatenate([self.chances, other.chances]),
            np.concatenate([self.rows, other.rows]),
        )._smallest()

    def _smallest(self) -> "Drawn":
        return self._at(np.lexsort((self.index, self.ranks))[: self.size + 1])

    def _at(self, at: npt.NDArray[np.intp]) -> "Drawn":
        return replace(
            self,
            ranks=self.ranks[at],
            index=self.index[at],
            chances=self.chances[at],
            rows=self.rows[at],
        )

    def likelier(self, uniform: float) -> "Drawn":
        """Give those of at most ``size`` rows that are likelier than a row of a uniform sample.

        Their chances are those of so many rows, as if these alone had been wanted.
        """
        limit = float(self.ranks[self.size]) if len(self.ranks) > self.size else 1.0
        chances = self.chances * limit
        likelier = np.flatnonzero((chances > uniform) & (self.ranks < limit))
        return replace(self, chances=chances)._at(likelier)

    def joined(self, sample: Sample) -> tuple[Array, Array]:
        """Give these rows and those of a uniform sample of the same seed, with their weights.

        Parameters
        ----------
        sample : Sample
            Of which no row is given twice.

        Returns
        -------
        rows : ndarray of float64, shape (n, n_features)
            In the order of the data.
        weights : ndarray of float64, shape (n,)
            One over the chance of each row, such that their sum is ``total``: sums over the rows,
            so weighed, are those over all rows, on average (Horvitz and Thompson, 1952).
        """
        uniform = len(sample.rows) / self.total
        more = self.likelier(uniform)
        others = np.flatnonzero(~np.isin(sample.index, more.index))
        index = np.concatenate([sample.index[others], more.index])
        rows = np.concatenate([sample.rows[others], more.rows])
        weights = 1 / np.concatenate([np.full(len(others), uniform), more.chances])
        order = np.argsort(index)
        weights *= self.total / weights.sum()
        return np.ascontiguousarray(rows[order], dtype=np.float64), weights[order]
