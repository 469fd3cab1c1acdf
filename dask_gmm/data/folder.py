"""An array in a folder on a disk."""

import errno
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from dask_gmm.data.again import again
from dask_gmm.data.damage import DamagedChunkError, damage
from dask_gmm.data.place import DIGESTS, some
from dask_gmm.data.plain import Bytes, read_plain


@dataclass(frozen=True, slots=True, eq=False)
class Folder:
    """An array in a folder on a disk.

    Parameters
    ----------
    location : Path
        The folder of the array itself.
    """

    location: Path
    shareable: ClassVar[bool] = True
    copies: ClassVar[int] = 0

    @property
    def name(self) -> str:
        """The path."""
        return str(self.location)

    def read_plain(self, key: str, into: Bytes, *, checksummed: bool) -> int:
        """See `Place.read_plain`; the bytes go from the file to the buffer."""
        path = f"{self.location}/{key}"
        try:
            return again(lambda: read_plain(path, into, checksummed=checksummed))
        except OSError as error:
            raise damage(error) from error

    def stamps(self, keys: Sequence[str]) -> Mapping[str, str | None]:
        """Give sizes and times of files."""
        return {key: self._stamp(self.location / key) for key in keys}

    def _stamp(self, path: Path) -> str | None:
        try:
            found = path.stat()
        except FileNotFoundError:
            return None
        return f"{found.st_size} {found.st_mtime_ns}"

    def read(self, key: str) -> Bytes:
        """Give the bytes of a file."""
        try:
            return some(np.frombuffer(again((self.location / key).read_bytes), dtype=np.uint8))
        except OSError as error:
            raise damage(error) from error

    def flaws(self, keys: Sequence[str], n_bytes: int | None) -> dict[str, DamagedChunkError]:
        """Find the files that are not there, or not of that size."""
        found = {}
        for key in keys:
            try:
                self._check(self.location / key, n_bytes)
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
        return Folder(self.location.parent / DIGESTS / self.location.name)
