"""Rows that the workers of a cluster hold once they have read them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt
from distributed import Client, Future

from dask_gmm.data.source import BadChunk, Reader
from dask_gmm.data.stored import StoredSource
from dask_gmm.passes.held import Held, Piece
from dask_gmm.passes.memory import bytes_of
from dask_gmm.passes.tree import level_for, nodes

# Bytes of rows in a piece, unless a leaf has more: so many that pieces cost Dask little, and so
# few that workers get equal shares.
PIECE_BYTES: Final = 64 * 2**20
PIECES: Final = "pieces"
READY: Final = ("pending", "finished")

Task = Future[Any]
T = TypeVar("T")


class Pieces:
    """The futures of pieces, of which each is a node of the tree of leaves.

    Parameters
    ----------
    client : distributed.Client
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._tasks: dict[int, Task] = {}
        self._sources: list[Task] = []
        self._level = 0
        self._groups: set[str] = set()

    def __len__(self) -> int:
        """Number of pieces that are held, or being read."""
        return len(self._tasks)

    @property
    def groups(self) -> frozenset[str]:
        """What the keys of the tasks begin with that have read them, in whichever pass."""
        return frozenset(self._groups)

    def read(self, source: StoredSource, prefix: str, most: int) -> None:
        """Have those read that are not held, by a task each.

        What was held by a worker that is lost is read again by the same task, as Dask does it.

        Parameters
        ----------
        source : StoredSource
        prefix : str
            What the keys of new tasks begin with.
        most : int
            Into how many they are cut at most, when none has been read.
        """
        if not self._tasks:
            self._level = level_for(len(source.layout), most)
        every = nodes(len(source.layout), self._level)
        missing = [node for node in every if not self._is_held(node[0])]
        if missing:
            # A task of its own, since rows may be read again when the pass has long ended.
            asked = self._client.submit(same, source, key=f"{prefix}-source")
            self._sources.append(asked)
            self._groups.add(f"{prefix}-{PIECES}")
        for node in missing:
            key = (f"{prefix}-{PIECES}", *node)
            self._tasks[node[0]] = self._client.submit(_read, asked, node, key=key)

    def holding(self, leaf: int) -> Task:
        """Give the piece that a leaf is in."""
        return self._tasks[leaf >> self._level << self._level]

    def release(self) -> None:
        """Let the workers forget all of it."""
        for task in (*self._tasks.values(), *self._sources):
            task.release()
        self._tasks.clear()
        self._sources.clear()

    def _is_held(self, leaf: int) -> bool:
        return leaf in self._tasks and self._tasks[leaf].status in READY


@dataclass(frozen=True, slots=True, eq=False)
class HeldThere(Held):
    """Rows that workers hold once they have read them.

    Parameters
    ----------
    source : StoredSource
    pieces : Pieces
        Where they are held.
    """

    pieces: Pieces

    @property
    def shareable(self) -> bool:
        """Whether workers can open the source."""
        return self.source.shareable

    def open(self) -> Reader:
        """Open the source for reading in this process, which holds nothing of it."""
        return self.source.open()

    def pinned(
        self, digests: npt.NDArray[np.uint32], bad_chunks: Sequence[BadChunk] = ()
    ) -> "HeldThere":
        """See `StoredSource.pinned`; what is held is compared, too."""
        return replace(self, source=self.source.pinned(digests, bad_chunks))

    def task_bytes(self) -> int:
        """Those of the source, which any worker may have to read again."""
        return self.source.task_bytes()

    def tasks_wanted(self, least: int) -> int:
        """Give at least so many tasks, and at least one for each piece."""
        return max(least, len(self.pieces) or -(-bytes_of(self) // PIECE_BYTES))

    def release(self) -> None:
        """Hold nothing any more."""
        self.pieces.release()


def same(value: T) -> T:
    """Give what it is given: as a task, it holds a value until tasks of others ask for it."""
    return value


def _read(source: StoredSource, node: tuple[int, int]) -> Piece:
    return Piece.of(source, range(*node))
