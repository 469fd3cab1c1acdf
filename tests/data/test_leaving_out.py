"""Rows of bad chunks are left out where that is asked for: NaN, with the chunk and what it has."""

from pathlib import Path

import numpy as np
import pytest
import zarr

from dask_gmm.data import blocks
from dask_gmm.data.open import open_source
from dask_gmm.data.source import BadChunk, Block
from dask_gmm.data.zarr_source import ZarrSource
from dask_gmm.errors import DataError, LostRowsError
from tests.data.arrays import (
    CHUNK_ROWS,
    CODECS,
    DAMAGED,
    DAMAGES,
    N_ROWS,
    ROWS,
    chunk_file,
    digests_of,
    foreign,
    ours,
    values_of,
)

GONE = slice(DAMAGED * CHUNK_ROWS, (DAMAGED + 1) * CHUNK_ROWS)
WITHOUT = np.where((np.arange(N_ROWS) // CHUNK_ROWS == DAMAGED)[:, None], np.nan, ROWS)
ANOTHER = "is not the one that was written there (another digest)"
FOUND = {"absent": "is missing", "directory": "is a directory instead of a file"}
FLIPPED = {
    "crc32c": "does not match its own checksum (CRC-32C)",
    "zstd, crc32c": "cannot be decoded (ValueError: Stored and computed checksum do not match.",
}
# Of chunks that are read as they are: their bytes, and those that are left of cut ones.
SIZES = {"plain": 3200, "crc32c": 3204}


@pytest.fixture(params=["one leaf", "a leaf for each chunk", "two chunks in a leaf"], autouse=True)
def leaves(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    chunk = CHUNK_ROWS * ROWS.itemsize * ROWS.shape[1]
    size = {"one leaf": 4, "a leaf for each chunk": 1, "two chunks in a leaf": 2}[request.param]
    monkeypatch.setattr(blocks, "LEAF_BYTES", size * chunk)


def skipping(path: Path, rows: slice | None = None, columns: list[int] | None = None) -> ZarrSource:
    source = open_source(path, rows=rows, columns=columns)
    assert isinstance(source, ZarrSource)
    return source.skipping()


def read(source: ZarrSource) -> list[Block]:
    reader = source.open()
    return [reader.read(index) for index in range(len(source.layout))]


def bad_chunks(source: ZarrSource) -> tuple[BadChunk, ...]:
    return tuple(each for block in read(source) for each in block.bad_chunks)


def pinned(source: ZarrSource) -> ZarrSource:
    return source.pinned(digests_of(source), bad_chunks(source))


def said_of(kind: str, damage: str) -> str:
    """Give how the cause begins that is told of a chunk in a place with digests."""
    if damage in ("truncated", "half", "empty") and kind in SIZES:
        size = SIZES[kind]
        left = {"truncated": size - 7, "half": size // 2, "empty": 0}[damage]
        return f"has {left} bytes instead of {size}"
    if damage == "flipped":
        return FLIPPED.get(kind, ANOTHER)
    return {**FOUND, "empty": "is empty"}.get(damage, ANOTHER)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", CODECS)
def test_rows_of_a_bad_chunk_are_nan_and_others_as_they_are(
    tmp_path: Path, kind: str, damage: str
) -> None:
    array = ours(tmp_path / "a.zarr", kind)
    DAMAGES[damage](chunk_file(array))
    source = skipping(array)
    assert np.array_equal(values_of(source), WITHOUT, equal_nan=True)
    ((key, start, stop, cause),) = [
        (each.key, each.start, each.stop, each.cause) for each in bad_chunks(source)
    ]
    assert (key, start, stop) == ("c/2/0", GONE.start, GONE.stop)
    assert cause.startswith(said_of(kind, damage))
    assert np.array_equal(values_of(pinned(source)), WITHOUT, equal_nan=True)


@pytest.mark.parametrize("kind", CODECS)
def test_where_all_is_whole_nothing_is_left_out(tmp_path: Path, kind: str) -> None:
    source = skipping(foreign(tmp_path / "a.zarr", kind))
    assert np.array_equal(values_of(source), ROWS)
    assert bad_chunks(source) == ()
    assert np.array_equal(values_of(pinned(source)), ROWS)


def test_what_was_left_out_is_not_looked_at_again(tmp_path: Path) -> None:
    array = ours(tmp_path / "a.zarr", "crc32c")
    stored = chunk_file(array).read_bytes()
    DAMAGES["absent"](chunk_file(array))
    source = skipping(array)
    assert source.check_present() == 0
    later = pinned(source)
    chunk_file(array).write_bytes(stored)
    assert np.array_equal(values_of(later), WITHOUT, equal_nan=True)
    told = [each for block in read(later) for each in block.bad_chunks]
    assert {each.cause for each in told} == {"was left out before"}


@pytest.mark.parametrize("write", [foreign, ours])
@pytest.mark.parametrize("damage", DAMAGES)
def test_what_was_whole_before_is_an_error_that_may_pass(
    tmp_path: Path, damage: str, write: object
) -> None:
    array = write(tmp_path / "a.zarr", "zstd, crc32c")  # type: ignore[operator]
    DAMAGES["absent"](chunk_file(array))
    later = pinned(skipping(array))
    DAMAGES[damage](chunk_file(array, 1))
    found = r"was whole in the first pass must stay so, but chunk c/1/0 \(rows 100 to 200 of .*\)"
    with pytest.raises(LostRowsError, match=found) as caught:
        values_of(later)
    assert caught.value.exit_code == 75
    if damage in ("absent", "directory"):
        with pytest.raises(LostRowsError, match=found):
            later.check_present()


def test_a_chunk_may_be_bad_before_and_others_later(tmp_path: Path) -> None:
    later = pinned(skipping(foreign(tmp_path / "a.zarr", "crc32c")))
    assert later.check_present() == 0
    DAMAGES["flipped"](chunk_file(tmp_path / "a.zarr" / "x", 3))
    with pytest.raises(LostRowsError, match="does not match its own checksum"):
        values_of(later)


def test_some_rows_of_a_bad_chunk_have_the_numbers_of_the_source(tmp_path: Path) -> None:
    array = ours(tmp_path / "a.zarr", "crc32c")
    DAMAGES["absent"](chunk_file(array, 0))
    DAMAGES["absent"](chunk_file(array, 3))
    source = skipping(array, slice(40, 340), [2, 0])
    expected = ROWS[40:340][:, [2, 0]].copy()
    expected[:60] = expected[260:] = np.nan
    assert np.array_equal(values_of(source), expected, equal_nan=True)
    places = [(each.key, each.start, each.stop) for each in bad_chunks(source)]
    assert places == [("c/0/0", 0, 60), ("c/3/0", 260, 300)]
    later = pinned(source)
    assert later.skipped == {0, 3}
    assert np.array_equal(values_of(later), expected, equal_nan=True)


@pytest.mark.parametrize("kind", ["plain", "zstd"])
def test_one_chunk_of_several_takes_the_whole_rows_with_it(tmp_path: Path, kind: str) -> None:
    array = zarr.create_array(
        tmp_path / "x", shape=(370, 4), chunks=(100, 3), dtype="f4", **CODECS[kind]
    )
    array[...] = ROWS
    (tmp_path / "x" / "c" / "2" / "1").unlink()
    source = skipping(tmp_path / "x")
    assert np.array_equal(values_of(source), WITHOUT.astype("f4"), equal_nan=True)
    assert [each.key for each in bad_chunks(source)] == ["c/2/1"]
    assert np.array_equal(values_of(pinned(source)), WITHOUT.astype("f4"), equal_nan=True)
    first = skipping(tmp_path / "x", columns=[0, 1])
    assert np.array_equal(values_of(first), ROWS[:, :2].astype("f4"))


def test_whole_numbers_have_rows_that_are_left_out_too(tmp_path: Path) -> None:
    array = zarr.create_array(tmp_path / "x", shape=(250, 2), chunks=(100, 2), dtype="i4")
    array[...] = np.arange(500).reshape(250, 2) + 1
    DAMAGES["absent"](chunk_file(tmp_path / "x", 1))
    found = values_of(skipping(tmp_path / "x"))
    assert np.isnan(found[100:200]).all()
    assert np.array_equal(found[200:], array[200:])


def test_a_store_that_does_not_let_read_is_no_bad_chunk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> int:
        raise PermissionError(13, "Permission denied")

    source = skipping(foreign(tmp_path / "a.zarr", "crc32c"))
    monkeypatch.setattr("dask_gmm.data.folder.read_plain", refuse)
    with pytest.raises(DataError, match=r"c/0/0 .* cannot be read \(Permission denied\)") as caught:
        values_of(source)
    assert caught.value.exit_code == 77


def test_more_memory_is_projected_where_leaves_may_be_put_together(tmp_path: Path) -> None:
    source = skipping(foreign(tmp_path / "a.zarr", "crc32c"))
    plain = open_source(tmp_path / "a.zarr").task_bytes()
    assert source.task_bytes() > plain
