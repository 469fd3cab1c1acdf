"""Zarr arrays as sources: strictly read, opened where their rows are needed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from dask_gmm.data.blocks import zarr_layout
from dask_gmm.data.chunks import Detection, MissingChunks, StrictChunks
from dask_gmm.data.damage import ChangedChunkError, DamagedChunkError, kind_of_damage
from dask_gmm.data.formats import METADATA_KEYS, ArrayFormat
from dask_gmm.data.gather import gather, gather_bytes
from dask_gmm.data.leaving_out import LeavingOut
from dask_gmm.data.manifest import read_digests
from dask_gmm.data.place import Place
from dask_gmm.data.selection import (
    ColumnPart,
    column_parts,
    n_columns,
    row_dtype,
    selected_columns,
    selected_rows,
)
from dask_gmm.data.source import BadChunk, Block, Layout
from dask_gmm.data.zarr_reader import ZarrReader
from dask_gmm.errors import DataError
from dask_gmm.objects.location import Location


@dataclass(frozen=True, slots=True, eq=False)
class ZarrSource:
    """Some rows and columns of a zarr array.

    Picklable where the array lies in a folder: it carries its place and metadata, never rows.

    Parameters
    ----------
    chunks : StrictChunks
        The chunks of the array, and what is known of them.
    rows : range
        The rows of the array that are read.
    columns : tuple of int, or None
        The columns that are read, in this order; None for all.
    dtype : dtype
        Type of the rows of a block: float64 or float32.
    layout : Layout
        The leaves: whole chunks of the whole array, cut to the rows that are read.
    skips : bool
        Whether rows are left out of which a chunk is bad; they are NaN then.
    skipped : frozenset of int
        Rows of the grid of chunks that are left out without looking.
    """

    chunks: StrictChunks
    rows: range
    columns: tuple[int, ...] | None
    dtype: np.dtype[np.floating]
    layout: Layout
    skips: bool = False
    skipped: frozenset[int] = frozenset()

    @property
    def name(self) -> str:
        """The path of the array."""
        return self.chunks.name

    @property
    def home(self) -> Location | None:
        """Where other calls find the array; None if only this process does."""
        return self.chunks.place.location

    @property
    def n_features(self) -> int:
        """Number of columns of a block."""
        return n_columns(self._parts)

    @property
    def first_row(self) -> int:
        """The number that the array has for the first of the rows."""
        return self.rows.start

    @property
    def shareable(self) -> bool:
        """Whether another process can open it: whether it lies in a folder."""
        return self.chunks.place.shareable

    @property
    def verified(self) -> bool:
        """Whether each chunk is compared with a digest that was stored when it was written."""
        return self.chunks.verified

    @property
    def detects(self) -> Detection:
        """Which damages to the array cannot be read as rows."""
        return self.chunks.detects

    def open(self) -> ZarrReader:
        """Open it where the rows are to be read.

        Raises
        ------
        DataError
            If the array's metadata are not there, or not those that the source was made of.
        """
        self._refuse_other_array()
        form = self.chunks.format
        way = gather(self.chunks, self._parts, self.dtype, self._leaf_chunks)
        shape = (form.chunk[0], self.n_features)
        parts = len(self._parts)
        leaving = LeavingOut(way, shape, parts, self.dtype, self.skipped) if self.skips else None
        return ZarrReader(self.layout, self.rows.start, form.chunk[0], way, leaving)

    def skipping(self) -> "ZarrSource":
        """Give the source that leaves out rows of which a chunk is not there or not whole.

        A first reading finds them; the source `pinned` to it leaves out those alone.
        """
        return replace(self, skips=True)

    def where(self, row: int, column: int) -> str:
        """Name a row and a column as the array numbers them, and the chunk that they lie in."""
        at, across = row + self.rows.start, self.number(column)
        height, width = self.chunks.format.chunk
        chunk = self.chunks.where(at // height, across // width)
        return f"row {at:,}, column {across}, in {chunk}"

    def number(self, column: int) -> int:
        """Give the number that the array has for a column."""
        return column if self.columns is None else self.columns[column]

    def task_bytes(self) -> int:
        """Projected bytes that reading holds at most, per thread, the leaf read ahead included."""
        found = gather_bytes(self.chunks, self._parts, self.dtype, self._leaf_chunks)
        leaf = self._leaf_chunks * self.chunks.format.chunk[0] * self.n_features
        # Leaves of which chunks are bad are put together in memory of their own.
        return found + 3 * leaf * self.dtype.itemsize * self.skips

    def check_present(self) -> int:
        """Look for all chunks before any is read, and give the number of absent ones.

        Those that are left out, or may be in a first reading, are not looked for.

        Raises
        ------
        DataError
            If chunks are absent, and ``missing_chunks`` is not ``fill``.
        """
        if self.skips and not self.chunks.surveyed:
            return 0
        rows = [row for row in self._chunk_range if row not in self.skipped]
        return self.chunks.count_absent(rows, [part.chunk for part in self._parts])

    def chunk_keys(self) -> list[str]:
        """Keys of the chunks that are read, within the array."""
        key = self.chunks.format.key
        return [key(row, part.chunk) for row in self._chunk_range for part in self._parts]

    def check(self, block: Block) -> None:
        """Refuse a leaf that was read before, and not of the chunks that are expected now.

        Raises
        ------
        DataError
            With the first chunk that is another one.
        """
        rows, columns = self._chunks_of(block.start, block.stop), [p.chunk for p in self._parts]
        found = block.digests.reshape(len(rows), len(columns))
        bad, known = self._grid_rows(block.bad_chunks), self.chunks.digests
        for row, digests in zip(rows, found, strict=True):
            if self.chunks.surveyed and (row in bad) != (row in self.skipped):
                self.chunks.refuse(row, columns[0], ChangedChunkError())
            if known is not None and row not in bad:
                others = np.flatnonzero(known[row, columns] != digests)
                if len(others):
                    self.chunks.refuse(row, columns[others[0]], self.chunks.mismatch())

    def n_digests(self, start: int, stop: int) -> int:
        """Give the number of chunks that are read for some rows."""
        return len(self._chunks_of(start, stop)) * len(self._parts)

    def pinned(
        self, digests: npt.NDArray[np.uint32], bad_chunks: Sequence[BadChunk] = ()
    ) -> "ZarrSource":
        """Give the same source, whose chunks must stay those that were read in a first pass.

        Parameters
        ----------
        digests : ndarray of uint32
            `Block.digests` of all leaves, one behind the other.
        bad_chunks : sequence of BadChunk
            `Block.bad_chunks` of all leaves; their rows are left out.

        Returns
        -------
        ZarrSource
            Itself, if its chunks are compared with these digests already.

        Raises
        ------
        DataError
            If there are not as many as chunks.
        """
        rows, columns = self._chunk_range, [part.chunk for part in self._parts]
        if digests.size != len(rows) * len(columns):
            raise DataError(
                f"The array must stay as it was when the run began, but {self.name} has "
                f"{len(rows) * len(columns):,} chunks to read, and {digests.size:,} were read "
                "then. Give the array of then, or begin anew."
            )
        known = self.chunks.digests
        skipped = self._grid_rows(bad_chunks)
        grid = np.zeros(self.chunks.format.counts, np.uint32) if known is None else known.copy()
        read = [row for row in rows if row not in skipped]
        found = digests.reshape(len(rows), len(columns))
        grid[np.ix_(read, columns)] = found[np.array(read, dtype=np.intp) - rows.start]
        skips = self.skips or bool(bad_chunks)
        chunks = replace(self.chunks, surveyed=skips)
        if known is None or not np.array_equal(grid, known):
            grid.setflags(write=False)
            chunks = replace(chunks, digests=grid, mismatch=ChangedChunkError)
        elif not skips:
            return self
        return replace(self, chunks=chunks, skips=skips, skipped=skipped)

    @property
    def _parts(self) -> tuple[ColumnPart, ...]:
        form = self.chunks.format
        return column_parts(self.columns, form.shape[1], form.chunk[1])

    @property
    def _chunk_range(self) -> range:
        return self._chunks_of(0, len(self.rows))

    def _grid_rows(self, bad_chunks: Sequence[BadChunk]) -> frozenset[int]:
        height, first = self.chunks.format.chunk[0], self.rows.start
        return frozenset((each.start + first) // height for each in bad_chunks)

    def _chunks_of(self, start: int, stop: int) -> range:
        height, first = self.chunks.format.chunk[0], self.rows.start
        return range((first + start) // height, -(-(first + stop) // height))

    @property
    def _leaf_chunks(self) -> int:
        edges = self.layout.edges + self.rows.start
        height = self.chunks.format.chunk[0]
        return int((-(-edges[1:] // height) - edges[:-1] // height).max())

    def _refuse_other_array(self) -> None:
        form = self.chunks.format
        key = METADATA_KEYS[form.zarr_format]
        try:
            found = self.chunks.place.read(key).tobytes()
        except DamagedChunkError as error:
            raise kind_of_damage(error)(
                f"The array must be where it was when the run began, but {key} of {self.name} "
                f"{error}. See that every worker sees the same disk."
            ) from error
        if found != form.document and _layout_of(found) != _layout_of(form.document):
            raise DataError(
                f"The array must stay as it was when the run began, but the metadata ({key}) of "
                f"{self.name} changed. Stop what writes to the array, and run again."
            )


def _layout_of(document: bytes) -> object:
    try:
        metadata = json.loads(document)
    except ValueError:
        return None
    return {name: value for name, value in metadata.items() if name != "attributes"}


def zarr_source(
    place: Place,
    form: ArrayFormat,
    columns: Sequence[int | str] | None,
    rows: slice | None,
    missing_chunks: MissingChunks,
) -> ZarrSource:
    """Make a source of an array; see `dask_gmm.data.open_source` for the arguments.

    Raises
    ------
    InputError
        If its elements are not numbers, or it lacks the rows or columns asked for.
    DataError
        If the digests of its chunks lie beside it and are not those of such an array.
    """
    dtype = row_dtype(form.dtype, place.name)
    n_rows, n_features = form.shape
    selected = selected_rows(rows, n_rows, place.name)
    chosen = selected_columns(columns, n_features, place.name)
    layout = zarr_layout(form.shape, form.chunk[0], dtype.itemsize, selected)
    digests = read_digests(place.digests(), form.counts, form.axes)
    chunks = StrictChunks(place, form, missing_chunks, digests)
    return ZarrSource(chunks, selected, chosen, dtype, layout)
