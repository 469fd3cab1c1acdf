"""What is known of the blocks of a dask array, without the array, so that it travels light."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

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
    """

    layout: Layout
    n_features: int
    stated: np.dtype[Any]
    dtype: np.dtype[np.floating]
    origin: Origin

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
        wanted = f"{self.stated} of shape {(stop - start, self.n_features)}"
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
