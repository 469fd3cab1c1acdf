"""Where the chunks of an array lie: the contract of such places.

A place says what it found: a chunk that is absent, a folder in its stead, one that may not be
read. Zarr's own stores report the first two alike, as absent, and zarr then gives the fill value.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from dask_gmm.data.damage import DamagedChunkError
from dask_gmm.data.plain import Bytes
from dask_gmm.objects.location import Location

DIGESTS: Final = "digests"


class Place(Protocol):
    """The keys and bytes of one array."""

    @property
    def name(self) -> str:
        """How messages call it."""
        ...

    @property
    def location(self) -> Location | None:
        """Where other calls find it; None if only this process does."""
        ...

    @property
    def shareable(self) -> bool:
        """Whether other processes can open it."""
        ...

    @property
    def copies(self) -> int:
        """How often the bytes of a chunk are held, beside where they are put, while it is read."""
        ...

    def read_plain(self, key: str, into: Bytes, *, checksummed: bool) -> int:
        """Fill a buffer with a plain chunk; see `dask_gmm.data.plain.read_plain`.

        Raises
        ------
        DamagedChunkError
            If there is none, or it is not whole, or cannot be read.
        """
        ...

    def stamps(self, keys: Sequence[str]) -> Mapping[str, str | None]:
        """Say what changes when keys are written, None for those where there is nothing."""
        ...

    def read(self, key: str) -> Bytes:
        """Give the bytes under a key.

        Raises
        ------
        DamagedChunkError
            If there are none (`AbsentChunkError` if there is no such key), or they cannot be read.
        """
        ...

    def flaws(self, keys: Sequence[str], n_bytes: int | None) -> dict[str, DamagedChunkError]:
        """Find what is wrong under which keys without reading: nothing there, or another size.

        Parameters
        ----------
        keys : sequence of str
            Where to look.
        n_bytes : int or None
            The size that each must have, if that is known.
        """
        ...

    def digests(self) -> "Place":
        """Give the place of the digests of the array's chunks, in the same group."""
        ...


def some(stored: Bytes) -> Bytes:
    """Give stored bytes, or refuse none.

    Raises
    ------
    DamagedChunkError
    """
    if not stored.size:
        raise DamagedChunkError("is empty")
    return stored
