"""Arrays in zarr to read, of every kind, and ways to damage them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec

from dask_gmm.data.manifest import write_digests
from dask_gmm.data.open import open_source
from dask_gmm.data.sink import ArraySpec, Sink
from dask_gmm.data.source import Source

Values = npt.NDArray[Any]

# Four chunks of a hundred rows, all different, the last one cut short.
N_ROWS, N_FEATURES, CHUNK_ROWS = 370, 4, 100
ROWS: Values = np.random.default_rng(0).standard_normal((N_ROWS, N_FEATURES))
DAMAGED = 2

CODECS: dict[str, dict[str, Any]] = {
    "plain": {"compressors": None},
    "crc32c": {"compressors": Crc32cCodec()},
    "zstd": {},
    "zstd, crc32c": {"compressors": [ZstdCodec(), Crc32cCodec()]},
    "gzip": {"compressors": {"name": "gzip", "configuration": {"level": 1}}},
    "shards": {"chunks": (20, N_FEATURES), "shards": (CHUNK_ROWS, N_FEATURES)},
    "shards, crc32c": {
        "chunks": (20, N_FEATURES),
        "shards": (CHUNK_ROWS, N_FEATURES),
        "compressors": Crc32cCodec(),
    },
}


def foreign(group: Path, kind: str) -> Path:
    """Write the rows as a stranger would, and give the folder of the array."""
    options = {"chunks": (CHUNK_ROWS, N_FEATURES)} | CODECS[kind]
    array = zarr.open_group(group, mode="a").create_array(
        "x", shape=ROWS.shape, dtype=ROWS.dtype, **options
    )
    array[...] = ROWS
    return group / "x"


def ours(group: Path, kind: str) -> Path:
    """Write the rows as this package does, or would with such codecs: with digests."""
    if kind == "crc32c":
        sink = Sink(group, (ArraySpec("x", ROWS.shape, "float64", CHUNK_ROWS),))
        sink.create({})
        sink.finalize({"x": sink.write("x", 0, ROWS)})
    else:
        write_digests(group, "x", digests_of(open_source(foreign(group, kind))).reshape(-1, 1))
    return group / "x"


def digests_of(source: Source) -> npt.NDArray[np.uint32]:
    """Read all, and give the digests."""
    reader = source.open()
    return np.concatenate([reader.read(index).digests for index in range(len(source.layout))])


def values_of(source: Source) -> Values:
    """Read all, and give the rows; each block is copied, as its memory is used again."""
    reader = source.open()
    return np.concatenate([reader.read(i).rows.copy() for i in range(len(source.layout))])


def files_of(path: Path) -> dict[str, bytes]:
    files = (file for file in path.rglob("*") if file.is_file())
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


def chunk_file(array: Path, chunk: int = DAMAGED) -> Path:
    return array / "c" / str(chunk) / "0"


def _absent(file: Path) -> None:
    file.unlink()


def _directory(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _flipped(file: Path) -> None:
    stored = bytearray(file.read_bytes())
    stored[len(stored) // 2] ^= 0x10
    file.write_bytes(bytes(stored))


def _truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-7])


def _half(file: Path) -> None:
    stored = file.read_bytes()
    file.write_bytes(stored[: len(stored) // 2])


def _empty(file: Path) -> None:
    file.write_bytes(b"")


def _swapped(file: Path) -> None:
    file.write_bytes(chunk_file(file.parents[2], 0).read_bytes())


DAMAGES: dict[str, Callable[[Path], None]] = {
    "absent": _absent,
    "directory": _directory,
    "flipped": _flipped,
    "truncated": _truncated,
    "half": _half,
    "empty": _empty,
    "swapped": _swapped,
}


def folder_of(sink: Sink) -> Path:
    """Give the folder of a sink that writes to one."""
    assert isinstance(sink.path, Path)
    return sink.path
