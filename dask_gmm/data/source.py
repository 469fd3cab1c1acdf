"""What a data set is to the rest of the package: rows in leaves, read one leaf at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class BadChunk:
    """A chunk that is not there or not whole, and the rows that are left out for it.

    Parameters
    ----------
    key : str
        Of the chunk, within its array.
    start, stop : int
        Rows of the source: ``start <= row < stop``.
    cause : str
        What was found.
    """

    key: str
    start: int
    stop: int
    cause: str

    @property
    def rows(self) -> int:
        """Number of the rows."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """One leaf, decoded.

    Parameters
    ----------
    index : int
        Number of the leaf in its source.
    start, stop : int
        Rows of the source that it holds: ``start <= row < stop``.
    rows : ndarray of shape (stop - start, n_features), float64 or float32
        The rows themselves; empty (no columns) for a source without rows. Those that are left out
        for bad chunks are NaN.
    digests : ndarray of uint32
        Digest of each chunk read for it, as `dask_gmm.data.manifest` defines it, in the order of
        the chunk grid; empty where nothing is stored in chunks.
    weights : ndarray of float64, shape (stop - start,), optional
        How often each row counts, from 0; without them, once.
    labels : ndarray of int64, shape (stop - start,), optional
        The component that each row is known to be of, -1 where it is not known.
    bad_chunks : tuple of BadChunk
        Those that this reading found, or that one before left out, in the order of their rows. Of
        several about the same rows it is the first.
    """

    index: int
    start: int
    stop: int
    rows: npt.NDArray[np.floating]
    digests: npt.NDArray[np.uint32]
    weights: npt.NDArray[np.float64] | None = None
    labels: npt.NDArray[np.int64] | None = None
    bad_chunks: tuple[BadChunk, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The leaves of a source: leaf ``i`` holds rows ``edges[i]`` to ``edges[i + 1]``.

    A leaf is a run of whole chunks and a function of the array's own layout alone, never of
    workers or settings, since the tree of sums, and with it the last bit, hangs on it.
    """

    edges: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.edges) - 1

    def bounds(self, index: int) -> tuple[int, int]:
        """First row of a leaf, and the first row after it."""
        return int(self.edges[index]), int(self.edges[index + 1])

    @property
    def rows(self) -> int:
        """Number of rows in all leaves."""
        return int(self.edges[-1])

    @property
    def largest(self) -> int:
        """Number of rows of the largest leaf."""
        return int(np.diff(self.edges).max(initial=0))


class Reader(Protocol):
    """An open source, held by one task."""

    def read(self, index: int) -> Block:
        """Read and decode one leaf; strictly: what is not there, or damaged, is an error."""
        ...


class Source(Protocol):
    """Rows in leaves. Frozen, picklable unless it lives in this process's memory."""

    @property
    def name(self) -> str:
        """How messages call it."""
        ...

    @property
    def n_features(self) -> int:
        """Number of columns of a block; 0 for a source without rows."""
        ...

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """Type of the rows of a block: float64 or float32."""
        ...

    @property
    def layout(self) -> Layout:
        """The leaves."""
        ...

    @property
    def shareable(self) -> bool:
        """Whether another process can open it."""
        ...

    def open(self) -> Reader:
        """Open it where the rows are to be read."""
        ...

    def pinned(
        self, digests: npt.NDArray[np.uint32], bad_chunks: Sequence[BadChunk] = ()
    ) -> "Source":
        """Give the source that refuses chunks with other digests than these.

        They are those of every leaf's `Block.digests` in the first reading, in the order of the
        leaves, and so are the bad chunks, which are not read again. A source without stored chunks
        gives itself.
        """
        ...

    def where(self, row: int, column: int) -> str:
        """Name the place of a value in a message, by the numbers that its array has for it.

        Such as "row 317, column 2, in chunk c/3/0 (rows 300 to 400 of x.zarr/x)".
        """
        ...

    def number(self, column: int) -> int:
        """Give the number that the array has for a column of the rows."""
        ...

    def task_bytes(self) -> int:
        """Projected bytes that reading holds at most, per thread, the leaf read ahead included."""
        ...


class Around:
    """What a source around another one says of the rows: what that one says."""

    __slots__ = ()
    source: Source

    @property
    def name(self) -> str:
        """How messages call the rows."""
        return self.source.name

    @property
    def n_features(self) -> int:
        """Number of columns of a block."""
        return self.source.n_features

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """Type of the rows of a block."""
        return self.source.dtype

    @property
    def layout(self) -> Layout:
        """The leaves."""
        return self.source.layout

    def where(self, row: int, column: int) -> str:
        """Name a row and a column as the array numbers them; see `Source.where`."""
        return self.source.where(row, column)

    def number(self, column: int) -> int:
        """Give the number that the array has for a column."""
        return self.source.number(column)
