"""Where what is said of rows goes: memory, a zarr group, or new arrays for each block."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from dask_gmm.data.sink import Digests, Sink
from dask_gmm.outputs.wanted import Output
from dask_gmm.passes.fold import Workspace

Values = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """What was written, in the order of rows; those of neighboring rows add.

    Parameters
    ----------
    digests : mapping of str to ndarray of uint32
        Digest of each chunk of each array that is stored in chunks.
    kept : int
        Number of chunks of rows that an earlier attempt had written.
    """

    digests: Mapping[str, Digests]
    kept: int

    def __add__(self, other: "Written") -> "Written":
        digests = {
            name: np.concatenate([mine, other.digests[name]]) for name, mine in self.digests.items()
        }
        return Written(digests, self.kept + other.kept)


class Shelf(Protocol):
    """Takes what is said of the rows of one block, in order; seen by one thread."""

    def lacks(self, start: int, stop: int) -> bool:
        """Whether anything about these rows is still to come."""
        ...

    def put(self, name: str, start: int, values: Values, workspace: Workspace) -> None:
        """Take lines of one array, from a row on; they are copied."""
        ...

    def answer(self) -> Any:
        """Give what became of them, once."""
        ...


class Target(Protocol):
    """Where answers go: frozen; gives a shelf for each block."""

    def shelf(self, start: int, stop: int) -> Shelf:
        """Give the shelf of the rows of a block."""
        ...

    def task_bytes(self) -> int:
        """Projected bytes that it holds per thread."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class MemoryTarget:
    """A Target in arrays of this process, which lie there for all rows; its own shelf.

    Parameters
    ----------
    arrays : mapping of str to ndarray of shape (n_rows, ...)
    """

    arrays: Mapping[str, Values]

    def shelf(self, start: int, stop: int) -> "MemoryTarget":
        """Give itself."""
        return self

    def lacks(self, start: int, stop: int) -> bool:
        """Whether there is any array."""
        return True

    def put(self, name: str, start: int, values: Values, workspace: Workspace) -> None:
        """Put them in their place."""
        self.arrays[name][start : start + len(values)] = values

    def answer(self) -> Written:
        """Give an empty receipt."""
        return Written({}, 0)

    def task_bytes(self) -> int:
        """0: the arrays are the caller's."""
        return 0


@dataclass(frozen=True, slots=True, eq=False)
class BlockTarget:
    """A Target whose answer about a block is its arrays, by name; they do not add.

    Parameters
    ----------
    outputs : tuple of Output
    """

    outputs: tuple[Output, ...]

    def shelf(self, start: int, stop: int) -> "_BlockShelf":
        """Make arrays for a block."""
        return _BlockShelf({each.name: each.empty(stop - start) for each in self.outputs}, start)

    def task_bytes(self) -> int:
        """0: the arrays are what was asked for, and go elsewhere."""
        return 0


class _BlockShelf:
    def __init__(self, arrays: dict[str, Values], start: int) -> None:
        self._arrays = arrays
        self._start = start

    def lacks(self, start: int, stop: int) -> bool:
        return True

    def put(self, name: str, start: int, values: Values, workspace: Workspace) -> None:
        at = start - self._start
        self._arrays[name][at : at + len(values)] = values

    def answer(self) -> dict[str, Values]:
        return self._arrays


@dataclass(frozen=True, slots=True, eq=False)
class GroupTarget:
    """A Target that writes the arrays of a group chunk by chunk, and keeps what is there.

    Parameters
    ----------
    sink : Sink
        Its arrays have chunks of as many rows, of which every block has whole ones.
    """

    sink: Sink

    def shelf(self, start: int, stop: int) -> "_GroupShelf":
        """Look for the finished chunks of a block."""
        return _GroupShelf(self.sink, start, stop)

    def task_bytes(self) -> int:
        """A chunk of each array, and the largest once more: padded, or read to be compared."""
        sizes = [spec.chunk_bytes for spec in self.sink.arrays]
        return sum(sizes) + max(sizes) + self.sink.bytes_on_the_way


class _GroupShelf:
    """Gathers the lines of a chunk of each array, and writes it when it is full."""

    def __init__(self, sink: Sink, start: int, stop: int) -> None:
        self._sink = sink
        self._rows = sink.arrays[0].chunk_rows
        self._specs = {spec.name: spec for spec in sink.arrays}
        self._chunks = range(start, stop, self._rows)
        self._stop = stop
        kept = {chunk: self._finished(chunk) for chunk in self._chunks}
        self._kept = {chunk: found for chunk, found in kept.items() if found}
        self._digests: dict[int, dict[str, Digests]] = {chunk: {} for chunk in self._chunks}
        self._digests.update(self._kept)

    def lacks(self, start: int, stop: int) -> bool:
        return any(chunk not in self._kept for chunk in self._touched(start, stop))

    def put(self, name: str, start: int, values: Values, workspace: Workspace) -> None:
        stop = start + len(values)
        for chunk in self._touched(start, stop):
            if chunk not in self._kept:
                low, high = max(start, chunk), min(stop, self._end(chunk))
                lines = self._lines(name, workspace)
                lines[low - chunk : high - chunk] = values[low - start : high - start]
                if high == self._end(chunk):
                    written = self._sink.write(name, chunk, lines[: high - chunk])
                    self._digests[chunk][name] = written

    def answer(self) -> Written:
        digests = {
            name: np.concatenate([self._digests[chunk][name] for chunk in self._chunks])
            for name in self._specs
        }
        return Written(digests, len(self._kept))

    def _finished(self, chunk: int) -> dict[str, Digests] | None:
        found = {}
        for name in self._specs:
            digests = self._sink.finished(name, chunk, self._end(chunk))
            if digests is None:
                return None
            found[name] = digests
        return found

    def _touched(self, start: int, stop: int) -> Sequence[int]:
        return range(start - start % self._rows, stop, self._rows)

    def _end(self, chunk: int) -> int:
        return min(chunk + self._rows, self._stop)

    def _lines(self, name: str, workspace: Workspace) -> Values:
        spec = self._specs[name]
        return workspace.array(("chunk", name), spec.chunk_shape, spec.stored_dtype)
