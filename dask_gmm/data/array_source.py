"""Arrays in memory as sources: read in place where possible."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from dask_gmm.data.blocks import array_layout
from dask_gmm.data.frames import frame_values, is_frame
from dask_gmm.data.row_data import (
    NOTHING_BESIDE,
    UNKNOWN,
    Columns,
    RowData,
    labels_in_memory,
    weights_in_memory,
)
from dask_gmm.data.selection import (
    as_index,
    refuse_bad_shape,
    row_dtype,
    selected_columns,
    selected_rows,
)
from dask_gmm.data.source import BadChunk, Block, Layout
from dask_gmm.errors import InputError

NAME = "the array"
NO_DIGESTS = np.empty(0, dtype=np.uint32)
NO_DIGESTS.setflags(write=False)


@dataclass(frozen=True, slots=True, eq=False)
class ArraySource:
    """Rows of an array in this process's memory; its own reader.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, at least n_features)
        The rows, of any type that fits in float64; not copied, and not written to.
    columns : tuple of int, or None
        The columns that are read, in this order; None for all.
    dtype : dtype
        Type of the rows of a block: float64 or float32.
    layout : Layout
        The leaves.
    first_row : int
        The number that the array has for the first of the rows.
    weights : ndarray of float64, shape (n_rows,), optional
        How often each row counts; without them, once.
    labels : ndarray of int64, shape (n_rows,), optional
        The component that each row is known to be of, -1 where it is not known.
    """

    rows: npt.NDArray[Any]
    columns: tuple[int, ...] | None
    dtype: np.dtype[np.floating]
    layout: Layout
    first_row: int
    weights: npt.NDArray[np.float64] | None = None
    labels: npt.NDArray[np.int64] | None = None

    @classmethod
    def of(
        cls,
        data: object,
        columns: Sequence[int | str] | None = None,
        rows: slice | None = None,
        layout: Layout | None = None,
        beside: RowData = NOTHING_BESIDE,
    ) -> "ArraySource":
        """Make a source of what numpy takes for an array, or of a pandas data frame.

        Parameters
        ----------
        data : array_like of shape (n_rows, n_features)
            The array; of a frame, whose columns must all be numbers, what is absent is NaN.
        columns : sequence of int, optional
            The columns to read, in this order.
        rows : slice, optional
            The rows to read, of step 1.
        layout : Layout, optional
            Other leaves than those that an array of this shape has.
        beside : RowData
            Weights and labels of the rows of the array, as arrays in memory.

        Raises
        ------
        InputError
            If it is not an array of numbers with rows and columns, or has not those asked for, or
            there is not a weight or label for each row.
        DataError
            If one of them is wrong.
        """
        if isinstance(data, np.ma.MaskedArray):
            raise InputError(
                "Data must be there in full, but the array given is a masked array. Fill it, or "
                "leave out the rows with masked elements."
            )
        array = frame_values(data) if is_frame(data) else _array(data)
        dtype = row_dtype(array.dtype, NAME)
        n_rows, n_features = refuse_bad_shape(array.shape, NAME)
        chosen = selected_columns(columns, n_features, NAME)
        selected = selected_rows(rows, n_rows, NAME)
        width = n_features if chosen is None else len(chosen)
        leaves = layout or array_layout(len(selected), width, dtype.itemsize)
        rows_read = array[selected.start : selected.stop]
        source = cls(rows_read, chosen, dtype, leaves, selected.start)
        return source.with_beside(beside, n_rows, selected)

    def with_beside(self, beside: RowData, n_rows: int, rows: range) -> "ArraySource":
        """Give the same rows with what is said of each of them.

        Parameters
        ----------
        beside : RowData
            Of all rows of the array.
        n_rows : int
            How many these are.
        rows : range
            Those that are read.

        Raises
        ------
        InputError, DataError
            See `ArraySource.of`.
        """
        weights, labels, read = None, None, slice(rows.start, rows.stop)
        if beside.weights is not None:
            weights = weights_in_memory(beside.weights, n_rows)[read]
        if beside.labels is not None:
            labels = labels_in_memory(beside.labels, n_rows, beside.n_labels)[read]
        return replace(self, weights=weights, labels=labels)

    def values(self) -> npt.NDArray[np.floating]:
        """Give all rows of all leaves: a view where possible."""
        return self._given(self.rows)

    @property
    def name(self) -> str:
        """What messages call it."""
        return NAME

    @property
    def beside(self) -> Columns:
        """What is said of each row beside its values."""
        if self.labels is None:
            return Columns(self.weights is not None)
        n_labels = int(self.labels.max(initial=UNKNOWN)) + 1
        return Columns(self.weights is not None, True, n_labels)

    @property
    def n_features(self) -> int:
        """Number of columns of a block."""
        return self.rows.shape[1] if self.columns is None else len(self.columns)

    @property
    def shareable(self) -> bool:
        """False: it is in this process alone."""
        return False

    def open(self) -> "ArraySource":
        """Give itself."""
        return self

    def pinned(
        self, digests: npt.NDArray[np.uint32], bad_chunks: Sequence[BadChunk] = ()
    ) -> "ArraySource":
        """Give itself: nothing of it is stored in chunks."""
        return self

    def read(self, index: int) -> Block:
        """Give one leaf: a view where neither type nor order of columns asks for a copy."""
        start, stop = self.layout.bounds(index)
        weights = None if self.weights is None else self.weights[start:stop]
        labels = None if self.labels is None else self.labels[start:stop]
        rows = self._given(self.rows[start:stop])
        return Block(index, start, stop, rows, NO_DIGESTS, weights, labels)

    def _given(self, rows: npt.NDArray[Any]) -> npt.NDArray[np.floating]:
        if self.columns is not None:
            rows = rows[:, as_index(np.array(self.columns))]
        given = rows.astype(self.dtype, copy=False).view()
        given.setflags(write=False)
        return given

    def where(self, row: int, column: int) -> str:
        """Name a row and a column, both as the array numbers them."""
        return f"row {row + self.first_row:,}, column {self.number(column)} of {self.name}"

    def number(self, column: int) -> int:
        """Give the number that the array has for a column."""
        return column if self.columns is None else self.columns[column]

    def task_bytes(self) -> int:
        """Projected bytes of three leaves where they are copied; 0 where they are looked at."""
        if self.columns is None and self.rows.dtype == self.dtype:
            return 0
        return 3 * self.layout.largest * self.n_features * self.dtype.itemsize


def _array(data: object) -> npt.NDArray[Any]:
    try:
        return np.asarray(data)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"Data must be what numpy makes an array of, but of the {type(data).__name__} given "
            f"it does not ({error}). Give rows of equal length."
        ) from error
