"""From an array that zarr has opened to the place of its chunks."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from zarr.abc.store import Store
from zarr.buffer import default_buffer_prototype
from zarr.core.sync import sync
from zarr.storage import LocalStore

from dask_gmm.data.address_store import AddressStore
from dask_gmm.data.again import again
from dask_gmm.data.bucket import Bucket
from dask_gmm.data.damage import (
    AbsentChunkError,
    DamagedChunkError,
    UnreadableChunkError,
    damage,
)
from dask_gmm.data.folder import Folder
from dask_gmm.data.place import DIGESTS, Place, some
from dask_gmm.data.plain import Bytes, take_plain
from dask_gmm.errors import DataError

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class StoreObject:
    """An array in a zarr store that this process holds.

    It is not sent to other processes: it may live in memory, or carry credentials.

    Parameters
    ----------
    store : Store
        The store.
    path : str
        The array within it; empty if it is the array.
    """

    store: Store
    path: str

    @property
    def name(self) -> str:
        """The path and the store."""
        return f"{self.path or 'the array'} in {self.store}"

    @property
    def location(self) -> None:
        """None."""
        return None

    @property
    def shareable(self) -> bool:
        """False."""
        return False

    @property
    def copies(self) -> int:
        """2: as the store gives it, and as zarr does."""
        return 2

    def read_plain(self, key: str, into: Bytes, *, checksummed: bool) -> int:
        """See `Place.read_plain`."""
        return take_plain(self.read(key), into, checksummed=checksummed)

    def stamps(self, keys: Sequence[str]) -> Mapping[str, str | None]:
        """Give nothing."""
        return dict.fromkeys(keys)

    def read(self, key: str) -> Bytes:
        """Give the bytes under a key."""
        buffer = self._asked(lambda: self.store.get(self._full(key), default_buffer_prototype()))
        if buffer is None:
            raise AbsentChunkError
        return some(buffer.as_numpy_array().view(np.uint8))

    def flaws(self, keys: Sequence[str], n_bytes: int | None) -> dict[str, DamagedChunkError]:
        """Find the keys that the store does not list."""
        try:
            listed = self._asked(self._list)
        except DamagedChunkError as error:
            raise DataError(
                f"The chunks of an array must be listed before any is read, but {self.name} "
                f"{error}. {error.cure}."
            ) from error
        return {key: AbsentChunkError() for key in keys if self._full(key) not in listed}

    def digests(self) -> "StoreObject":
        """Give the place of the digests in the store."""
        group, _, name = self.path.rpartition("/")
        return StoreObject(self.store, "/".join(part for part in (group, DIGESTS, name) if part))

    def _full(self, key: str) -> str:
        return f"{self.path}/{key}" if self.path else key

    def _asked(self, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Give the answer of the store, which may have to be asked again."""
        try:
            return again(lambda: sync(ask()))
        except OSError as error:
            raise damage(error) from error
        except MemoryError:
            raise
        except Exception as error:  # stores raise errors of any type
            found = f"cannot be read ({type(error).__name__}: {error})"
            raise UnreadableChunkError(found) from error

    async def _list(self) -> set[str]:
        return {key async for key in self.store.list_prefix(self._full(""))}


def place_of(store: Store, path: str) -> Place:
    """Place of an array that zarr has opened."""
    if type(store) is LocalStore:
        return Folder((store.root / path).absolute())
    if isinstance(store, AddressStore):
        return Bucket(store.address / path)
    return StoreObject(store, path)
