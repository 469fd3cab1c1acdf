"""Two different stored chunks have different digests, however many checksums they hold inside."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import zarr
from zarr.codecs import Crc32cCodec

from dask_gmm.data.open import open_source
from dask_gmm.data.zarr_source import ZarrSource


def shard_of(inner: npt.NDArray[np.float64], folder: Path) -> tuple[ZarrSource, bytes]:
    """A source of one shard of inner chunks that each end in a checksum, and the shard."""
    zarr.create_array(
        folder, data=inner, chunks=(8, 2), shards=inner.shape, compressors=[Crc32cCodec()]
    )
    source = open_source(folder)
    assert isinstance(source, ZarrSource)
    return source, (folder / "c/0/0").read_bytes()


def test_inner_chunks_exchanged_within_a_shard_are_seen(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).standard_normal((32, 2))
    exchanged = rows.copy()
    exchanged[:8], exchanged[16:24] = rows[16:24], rows[:8]
    digests = []
    for name, values in (("one", rows), ("other", exchanged)):
        source, stored = shard_of(values, tmp_path / name)
        digests.append(source.chunks.format.digest(np.frombuffer(stored, np.uint8)))
    assert digests[0] != digests[1]
