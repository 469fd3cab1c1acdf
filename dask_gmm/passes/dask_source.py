"""A dask array as a source: its row blocks are the leaves, its graph is used as it is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import dask
import dask.array as da
import numpy as np
import numpy.typing as npt
from dask.delayed import Delayed
from distributed import Client

from dask_gmm.data.blocks import irregular_layout
from dask_gmm.data.row_data import (
    LABELS,
    NOTHING_BESIDE,
    WEIGHTS,
    Columns,
    RowData,
    column_of,
    joined,
)
from dask_gmm.data.selection import refuse_bad_shape, row_dtype, selected_columns, selected_rows
from dask_gmm.data.source import BadChunk, Block, Layout
from dask_gmm.errors import InputError
from dask_gmm.passes.dask_blocks import NUMBERS, DaskBlocks, Origin

# Rows of this process travel in tasks, which are made again when their holder dies.
LARGE_GRAPHS: Final = {"distributed.admin.large-graph-warning-threshold": "1 TiB"}


@dataclass(frozen=True, slots=True, eq=False)
class DaskSource:
    """Rows of a dask array; every pass computes what is not persisted again.

    Parameters
    ----------
    array : dask.array.Array of shape (n_rows, n_features)
        Numbers in one block per run of rows.
    blocks : DaskBlocks
        What is known of its blocks.
    weights : dask.array.Array of shape (n_rows,), optional
        How often each row counts; the array has them as a column besides.
    """

    array: da.Array
    blocks: DaskBlocks
    weights: da.Array | None = None

    @classmethod
    def of(
        cls,
        array: da.Array,
        columns: Sequence[int | str] | None = None,
        rows: slice | None = None,
        beside: RowData = NOTHING_BESIDE,
    ) -> "DaskSource":
        """Take the rows and columns of a dask array.

        Beside the rows may be dask arrays, in any chunks, or arrays in memory.

        Raises
        ------
        InputError
            If it does not have two axes, numbers, known chunk sizes, and the rows and columns, or
            there is not one number for each row beside it. Whether each is a weight or a label is
            looked at when its block is read.
        """
        name = f"dask array {array.name}"
        check_rows(array, name)
        _refuse_unknown_sizes(array, name)
        n_rows, n_features = array.shape
        selected = selected_rows(rows, n_rows, name)
        chosen = selected_columns(columns, n_features, name)
        if len(selected) < n_rows:
            array = array[selected.start : selected.stop]
        if chosen is not None:
            array = array[:, list(chosen)]
        source = cls._of_blocks(array, Origin(name, selected.start, chosen))
        return source._with(beside, n_rows, selected) if beside.any else source

    @classmethod
    def persisted(
        cls, leaves: Sequence[Block], beside: Columns, origin: Origin, client: Client
    ) -> "DaskSource":
        """Give leaves of this process, and what is said of their rows, to the workers to hold."""
        whole = [joined(leaf.rows, (leaf.weights, leaf.labels)) for leaf in leaves]
        blocks = [da.from_array(leaf, chunks=-1) for leaf in whole]
        with dask.config.set(LARGE_GRAPHS):
            source = cls._of_blocks(client.persist(da.concatenate(blocks)), origin)
        dtype, n_features = leaves[0].rows.dtype, leaves[0].rows.shape[1]
        known = replace(source.blocks, dtype=dtype, n_features=n_features, beside=beside)
        weights = source.array[:, n_features] if beside.weights else None
        return replace(source, blocks=known, weights=weights)

    def _with(self, beside: RowData, n_rows: int, read: range) -> "DaskSource":
        """Put the numbers beside those rows of an array that are read to the right of them."""
        weights = self._column(beside.weights, WEIGHTS, n_rows, read)
        labels = self._column(beside.labels, LABELS, n_rows, read)
        columns = Columns(weights is not None, labels is not None, beside.n_labels)
        there = [each[:, None] for each in (weights, labels) if each is not None]
        array = da.concatenate([self.array, *there], axis=1).rechunk({1: -1})
        blocks = replace(self.blocks, stated=array.dtype, beside=columns)
        return DaskSource(array, blocks, weights)

    def _column(self, given: Any, name: str, n_rows: int, read: range) -> da.Array | None:
        if given is None:
            return None
        column: da.Array
        if not isinstance(given, da.Array):
            numbers = column_of(given, n_rows, name)[read.start : read.stop]
            column = da.from_array(numbers)
            return self._beside(column)
        if given.shape not in ((n_rows,), (n_rows, 1)) or given.dtype.kind not in NUMBERS:
            raise InputError(
                f"Wanted a number for each of the {n_rows:,} rows of {self.name} as {name}, found "
                f"a dask array of shape {given.shape} of {given.dtype}. Give one number for each "
                "row; where sizes of chunks are unknown, call its compute_chunk_sizes() first."
            )
        column = given.reshape(n_rows)[read.start : read.stop]
        return self._beside(column)

    def _beside(self, column: da.Array) -> da.Array:
        """Give numbers (n_rows,) in blocks of the same rows."""
        found: da.Array = column.astype(np.float64).rechunk({0: self.array.chunks[0]})
        return found

    @classmethod
    def _of_blocks(cls, array: da.Array, origin: Origin) -> "DaskSource":
        array = array.rechunk({1: -1})
        sizes = [size for size in array.chunks[0] if size]
        if len(sizes) < len(array.chunks[0]):
            array = array.rechunk({0: tuple(sizes)})
        layout, dtype = irregular_layout(sizes), row_dtype(array.dtype, origin.name)
        return cls(array, DaskBlocks(layout, int(array.shape[1]), array.dtype, dtype, origin))

    @property
    def name(self) -> str:
        """How messages call it."""
        return self.blocks.origin.name

    @property
    def layout(self) -> Layout:
        """The leaves."""
        return self.blocks.layout

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return self.blocks.n_features

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """Type of the rows of a block."""
        return self.blocks.dtype

    @property
    def shareable(self) -> bool:
        """Its graph travels, its blocks are computed where they are wanted."""
        return True

    def open(self) -> "DaskReader":
        """Open it for computing block by block in the calling thread."""
        return DaskReader(self)

    def where(self, row: int, column: int) -> str:
        """Name a row and a column as the array numbers them, and the block that they lie in."""
        return self.blocks.where(row, column)

    def number(self, column: int) -> int:
        """Give the number that the array has for a column."""
        return self.blocks.number(column)

    def task_bytes(self) -> int:
        """Three of the largest blocks: one in use, one computed ahead, and its parts."""
        width = self.n_features + self.blocks.beside.count
        return 3 * self.layout.largest * width * int(self.array.dtype.itemsize)

    def pinned(
        self, digests: npt.NDArray[np.uint32], bad_chunks: Sequence[BadChunk] = ()
    ) -> "DaskSource":
        """Give itself: what a graph computes has no stored bytes to compare."""
        return self

    def in_blocks_of(self, rows: int) -> "DaskSource":
        """Give the same rows in blocks of so many, the last one shorter."""
        return self._of_blocks(self.array.rechunk({0: rows}), self.blocks.origin)

    def delayed_blocks(self) -> list[Delayed]:
        """The blocks as tasks of the array's own graph, one per leaf."""
        return [row[0] for row in self.array.to_delayed()]


@dataclass(frozen=True, slots=True, eq=False)
class DaskReader:
    """Computes one block at a time, in the calling thread."""

    source: DaskSource

    def read(self, index: int) -> Block:
        """Compute one leaf."""
        values = self.source.array.blocks[index].compute(scheduler="synchronous")
        return self.source.blocks.block(index, values)


def is_dask_array(data: object) -> bool:
    """Whether data are a dask array."""
    return isinstance(data, da.Array)


def check_rows(array: da.Array, name: str) -> np.dtype[np.floating]:
    """Give the type in which the rows of a dask array are given, or refuse it.

    Raises
    ------
    InputError
        If it does not have two axes, or holds other than numbers, all of them there.
    """
    refuse_bad_shape(array.shape, name)
    dtype = row_dtype(array.dtype, name)
    if isinstance(array._meta, np.ma.MaskedArray):
        raise InputError(
            f"Data must be there in full, but {name} is a masked array. Fill it, or leave out "
            "the rows with masked elements."
        )
    return dtype


def refuse_unknown_columns(array: da.Array) -> None:
    """Refuse a dask array of rows that does not say how many columns they have.

    Raises
    ------
    InputError
        Also where the numbers of rows may stay unknown.
    """
    if array.ndim == 2 and np.isnan(array.shape[1]):
        raise InputError(
            f"The number of columns of a dask array must be known, but that of dask array "
            f"{array.name}, of shape {array.shape}, is not. Call its compute_chunk_sizes() first."
        )


def _refuse_unknown_sizes(array: da.Array, name: str) -> None:
    if any(np.isnan(size) for sizes in array.chunks for size in sizes):
        raise InputError(
            f"The chunks of a dask array must have known sizes, but those of {name}, of shape "
            f"{array.shape}, are unknown, as in arrays made from data frames. Call its "
            "compute_chunk_sizes() first."
        )
