"""What lies below an address as a store of zarr, which only reads it."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import NoReturn

from zarr.abc.buffer import Buffer
from zarr.abc.store import (
    ByteRequest,
    OffsetByteRequest,
    RangeByteRequest,
    Store,
    SuffixByteRequest,
)
from zarr.core.buffer import BufferPrototype
from zarr.storage import LocalStore

from dask_gmm.objects.address import Address
from dask_gmm.objects.contract import Bytes
from dask_gmm.objects.location import Location


class AddressStore(Store):
    """A store of zarr below an address: metadata are found by it, and chunks, if zarr reads them.

    Parameters
    ----------
    address : Address
    """

    supports_writes = False
    supports_deletes = False
    supports_listing = True

    def __init__(self, address: Address) -> None:
        super().__init__(read_only=True)
        self.address = address

    def __str__(self) -> str:
        return str(self.address)

    def __repr__(self) -> str:
        return f"AddressStore({str(self.address)!r})"

    def __eq__(self, value: object) -> bool:
        return isinstance(value, AddressStore) and value.address == self.address

    def with_read_only(self, read_only: bool = False) -> "AddressStore":
        """Give another one, which only reads, too."""
        return AddressStore(self.address)

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Give what is under a key, or a part of it; None if there is nothing."""
        found = await asyncio.to_thread(self._found, key)
        if isinstance(found, FileNotFoundError):
            return None
        if isinstance(found, OSError):
            raise found
        return prototype.buffer.from_array_like(_part(found, byte_range))

    def _found(self, key: str) -> Bytes | OSError:
        """Give errors, too: those of a question that zarr has given up are looked at by nobody."""
        try:
            return self.address.joinpath(key).read()
        except OSError as error:
            return error

    async def get_partial_values(
        self,
        prototype: BufferPrototype,
        key_ranges: Iterable[tuple[str, ByteRequest | None]],
    ) -> list[Buffer | None]:
        """Give parts of what is under several keys."""
        return [await self.get(key, prototype, part) for key, part in key_ranges]

    async def exists(self, key: str) -> bool:
        """Whether there is something under a key."""
        return await asyncio.to_thread(self.address.joinpath(key).is_file)

    async def set(self, key: str, value: Buffer) -> NoReturn:
        """Refuse."""
        raise ValueError("store was opened in read-only mode")

    async def delete(self, key: str) -> NoReturn:
        """Refuse."""
        raise ValueError("store was opened in read-only mode")

    def list(self) -> AsyncIterator[str]:
        """Give all keys."""
        return self.list_prefix("")

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Give all keys that begin so."""
        for key in await asyncio.to_thread(self.address.sizes):
            if key.startswith(prefix):
                yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Give the next names of keys that begin so."""
        below = self.address / prefix
        for name in await asyncio.to_thread(below.objects.children, below.key):
            yield name


def _part(found: Bytes, byte_range: ByteRequest | None) -> Bytes:
    match byte_range:
        case RangeByteRequest():
            return found[byte_range.start : byte_range.end]
        case OffsetByteRequest():
            return found[byte_range.offset :]
        case SuffixByteRequest():
            return found[max(0, found.size - byte_range.suffix) :]
        case _:
            return found


def zarr_store(place: Location) -> Store:
    """Give what zarr opens to read what lies at a place."""
    return AddressStore(place) if isinstance(place, Address) else LocalStore(place, read_only=True)
