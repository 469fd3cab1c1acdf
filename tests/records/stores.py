"""Stores that forget with their process, that fail, and that are damaged."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from dask_gmm.records.store import Store

T = TypeVar("T")


class MemoryStore:
    """A store in memory, which does what the contract says."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}

    def __str__(self) -> str:
        return "memory"

    def put(self, name: str, data: bytes) -> None:
        self.held[name] = data

    def put_if_absent(self, name: str, data: bytes) -> bool:
        absent = name not in self.held
        self.held.setdefault(name, data)
        return absent

    def get(self, name: str) -> bytes | None:
        return self.held.get(name)

    def list(self, prefix: str) -> Sequence[str]:
        return sorted(each for each in self.held if each.startswith(prefix))

    def remove(self, name: str) -> None:
        self.held.pop(name, None)


class Crash(Exception):
    """Raised where a process is killed."""


class FailingStore:
    """Another store that is left alone after so many calls, the last of which fails.

    Parameters
    ----------
    store : Store
    calls : int
        Which call fails, from 1.
    done : bool
        Whether that call has done what was asked all the same.
    """

    def __init__(self, store: Store, calls: int, done: bool) -> None:
        self._store, self._left, self._done = store, calls, done

    def __str__(self) -> str:
        return str(self._store)

    def put(self, name: str, data: bytes) -> None:
        self._call(lambda: self._store.put(name, data))

    def put_if_absent(self, name: str, data: bytes) -> bool:
        return self._call(lambda: self._store.put_if_absent(name, data))

    def get(self, name: str) -> bytes | None:
        return self._call(lambda: self._store.get(name))

    def list(self, prefix: str) -> Sequence[str]:
        return self._call(lambda: self._store.list(prefix))

    def remove(self, name: str) -> None:
        self._call(lambda: self._store.remove(name))

    def _call(self, what: Callable[[], T]) -> T:
        self._left -= 1
        if self._left == 0 and self._done:
            what()
        if self._left <= 0:
            raise Crash
        return what()
