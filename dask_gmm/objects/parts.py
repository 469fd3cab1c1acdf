"""An object that is read part by part, as a file is."""

import os
from types import TracebackType

from dask_gmm.objects.address import Address


class Parts:
    """A file to read from, of which only what is asked for comes from the store.

    Parameters
    ----------
    address : Address

    Attributes
    ----------
    facts : Facts
        What the store said of it when it was opened.
    """

    def __init__(self, address: Address) -> None:
        self.facts = address.stat()
        self._address = address
        self._at = 0

    def __enter__(self) -> "Parts":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Do nothing: there is nothing to close."""

    def close(self) -> None:
        """Do nothing."""

    def tell(self) -> int:
        """Give the place of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place, and give it."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.facts.st_size}[whence]
        self._at = start + offset
        return self._at

    def read(self, n_bytes: int = -1) -> bytes:
        """Give the next bytes, up to a number, or to the end."""
        left = max(0, self.facts.st_size - self._at)
        wanted = left if n_bytes < 0 else min(n_bytes, left)
        if not wanted:
            return b""
        found = self._address.objects.part(self._address.key, self._at, wanted)
        self._at += len(found)
        return found
