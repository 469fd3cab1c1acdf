"""Rows drawn with unequal chances, so that there are enough of what is rare; for any layout."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from dask_gmm.fitting.sample import Sample, keys_of, together
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
    total : float
        Number of rows of the data, each as often as its weight says.
    ranks : ndarray of float64, shape (n,)
        Rising: the share of keys that are below that of the row, over its chance.
    index : ndarray of int64, shape (n,)
        Number of each row in the data.
    chances : ndarray of float64, shape (n,)
    rows : ndarray of shape (n, n_features)
    weights : ndarray of float64, shape (n,), optional
        How often each row counts.
    """

    size: int
    total: float
    ranks: Array
    index: npt.NDArray[np.int64]
    chances: Array
    rows: npt.NDArray[np.floating]
    weights: Array | None = None

    def __post_init__(self) -> None:
        freeze(self.ranks, self.chances)

    @classmethod
    def of(
        cls,
        size: int,
        total: float,
        seed: int,
        numbers: npt.NDArray[np.int64],
        rows: npt.NDArray[np.floating],
        chances: npt.NDArray[np.floating],
        weights: Array | None = None,
    ) -> "Drawn":
        """Draw from rows (B, D) of these numbers and weights (B,) with chances (B,)."""
        ranks = keys_of(seed, numbers) / (KEYS * np.maximum(chances, 1 / KEYS))
        at = np.flatnonzero(ranks < 1)
        taken = np.asarray(chances[at], np.float64)
        counts = None if weights is None else weights[at]
        return cls(size, total, ranks[at], numbers[at], taken, rows[at], counts)._smallest()

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
            together([self.weights, other.weights]),
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
            weights=None if self.weights is None else self.weights[at],
        )

    def likelier(self, sample: Sample) -> "Drawn":
        """Give those of at most ``size`` rows that are likelier than they are in a sample.

        Their chances are those of so many rows, as if these alone had been wanted.
        """
        uniform = self._in_sample(sample, self.weights)
        limit = float(self.ranks[self.size]) if len(self.ranks) > self.size else 1.0
        chances = self.chances * limit
        likelier = np.flatnonzero((chances > uniform) & (self.ranks < limit))
        return replace(self, chances=chances)._at(likelier)

    def _in_sample(self, sample: Sample, weights: Array | None) -> float | Array:
        """Give the chances (n,) of rows of some weights to be in a sample."""
        if weights is None:
            return len(sample.rows) / self.total
        return np.asarray(-np.expm1(-weights * sample.beyond))

    def joined(self, sample: Sample) -> tuple[Array, Array]:
        """Give these rows and those of a sample of the same seed, with their weights.

        Parameters
        ----------
        sample : Sample
            Of which no row is given twice.

        Returns
        -------
        rows : ndarray of float64, shape (n, n_features)
            In the order of the data.
        weights : ndarray of float64, shape (n,)
            How often each row counts over its chance, such that their sum is ``total``: sums over
            the rows, so weighed, are those over all rows, on average (Horvitz and Thompson, 1952).
        """
        more = self.likelier(sample)
        others = np.flatnonzero(~np.isin(sample.index, more.index))
        index = np.concatenate([sample.index[others], more.index])
        rows = np.concatenate([sample.rows[others], more.rows])
        left = None if sample.weights is None else sample.weights[others]
        uniform = np.broadcast_to(self._in_sample(sample, left), len(others))
        weights = 1 / np.concatenate([uniform, more.chances])
        if left is not None and more.weights is not None:
            weights *= np.concatenate([left, more.weights])
        order = np.argsort(index)
        weights *= self.total / weights.sum()
        return np.ascontiguousarray(rows[order], dtype=np.float64), weights[order]
