"""A source without rows: numbers of rows in leaves, for passes that make rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from dask_gmm.data.source import BadChunk, Block, Layout


@dataclass(frozen=True, slots=True, eq=False)
class RowGrid:
    """A Source whose blocks say which rows they stand for, and hold none.

    Parameters
    ----------
    name : str
        How messages call it.
    layout : Layout
        The leaves.
    """

    name: str
    layout: Layout

    @classmethod
    def of(cls, name: str, n_rows: int, leaf_rows: int) -> Self:
        """Give the grid of ``n_rows`` rows in leaves of ``leaf_rows``, the last one shorter."""
        return cls(name, Layout(np.append(np.arange(0, n_rows, leaf_rows), n_rows)))

    @property
    def n_features(self) -> int:
        """0."""
        return 0

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """float64, of no consequence."""
        return np.dtype(np.float64)

    @property
    def shareable(self) -> bool:
        """True: there is nothing to share."""
        return True

    def open(self) -> Self:
        """Give itself."""
        return self

    def read(self, index: int) -> Block:
        """Give the bounds of a leaf."""
        start, stop = self.layout.bounds(index)
        return Block(index, start, stop, np.empty((stop - start, 0)), np.empty(0, np.uint32))

    def pinned(self, digests: npt.NDArray[np.uint32], bad_chunks: Sequence[BadChunk] = ()) -> Self:
        """Give itself."""
        return self

    def where(self, row: int, column: int) -> str:
        """Name a row in a message."""
        return f"row {row:,} of {self.name}"

    def number(self, column: int) -> int:
        """Give itself."""
        return column

    def task_bytes(self) -> int:
        """0."""
        return 0
