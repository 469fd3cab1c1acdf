"""The contract of what lies under an address: objects with keys, as stores have them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

Bytes: TypeAlias = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a store says of an object.

    Parameters
    ----------
    st_size : int
        Bytes, by the name that files have for it.
    stamp : str
        Another one after each time that it is written: the store's tag, or the time.
    """

    st_size: int
    stamp: str


class Objects(Protocol):
    """The objects of one bucket, or of what stands for one.

    Keys are paths without slashes at their ends. An object is whole or not there. Whatever is
    refused is an OSError: FileNotFoundError where there is no such object, PermissionError where
    it is denied, ConnectionError where trying again may help.
    """

    @property
    def lists(self) -> bool:
        """Whether it can say which objects there are."""
        ...

    def get(self, key: str) -> Bytes:
        """Give the bytes of an object."""
        ...

    def part(self, key: str, start: int, n_bytes: int) -> bytes:
        """Give some bytes of an object, which has them."""
        ...

    def put(self, key: str, data: bytes | bytearray) -> None:
        """Write an object, in the place of another one that is there."""
        ...

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Write an object unless there is one; give whether this is the one."""
        ...

    def facts(self, key: str) -> Facts:
        """Say what there is to know of an object without reading it."""
        ...

    def below(self, key: str) -> Iterator[tuple[str, Facts]]:
        """Give all objects whose keys begin with that and a slash, by their whole keys."""
        ...

    def children(self, key: str) -> list[str]:
        """Give the next names of all keys that begin with that and a slash, each once, sorted."""
        ...

    def remove(self, keys: Iterable[str]) -> None:
        """Remove objects, those that are there."""
        ...

    def copy(self, source: str, target: str) -> None:
        """Copy an object, in the place of another one that is there."""
        ...
