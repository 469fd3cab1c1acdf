"""Objects by obstore: S3, Google's and Azure's stores, and web servers."""

import errno
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any, Final, TypeVar

import numpy as np

from dask_gmm.extras import extra
from dask_gmm.objects.contract import Bytes, Facts
from dask_gmm.objects.patience import Patience
from dask_gmm.objects.refusals import told
from dask_gmm.objects.schemes import SCHEMES, WEB

# What is not reached is asked for again here, whatever the reason, and not by obstore.
RETRIES: Final = {"max_retries": 0, "retry_timeout": timedelta(seconds=1)}
# A chunk may take long on a slow line; a server that is silent is known sooner.
CLIENT: Final = {
    "timeout": "600s",
    "read_timeout": "60s",
    "connect_timeout": "10s",
    "allow_http": True,
}
# Beyond it an object is sent in parts, none of which takes long.
ONE_PIECE: Final = 2**26
REMOVED_AT_ONCE: Final = 1000
T = TypeVar("T")


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
        self._patience = Patience()
        with told(root):
            self._store: Any = self._obstore.store.from_url(
                root, client_options=CLIENT, retry_config=RETRIES
            )

    def get(self, key: str) -> Bytes:
        """See `Objects.get`."""
        return self._asked(key, lambda: self._get(key))

    def _get(self, key: str) -> Bytes:
        return np.frombuffer(self._obstore.get(self._store, key).bytes(), dtype=np.uint8)

    def part(self, key: str, start: int, n_bytes: int) -> bytes:
        """See `Objects.part`."""
        return bytes(
            self._asked(
                key,
                lambda: self._obstore.get_range(self._store, key, start=start, length=n_bytes),
            )
        )

    def put(self, key: str, data: bytes | bytearray) -> None:
        """See `Objects.put`."""
        self._refuse_web(key)
        in_parts = len(data) > ONE_PIECE
        self._asked(key, lambda: self._obstore.put(self._store, key, data, use_multipart=in_parts))

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """See `Objects.put_if_absent`."""
        self._refuse_web(key)
        return self._asked(key, lambda: self._created(key, data))

    def _created(self, key: str, data: bytes) -> bool:
        """Put it there, or find what is: an answer that was lost may have been a yes."""
        try:
            self._obstore.put(self._store, key, data, mode="create", use_multipart=False)
        except self._obstore.exceptions.AlreadyExistsError:
            try:
                return self._get(key).tobytes() == data
            except FileNotFoundError:  # not any more
                return False
        return True

    def facts(self, key: str) -> Facts:
        """See `Objects.facts`."""
        return self._asked(key, lambda: _facts(self._obstore.head(self._store, key)))

    def below(self, key: str) -> Iterator[tuple[str, Facts]]:
        """See `Objects.below`."""
        self._refuse_listing(key)
        return iter(self._asked(key, lambda: self._below(key)))

    def _below(self, key: str) -> list[tuple[str, Facts]]:
        found = self._obstore.list(self._store, key or None)
        return [(each["path"], _facts(each)) for several in found for each in several]

    def children(self, key: str) -> list[str]:
        """See `Objects.children`."""
        self._refuse_listing(key)
        found = self._asked(
            key, lambda: self._obstore.list_with_delimiter(self._store, key or None)
        )
        names = [*found["common_prefixes"], *(each["path"] for each in found["objects"])]
        return sorted({each.rpartition("/")[2] for each in names})

    def remove(self, keys: Iterable[str]) -> None:
        """See `Objects.remove`."""
        wanted = list(keys)
        for at in range(0, len(wanted), REMOVED_AT_ONCE):
            self._remove(wanted[at : at + REMOVED_AT_ONCE])

    def _remove(self, keys: list[str]) -> None:
        """Remove several at once, or, where one is not there and the store minds, one by one."""
        self._refuse_web(keys[0])
        try:
            self._asked(keys[0], lambda: self._obstore.delete(self._store, keys))
        except FileNotFoundError:
            if len(keys) > 1:
                for key in keys:
                    self._remove([key])

    def copy(self, source: str, target: str) -> None:
        """See `Objects.copy`."""
        self._refuse_web(target)
        self._asked(source, lambda: self._obstore.copy(self._store, source, target))

    def _asked(self, key: str, ask: Callable[[], T]) -> T:
        def once() -> T:
            with told(f"{self._root}/{key}"):
                return ask()

        return self._patience.asked(once)

    def _refuse_web(self, key: str) -> None:
        if not self.lists:
            place = f"{self._root}/{key}"
            raise PermissionError(errno.EACCES, "web servers are only read from", place)

    def _refuse_listing(self, key: str) -> None:
        if not self.lists:
            place = f"{self._root}/{key}"
            raise OSError(errno.ENOTSUP, "web servers do not tell what they have", place)


def _facts(found: Any) -> Facts:
    return Facts(found["size"], found["e_tag"] or found["last_modified"].isoformat())
