"""A dask array as a source: its row blocks are the leaves, its graph is used as it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import dask.array as da
import numpy as np
import numpy.typing as npt
from dask.delayed import Delayed
from distributed import Client

from dask_gmm.data.blocks import irregular_layout
from dask_gmm.data.selection import refuse_bad_shape, row_dtype, selected_columns, selected_rows
from dask_gmm.data.source import Block, Layout
from dask_gmm.errors import DataError, InputError

NUMBERS: Final = "biuf"
NO_DIGESTS: npt.NDArray[np.uint32] = np.empty(0, np.uint32)


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """The array that rows are of, for messages.

    Parameters
    ----------
    name : str
    first_row : int
        Its number for the first of the rows.
    columns : tuple of int, or None
        Its numbers for their columns; None for all as they are.
    """

    name: str
    first_row: int
    columns: tuple[int, ...] | None


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
    origin : Origin
        Of which array they are which rows and columns.
    """

    array: da.Array
    layout: Layout
    dtype: np.dtype[np.floating]
    origin: Origin

    @classmethod
    def of(
        cls, array: da.Array, columns: Sequence[int] | None = None, rows: slice | None = None
    ) -> "DaskSource":
        """Take the rows and columns of a dask array.

        Raises
        ------
        InputError
            If it does not have two axes, numbers, known chunk sizes, and the rows and columns.
        """
        name = f"dask array {array.name}"
        _check(array, name)
        n_rows, n_features = refuse_bad_shape(array.shape, name)
        selected = selected_rows(rows, n_rows, name)
        chosen = selected_columns(columns, n_features, name)
        if len(selected) < n_rows:
            array = array[selected.start : selected.stop]
        if chosen is not None:
            array = array[:, list(chosen)]
        return cls._of_blocks(array, Origin(name, selected.start, chosen))

    @classmethod
    def persisted(
        cls, leaves: Sequence[npt.NDArray[np.floating]], origin: Origin, client: Client
    ) -> "DaskSource":
        """Give rows of this process (n, n_features), leaf by leaf, to the workers to hold."""
        blocks = [da.from_array(leaf, chunks=-1) for leaf in leaves]
        return cls._of_blocks(client.persist(da.concatenate(blocks)), origin)

    @classmethod
    def _of_blocks(cls, array: da.Array, origin: Origin) -> "DaskSource":
        array = array.rechunk({1: -1})
        sizes = [size for size in array.chunks[0] if size]
        if len(sizes) < len(array.chunks[0]):
            array = array.rechunk({0: tuple(sizes)})
        layout = irregular_layout(sizes)
        return cls(array, layout, row_dtype(array.dtype, origin.name), origin)

    @property
    def name(self) -> str:
        """How messages call it."""
        return self.origin.name

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

    def where(self, row: int, column: int) -> str:
        """Name a row and a column as the array numbers them, and the block that they lie in."""
        at, across = row + self.origin.first_row, self.number(column)
        return f"row {at:,}, column {across}, in {self._block(row)}"

    def number(self, column: int) -> int:
        """Give the number that the array has for a column."""
        columns = self.origin.columns
        return column if columns is None else columns[column]

    def _block(self, row: int) -> str:
        index = int(np.searchsorted(self.layout.edges, row, side="right")) - 1
        start, stop = (edge + self.origin.first_row for edge in self.layout.bounds(index))
        return f"block {index} (rows {start:,} to {stop:,} of {self.name})"

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
        wanted = f"{self.array.dtype} of shape {(stop - start, self.n_features)}"
        rows = np.asanyarray(values)
        full = not isinstance(rows, np.ma.MaskedArray)
        if not (full and rows.dtype.kind in NUMBERS and rows.shape[1:] == (self.n_features,)
                and len(rows) == stop - start):  # fmt: skip
            kind = type(values).__name__
            raise DataError(
                f"A block must hold what the array says of it, {wanted}, but {self._block(start)} "
                f"is {kind} of {rows.dtype} and shape {rows.shape}. Correct the function that "
                "makes the block, or what is stated of it."
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


def _check(array: da.Array, name: str) -> None:
    row_dtype(array.dtype, name)
    if isinstance(array._meta, np.ma.MaskedArray):
        raise InputError(
            f"Data must be there in full, but {name} is a masked array. Fill it, or leave out "
            "the rows with masked elements."
        )
    if any(np.isnan(size) for sizes in array.chunks for size in sizes):
        raise InputError(
            f"The chunks of a dask array must have known sizes, but those of {name}, of shape "
            f"{array.shape}, are unknown, as in arrays made from data frames. Call its "
            "compute_chunk_sizes() first."
        )
