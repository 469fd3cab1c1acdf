"""A dask array as a source: its row blocks are the leaves, its graph is used as it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dask.array as da
import numpy as np
import numpy.typing as npt
from dask.delayed import Delayed
from distributed import Client

from dask_gmm.data.source import Block, Layout
from dask_gmm.errors import DataError, InputError

NO_DIGESTS: npt.NDArray[np.uint32] = np.empty(0, np.uint32)


@dataclass(frozen=True, slots=True, eq=False)
class DaskSource:
    """Rows of a dask array; every pass computes what is not persisted again.

    Parameters
    ----------
    array : dask.array.Array of shape (n_rows, n_features)
        Numbers in one block per run of rows.
    layout : Layout
    dtype : dtype
        float64 or float32, what the rows are converted to.
    """

    array: da.Array
    layout: Layout
    dtype: np.dtype[np.floating]

    @classmethod
    def of(
        cls, array: da.Array, columns: tuple[int, ...] | None = None, rows: slice | None = None
    ) -> "DaskSource":
        """Take the rows and columns of a dask array.

        Raises
        ------
        InputError
            If it does not have two axes, numbers, known chunk sizes, and at least one of each.
        """
        _check(array)
        if rows is not None:
            array = array[rows]
        if columns is not None:
            array = array[:, list(columns)]
        if 0 in array.shape:
            raise InputError(
                f"Wanted at least one row and one column, found a dask array of shape "
                f"{array.shape} after the choice of rows and columns. Choose some."
            )
        array = array.rechunk({1: -1})
        sizes = [size for size in array.chunks[0] if size]
        if len(sizes) < len(array.chunks[0]):
            array = array.rechunk({0: tuple(sizes)})
        dtype: np.dtype[np.floating] = (
            np.dtype(np.float32) if array.dtype == np.float32 else np.dtype(np.float64)
        )
        return cls(array, Layout(np.cumsum([0, *sizes], dtype=np.int64)), dtype)

    @classmethod
    def persisted(cls, leaves: Sequence[npt.NDArray[np.floating]], client: Client) -> "DaskSource":
        """Give rows of this process (n, n_features), leaf by leaf, to the workers to hold."""
        blocks = [da.from_array(leaf, chunks=-1) for leaf in leaves]
        return cls.of(client.persist(da.concatenate(blocks)))

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"dask array {self.array.name}"

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return int(self.array.shape[1])

    @property
    def shareable(self) -> bool:
        """Its graph travels, its blocks are computed where they are wanted."""
        return True

    def open(self) -> "DaskReader":
        """Open it for computing block by block in the calling thread."""
        return DaskReader(self)

    def where(self, row: int) -> str:
        """Name the block of a row."""
        block = int(np.searchsorted(self.layout.edges, row, side="right")) - 1
        start, stop = self.layout.bounds(block)
        return f"block {block} (rows {start:,} to {stop:,} of {self.name})"

    def task_bytes(self) -> int:
        """Three of the largest blocks: one in use, one computed ahead, and its parts."""
        return 3 * self.layout.largest * self.n_features * int(self.array.dtype.itemsize)

    def pinned(self, digests: npt.NDArray[np.uint32]) -> "DaskSource":
        """Give itself: what a graph computes has no stored bytes to compare."""
        return self

    def delayed_blocks(self) -> list[Delayed]:
        """The blocks as tasks of the array's own graph, one per leaf."""
        return [row[0] for row in self.array.to_delayed()]

    def block(self, index: int, values: Any) -> Block:
        """Make a leaf of what its block computed to."""
        start, stop = self.layout.bounds(index)
        rows = np.asarray(values)
        if rows.shape != (stop - start, self.n_features):
            raise DataError(
                f"{self.where(start)}: wanted shape {(stop - start, self.n_features)} as the "
                f"array's chunks say, found {rows.shape}. Correct the function that makes the "
                "block, or the chunks stated for it."
            )
        return Block(index, start, stop, rows.astype(self.dtype, copy=False), NO_DIGESTS)


@dataclass(frozen=True, slots=True, eq=False)
class DaskReader:
    """Computes one block at a time, in the calling thread."""

    source: DaskSource

    def read(self, index: int) -> Block:
        """Compute one leaf."""
        values = self.source.array.blocks[index].compute(scheduler="synchronous")
        return self.source.block(index, values)


def is_dask_array(data: object) -> bool:
    """Whether data are a dask array."""
    return isinstance(data, da.Array)


def _check(array: da.Array) -> None:
    if array.ndim != 2:
        raise InputError(
            f"Wanted an array with two axes (rows, features), found a dask array of shape "
            f"{array.shape}. Reshape it."
        )
    if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
        raise InputError(
            f"Wanted float64, float32 or integers, found a dask array of type {array.dtype}. "
            "Convert it."
        )
    if any(np.isnan(size) for sizes in array.chunks for size in sizes):
        raise InputError(
            "Wanted a dask array with known chunk sizes, found unknown ones (nan), as arrays made "
            "from data frames have. Call its compute_chunk_sizes() first."
        )
