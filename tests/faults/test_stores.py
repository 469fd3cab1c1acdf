"""Chunks that are damaged between two commands, with and without shards and digests."""

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import zarr
from zarr.codecs import Crc32cCodec

from dask_gmm.data.manifest import write_digests
from dask_gmm.data.open import open_source
from tests.data.arrays import DAMAGES, chunk_file, digests_of
from tests.faults.nursery import Nursery
from tests.faults.programs import BLOCK_ROWS, FIT, Place

pytestmark = pytest.mark.timeout(300)

WORDS = ("fit", "d.zarr", *FIT, "--out", "out")
SHARDS: dict[str, Any] = {"chunks": (BLOCK_ROWS // 4, 8), "shards": (BLOCK_ROWS, 8)}
KINDS: dict[str, dict[str, Any]] = {
    "chunks": {"chunks": (BLOCK_ROWS, 8), "compressors": None},
    "compressed": {"chunks": (BLOCK_ROWS, 8)},
    "shards": SHARDS | {"compressors": None},
    "shards, crc32c": SHARDS | {"compressors": Crc32cCodec()},
}
OTHERS = ("compressed", "shards, crc32c")


def stored(place: Place, kind: str, digests: bool) -> Path:
    """Write the same rows as others do, in the same leaves; give the folder of the array."""
    group = place.folder / "d.zarr"
    rows: Any = zarr.open_array(group / "x", mode="r")
    values = rows[...]
    shutil.rmtree(group)
    array = zarr.open_group(group, mode="w").create_array(
        "x", shape=values.shape, dtype=values.dtype, **KINDS[kind]
    )
    array[...] = values
    if digests:
        write_digests(group, "x", digests_of(open_source(group / "x")).reshape(-1, 1))
    return group / "x"


@pytest.mark.parametrize("digests", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "kind", ["chunks", "shards", *(pytest.param(k, marks=pytest.mark.slow) for k in OTHERS)]
)
def test_every_damage_between_two_commands_is_named_until_it_is_mended(
    place: Place, born: Nursery, oracle: str, kind: str, digests: bool
) -> None:
    """Of rows without digests the times of files tell, unless they are set back."""
    array = stored(place, kind, digests)
    place.armed.arm("pass-5", "kill")
    assert born.run(place, *WORDS).code == -signal.SIGKILL
    chunk, times = chunk_file(array, 7), chunk_file(array, 7).stat()
    whole = chunk.read_bytes()
    for damage in DAMAGES:
        DAMAGES[damage](chunk)
        code = 65 if digests else 73
        born.run(place, *WORDS).says(code, "c/7/0" if code == 65 else "that are others")
        if chunk.is_dir():
            chunk.rmdir()
        chunk.write_bytes(whole)
        os.utime(chunk, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert born.run(place, *WORDS).code == 0
    assert place.digest() == oracle
