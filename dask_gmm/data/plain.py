"""Chunks as bytes in files: read and written without a copy, checked as they pass.

A *plain* chunk is its rows in C order, little-endian, with or without a trailing CRC-32C of them:
what zarr's ``bytes`` codec, and ``crc32c`` after it, make. They are most of what passes read and
all that is written here. Through zarr each costs several copies, so they are done here: straight
between the file and the rows. Everything else is decoded by zarr itself.
"""

import os
import uuid
from collections.abc import Iterable, Iterator
from io import FileIO
from typing import Any

import google_crc32c
import numpy as np
import numpy.typing as npt

from dask_gmm.data.damage import DamagedChunkError
from dask_gmm.objects.address import Address
from dask_gmm.objects.location import Location

Bytes = npt.NDArray[np.uint8]

CHECKSUM_BYTES = 4
# Read and checked in pieces that are still in the processor's cache when they are checked.
PIECE_BYTES = 512 * 2**10


def checksum(data: Bytes) -> int:
    """CRC-32C of contiguous bytes; 0 for none."""
    return int(google_crc32c.value(data))


def trailing_checksum(stored: Bytes) -> int:
    """Give the checksum that the last four of the stored bytes hold.

    Raises
    ------
    DamagedChunkError
        If there are not as many.
    """
    if stored.size < CHECKSUM_BYTES:
        raise DamagedChunkError(f"has {stored.size} bytes, too few for its checksum")
    return int.from_bytes(stored[-CHECKSUM_BYTES:].tobytes(), "little")


def take_plain(stored: Bytes, into: Bytes, *, checksummed: bool) -> int:
    """Do as `read_plain` with stored bytes that are in memory.

    Raises
    ------
    DamagedChunkError
        If they are fewer or more, or their checksum is another.
    """
    if stored.size != into.size:
        raise DamagedChunkError(f"has {stored.size} bytes instead of {into.size}")
    computed, n_checked = 0, into.size - CHECKSUM_BYTES * checksummed
    for at in range(0, into.size, PIECE_BYTES):
        piece = into[at : at + PIECE_BYTES]
        piece[:] = stored[at : at + PIECE_BYTES]
        computed = google_crc32c.extend(computed, into[at : min(at + piece.size, n_checked)])
    if checksummed and computed != trailing_checksum(into):
        raise DamagedChunkError("does not match its own checksum (CRC-32C)")
    return int(computed)


def read_plain(path: str, into: Bytes, *, checksummed: bool) -> int:
    """Fill a buffer with the stored bytes of a plain chunk and give the checksum of its rows.

    Parameters
    ----------
    path : str
        The file.
    into : ndarray of uint8
        Exactly as long as the stored bytes should be, the trailing checksum included.
    checksummed : bool
        Whether the last four bytes are a checksum of those before, to be verified.

    Raises
    ------
    DamagedChunkError
        If the file is shorter or longer, or its checksum is another.
    OSError
        If it cannot be read.
    """
    with FileIO(path) as file:
        computed = _fill(file, into, into.size - CHECKSUM_BYTES * checksummed)
        if file.read(1):
            size = os.fstat(file.fileno()).st_size
            raise DamagedChunkError(f"has {size} bytes instead of {into.size}")
    if checksummed and computed != trailing_checksum(into):
        raise DamagedChunkError("does not match its own checksum (CRC-32C)")
    return computed


def _fill(file: FileIO, into: Bytes, n_checked: int) -> int:
    at = computed = 0
    while at < into.size:
        n_read = file.readinto(into[at : at + PIECE_BYTES].data)
        if not n_read:
            raise DamagedChunkError(f"has {at} bytes instead of {into.size}")
        computed = google_crc32c.extend(computed, into[at : min(at + n_read, n_checked)])
        at += n_read
    return int(computed)


def write_plain(path: Location, pieces: Iterable[npt.NDArray[Any]]) -> int:
    """Write a chunk and its checksum as one file, whole or not at all, and give the checksum.

    Parameters
    ----------
    path : Path or Address
        The file; its folder is made where there is none.
    pieces : iterable of ndarray
        All its rows, in order: C-contiguous, little-endian. Each is written when it comes.

    Raises
    ------
    OSError
        If it cannot be written; what had been written is removed.
    """
    value = 0

    def parts() -> Iterator[Bytes]:
        nonlocal value
        for piece in pieces:
            data = piece.reshape(-1).view(np.uint8)
            value = int(google_crc32c.extend(value, data))
            yield data
        yield np.array([value], dtype="<u4").view(np.uint8)

    write_whole(path, parts())
    return value


def write_whole(path: Location, parts: Iterable[Bytes]) -> None:
    """Write a file under another name and rename it, so that it is whole or not there.

    To an address it goes in one piece, which is whole or not there either.

    Raises
    ------
    OSError
        If it cannot be written; what had been written is removed.
    """
    if isinstance(path, Address):
        whole = bytearray()
        for part in parts:
            whole += part.data  # its memory is used again for the next one
        path.write_bytes(whole)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}.partial")
    try:
        with FileIO(partial, "w") as file:
            for part in parts:
                at = 0
                while at < part.size:
                    at += file.write(part[at:].data)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
