"""What is known of the blocks of a dask array, without the array, so that it travels light."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dask_gmm.data.row_data import NO_COLUMNS, Columns, checked_labels, checked_weights
from dask_gmm.data.source import Block, Layout
from dask_gmm.errors import DataError

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
class DaskBlocks:
    """The row blocks of a dask array as leaves.

    Parameters
    ----------
    layout : Layout
    n_features : int
    stated : dtype
        Type that the array says its blocks have.
    dtype : dtype
        float64 or float32, what the rows are converted to.
    origin : Origin
        Of which array they are which rows and columns.
    beside : Columns
        What the last columns of the blocks are instead of columns of rows.
    """

    layout: Layout
    n_features: int
    stated: np.dtype[Any]
    dtype: np.dtype[np.floating]
    origin: Origin
    beside: Columns = NO_COLUMNS

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
        return f"block {index} (rows {start:,} to {stop:,} of {self.origin.name})"

    def block(self, index: int, values: Any) -> Block:
        """Make a leaf of what its block computed to."""
        start, stop = self.layout.bounds(index)
        width = self.n_features + self.beside.count
        wanted = f"{self.stated} of shape {(stop - start, width)}"
        rows = np.asanyarray(values)
        full = not isinstance(rows, np.ma.MaskedArray)
        if not (full and rows.dtype.kind in NUMBERS and rows.shape[1:] == (width,)
                and len(rows) == stop - start):  # fmt: skip
            kind = type(values).__name__
            raise DataError(
                f"A block must hold what the array says of it, {wanted}, but {self._block(start)} "
                f"is {kind} of {rows.dtype} and shape {rows.shape}. Correct the function that "
                "makes the block, or what is stated of it."
            )
        values = rows[:, : self.n_features].astype(self.dtype, copy=False)
        if not self.beside.count:
            return Block(index, start, stop, values, NO_DIGESTS)
        weights, labels = self._beside(rows[:, self.n_features :], start)
        return Block(index, start, stop, values, NO_DIGESTS, weights, labels)

    def _beside(
        self, columns: npt.NDArray[Any], start: int
    ) -> tuple[npt.NDArray[np.float64] | None, npt.NDArray[np.int64] | None]:
        def where(row: int) -> str:
            return f"row {start + row + self.origin.first_row:,}, in {self._block(start)}"

        weights = checked_weights(columns[:, 0], where) if self.beside.weights else None
        if not self.beside.labels:
            return weights, None
        return weights, checked_labels(columns[:, -1], self.beside.n_labels, where)
