"""A source that gives so many bytes per second and no more, as a slow disk or network does."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from dask_gmm.data.source import BadChunk, Block, Reader, Source


class Line:
    """What all readers wait for in turn."""

    def __init__(self, bytes_per_second: float) -> None:
        self._speed = bytes_per_second
        self._lock = threading.Lock()
        self._free = 0.0

    def carry(self, n_bytes: int) -> None:
        """Wait until so many bytes have come through, after those that were asked for before."""
        with self._lock:
            self._free = max(self._free, time.monotonic()) + n_bytes / self._speed
            until = self._free
        time.sleep(max(0.0, until - time.monotonic()))


@dataclass(frozen=True)
class ThrottledReader:
    """Reads, and then waits for the line."""

    reader: Reader
    line: Line

    def read(self, index: int) -> Block:
        """Read one leaf."""
        block = self.reader.read(index)
        self.line.carry(block.rows.nbytes)
        return block


@dataclass(frozen=True)
class Throttled:
    """A source behind a line."""

    source: Source
    line: Line = field(compare=False)

    def __getattr__(self, name: str) -> Any:
        """Be the source in all else."""
        return getattr(self.source, name)

    def open(self) -> ThrottledReader:
        """Open it behind the line."""
        return ThrottledReader(self.source.open(), self.line)

    def pinned(
        self, digests: npt.NDArray[np.uint32], bad_chunks: Sequence[BadChunk] = ()
    ) -> "Throttled":
        """See `Source.pinned`."""
        return replace(self, source=self.source.pinned(digests, bad_chunks))

    @classmethod
    def to(cls, bytes_per_second: float) -> Callable[[Source], "Throttled"]:
        """Give what puts sources behind one line."""
        line = Line(bytes_per_second)
        return lambda source: cls(source, line)
