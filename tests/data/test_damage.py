"""A damaged store ends in an error that names the chunk, never in other rows."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from zarr.abc.buffer import Buffer
from zarr.buffer import cpu
from zarr.codecs import Crc32cCodec
from zarr.storage import MemoryStore

from dask_gmm.data.formats import array_format
from dask_gmm.data.open import open_source
from dask_gmm.data.zarr_source import ZarrSource
from dask_gmm.errors import DataError
from tests.data.arrays import (
    CHUNK_ROWS,
    CODECS,
    DAMAGED,
    DAMAGES,
    ROWS,
    chunk_file,
    digests_of,
    foreign,
    ours,
    values_of,
)

NAMED = r"chunk c/2/0 \(rows 200 to 300 of .*/a\.zarr/x\)"
# What these kinds of arrays let pass when nothing but their codecs can tell.
UNDETECTED = {(kind, "swapped") for kind in CODECS} | {
    ("plain", "flipped"),
    ("zstd", "flipped"),
    ("shards", "flipped"),
}


@pytest.fixture
def group(tmp_path: Path) -> Path:
    return tmp_path / "a.zarr"


def opened(path: Path, missing_chunks: str = "error") -> ZarrSource:
    source = open_source(path, missing_chunks=missing_chunks)
    assert isinstance(source, ZarrSource)
    return source


@pytest.mark.parametrize("kind", CODECS)
def test_whole_arrays_are_read(group: Path, kind: str) -> None:
    assert np.array_equal(values_of(opened(ours(group, kind))), ROWS)
    assert opened(group).verified
    assert opened(group).check_present() == 0


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", CODECS)
def test_every_damage_to_our_arrays_is_an_error(group: Path, kind: str, damage: str) -> None:
    array = ours(group, kind)
    DAMAGES[damage](chunk_file(array))
    with pytest.raises(DataError, match=NAMED):
        values_of(opened(array))
    with pytest.raises(DataError, match=NAMED):
        values_of(opened(array, missing_chunks="fill"))


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", CODECS)
def test_damage_to_foreign_arrays_is_an_error_or_said_to_pass(
    group: Path, kind: str, damage: str
) -> None:
    array = foreign(group, kind)
    DAMAGES[damage](chunk_file(array))
    source = opened(array)
    detects = source.detects
    promised = {
        "absent": detects.absence,
        "flipped": detects.flips,
        "swapped": detects.swaps,
    }.get(damage, detects.truncation)
    assert promised == ((kind, damage) not in UNDETECTED)
    if promised:
        with pytest.raises(DataError, match=NAMED):
            values_of(source)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", CODECS)
def test_any_change_during_a_run_is_an_error(group: Path, kind: str, damage: str) -> None:
    source = opened(foreign(group, kind))
    pinned = source.pinned(digests_of(source))
    assert np.array_equal(values_of(pinned), ROWS)
    DAMAGES[damage](chunk_file(group / "x"))
    with pytest.raises(DataError, match=NAMED):
        values_of(pinned)


def test_a_whole_chunk_that_was_exchanged_during_a_run_changed(group: Path) -> None:
    source = opened(foreign(group, "crc32c"))
    pinned = source.pinned(digests_of(source))
    DAMAGES["swapped"](chunk_file(group / "x"))
    with pytest.raises(DataError, match="changed during the run"):
        values_of(pinned)
    assert not pinned.verified


def test_an_array_with_stored_digests_stays_with_them(group: Path) -> None:
    source = opened(ours(group, "crc32c"))
    assert source.pinned(digests_of(source)) is source
    DAMAGES["swapped"](chunk_file(group / "x"))
    with pytest.raises(DataError, match="is not the one that was written there"):
        values_of(source)


@pytest.mark.parametrize("damage", ["absent", "directory", "empty", "truncated"])
def test_what_can_be_seen_without_reading_is_seen_first(group: Path, damage: str) -> None:
    DAMAGES[damage](chunk_file(foreign(group, "crc32c")))
    with pytest.raises(DataError, match=NAMED):
        opened(group).check_present()


def test_several_absent_chunks_are_counted(group: Path) -> None:
    array = foreign(group, "zstd")
    for chunk in (0, 2, 3):
        DAMAGES["absent"](chunk_file(array, chunk))
    with pytest.raises(DataError, match=r"chunk c/0/0 .* \(and 2 more of 4 chunks are damaged\)"):
        opened(array).check_present()
    assert opened(array, missing_chunks="fill").check_present() == 3


@pytest.mark.parametrize("kind", CODECS)
def test_absent_chunks_are_filled_where_that_is_asked_for(group: Path, kind: str) -> None:
    array = foreign(group, kind)
    DAMAGES["absent"](chunk_file(array))
    source = opened(array, missing_chunks="fill")
    expected = ROWS.copy()
    expected[DAMAGED * CHUNK_ROWS : (DAMAGED + 1) * CHUNK_ROWS] = 0
    assert np.array_equal(values_of(source), expected)
    assert not source.detects.absence
    pinned = source.pinned(digests_of(source))
    assert np.array_equal(values_of(pinned), expected)
    chunk_file(array).write_bytes(chunk_file(array, 0).read_bytes())
    with pytest.raises(DataError, match="changed during the run"):
        values_of(pinned)


@pytest.mark.parametrize("damage", ["directory", "empty"])
def test_filling_is_for_absent_chunks_alone(group: Path, damage: str) -> None:
    DAMAGES[damage](chunk_file(foreign(group, "crc32c")))
    with pytest.raises(DataError, match=NAMED):
        values_of(opened(group, missing_chunks="fill"))


def test_the_cure_for_absent_chunks_mentions_filling_if_it_may_help(group: Path) -> None:
    DAMAGES["absent"](chunk_file(foreign(group, "crc32c")))
    with pytest.raises(DataError, match=r"is missing.*set missing_chunks to fill"):
        values_of(opened(group))
    chunk_file(group / "x").parent.rmdir()
    (group / "x").rename(group / "y")
    DAMAGES["absent"](chunk_file(ours(group, "crc32c")))
    with pytest.raises(DataError, match=r"is missing\. Restore it") as caught:
        values_of(opened(group / "x"))
    assert "missing_chunks" not in str(caught.value)


def test_an_inner_chunk_that_a_shard_lacks_is_absent(group: Path) -> None:
    array = zarr.open_group(group).create_array(
        "x", shape=(150, 4), chunks=(20, 2), shards=(100, 4), dtype="f8", fill_value=0.0
    )
    array[...] = 1.0
    array[120:140, 2:] = 0.0
    found = r"chunk c/1/0 \(rows 100 to 150 of .*\) lacks 1 of the chunks in it"
    with pytest.raises(DataError, match=found):
        values_of(opened(group))
    assert np.array_equal(values_of(opened(group, missing_chunks="fill")), array[...])


def test_a_shard_too_short_for_its_index_is_refused(group: Path) -> None:
    file = chunk_file(foreign(group, "shards"))
    file.write_bytes(file.read_bytes()[:20])
    with pytest.raises(DataError, match=f"{NAMED} has 20 bytes, too few"):
        values_of(opened(group))


def test_a_chunk_longer_than_it_should_be_is_refused(group: Path) -> None:
    file = chunk_file(foreign(group, "plain"))
    file.write_bytes(file.read_bytes() + b"more")
    with pytest.raises(DataError, match=f"{NAMED} has 3204 bytes instead of 3200"):
        values_of(opened(group))


def test_a_chunk_that_may_not_be_read_is_not_missing(
    group: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root reads everything, the refusal is made here."""

    def refuse(*args: object, **kwargs: object) -> int:
        raise PermissionError(13, "Permission denied")

    foreign(group, "crc32c")
    monkeypatch.setattr("dask_gmm.data.folder.read_plain", refuse)
    found = r"chunk c/0/0 .* cannot be read \(Permission denied\)\. See that it can be read"
    with pytest.raises(DataError, match=found):
        values_of(opened(group, missing_chunks="fill"))


def test_an_array_that_is_gone_or_another_is_refused_on_the_worker(group: Path) -> None:
    document = foreign(group, "crc32c") / "zarr.json"
    source = opened(group)
    text = document.read_text()
    document.write_text(text.replace('"attributes": {}', '"attributes": {"seen": true}'))
    assert np.array_equal(values_of(source), ROWS)
    document.write_text(text.replace("370", "371"))
    with pytest.raises(DataError, match=r"metadata \(zarr.json\) of .* changed"):
        source.open()
    document.write_text("{")
    with pytest.raises(DataError, match="changed"):
        source.open()
    document.unlink()
    with pytest.raises(DataError, match=r"is missing.*every worker sees the same disk"):
        source.open()


@pytest.mark.parametrize("damage", ["absent", "flipped", "swapped"])
def test_arrays_in_memory_are_read_as_strictly(damage: str) -> None:
    held: dict[str, Buffer] = {}
    array = zarr.create_array(
        MemoryStore(held),
        shape=ROWS.shape,
        chunks=(CHUNK_ROWS, 4),
        dtype="f8",
        compressors=Crc32cCodec(),
    )
    array[...] = ROWS
    source = open_source(array)
    assert isinstance(source, ZarrSource)
    assert np.array_equal(values_of(source), ROWS)
    pinned = source.pinned(digests_of(source))
    if damage == "absent":
        del held["c/2/0"]
        with pytest.raises(DataError, match=r"chunk c/2/0 .*is missing"):
            source.check_present()
    else:
        stored = bytearray(held["c/0/0" if damage == "swapped" else "c/2/0"].to_bytes())
        stored[7] ^= damage == "flipped"
        held["c/2/0"] = cpu.Buffer.from_bytes(bytes(stored))
    with pytest.raises(DataError, match=r"chunk c/2/0 \(rows 200 to 300 of the array in memory"):
        values_of(pinned)


def test_an_error_of_memory_is_not_one_of_data(
    group: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign(group, "zstd")

    def exhausted(*args: object) -> None:
        raise MemoryError

    monkeypatch.setattr("dask_gmm.data.gather.np.asarray", exhausted)
    with pytest.raises(MemoryError):
        values_of(opened(group))


BLOSC = {"cname": "lz4", "clevel": 5, "blocksize": 0, "shuffle": "bitshuffle", "typesize": 8}


@pytest.mark.parametrize(
    ("codec", "flips", "truncation"),
    [
        ({"name": "blosc", "configuration": BLOSC}, False, False),
        ({"name": "zstd", "configuration": {"level": 0, "checksum": False}}, False, True),
        ({"name": "zstd", "configuration": {"level": 0, "checksum": True}}, True, True),
    ],
)
def test_codecs_are_known_by_what_they_detect(
    group: Path, codec: dict[str, Any], flips: bool, truncation: bool
) -> None:
    zarr.open_group(group).create_array("x", shape=(10, 2), dtype="f8", compressors=[codec])
    form = array_format((group / "x" / "zarr.json").read_bytes(), 3)
    assert (form.detects_flips, form.detects_truncation) == (flips, truncation)


def test_errors_say_what_was_wanted_found_where_and_what_to_do(group: Path) -> None:
    DAMAGES["flipped"](chunk_file(foreign(group, "crc32c")))
    expected = (
        f"Every chunk must be there and whole, but chunk c/2/0 (rows 200 to 300 of {group}/x) "
        "does not match its own checksum (CRC-32C). Restore it from a copy, or write the array "
        "again."
    )
    with pytest.raises(DataError, match=re.escape(expected)):
        values_of(opened(group))
