"""Arrays beside stored rows are read from the same leaves, and as strictly."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from zarr.codecs import Crc32cCodec

from dask_gmm.data import blocks
from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.beside import RowsBeside
from dask_gmm.data.identity import identity_of
from dask_gmm.data.manifest import write_digests
from dask_gmm.data.open import open_column, open_source
from dask_gmm.data.open_beside import with_beside
from dask_gmm.data.row_data import RowData
from dask_gmm.data.source import Block, Source
from dask_gmm.errors import DataError, InputError
from tests.data.arrays import CHUNK_ROWS, N_ROWS, ROWS, chunk_file, foreign, ours
from tests.data.tables import write

WEIGHTS = np.random.default_rng(1).integers(0, 4, N_ROWS).astype(float)
LABELS = np.random.default_rng(2).integers(-1, 3, N_ROWS)
KINDS: dict[str, dict[str, Any]] = {
    "one axis": {"shape": (N_ROWS,), "chunks": (CHUNK_ROWS,)},
    "a column": {"shape": (N_ROWS, 1), "chunks": (CHUNK_ROWS, 1)},
    "plain": {"shape": (N_ROWS,), "chunks": (CHUNK_ROWS,), "compressors": None},
    "half a chunk": {"shape": (N_ROWS,), "chunks": (CHUNK_ROWS // 2,)},
    "shards": {"shape": (N_ROWS,), "chunks": (20,), "shards": (CHUNK_ROWS,)},
    "crc32c": {"shape": (N_ROWS,), "chunks": (CHUNK_ROWS,), "compressors": [Crc32cCodec()]},
}


@pytest.fixture(autouse=True)
def _leaf_for_each_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "LEAF_BYTES", 1)


def column(group: Path, name: str, values: Any, kind: str = "one axis", dtype: Any = None) -> Path:
    options = {**KINDS[kind], "dtype": dtype or values.dtype}
    options["config"] = {"write_empty_chunks": True}
    array = zarr.open_group(group, mode="a").create_array(name, overwrite=True, **options)
    array[...] = values.reshape(options["shape"])
    return group / name


def blocks_of(source: Source) -> list[Block]:
    reader = source.open()
    return [reader.read(index) for index in range(len(source.layout))]


def all_of(source: Source, name: str) -> Any:
    return np.concatenate([getattr(each, name) for each in blocks_of(source)])


@pytest.mark.parametrize("dtype", ["f8", "f4", "i4", "u1"])
@pytest.mark.parametrize("kind", KINDS)
def test_weights_are_those_of_the_rows(tmp_path: Path, kind: str, dtype: str) -> None:
    path = foreign(tmp_path, "zstd")
    source = with_beside(
        open_source(path), RowData(column(tmp_path, "w", WEIGHTS, kind, np.dtype(dtype)))
    )
    np.testing.assert_array_equal(all_of(source, "rows"), ROWS)
    found = all_of(source, "weights")
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, WEIGHTS)


@pytest.mark.parametrize("rows", [None, slice(50, 230), slice(100, 300), slice(310, 320)])
@pytest.mark.parametrize("stored", [True, False])
def test_any_rows_come_with_what_lies_beside_them(
    tmp_path: Path, rows: slice | None, stored: bool
) -> None:
    path = ours(tmp_path, "crc32c")
    weights: Any = column(tmp_path, "w", WEIGHTS, "half a chunk") if stored else WEIGHTS
    labels: Any = column(tmp_path, "l", LABELS) if stored else LABELS
    read = open_source(path, rows=rows)
    source = with_beside(read, RowData(weights, labels, 3))
    chosen = rows or slice(None)
    for name, wanted in (("rows", ROWS), ("weights", WEIGHTS), ("labels", LABELS)):
        np.testing.assert_array_equal(all_of(source, name), wanted[chosen])
    again = source.pinned(all_of(source, "digests"))
    np.testing.assert_array_equal(all_of(again, "weights"), WEIGHTS[chosen])
    assert isinstance(again, RowsBeside)
    for block in blocks_of(source):
        again.check(block)


def test_rows_of_parquet_may_have_them_too(tmp_path: Path) -> None:
    path = write(tmp_path / "x.parquet", ROWS, [CHUNK_ROWS] * 3 + [N_ROWS - 3 * CHUNK_ROWS])
    source = with_beside(open_source(path), RowData(column(tmp_path / "g", "w", WEIGHTS)))
    np.testing.assert_array_equal(all_of(source, "weights"), WEIGHTS)
    again = source.pinned(all_of(source, "digests"))
    np.testing.assert_array_equal(all_of(again, "rows"), ROWS[:, :3])


@pytest.mark.parametrize("verified", [True, False])
def test_a_weight_that_changes_is_an_error_that_names_its_chunk(
    tmp_path: Path, verified: bool
) -> None:
    group, path = tmp_path, foreign(tmp_path, "zstd")
    weights = column(group, "w", WEIGHTS, "crc32c")
    if verified:
        digests = all_of(open_column(weights, "weights"), "digests")
        write_digests(group, "w", digests)
    source = with_beside(open_source(path), RowData(weights))
    before = blocks_of(source)
    again = source.pinned(np.concatenate([each.digests for each in before]))
    changed = WEIGHTS.copy()
    changed[2 * CHUNK_ROWS + 5] += 1
    zarr.open_array(weights, mode="r+")[...] = changed
    with pytest.raises(DataError, match=r"chunk c/2 \(rows 200 to 300 of .*w\)"):
        blocks_of(again)
    if verified:
        with pytest.raises(DataError, match=r"chunk c/2 \(rows 200 to 300 of .*w\)"):
            blocks_of(source)
    else:
        changed_blocks = blocks_of(source)
        assert isinstance(again, RowsBeside)
        again.check(before[2])
        with pytest.raises(DataError, match=r"chunk c/2 \(rows 200 to 300 of .*w\)"):
            again.check(changed_blocks[2])


def test_a_missing_chunk_of_weights_is_found_before_any_is_read(tmp_path: Path) -> None:
    path = foreign(tmp_path, "zstd")
    weights = column(tmp_path, "w", WEIGHTS)
    (weights / "c" / "1").unlink()
    source = with_beside(open_source(path), RowData(weights))
    assert isinstance(source, RowsBeside)
    with pytest.raises(DataError, match=r"chunk c/1 .* is missing"):
        source.check_present()
    filled = with_beside(open_source(path), RowData(weights), "fill")
    assert all_of(filled, "weights")[100:200].tolist() == [0.0] * 100


def test_no_chunk_beside_rows_is_left_out(tmp_path: Path) -> None:
    path = foreign(tmp_path, "zstd")
    weights = column(tmp_path, "w", WEIGHTS, "crc32c")
    source = with_beside(open_source(path), RowData(weights))
    assert isinstance(source, RowsBeside)
    chunk_file(path, 1).unlink()
    skipping = source.skipping()
    assert np.isnan(all_of(skipping, "rows")[100:200]).all()
    np.testing.assert_array_equal(all_of(skipping, "weights"), WEIGHTS)
    (weights / "c" / "2").write_bytes(b"")
    with pytest.raises(DataError, match=r"chunk c/2 \(rows 200 to 300 of .*w\)"):
        blocks_of(skipping)


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_a_wrong_weight_is_named_by_row_and_chunk(tmp_path: Path, value: float) -> None:
    path, wrong = foreign(tmp_path, "zstd"), WEIGHTS.copy()
    wrong[217] = value
    source = with_beside(open_source(path), RowData(column(tmp_path, "w", wrong)))
    with pytest.raises(DataError, match=rf"found {value:g} at row 217, column 0, in chunk c/2 "):
        blocks_of(source)


@pytest.mark.parametrize("value", [-2, 3, 1.5, np.nan])
@pytest.mark.parametrize("stored", [True, False])
def test_a_wrong_label_is_named(tmp_path: Path, value: float, stored: bool) -> None:
    path, wrong = foreign(tmp_path, "zstd"), LABELS.astype(float)
    wrong[217] = value
    labels: Any = column(tmp_path, "l", wrong) if stored else wrong
    with pytest.raises(DataError, match=rf"0 to 2, or -1 .* found {value:g} at row 217"):
        blocks_of(with_beside(open_source(path), RowData(labels=labels, n_labels=3)))


def test_chunks_of_other_rows_are_refused(tmp_path: Path) -> None:
    path = foreign(tmp_path, "zstd")
    group = zarr.open_group(tmp_path, mode="a")
    group.create_array("w", shape=(N_ROWS,), chunks=(150,), dtype="f8")[...] = WEIGHTS
    wanted = r"chunks of 150 rows in .*w. Write them in chunks of 100 rows, or load them"
    with pytest.raises(InputError, match=wanted):
        with_beside(open_source(path), RowData(tmp_path / "w"))


@pytest.mark.parametrize(
    ("weights", "found"),
    [
        (lambda group: group / "short", r"370 rows of .*x, found 300 numbers in .*short"),
        (lambda group: WEIGHTS[:300], r"each of the 370 rows as weights"),
        (lambda group: group, r"a zarr array as weights, found .*, which is a group"),
        (lambda group: group / "x", r"one number for each row as weights, found .* \(370, 4\)"),
        (lambda group: group / "nothing", r"is not there"),
        (lambda group: group / "text", r"Data must be float64, float32 or integers"),
    ],
)
def test_what_is_not_one_number_for_each_row_is_refused(
    tmp_path: Path, weights: Any, found: str
) -> None:
    path = foreign(tmp_path, "zstd")
    group = zarr.open_group(tmp_path, mode="a")
    group.create_array("short", shape=(300,), chunks=(100,), dtype="f8")[...] = WEIGHTS[:300]
    group.create_array("text", shape=(N_ROWS,), chunks=(100,), dtype="c16")[...] = WEIGHTS
    with pytest.raises(InputError, match=found):
        with_beside(open_source(path), RowData(weights(tmp_path)))


def test_the_identity_of_rows_tells_their_weights(tmp_path: Path) -> None:
    rows = open_source(ours(tmp_path, "crc32c"))
    other = WEIGHTS + 1
    identities = [
        identity_of(with_beside(rows, beside))
        for beside in (
            RowData(),
            RowData(WEIGHTS),
            RowData(other),
            RowData(labels=LABELS, n_labels=3),
        )
    ]
    assert all(
        one is not None and (one == two) == (i == j)
        for i, one in enumerate(identities)
        for j, two in enumerate(identities)
    )
    stored = with_beside(rows, RowData(column(tmp_path, "w", WEIGHTS)))
    found = identity_of(stored)
    assert found is not None
    assert found["weights"]["array"].endswith("w")


def test_a_source_in_memory_and_one_beside_stored_rows_say_the_same(tmp_path: Path) -> None:
    memory = ArraySource.of(ROWS, beside=RowData(WEIGHTS, LABELS, 3))
    stored = with_beside(open_source(foreign(tmp_path, "zstd")), RowData(WEIGHTS, LABELS, 3))
    for name in ("rows", "weights", "labels"):
        np.testing.assert_array_equal(all_of(memory, name), all_of(stored, name))
    assert not stored.shareable
