"""Reading a zarr array gives what numpy would, however it is stored and whatever is selected."""

import pickle
import tempfile
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.codecs import BytesCodec, Crc32cCodec, TransposeCodec, ZstdCodec
from zarr.storage import MemoryStore

from dask_gmm.data.open import open_source
from dask_gmm.data.zarr_source import ZarrSource
from dask_gmm.errors import DataError
from tests.data.arrays import Values, digests_of, ours, values_of

TYPES = {"float32": "f4", "float64": "f8", "float16": "f4"}
TYPES |= dict.fromkeys(("int16", "uint8", "bool"), "f8")
CODECS: dict[str, dict[str, Any]] = {
    "plain": {"compressors": None},
    "crc32c": {"compressors": Crc32cCodec()},
    "big-endian": {"serializer": BytesCodec(endian="big"), "compressors": None},
    "zstd": {},
    "zstd, crc32c": {"compressors": [ZstdCodec(), Crc32cCodec()]},
    "transposed": {"filters": TransposeCodec(order=(1, 0)), "compressors": Crc32cCodec()},
    "version 2": {"zarr_format": 2},
    "version 2, plain": {"zarr_format": 2, "compressors": None, "order": "F"},
    "flat keys": {"chunk_key_encoding": {"name": "v2", "separator": "."}},
    "dotted keys": {"chunk_key_encoding": {"name": "default", "separator": "."}},
}


@dataclass(frozen=True)
class Case:
    values: Values
    options: dict[str, Any]
    columns: list[int] | None
    rows: slice | None
    leaf_bytes: int
    in_memory: bool

    @property
    def selected(self) -> Values:
        rows = self.values[self.rows or slice(None)]
        return rows[:, self.columns or slice(None)]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    shape = draw(st.integers(1, 40)), draw(st.integers(1, 7))
    dtype = draw(st.sampled_from(sorted(TYPES)))
    options: dict[str, Any] = dict(CODECS[draw(st.sampled_from(sorted(CODECS)))])
    chunks = draw(st.integers(1, 45)), draw(st.integers(1, 9))
    options |= {"chunks": chunks, "dtype": dtype, "shape": shape}
    if "zarr_format" not in options and "filters" not in options and draw(st.booleans()):
        options["shards"] = chunks[0] * draw(st.integers(1, 3)), chunks[1] * draw(st.integers(1, 3))
    columns = st.lists(st.integers(0, shape[1] - 1), min_size=1, unique=True)
    start = draw(st.integers(0, shape[0] - 1))
    stop = draw(st.integers(start + 1, shape[0]))
    seed = draw(st.integers(0, 2**32))
    return Case(
        np.random.default_rng(seed).integers(1, 120, shape).astype(dtype),
        options,
        draw(st.none() | columns),
        draw(st.none() | st.just(slice(start, stop))),
        draw(st.sampled_from([1, 64, 512])),
        draw(st.booleans()),
    )


@contextmanager
def opened(case: Case) -> Iterator[ZarrSource]:
    """Write the array, and open it with smaller leaves than usual."""
    with tempfile.TemporaryDirectory() as folder:
        store: Any = MemoryStore() if case.in_memory else str(Path(folder) / "a")
        array = zarr.create_array(store, **case.options)
        array[...] = case.values
        with patch("dask_gmm.data.blocks.LEAF_BYTES", case.leaf_bytes):
            data = array if case.in_memory else store
            source = open_source(data, columns=case.columns, rows=case.rows)
        assert isinstance(source, ZarrSource)
        yield source


@given(cases())
@settings(max_examples=150, deadline=None)
def test_any_array_is_read_as_numpy_would(case: Case) -> None:
    with opened(case) as source:
        found = values_of(source)
        assert found.dtype == source.dtype == TYPES[case.values.dtype.name]
        assert np.array_equal(found, case.selected)
        assert source.n_features == case.selected.shape[1]
        assert source.layout.rows == len(case.selected)
        assert source.shareable != case.in_memory
        assert source.check_present() == 0


@given(cases())
@settings(max_examples=50, deadline=None)
def test_a_pinned_source_reads_the_same_rows_and_digests(case: Case) -> None:
    with opened(case) as source:
        digests = digests_of(source)
        pinned = source.pinned(digests)
        assert np.array_equal(values_of(pinned), case.selected)
        assert np.array_equal(digests_of(pinned), digests)


@given(cases())
@settings(max_examples=50, deadline=None)
def test_blocks_say_which_rows_they_hold_and_cannot_be_written(case: Case) -> None:
    with opened(case) as source:
        reader = source.open()
        for index in range(len(source.layout)):
            block = reader.read(index)
            assert (block.start, block.stop) == source.layout.bounds(index)
            assert np.array_equal(block.rows, case.selected[block.start : block.stop])
            assert not block.rows.flags.writeable


def small(path: Path, **options: Any) -> Path:
    array = zarr.create_array(
        path, **({"shape": (10, 3), "chunks": (4, 3), "dtype": "f8"} | options)
    )
    array[:10, :3] = np.arange(30).reshape(10, 3)
    return path


def test_blocks_in_use_keep_their_rows_while_others_are_read(tmp_path: Path) -> None:
    with patch("dask_gmm.data.blocks.LEAF_BYTES", 1):
        source = open_source(small(tmp_path / "a", compressors=Crc32cCodec()))
    reader = source.open()
    kept = [reader.read(index) for index in (0, 1, 2, 0)]
    views = [block.rows[1:, 1] for block in kept]
    del kept
    for index in (2, 1, 0):
        reader.read(index)
    expected = np.arange(30.0).reshape(10, 3)[:, 1]
    for view, part in zip(views, ([1, 2, 3], [5, 6, 7], [9], [1, 2, 3]), strict=True):
        assert np.array_equal(view, expected[part])


def test_memory_is_used_again_once_nobody_looks(tmp_path: Path) -> None:
    with patch("dask_gmm.data.blocks.LEAF_BYTES", 1):
        source = open_source(small(tmp_path / "a", compressors=Crc32cCodec()))
    reader = source.open()
    addresses = {reader.read(i % 3).rows.__array_interface__["data"][0] for i in range(9)}
    assert len(addresses) == 1


def test_it_travels_without_its_rows(tmp_path: Path) -> None:
    source = open_source(small(tmp_path / "a"))
    sent = pickle.dumps(source)
    assert len(sent) < 5_000
    assert np.array_equal(values_of(pickle.loads(sent)), np.arange(30).reshape(10, 3))


def test_places_are_named_in_rows_of_the_array(tmp_path: Path) -> None:
    path = small(tmp_path / "a.zarr", shape=(4000, 3), chunks=(1000, 3))
    chunk = f"chunk c/1/0 (rows 1,000 to 2,000 of {path})"
    assert open_source(path).where(1999, 2) == f"row 1,999, column 2, in {chunk}"
    cut = open_source(path, rows=slice(1500, 2500), columns=(2, 0))
    assert cut.where(499, 0) == f"row 1,999, column 2, in {chunk}"
    assert cut.number(1) == 0


def test_places_are_named_with_the_chunk_of_the_column(tmp_path: Path) -> None:
    path = small(tmp_path / "a.zarr", shape=(40, 3), chunks=(10, 2))
    chunk = f"chunk c/3/1 (rows 30 to 40 of {path})"
    assert open_source(path, columns=(0, 2)).where(33, 1) == f"row 33, column 2, in {chunk}"


@pytest.mark.parametrize("missing_chunks", ["error", "fill"])
def test_only_the_chunks_of_the_selected_columns_are_read(
    tmp_path: Path, missing_chunks: str
) -> None:
    path = small(tmp_path / "a", chunks=(4, 1))
    for row in range(3):
        (path / "c" / str(row) / "1").unlink()
    source = open_source(path, columns=[2, 0], missing_chunks=missing_chunks)
    assert isinstance(source, ZarrSource)
    assert source.check_present() == 0
    assert np.array_equal(values_of(source), np.arange(30).reshape(10, 3)[:, [2, 0]])


@pytest.mark.parametrize("dtype", ["f8", "f4", "i2"])
@pytest.mark.parametrize("columns", [None, [3, 1, 2]])
@pytest.mark.parametrize("chunk_columns", [4, 16])
@pytest.mark.parametrize("kind", ["crc32c", "zstd", "version 2"])
def test_reading_holds_no_more_than_was_projected(
    tmp_path: Path, kind: str, chunk_columns: int, columns: list[int] | None, dtype: str
) -> None:
    shape = (80_000, 16)
    options = {"shape": shape, "chunks": (20_000, chunk_columns), "dtype": dtype} | CODECS[kind]
    array = zarr.create_array(tmp_path / "a", **options)
    array[...] = np.random.default_rng(0).integers(0, 99, shape)
    source = open_source(tmp_path / "a", columns=columns)
    values_of(source)
    tracemalloc.start()
    reader = source.open()
    block = reader.read(0)
    for index in range(1, len(source.layout)):
        ahead = reader.read(index)
        used = block.rows.sum()
        block = ahead
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    leaf = source.layout.largest * source.n_features * source.dtype.itemsize
    assert used > 0
    assert 2 * leaf <= peak <= source.task_bytes() + 50_000


def test_digests_of_another_reading_are_compared_whatever_is_stored_beside_the_rows(
    tmp_path: Path,
) -> None:
    source = open_source(str(ours(tmp_path, "crc32c")))
    digests = digests_of(source)
    changed = np.where(np.arange(len(digests)) == 1, digests + 1, digests).astype(np.uint32)
    with pytest.raises(DataError, match=r"c/1/0 .*changed during the run"):
        values_of(source.pinned(changed))
    with pytest.raises(DataError, match="has 4 chunks to read, and 3 were read then"):
        source.pinned(digests[:3])
