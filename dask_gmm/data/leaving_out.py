"""Rows without those of which a chunk is bad: they are NaN, and it is said why."""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from dask_gmm.data.gather import Digests, Gather, Rows
from dask_gmm.data.source import BadChunk
from dask_gmm.errors import BadChunkError

# What is said of rows that were left out in the first pass, and are not read again.
LEFT_OUT: Final = "was left out before"


class Found(NamedTuple):
    """Rows of a run of row-chunks, the digests of what was read, and what was bad."""

    rows: Rows
    digests: Digests
    bad: tuple[BadChunk, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class LeavingOut:
    """Gathers rows, those of good row-chunks alone.

    Parameters
    ----------
    gather : Gather
        How rows are made of chunks.
    shape : (int, int)
        Rows of a row-chunk, and columns that are read.
    parts : int
        Chunks of a row-chunk that are read.
    dtype : dtype
        Type of the rows.
    skipped : frozenset of int
        Row-chunks that are left out without looking.
    """

    gather: Gather
    shape: tuple[int, int]
    parts: int
    dtype: np.dtype[np.floating]
    skipped: frozenset[int]

    def rows(self, first: int, last: int) -> Found:
        """Give all rows of a run of row-chunks; those of bad ones are NaN, their digests 0."""
        if self.skipped.isdisjoint(range(first, last)):
            try:
                return Found(*self.gather.rows(first, last))
            except BadChunkError:
                pass  # which of them are bad is seen one by one
        return self._one_by_one(first, last)

    def _one_by_one(self, first: int, last: int) -> Found:
        height, width = self.shape
        rows = np.full(((last - first) * height, width), np.nan, dtype=self.dtype)
        digests = np.zeros((last - first, self.parts), dtype=np.uint32)
        bad = []
        for at, row in enumerate(range(first, last)):
            if row in self.skipped:
                bad.append(BadChunk("", row * height, (row + 1) * height, LEFT_OUT))
                continue
            try:
                found, digests[at] = self.gather.rows(row, row + 1)
            except BadChunkError as error:
                bad.append(BadChunk(error.key, row * height, (row + 1) * height, error.cause))
            else:
                rows[at * height : at * height + len(found)] = found
        return Found(rows, digests.reshape(-1), tuple(bad))
