"""Memory that is used again once nobody looks at it."""

import weakref

import numpy as np

from dask_gmm.data.plain import Bytes


class BufferPool:
    """Buffers of one size, lent out and taken back when the last array on them is gone.

    Fresh memory costs more than reading into it: the system clears each page when it is first
    touched. The lent array is the lowest array of its views (numpy keeps it alive for each of
    them), so when it dies, there is no view left and the memory may be written again.
    """

    def __init__(self, n_bytes: int) -> None:
        self._n_bytes = n_bytes
        self._free: list[Bytes] = []

    def lend(self) -> Bytes:
        """Give a buffer of the pool's size, with whatever it holds."""
        owner = self._free.pop() if self._free else np.empty(self._n_bytes, dtype=np.uint8)
        lent = np.frombuffer(owner.data, dtype=np.uint8)
        weakref.finalize(lent, self._free.append, owner).atexit = False
        return lent
