"""Stored rows with arrays beside them that say something of each row: read from the same leaves."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.parquet_source import ParquetSource
from dask_gmm.data.row_data import (
    checked_labels,
    checked_weights,
)
from dask_gmm.data.source import Around, BadChunk, Block, Reader
from dask_gmm.data.zarr_source import ZarrSource
from dask_gmm.errors import DataError
from dask_gmm.objects.location import Location

Column = ZarrSource | ArraySource
# Leaves of a column that are held: the one in use, the one read ahead, and one not yet let go of.
LEAVES_HELD: Final = 3


@dataclass(frozen=True, slots=True, eq=False)
class RowsBeside(Around):
    """Stored rows, and columns of as many numbers, of which each leaf holds the same rows.

    Parameters
    ----------
    source : ZarrSource or ParquetSource
        The rows.
    weights : ZarrSource or ArraySource, optional
        How often each row counts.
    labels : ZarrSource or ArraySource, optional
        The component that each row is known to be of, -1 where it is not known.
    n_labels : int
        Labels are below it.
    """

    source: ZarrSource | ParquetSource
    weights: Column | None
    labels: Column | None
    n_labels: int

    @property
    def home(self) -> Location | None:
        """Where other calls find the rows; None if only this process does."""
        return self.source.home

    @property
    def first_row(self) -> int:
        """The number that the array has for the first of the rows."""
        return self.source.first_row

    @property
    def shareable(self) -> bool:
        """Whether another process can open all of it."""
        return all(part.shareable for part in self.parts)

    @property
    def columns(self) -> tuple[Column, ...]:
        """What lies beside the rows."""
        return tuple(each for each in (self.weights, self.labels) if each is not None)

    @property
    def parts(self) -> tuple[Column | ParquetSource, ...]:
        """All that is read: the rows, and what lies beside them."""
        return (self.source, *self.columns)

    def open(self) -> "BesideReader":
        """Open it where the rows are to be read."""
        return BesideReader(self, tuple(part.open() for part in self.parts))

    def skipping(self) -> "RowsBeside":
        """Give the source that leaves out rows of which a chunk is bad; beside them none may be."""
        return replace(self, source=self.source.skipping())

    def task_bytes(self) -> int:
        """Projected bytes that reading holds at most, per thread, the leaf read ahead included.

        Rows that count are copied where others do not.
        """
        copies = 8 * self.layout.largest * (LEAVES_HELD * len(self.columns))
        counting = self.layout.largest * self.n_features * self.dtype.itemsize
        return sum(part.task_bytes() for part in self.parts) + copies + counting

    def check_present(self) -> int:
        """Look for all chunks before any is read, and give the number of absent ones.

        Raises
        ------
        DataError
            If some are absent that may not be.
        """
        return sum(part.check_present() for part in self.parts if not isinstance(part, ArraySource))

    def chunk_keys(self) -> list[str]:
        """Keys of the chunks of the rows."""
        return self.source.chunk_keys()

    def check(self, block: Block) -> None:
        """Refuse a leaf that was read before, and not of the chunks that are expected now.

        Raises
        ------
        DataError
            With the first chunk that is another one.
        """
        ends = np.cumsum([_n_digests(part, block.start, block.stop) for part in self.parts])
        for part, digests in zip(self.parts, np.split(block.digests, ends[:-1]), strict=True):
            if not isinstance(part, ArraySource):
                bad = block.bad_chunks if part is self.source else ()
                part.check(replace(block, digests=digests, bad_chunks=bad))

    def pinned(
        self, digests: npt.NDArray[np.uint32], bad_chunks: Sequence[BadChunk] = ()
    ) -> "RowsBeside":
        """Give the same source, whose chunks must stay those that were read in a first pass.

        Parameters
        ----------
        digests : ndarray of uint32
            `Block.digests` of all leaves, one behind the other: in each, those of the rows first.
        bad_chunks : sequence of BadChunk
            `Block.bad_chunks` of all leaves; their rows are left out.

        Raises
        ------
        DataError
            If there are not as many as chunks.
        """
        leaves = [self.layout.bounds(index) for index in range(len(self.layout))]
        counts = [_n_digests(part, *bounds) for bounds in leaves for part in self.parts]
        owners = np.repeat(np.tile(np.arange(len(self.parts)), len(leaves)), counts)
        if len(owners) != digests.size:
            raise DataError(
                f"The arrays must stay as they were when the run began, but {self.name} and what "
                f"lies beside it have {len(owners):,} chunks to read, and {digests.size:,} were "
                "read then. Give the arrays of then, or begin anew."
            )
        shares = [digests[owners == number] for number in range(len(self.parts))]
        columns = iter(shares[1:])
        return RowsBeside(
            self.source.pinned(shares[0], bad_chunks),
            None if self.weights is None else self.weights.pinned(next(columns)),
            None if self.labels is None else self.labels.pinned(next(columns)),
            self.n_labels,
        )

    def block(self, parts: Sequence[Block]) -> Block:
        """Make a leaf of those of all parts.

        Raises
        ------
        DataError
            If a weight or a label is wrong.
        """
        rows, *others = parts
        columns, weights, labels = iter(others), None, None
        if self.weights is not None:
            weights = self._weights(next(columns), self.weights)
        if self.labels is not None:
            labels = self._labels(next(columns), self.labels)
        digests = np.concatenate([part.digests for part in parts])
        digests.setflags(write=False)
        return replace(rows, digests=digests, weights=weights, labels=labels)

    def _weights(self, leaf: Block, column: Column) -> npt.NDArray[np.float64]:
        return checked_weights(leaf.rows[:, 0], lambda row: column.where(leaf.start + row, 0))

    def _labels(self, leaf: Block, column: Column) -> npt.NDArray[np.int64]:
        values, n_labels = leaf.rows[:, 0], self.n_labels
        return checked_labels(values, n_labels, lambda row: column.where(leaf.start + row, 0))


@dataclass(frozen=True, slots=True, eq=False)
class BesideReader:
    """Rows, and what lies beside them, open for one task."""

    source: RowsBeside
    readers: tuple[Reader, ...]

    def read(self, index: int) -> Block:
        """Read one leaf of all of it.

        Raises
        ------
        DataError
            If a chunk is absent or damaged, or a weight or a label is wrong.
        """
        return self.source.block([reader.read(index) for reader in self.readers])


def _n_digests(source: Column | ParquetSource, start: int, stop: int) -> int:
    return 0 if isinstance(source, ArraySource) else source.n_digests(start, stop)
