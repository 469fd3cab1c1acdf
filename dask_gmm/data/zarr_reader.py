"""An open zarr array, of which a task reads one leaf after another."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dask_gmm.data.gather import Gather
from dask_gmm.data.leaving_out import Found, LeavingOut
from dask_gmm.data.source import BadChunk, Block, Layout


@dataclass(frozen=True, slots=True, eq=False)
class ZarrReader:
    """An open zarr array, held by one task.

    Parameters
    ----------
    layout : Layout
        The leaves, in rows counted from ``first_row``.
    first_row : int
        The row of the array that is the first row of the leaves.
    chunk_rows : int
        Rows of a chunk of the array.
    gather : Gather
        How rows are made of chunks.
    leaving_out : LeavingOut, optional
        What makes them where bad chunks are left out.
    """

    layout: Layout
    first_row: int
    chunk_rows: int
    gather: Gather
    leaving_out: LeavingOut | None = None

    def read(self, index: int) -> Block:
        """Read and decode one leaf.

        The rows cannot be written to. Their memory is used again for a later leaf, once no array
        looks at them any more.

        Raises
        ------
        DataError
            If a chunk of it is absent, damaged, or not the one expected.
        """
        start, stop = self.layout.bounds(index)
        top, bottom = self.first_row + start, self.first_row + stop
        first, last = top // self.chunk_rows, -(-bottom // self.chunk_rows)
        rows, digests, bad = self._gathered(first, last)
        rows = rows[top - first * self.chunk_rows : bottom - first * self.chunk_rows]
        rows.setflags(write=False)
        digests.setflags(write=False)
        return Block(index, start, stop, rows, digests, bad_chunks=self._cut(bad, start, stop))

    def _gathered(self, first: int, last: int) -> Found:
        if self.leaving_out is not None:
            return self.leaving_out.rows(first, last)
        return Found(*self.gather.rows(first, last))

    def _cut(self, bad: Sequence[BadChunk], start: int, stop: int) -> tuple[BadChunk, ...]:
        """Give rows of the array as rows of the source, those of a leaf."""
        return tuple(
            replace(
                each,
                start=max(each.start - self.first_row, start),
                stop=min(each.stop - self.first_row, stop),
            )
            for each in bad
        )
