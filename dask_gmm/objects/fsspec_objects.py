"""Objects by fsspec: all that has a file system there, memory among them."""

import errno
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeVar

import numpy as np

from dask_gmm.errors import MissingExtraError
from dask_gmm.extras import extra
from dask_gmm.objects.address import Address
from dask_gmm.objects.contract import Bytes, Facts
from dask_gmm.objects.patience import Patience
from dask_gmm.objects.refusals import told

T = TypeVar("T")
STAMPS: Final = ("ETag", "etag", "md5", "mtime", "LastModified", "created")


class FsspecObjects:
    """The objects of a file system of fsspec.

    Parameters
    ----------
    scheme : str
        Such as "memory".
    host : str
        What follows it in an address, up to a slash.
    """

    lists = True

    def __init__(self, scheme: str, host: str) -> None:
        self._address = Address(scheme, host)
        self._patience = Patience()
        self._files, base = _opened(f"{scheme}://{host}")
        self._base = base.rstrip("/")

    def get(self, key: str) -> Bytes:
        """See `Objects.get`."""
        data = self._asked(key, lambda: self._files.cat_file(self._full(key)))
        return np.frombuffer(data, dtype=np.uint8)

    def part(self, key: str, start: int, n_bytes: int) -> bytes:
        """See `Objects.part`."""
        end = start + n_bytes
        return bytes(self._asked(key, lambda: self._files.cat_file(self._full(key), start, end)))

    def put(self, key: str, data: bytes | bytearray) -> None:
        """See `Objects.put`."""
        self._asked(key, lambda: self._put(key, data))

    def _put(self, key: str, data: bytes | bytearray, **how: str) -> None:
        self._make_room(key)
        self._files.pipe_file(self._full(key), data, **how)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """See `Objects.put_if_absent`; whether two at once are told apart is the file system's."""
        return self._asked(key, lambda: self._created(key, data))

    def _created(self, key: str, data: bytes) -> bool:
        try:
            self._put(key, data, mode="create")
        except FileExistsError:
            try:
                return bytes(self._files.cat_file(self._full(key))) == data
            except FileNotFoundError:  # not any more
                return False
        return True

    def facts(self, key: str) -> Facts:
        """See `Objects.facts`."""
        found = self._asked(key, lambda: self._files.info(self._full(key)))
        if found["type"] != "file":
            raise FileNotFoundError(errno.ENOENT, "there is nothing", str(self._address / key))
        return _facts(found)

    def below(self, key: str) -> Iterator[tuple[str, Facts]]:
        """See `Objects.below`."""
        found = self._asked(key, lambda: self._found(key))
        for path, each in found.items():
            if path != self._full(key):
                yield path[len(self._base) :].lstrip("/"), _facts(each)

    def _found(self, key: str) -> dict[str, Any]:
        self._files.invalidate_cache()
        found: dict[str, Any] = self._files.find(self._full(key), detail=True)
        return found

    def children(self, key: str) -> list[str]:
        """See `Objects.children`."""
        try:
            found = self._asked(key, lambda: self._listed(key))
        except FileNotFoundError:
            return []
        names = {each.rstrip("/").rpartition("/")[2] for each in found if each != self._full(key)}
        return sorted(names)

    def _listed(self, key: str) -> list[str]:
        self._files.invalidate_cache()
        found: list[str] = self._files.ls(self._full(key), detail=False)
        return found

    def remove(self, keys: Iterable[str]) -> None:
        """See `Objects.remove`."""
        wanted = list(keys)
        for key in wanted:
            with suppress(FileNotFoundError):
                self._asked(key, partial(self._remove, self._full(key)))
        for folder in sorted({above for key in wanted for above in _above(key)}, reverse=True):
            with suppress(OSError, NotImplementedError):  # something lies in it, or it is none
                self._files.rmdir(self._full(folder))

    def _remove(self, path: str) -> None:
        if self._files.isfile(path):
            self._files.rm_file(path)

    def copy(self, source: str, target: str) -> None:
        """See `Objects.copy`."""
        self._asked(source, lambda: self._copy(source, target))

    def _copy(self, source: str, target: str) -> None:
        self._files.info(self._full(source))
        self._make_room(target)
        self._files.cp_file(self._full(source), self._full(target))

    def _asked(self, key: str, ask: Callable[[], T]) -> T:
        def once() -> T:
            with told(self._address / key):
                return ask()

        return self._patience.asked(once)

    def _full(self, key: str) -> str:
        return f"{self._base}/{key}" if key else self._base

    def _make_room(self, key: str) -> None:
        self._files.makedirs(self._full(key).rpartition("/")[0], exist_ok=True)


def _above(key: str) -> list[str]:
    names = key.split("/")
    return ["/".join(names[:count]) for count in range(1, len(names))]


def _opened(root: str) -> tuple[Any, str]:
    url_to_fs = extra("fsspec.core", "fsspec").url_to_fs
    try:
        with told(root):
            files, base = url_to_fs(root)
    except ImportError as error:
        raise MissingExtraError(
            f"This call needs a package by which fsspec opens {root}, but fsspec says: {error}. "
            "Install that package."
        ) from error
    return files, str(base)


def _facts(found: dict[str, Any]) -> Facts:
    stamp = next((found[name] for name in STAMPS if found.get(name)), "")
    return Facts(int(found["size"]), str(stamp))
