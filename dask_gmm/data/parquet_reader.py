"""An open table of parquet files, of which a task reads one leaf after another."""

import numpy as np

from dask_gmm.data.buffers import BufferPool
from dask_gmm.data.leaving_out import LEFT_OUT
from dask_gmm.data.parquet_file import Footer, Values
from dask_gmm.data.row_groups import FileFacts
from dask_gmm.data.source import BadChunk, Block, Layout
from dask_gmm.data.strict_groups import StrictGroups
from dask_gmm.errors import BadChunkError


class ParquetReader:
    """An open table, held by one task; between two leaves no file is open.

    Parameters
    ----------
    strict : StrictGroups
    layout : Layout
        The leaves, in rows counted from ``first_row``.
    first_row : int
        The row of the table that is the first row of the leaves.
    dtype : dtype
        Type of the rows.
    skipped : frozenset of int, or None
        Groups that are left out without looking; None where each that is bad is an error.
    """

    def __init__(
        self,
        strict: StrictGroups,
        layout: Layout,
        first_row: int,
        dtype: np.dtype[np.floating],
        skipped: frozenset[int] | None,
    ) -> None:
        self._strict = strict
        self._layout = layout
        self._first_row = first_row
        self._dtype = dtype
        self._skipped = skipped
        self._pool = BufferPool(layout.largest * len(strict.names) * dtype.itemsize)
        self._known: tuple[FileFacts, Footer] | None = None

    def read(self, index: int) -> Block:
        """Read and decode one leaf, column by column; its rows cannot be written to.

        Raises
        ------
        DataError
            If a row group of it is not there, damaged, or not the one expected.
        """
        start, stop = self._layout.bounds(index)
        top, bottom = start + self._first_row, stop + self._first_row
        groups = self._strict.groups.touched(top, bottom)
        rows, bad = self._room(stop - start), []
        digests = np.zeros(len(groups), dtype=np.uint32)
        for i, group in enumerate(groups):
            first, last = self._strict.groups.bounds(group)
            into = rows[max(first, top) - top : min(last, bottom) - top]
            try:
                digests[i] = self._read(group, max(top - first, 0), into)
            except BadChunkError as error:
                if self._skipped is None:
                    raise
                into[...] = np.nan
                ends = max(first, top) - self._first_row, min(last, bottom) - self._first_row
                bad.append(BadChunk(error.key, *ends, error.cause))
        rows.setflags(write=False)
        digests.setflags(write=False)
        return Block(index, start, stop, rows, digests, bad_chunks=tuple(bad))

    def _room(self, rows: int) -> Values:
        """Give room for rows whose columns lie one behind the other, as in the files."""
        width = len(self._strict.names)
        values = self._pool.lend()[: rows * width * self._dtype.itemsize].view(self._dtype)
        return values.reshape(width, rows).T

    def _read(self, group: int, skip: int, into: Values) -> int:
        if self._skipped is not None and group in self._skipped:
            raise BadChunkError(LEFT_OUT, cause=LEFT_OUT)
        file, _ = self._strict.groups.place(group)
        known = self._known[1] if self._known is not None and self._known[0] is file else None
        digest, footer = self._strict.read(group, skip, into, known)
        self._known = file, footer
        return digest
