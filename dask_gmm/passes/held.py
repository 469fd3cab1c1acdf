"""Rows that are read once and then held, decoded."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from dask_gmm.data.source import Around, BadChunk, Block, Reader
from dask_gmm.data.stored import StoredSource
from dask_gmm.errors import DataError


@dataclass(frozen=True, slots=True, eq=False)
class Held(Around):
    """Stored rows that are held once they have been read, somewhere.

    Parameters
    ----------
    source : StoredSource
        Where leaves are read that are not held.
    """

    source: StoredSource

    def check_present(self) -> int:
        """See `StoredSource.check_present`."""
        return self.source.check_present()


@dataclass(frozen=True, slots=True, eq=False)
class HeldHere(Held):
    """Rows that this process holds once it has read them.

    Parameters
    ----------
    source : StoredSource
    blocks : dict of int to Block
        The leaves that are held; filled by all readers.
    """

    blocks: dict[int, Block] = field(default_factory=dict)

    @property
    def shareable(self) -> bool:
        """False: what it holds is in this process alone."""
        return False

    def open(self) -> "HeldReader":
        """Open it for one task; the rows are opened when a leaf is not held."""
        return HeldReader(self)

    def pinned(
        self, digests: npt.NDArray[np.uint32], bad_chunks: Sequence[BadChunk] = ()
    ) -> "HeldHere":
        """See `StoredSource.pinned`; what is held is compared, too."""
        return replace(self, source=self.source.pinned(digests, bad_chunks))

    def task_bytes(self) -> int:
        """Those of the source, until all its leaves are held."""
        return 0 if len(self.blocks) == len(self.layout) else self.source.task_bytes()

    def release(self) -> None:
        """Hold nothing any more."""
        self.blocks.clear()


class HeldReader:
    """Gives leaves that are held, and holds those that it reads."""

    def __init__(self, held: HeldHere) -> None:
        self._held = held
        self._reader: Reader | None = None

    def read(self, index: int) -> Block:
        """Give one leaf.

        Raises
        ------
        DataError
            See `Reader.read`; also if what is held was made of other chunks.
        """
        block = self._held.blocks.get(index)
        if block is None:
            return self._held.blocks.setdefault(index, self._read(index))
        self._held.source.check(block)
        return block

    def _read(self, index: int) -> Block:
        self._reader = self._reader or self._held.source.open()
        block = self._reader.read(index)
        # A copy, since a reader lends its memory, of which the rows may be a small part.
        rows = block.rows.copy(order="K")
        rows.setflags(write=False)
        return replace(block, rows=rows)


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Some leaves, decoded, as a worker holds them.

    Parameters
    ----------
    blocks : tuple of Block
    """

    blocks: tuple[Block, ...]

    @classmethod
    def of(cls, source: StoredSource, indices: Iterable[int]) -> "Piece":
        """Read leaves; those that cannot be read are left out, for who asks for them to fail."""
        reader, blocks = HeldHere(source).open(), []
        for index in indices:
            try:
                blocks.append(reader.read(index))
            except DataError:
                continue
        return cls(tuple(blocks))

    def __sizeof__(self) -> int:
        """Bytes of its arrays, which is what Dask wants to know."""
        arrays = ((block.rows, block.digests, block.weights, block.labels) for block in self.blocks)
        return sum(each.nbytes for block in arrays for each in block if each is not None)

    def held(self, source: StoredSource) -> HeldHere:
        """Give the source with these leaves held."""
        return HeldHere(source, {block.index: block for block in self.blocks})
