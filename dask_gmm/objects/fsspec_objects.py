"""Objects by fsspec: all that has a file system there, memory among them."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np

from dask_gmm.extras import extra
from dask_gmm.objects.contract import Bytes, Facts
from dask_gmm.objects.refusals import told

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
        self._root = f"{scheme}://{host}"
        url_to_fs = extra("fsspec.core", "fsspec").url_to_fs
        with told(self._root):
            self._files, base = url_to_fs(self._root)
        self._base = str(base).rstrip("/")

    def get(self, key: str) -> Bytes:
        """See `Objects.get`."""
        with told(self._named(key)):
            return np.frombuffer(self._files.cat_file(self._full(key)), dtype=np.uint8)

    def part(self, key: str, start: int, n_bytes: int) -> bytes:
        """See `Objects.part`."""
        with told(self._named(key)):
            return bytes(self._files.cat_file(self._full(key), start, start + n_bytes))

    def put(self, key: str, data: bytes | bytearray) -> None:
        """See `Objects.put`."""
        with told(self._named(key)):
            self._make_room(key)
            self._files.pipe_file(self._full(key), data)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """See `Objects.put_if_absent`; whether two at once are told apart is the file system's."""
        with told(self._named(key)):
            self._make_room(key)
            try:
                self._files.pipe_file(self._full(key), data, mode="create")
            except FileExistsError:
                return bytes(self._files.cat_file(self._full(key))) == data
        return True

    def facts(self, key: str) -> Facts:
        """See `Objects.facts`."""
        with told(self._named(key)):
            found = self._files.info(self._full(key))
            if found["type"] != "file":
                raise FileNotFoundError
            return _facts(found)

    def below(self, key: str) -> Iterator[tuple[str, Facts]]:
        """See `Objects.below`."""
        with told(self._named(key)):
            self._files.invalidate_cache()
            found = self._files.find(self._full(key), detail=True)
        for path, each in found.items():
            if path != self._full(key):
                yield path[len(self._base) :].lstrip("/"), _facts(each)

    def children(self, key: str) -> list[str]:
        """See `Objects.children`."""
        try:
            with told(self._named(key)):
                self._files.invalidate_cache()
                found = self._files.ls(self._full(key), detail=False)
        except FileNotFoundError:
            return []
        names = {each.rstrip("/").rpartition("/")[2] for each in found if each != self._full(key)}
        return sorted(names)

    def remove(self, keys: Iterable[str]) -> None:
        """See `Objects.remove`."""
        for key in keys:
            with told(self._named(key)):
                if self._files.isfile(self._full(key)):
                    self._files.rm_file(self._full(key))

    def copy(self, source: str, target: str) -> None:
        """See `Objects.copy`."""
        with told(self._named(source)):
            self._make_room(target)
            self._files.cp_file(self._full(source), self._full(target))

    def _full(self, key: str) -> str:
        return f"{self._base}/{key}" if key else self._base

    def _named(self, key: str) -> str:
        return f"{self._root}/{key}"

    def _make_room(self, key: str) -> None:
        self._files.makedirs(self._full(key).rpartition("/")[0], exist_ok=True)


def _facts(found: dict[str, Any]) -> Facts:
    stamp = next((found[name] for name in STAMPS if found.get(name)), "")
    return Facts(int(found["size"]), str(stamp))
