"""Rows that are drawn: a fold over a grid without rows, whose answer is a receipt.

Rows are drawn in blocks with a generator each, whatever the chunks they are written in: a chunk
takes what it covers of the blocks that it touches. So the same seed gives the same rows for any
chunks, any number of workers, in memory and in a store.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from dask_gmm.data.sink import Digests, Sink
from dask_gmm.data.source import Block
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.sampling import Bench, Components, Sampler
from dask_gmm.passes.fold import Tile
from dask_gmm.passes.seeds import generator

ROWS, COMPONENTS = "x", "component"
PURPOSE: Final = "rows"

Piece: TypeAlias = tuple[Array, Components]
Draw: TypeAlias = Callable[[int, int], Iterator[Piece]]


@dataclass(frozen=True, slots=True, eq=False)
class Receipt:
    """What was written, in the order of rows; receipts of neighboring rows add.

    Parameters
    ----------
    rows, components : ndarray of uint32
        Digest of each chunk of the array of rows, and of that of components.
    kept : int
        Number of chunks that an earlier attempt had written.
    """

    rows: Digests
    components: Digests
    kept: int

    def __add__(self, other: "Receipt") -> "Receipt":
        rows = np.concatenate([self.rows, other.rows])
        components = np.concatenate([self.components, other.components])
        return Receipt(rows, components, self.kept + other.kept)


class Target(Protocol):
    """Where drawn rows go; its leaves are taken by one task each."""

    def fill(self, start: int, stop: int, draw: Draw) -> Receipt:
        """Take the rows from ``start`` to ``stop``, asking ``draw`` for those it lacks.

        What ``draw`` gives is overwritten when the next piece is asked for.
        """
        ...

    def task_bytes(self) -> int:
        """Projected bytes that it holds per thread."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class DrawRows:
    """A Fold whose answer is the receipt for rows that it drew from a mixture.

    Parameters
    ----------
    sampler : Sampler
    seed : int
    target : Target
    """

    sampler: Sampler
    seed: int
    target: Target

    def begin(self, block: Block) -> "Drawing":
        """Start on one leaf of a grid without rows."""
        return Drawing(self, block)

    def tile_bytes(self, n_features: int) -> int:
        """Projected bytes per thread: the bench, what is derived on it, and the target's."""
        row_bytes = 8 * (3 * self.sampler.n_features + 8)
        return self.sampler.block_rows * row_bytes + self.target.task_bytes()


class Drawing:
    """Draws the rows of one leaf; a Meter."""

    def __init__(self, fold: DrawRows, block: Block) -> None:
        self._fold = fold
        self._block = block
        self._bench = Bench(fold.sampler)
        self._number = -1

    def add(self, tile: Tile) -> None:
        """Take no notice: a grid without rows has no tiles."""

    def answer(self) -> Receipt:
        """Draw, and give the receipt."""
        return self._fold.target.fill(self._block.start, self._block.stop, self._pieces)

    def _pieces(self, start: int, stop: int) -> Iterator[Piece]:
        size = self._fold.sampler.block_rows
        for number in range(start // size, -(-stop // size)):
            at = number * size
            part = slice(max(start - at, 0), stop - at)
            self._draw(number)
            yield self._bench.rows[part], self._bench.components[part]

    def _draw(self, number: int) -> None:
        """Draw a block, unless it is the last one that was drawn: small chunks share it."""
        if number != self._number:
            fold = self._fold
            fold.sampler.draw(generator(fold.seed, PURPOSE, number), self._bench)
            self._number = number


@dataclass(frozen=True, slots=True, eq=False)
class GroupTarget:
    """A Target that writes ``x`` and ``component`` of a group, and keeps what is already there.

    Parameters
    ----------
    sink : Sink
        With these two arrays, in this order, in chunks of as many rows.
    """

    sink: Sink

    def fill(self, start: int, stop: int, draw: Draw) -> Receipt:
        """Write the chunks of these rows that are not finished."""
        size = self._chunk_rows
        edges = [*range(start, stop, size), stop]
        receipts = [self._chunk(*ends, draw) for ends in pairwise(edges)]
        return Receipt(
            np.concatenate([receipt.rows for receipt in receipts]),
            np.concatenate([receipt.components for receipt in receipts]),
            sum(receipt.kept for receipt in receipts),
        )

    def task_bytes(self) -> int:
        """Bytes of the two arrays' chunks: those found are read to compare their checksums."""
        chunks = sum(spec.chunk_bytes for spec in self.sink.arrays)
        return chunks + self.sink.bytes_on_the_way

    @property
    def _chunk_rows(self) -> int:
        return self.sink.arrays[0].chunk_rows

    def _chunk(self, start: int, stop: int, draw: Draw) -> Receipt:
        components = self.sink.finished(COMPONENTS, start, stop)
        rows = None if components is None else self.sink.finished(ROWS, start, stop)
        if rows is None or components is None:
            return self._write(start, stop, draw)
        return Receipt(rows, components, 1)

    def _write(self, start: int, stop: int, draw: Draw) -> Receipt:
        labels = np.empty(stop - start, self.sink.arrays[1].dtype)

        def pieces() -> Iterator[npt.NDArray[Any]]:
            at = 0
            for rows, components in draw(start, stop):
                labels[at : at + len(rows)] = components
                at += len(rows)
                yield rows

        digests = self.sink.write_pieces(ROWS, start, stop, pieces())
        return Receipt(digests, self.sink.write(COMPONENTS, start, labels), 0)


@dataclass(frozen=True, slots=True, eq=False)
class MemoryTarget:
    """A Target in this process's memory.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features), float64 or float32
    components : ndarray of shape (n_rows,), integers
    """

    rows: npt.NDArray[np.floating]
    components: Components

    def fill(self, start: int, stop: int, draw: Draw) -> Receipt:
        """Put the rows in their place; the receipt is empty."""
        at = start
        for rows, components in draw(start, stop):
            self.rows[at : at + len(rows)] = rows
            self.components[at : at + len(rows)] = components
            at += len(rows)
        return Receipt(np.empty(0, np.uint32), np.empty(0, np.uint32), 0)

    def task_bytes(self) -> int:
        """0: the arrays are the caller's."""
        return 0
