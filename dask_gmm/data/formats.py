"""How a zarr array is stored, read from its metadata: pure, and picklable for the workers."""

import json
import sys
import zlib
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import zarr
from zarr.abc.buffer import Buffer
from zarr.buffer import cpu
from zarr.storage import MemoryStore

from dask_gmm.data.damage import DamagedChunkError
from dask_gmm.data.plain import CHECKSUM_BYTES, Bytes, checksum, trailing_checksum
from dask_gmm.data.shards import ShardIndex, shard_index

Json = dict[str, Any]

METADATA_KEYS: dict[int, str] = {3: "zarr.json", 2: ".zarray"}
# Codecs that carry a checksum of their input and verify it, some by their format.
VERIFYING = {"crc32c", "crc32", "adler32", "fletcher32", "gzip", "zlib", "bz2", "lzma"}
# Codecs that pass on what is cut short only if an outer one does; blosc, for one, fills it up.
EXACT = {"bytes", "transpose", "zstd", "sharding_indexed"} | VERIFYING


@dataclass(frozen=True, slots=True, eq=False)
class ArrayFormat:
    """What a reader has to know of a zarr array of two axes, or of one that is read as a column.

    Parameters
    ----------
    document : bytes
        Its metadata, as stored.
    zarr_format : int
        2 or 3.
    shape : tuple of int
        Rows and columns.
    chunk : tuple of int
        Shape of what is stored under one key: of a shard, if it is sharded.
    dtype : dtype
        Type of the decoded elements, in the order of bytes of this machine.
    fill_value : scalar
        What zarr gives for an absent chunk.
    prefix, separator : str
        What the keys of chunks begin with, and what is between the numbers in them.
    codecs : tuple of str
        Names of the codecs, those within shards included.
    plain : bool
        Whether a chunk is its rows as they are, but for a checksum behind them.
    checksummed : bool
        Whether the stored bytes end in the CRC-32C of those before, and hold no others.
    detects_flips, detects_truncation : bool
        Whether a chunk with a flipped bit, or cut short, cannot be decoded.
    shards : ShardIndex or None
        Where a shard says what it holds, if the array is sharded and it can be read.
    axes : int
        Those that it is stored with, 1 or 2; what has one axis is here a column of rows.
    """

    document: bytes
    zarr_format: int
    shape: tuple[int, int]
    chunk: tuple[int, int]
    dtype: np.dtype[Any]
    fill_value: Any
    prefix: str
    separator: str
    codecs: tuple[str, ...]
    plain: bool
    checksummed: bool
    detects_flips: bool
    detects_truncation: bool
    shards: ShardIndex | None
    axes: int = 2

    @property
    def counts(self) -> tuple[int, int]:
        """Number of chunks along each axis."""
        return -(-self.shape[0] // self.chunk[0]), -(-self.shape[1] // self.chunk[1])

    @property
    def chunk_bytes(self) -> int:
        """Bytes of a decoded chunk."""
        return self.chunk[0] * self.chunk[1] * self.dtype.itemsize

    @property
    def plain_bytes(self) -> int:
        """Bytes of a stored chunk, if it is plain."""
        return self.chunk_bytes + CHECKSUM_BYTES * self.checksummed

    def digest(self, stored: Bytes) -> int:
        """Give the digest of a stored chunk, as `dask_gmm.data.manifest` defines it.

        Raises
        ------
        DamagedChunkError
            If it is too short to hold the checksum that it should end in.
        """
        if self.checksummed:
            return trailing_checksum(stored)
        value = checksum(stored)
        return value ^ zlib.crc32(stored.data) if "crc32c" in self.codecs else value

    def key(self, row: int, column: int) -> str:
        """Key of a chunk, within the array."""
        return f"{self.prefix}{row}" + f"{self.separator}{column}" * (self.axes > 1)

    def extent(self, row: int, column: int) -> tuple[int, int]:
        """Rows and columns of a chunk that lie within the array."""
        return (
            min(self.chunk[0], self.shape[0] - row * self.chunk[0]),
            min(self.chunk[1], self.shape[1] - column * self.chunk[1]),
        )


def array_format(document: bytes, zarr_format: int, axes: int = 2) -> ArrayFormat:
    """Read a metadata document of an array of two axes, or of one.

    Raises
    ------
    DamagedChunkError
        If it is not one, or names what zarr does not know.
    """
    try:
        array = decoder(document, zarr_format, {})
        chunk = array.shards or array.chunks
    except Exception as error:
        raise DamagedChunkError(f"cannot be understood ({error})") from error
    if array.ndim != axes or 0 in array.shape:
        raise DamagedChunkError(f"has the shape {array.shape}, not rows and columns")
    n_rows, n_columns = (*array.shape, 1)[:2]
    height, width = (*chunk, 1)[:2]
    meta: Json = json.loads(document)
    codecs = list(_flat(_chain(meta)))
    names = tuple(name for name, _ in codecs)
    outermost = [name for name, _ in _chain(meta)]
    flips = any(name in VERIFYING or conf.get("checksum") for name, conf in codecs)
    prefix, separator = _naming(meta)
    return ArrayFormat(
        document,
        zarr_format,
        (n_rows, n_columns),
        (height, width),
        array.dtype.newbyteorder("="),
        0 if array.fill_value is None else array.fill_value,
        prefix,
        separator,
        names,
        plain=zarr_format == 3 and _is_plain(codecs),
        checksummed=outermost[-1] == "crc32c" and zarr_format == 3 and names.count("crc32c") == 1,
        detects_flips=flips,
        detects_truncation=flips or set(names) <= EXACT,
        shards=shard_index(meta["codecs"], (height, width)) if zarr_format == 3 else None,
        axes=axes,
    )


def decoder(
    document: bytes, zarr_format: int, held: MutableMapping[str, Buffer]
) -> zarr.Array[Any]:
    """Give the array whose chunks are those held in a mapping: zarr decodes, and reads nothing."""
    held[METADATA_KEYS[zarr_format]] = cpu.Buffer.from_bytes(document)
    return zarr.open_array(MemoryStore(held), mode="r")


def _chain(meta: Json) -> list[tuple[str, Json]]:
    if meta["zarr_format"] == 3:
        return [(codec["name"], codec.get("configuration", {})) for codec in meta["codecs"]]
    codecs = [*(meta["filters"] or []), meta["compressor"]]
    return [("bytes", {}), *((codec["id"], codec) for codec in codecs if codec)]


def _flat(chain: list[tuple[str, Json]]) -> Iterator[tuple[str, Json]]:
    for name, configuration in chain:
        yield name.removeprefix("numcodecs."), configuration
        yield from _flat(_chain({"zarr_format": 3, "codecs": configuration.get("codecs", [])}))


def _is_plain(codecs: list[tuple[str, Json]]) -> bool:
    names = [name for name, _ in codecs]
    little = codecs[0][1].get("endian", "little") == "little" == sys.byteorder
    return little and names in (["bytes"], ["bytes", "crc32c"])


def _naming(meta: Json) -> tuple[str, str]:
    if meta["zarr_format"] == 2:
        return "", meta.get("dimension_separator", ".")
    encoding = meta["chunk_key_encoding"]
    default = encoding["name"] == "default"
    separator = encoding.get("configuration", {}).get("separator", "/" if default else ".")
    return (f"c{separator}" if default else ""), separator
