"""Objects by obstore: S3, Google's and Azure's stores, and web servers."""

import errno
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

import numpy as np

from dask_gmm.extras import extra
from dask_gmm.objects.contract import Bytes, Facts
from dask_gmm.objects.refusals import told
from dask_gmm.objects.schemes import SCHEMES, WEB

RETRIES: Final = {"max_retries": 6, "retry_timeout": timedelta(seconds=60)}
# A chunk may take long on a slow line; a server that is not there is known soon.
CLIENT: Final = {"timeout": "600s", "connect_timeout": "10s", "allow_http": True}
# Beyond it an object is sent in parts, which stores want of very large ones.
ONE_PIECE: Final = 2**30
REMOVED_AT_ONCE: Final = 1000


class ObstoreObjects:
    """The objects of a bucket, or of a web server.

    Credentials are looked for in the environment, and where the machine is given some by its
    cloud. They never leave this process.

    Parameters
    ----------
    root : str
        The address of the bucket, such as "s3://bucket".
    """

    def __init__(self, root: str) -> None:
        self._root = root
        scheme = root.partition(":")[0]
        self._obstore = extra("obstore", SCHEMES[scheme])
        self.lists = scheme not in WEB
        with told(root):
            self._store: Any = self._obstore.store.from_url(
                root, client_options=CLIENT, retry_config=RETRIES
            )

    def get(self, key: str) -> Bytes:
        """See `Objects.get`."""
        with told(self._named(key)):
            return np.frombuffer(self._obstore.get(self._store, key).bytes(), dtype=np.uint8)

    def part(self, key: str, start: int, n_bytes: int) -> bytes:
        """See `Objects.part`."""
        with told(self._named(key)):
            return bytes(self._obstore.get_range(self._store, key, start=start, length=n_bytes))

    def put(self, key: str, data: bytes | bytearray) -> None:
        """See `Objects.put`."""
        self._refuse_web(key)
        with told(self._named(key)):
            self._obstore.put(self._store, key, data, use_multipart=len(data) > ONE_PIECE)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """See `Objects.put_if_absent`.

        An answer that was lost may have been a yes: the object is read again then.
        """
        self._refuse_web(key)
        with told(self._named(key)):
            try:
                self._obstore.put(self._store, key, data, mode="create", use_multipart=False)
            except self._obstore.exceptions.AlreadyExistsError:
                return bytes(self._obstore.get(self._store, key).bytes()) == data
        return True

    def facts(self, key: str) -> Facts:
        """See `Objects.facts`."""
        with told(self._named(key)):
            return _facts(self._obstore.head(self._store, key))

    def below(self, key: str) -> Iterator[tuple[str, Facts]]:
        """See `Objects.below`."""
        with told(self._named(key)):
            for several in self._obstore.list(self._store, key or None):
                yield from ((each["path"], _facts(each)) for each in several)

    def children(self, key: str) -> list[str]:
        """See `Objects.children`."""
        with told(self._named(key)):
            found = self._obstore.list_with_delimiter(self._store, key or None)
        names = [*found["common_prefixes"], *(each["path"] for each in found["objects"])]
        return sorted({each.rpartition("/")[2] for each in names})

    def remove(self, keys: Iterable[str]) -> None:
        """See `Objects.remove`."""
        wanted = list(keys)
        for at in range(0, len(wanted), REMOVED_AT_ONCE):
            self._remove(wanted[at : at + REMOVED_AT_ONCE])

    def _remove(self, keys: Sequence[str]) -> None:
        """Remove objects together; one by one where the store minds that some are not there."""
        try:
            with told(self._root):
                self._obstore.delete(self._store, keys)
        except FileNotFoundError:
            for key in keys:
                with suppress(FileNotFoundError), told(self._named(key)):
                    self._obstore.delete(self._store, key)

    def copy(self, source: str, target: str) -> None:
        """See `Objects.copy`."""
        with told(self._named(source)):
            self._obstore.copy(self._store, source, target)

    def _named(self, key: str) -> str:
        return f"{self._root}/{key}"

    def _refuse_web(self, key: str) -> None:
        if not self.lists:
            raise PermissionError(errno.EACCES, "web servers are only read from", self._named(key))


def _facts(found: Any) -> Facts:
    return Facts(found["size"], found["e_tag"] or found["last_modified"].isoformat())
