"""Ways to make the rows of a leaf out of stored chunks.

Each gathers whole row-chunks ``first`` to ``last`` of the selected columns, and the digests of the
chunks read, row by row of the grid of chunks.
"""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from zarr.abc.buffer import Buffer
from zarr.buffer import cpu

from dask_gmm.data.buffers import BufferPool
from dask_gmm.data.chunks import StrictChunks
from dask_gmm.data.formats import decoder
from dask_gmm.data.plain import CHECKSUM_BYTES
from dask_gmm.data.selection import ColumnPart, n_columns

Rows = npt.NDArray[np.floating]
Digests = npt.NDArray[np.uint32]
Parts = tuple[ColumnPart, ...]


class Gather(Protocol):
    """One of the ways."""

    def rows(self, first: int, last: int) -> tuple[Rows, Digests]:
        """Give all rows of a run of row-chunks, and the digests of what was read."""
        ...


class InPlace:
    """Plain chunks as wide as the array, read one behind the other into the rows themselves.

    The checksum behind one chunk is overwritten by the beginning of the next.
    """

    def __init__(self, chunks: StrictChunks, part: ColumnPart, leaf_chunks: int) -> None:
        self._chunks = chunks
        self._part = part
        self._pool = BufferPool(leaf_chunks * chunks.format.chunk_bytes + CHECKSUM_BYTES)

    def rows(self, first: int, last: int) -> tuple[Rows, Digests]:
        """Give views of one buffer, unless the columns are out of order."""
        form, n_chunks = self._chunks.format, last - first
        buffer = self._pool.lend()
        digests = np.empty(n_chunks, dtype=np.uint32)
        for i in range(n_chunks):
            begin = i * form.chunk_bytes
            into = buffer[begin : begin + form.plain_bytes]
            digests[i] = self._chunks.plain(first + i, 0, into)
        whole = buffer[: n_chunks * form.chunk_bytes].view(form.dtype)
        return whole.reshape(-1, form.chunk[1])[:, self._part.source], digests


class Scattered:
    """Plain chunks of another type or width than the rows, read into a corner and put in place."""

    def __init__(
        self, chunks: StrictChunks, parts: Parts, dtype: np.dtype[np.floating], leaf_chunks: int
    ) -> None:
        self._chunks = chunks
        self._parts = parts
        self._assembly = Assembly(chunks.format.chunk[0], parts, dtype, leaf_chunks)
        self._corner = np.empty(chunks.format.plain_bytes, dtype=np.uint8)

    def rows(self, first: int, last: int) -> tuple[Rows, Digests]:
        """Give views of one buffer."""
        form = self._chunks.format
        values = self._corner[: form.chunk_bytes].view(form.dtype).reshape(form.chunk)
        rows = self._assembly.rows(last - first)
        digests = np.empty((last - first, len(self._parts)), dtype=np.uint32)
        for i in range(last - first):
            band = rows[i * form.chunk[0] : (i + 1) * form.chunk[0]]
            for j, part in enumerate(self._parts):
                digests[i, j] = self._chunks.plain(first + i, part.chunk, self._corner)
                band[:, part.target] = values[:, part.source]
        return rows, digests.reshape(-1)


class Decoded:
    """Chunks of any codecs, fetched strictly and decoded by zarr."""

    def __init__(
        self, chunks: StrictChunks, parts: Parts, dtype: np.dtype[np.floating], leaf_chunks: int
    ) -> None:
        form = chunks.format
        self._chunks = chunks
        self._parts = parts
        self._dtype = dtype
        self._assembly = Assembly(form.chunk[0], parts, dtype, leaf_chunks)
        self._held: dict[str, Buffer] = {}
        self._array = decoder(form.document, form.zarr_format, self._held)

    def rows(self, first: int, last: int) -> tuple[Rows, Digests]:
        """Give what zarr decoded, or views of one buffer that it is put together in."""
        digests = np.empty((last - first, len(self._parts)), dtype=np.uint32)
        only = self._parts[0] if len(self._parts) == 1 else None
        if only and self._chunks.format.dtype == self._dtype:
            values = self._column(first, last, only.chunk, digests[:, 0])
            return values[:, only.source], digests[:, 0]
        rows = self._assembly.rows(last - first)
        for j, part in enumerate(self._parts):
            values = self._column(first, last, part.chunk, digests[:, j])
            rows[: len(values), part.target] = values[:, part.source]
        return rows, digests.reshape(-1)

    def _column(self, first: int, last: int, column: int, digests: Digests) -> npt.NDArray[Any]:
        absent = set()
        for i, row in enumerate(range(first, last)):
            stored, digests[i] = self._chunks.stored(row, column)
            if stored is None:
                absent.add(row)
            else:
                key = self._chunks.format.key(row, column)
                self._held[key] = cpu.Buffer.from_array_like(stored)
        try:
            return self._decode(first, last, column, absent)
        finally:
            for row in range(first, last):
                self._held.pop(self._chunks.format.key(row, column), None)

    def _decode(self, first: int, last: int, column: int, absent: set[int]) -> npt.NDArray[Any]:
        whole = None if absent else self._attempt(first, last, column)
        if isinstance(whole, np.ndarray):
            return whole
        # One by one, to fill the absent ones in, or to find which of them it is that fails.
        return np.concatenate([self._one(row, column, absent) for row in range(first, last)])

    def _one(self, row: int, column: int, absent: set[int]) -> npt.NDArray[Any]:
        form = self._chunks.format
        if row in absent:
            return np.full(form.extent(row, column), form.fill_value, dtype=form.dtype)
        values = self._attempt(row, row + 1, column)
        if isinstance(values, Exception):
            self._chunks.refuse(row, column, values)
        return values

    def _attempt(self, first: int, last: int, column: int) -> npt.NDArray[Any] | Exception:
        height, width = self._chunks.format.chunk
        rows = slice(first * height, last * height)
        try:
            if self._chunks.format.axes == 1:
                return np.asarray(self._array[rows]).reshape(-1, 1)
            return np.asarray(self._array[rows, column * width : (column + 1) * width])
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001  codecs raise errors of any type
            return error


class Assembly:
    """Memory for the rows of a leaf, used again when nobody looks at them."""

    def __init__(
        self, chunk_rows: int, parts: Parts, dtype: np.dtype[np.floating], leaf_chunks: int
    ) -> None:
        self._chunk_rows = chunk_rows
        self._dtype = dtype
        self._width = n_columns(parts)
        self._pool = BufferPool(leaf_chunks * chunk_rows * self._width * dtype.itemsize)

    def rows(self, n_chunks: int) -> Rows:
        """Give room for the rows of so many row-chunks."""
        n_values = n_chunks * self._chunk_rows * self._width
        values = self._pool.lend()[: n_values * self._dtype.itemsize].view(self._dtype)
        return values.reshape(-1, self._width)


def gather(
    chunks: StrictChunks, parts: Parts, dtype: np.dtype[np.floating], leaf_chunks: int
) -> Gather:
    """Choose the cheapest way to make rows of such chunks.

    Parameters
    ----------
    chunks : StrictChunks
        The chunks of the array.
    parts : tuple of ColumnPart
        The columns to give.
    dtype : dtype
        The type to give them in.
    leaf_chunks : int
        Row-chunks of the largest leaf.
    """
    if not chunks.format.plain:
        return Decoded(chunks, parts, dtype, leaf_chunks)
    if chunks.format.counts[1] == 1 and chunks.format.dtype == dtype:
        return InPlace(chunks, parts[0], leaf_chunks)
    return Scattered(chunks, parts, dtype, leaf_chunks)


def gather_bytes(
    chunks: StrictChunks, parts: Parts, dtype: np.dtype[np.floating], leaf_chunks: int
) -> int:
    """Projected bytes of reading leaf after leaf that way, the leaf in use included.

    Three leaves are held: the one in use, the one read ahead, and one not yet let go of. Where
    chunks are put in place from a corner, one chunk more. Where zarr decodes, the chunks of a leaf
    in one column of chunks four times: as stored, as decompressed, as put together, and once more,
    since zarr lets go of them a little late. What comes from a store is held on its way, too.
    """
    form = chunks.format
    on_the_way = chunks.place.copies * form.chunk_bytes
    column = leaf_chunks * form.chunk_bytes
    leaf = leaf_chunks * form.chunk[0] * n_columns(parts) * dtype.itemsize
    as_stored = len(parts) == 1 and form.dtype == dtype
    if not form.plain:
        return 3 * (column if as_stored else leaf) + 4 * column + on_the_way
    if form.counts[1] == 1 and as_stored:
        return 3 * (column + CHECKSUM_BYTES) + on_the_way
    return 3 * leaf + form.plain_bytes + on_the_way
