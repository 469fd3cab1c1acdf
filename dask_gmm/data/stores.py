"""Where the chunks of an array lie: the only file that knows a folder from any other store.

A place says what it found: a chunk that is absent, a folder in its stead, one that may not be
read. Zarr's own stores report the first two alike, as absent, and zarr then gives the fill value.
"""

import errno
import stat
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from zarr.abc.store import Store
from zarr.buffer import default_buffer_prototype
from zarr.core.sync import sync
from zarr.storage import LocalStore

from dask_gmm.data.again import again
from dask_gmm.data.damage import (
    AbsentChunkError,
    DamagedChunkError,
    UnreadableChunkError,
    damage,
)
from dask_gmm.data.plain import Bytes
from dask_gmm.errors import DataError

DIGESTS = "digests"
T = TypeVar("T")


class Place(Protocol):
    """The keys and bytes of one array."""

    @property
    def name(self) -> str:
        """How messages call it."""
        ...

    @property
    def folder(self) -> Path | None:
        """The folder that it is, on a disk that other processes see; None if it is not one."""
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


@dataclass(frozen=True, slots=True, eq=False)
class Folder:
    """An array in a folder on a disk.

    Parameters
    ----------
    folder : Path
        The folder of the array itself.
    """

    folder: Path

    @property
    def name(self) -> str:
        """The path."""
        return str(self.folder)

    def read(self, key: str) -> Bytes:
        """Give the bytes of a file."""
        try:
            return _some(np.frombuffer(again((self.folder / key).read_bytes), dtype=np.uint8))
        except OSError as error:
            raise damage(error) from error

    def flaws(self, keys: Sequence[str], n_bytes: int | None) -> dict[str, DamagedChunkError]:
        """Find the files that are not there, or not of that size."""
        found = {}
        for key in keys:
            try:
                self._check(self.folder / key, n_bytes)
            except OSError as error:
                found[key] = damage(error)
            except DamagedChunkError as error:
                found[key] = error
        return found

    def _check(self, path: Path, n_bytes: int | None) -> None:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, "")
        if not found.st_size:
            raise DamagedChunkError("is empty")
        if n_bytes and found.st_size != n_bytes:
            raise DamagedChunkError(f"has {found.st_size} bytes instead of {n_bytes}")

    def digests(self) -> "Folder":
        """Give the folder of the digests."""
        return Folder(self.folder.parent / DIGESTS / self.folder.name)


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
    def folder(self) -> None:
        """None."""
        return None

    def read(self, key: str) -> Bytes:
        """Give the bytes under a key."""
        buffer = self._asked(lambda: self.store.get(self._full(key), default_buffer_prototype()))
        if buffer is None:
            raise AbsentChunkError
        return _some(buffer.as_numpy_array().view(np.uint8))

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


def _some(stored: Bytes) -> Bytes:
    if not stored.size:
        raise DamagedChunkError("is empty")
    return stored


def place_of(store: Store, path: str) -> Place:
    """Place of an array that zarr has opened."""
    if type(store) is LocalStore:
        return Folder((store.root / path).absolute())
    return StoreObject(store, path)
