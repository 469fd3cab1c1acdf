"""Reading parquet files gives the rows that were written, whatever their row groups and types."""

import pickle
import tempfile
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from dask_gmm.data.blocks import row_group_layout
from dask_gmm.data.open import open_source
from dask_gmm.data.parquet_source import ParquetSource
from tests.data.arrays import Values, digests_of, values_of
from tests.data.tables import ROWS, one_file, two_files, write, write_table

TYPES = ("double", "float", "halffloat", "int8", "uint16", "int32", "int64", "uint64", "bool")
CODECS = ("none", "snappy", "gzip", "zstd", "lz4", "brotli")


@dataclass(frozen=True)
class Case:
    tables: tuple[Any, ...]
    groups: tuple[tuple[int, ...], ...]
    options: dict[str, Any]
    columns: list[int] | None
    rows: slice | None
    leaf_bytes: int
    batch_bytes: int
    by_name: bool

    @property
    def names(self) -> list[str]:
        return list(self.tables[0].column_names)

    @property
    def selected(self) -> Values:
        frame = pa.concat_tables(self.tables)
        every = [
            frame.column(name).cast(pa.float64(), safe=False).to_numpy() for name in self.names
        ]
        rows = np.stack(every, axis=1)[self.rows or slice(None)]
        return rows[:, self.columns or slice(None)]

    @property
    def dtype(self) -> str:
        chosen = self.tables[0].select(self.columns or self.names).schema.types
        return "f4" if all(str(each) in ("float", "halffloat") for each in chosen) else "f8"


@st.composite
def cases(draw: st.DrawFn) -> Case:
    width = draw(st.integers(1, 5))
    types = [draw(st.sampled_from(TYPES)) for _ in range(width)]
    nulls = [draw(st.booleans()) for _ in range(width)]
    sizes = draw(st.lists(st.integers(0, 30), min_size=1, max_size=3))
    sizes[-1] += not sum(sizes)
    groups = tuple(tuple(draw(st.lists(st.integers(0, 12), max_size=4))) for _ in sizes)
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    tables = tuple(random_table(generator, size, types, nulls) for size in sizes)
    columns = st.lists(st.integers(0, width - 1), min_size=1, unique=True)
    start = draw(st.integers(0, sum(sizes) - 1))
    stop = draw(st.integers(start + 1, sum(sizes)))
    options = {
        "compression": draw(st.sampled_from(CODECS)),
        "use_dictionary": draw(st.booleans()),
        "data_page_version": draw(st.sampled_from(["1.0", "2.0"])),
        "write_page_checksum": draw(st.booleans()),
    }
    return Case(
        tables,
        groups,
        options,
        draw(st.none() | columns),
        draw(st.none() | st.just(slice(start, stop))),
        draw(st.sampled_from([1, 64, 512, 2**20])),
        draw(st.sampled_from([1, 200, 2**20])),
        draw(st.booleans()),
    )


def random_table(
    generator: np.random.Generator, rows: int, types: list[str], nulls: list[bool]
) -> Any:
    columns = {}
    for j, (kind, with_nulls) in enumerate(zip(types, nulls, strict=True)):
        values = generator.integers(0, 2 if kind == "bool" else 120, rows)
        array = pa.array(values).cast(kind)
        mask = pa.array(generator.random(rows) < 0.3 * with_nulls)
        columns[f"c.{j}"] = pa.compute.if_else(mask, pa.scalar(None, array.type), array)
    return pa.table(columns)


@contextmanager
def opened(case: Case) -> Iterator[ParquetSource]:
    """Write the files, and open them with smaller leaves than usual."""
    with tempfile.TemporaryDirectory() as folder:
        for i, (table, groups) in enumerate(zip(case.tables, case.groups, strict=True)):
            write_table(Path(folder) / f"part-{i}.parquet", table, groups, **case.options)
        columns: Any = case.columns
        if columns and case.by_name:
            columns = [case.names[each] for each in columns]
        with (
            patch("dask_gmm.data.blocks.LEAF_BYTES", case.leaf_bytes),
            patch("dask_gmm.data.parquet_file.BATCH_BYTES", case.batch_bytes),
        ):
            path = folder if len(case.tables) > 1 else f"{folder}/part-0.parquet"
            source = open_source(path, columns=columns, rows=case.rows)
            assert isinstance(source, ParquetSource)
            yield source


@given(cases())
@settings(max_examples=150, deadline=None)
def test_any_files_are_read_as_they_were_written(case: Case) -> None:
    with opened(case) as source:
        found = values_of(source)
        assert found.dtype == source.dtype == case.dtype
        assert np.array_equal(found, case.selected, equal_nan=True)
        assert source.n_features == case.selected.shape[1]
        assert source.layout.rows == len(case.selected)
        assert source.check_present() == 0


@given(cases())
@settings(max_examples=50, deadline=None)
def test_blocks_say_which_rows_they_hold_and_cannot_be_written(case: Case) -> None:
    with opened(case) as source:
        reader = pickle.loads(pickle.dumps(source)).open()
        for index in reversed(range(len(source.layout))):
            block = reader.read(index)
            assert (block.start, block.stop) == source.layout.bounds(index)
            expected = case.selected[block.start : block.stop]
            assert np.array_equal(block.rows, expected, equal_nan=True)
            assert not block.rows.flags.writeable
            source.check(block)


@given(cases())
@settings(max_examples=50, deadline=None)
def test_a_pinned_source_reads_the_same_rows_and_digests(case: Case) -> None:
    with opened(case) as source:
        digests = digests_of(source)
        assert digests.size == len(source.chunk_keys())
        pinned = source.pinned(digests)
        assert np.array_equal(values_of(pinned), case.selected, equal_nan=True)
        assert np.array_equal(digests_of(pinned), digests)


@given(
    sizes=st.lists(st.integers(0, 40), min_size=1).filter(any),
    leaf_rows=st.integers(1, 60),
    start=st.integers(0, 10**6),
    width=st.integers(1, 10**6),
)
def test_leaves_are_whole_row_groups_of_enough_rows_and_not_more(
    sizes: list[int], leaf_rows: int, start: int, width: int
) -> None:
    edges = np.cumsum([0, *filter(None, sizes)])
    start %= int(edges[-1])
    rows = range(start, min(start + width, int(edges[-1])))
    with patch("dask_gmm.data.blocks.LEAF_BYTES", 8 * leaf_rows):
        whole = row_group_layout(edges, 8, range(int(edges[-1]))).edges
        cut = row_group_layout(edges, 8, rows).edges + rows.start
    assert set(whole) <= set(edges)
    assert (np.diff(whole)[:-1] >= leaf_rows).all()
    for first, last in pairwise(whole):
        inner = edges[(edges > first) & (edges < last)]
        assert (inner - first < leaf_rows).all()
    assert list(cut) == sorted({rows.start, rows.stop, *set(whole) & set(rows)})


def test_leaves_are_those_of_the_same_rows_in_zarr(tmp_path: Path) -> None:
    rows = np.zeros((100_000, 3))
    pq.write_table(pa.table(dict(zip("abc", rows.T, strict=True))), tmp_path / "x.parquet", 30_000)
    zarr.create_array(tmp_path / "x", shape=rows.shape, chunks=(30_000, 3), dtype="f8")
    found, expected = open_source(tmp_path / "x.parquet"), open_source(tmp_path / "x")
    assert found.layout.edges.tolist() == [0, 60_000, 100_000] == expected.layout.edges.tolist()


def test_files_follow_one_another_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b.parquet", "c.pq", "a.PARQUET"):
        write(tmp_path / name, np.full((2, 3), float(ord(name[0]))))
    for other in ("_metadata", ".b.parquet", "_c.parquet", "notes.txt", "b.parquet.crc"):
        (tmp_path / other).write_bytes(b"not rows")
    assert values_of(open_source(tmp_path))[:, 0].tolist() == [97, 97, 98, 98, 99, 99]


def test_places_are_named_by_file_row_group_and_column(tmp_path: Path) -> None:
    path = one_file(tmp_path / "x.parquet")
    group = f"row group 1 (rows 100 to 200 of {path})"
    assert open_source(path).where(199, 2) == f"row 199, column c, in {group}"
    folder = two_files(tmp_path / "both")
    cut = open_source(folder, columns=["c", "a"], rows=slice(150, 350))
    group = f"row group 1 of 2.parquet (rows 300 to 370 of {folder})"
    assert cut.where(199, 1) == f"row 349, column a, in {group}"
    assert [cut.number(0), cut.number(1)] == [2, 0]
    assert isinstance(cut, ParquetSource)
    assert cut.chunk_keys() == ["1.parquet/1", "2.parquet/0", "2.parquet/1"]


def test_it_travels_without_its_rows(tmp_path: Path) -> None:
    source = open_source(two_files(tmp_path))
    assert source.shareable
    assert len(pickle.dumps(source)) < 3_000


def test_blocks_in_use_keep_their_rows_while_others_are_read(tmp_path: Path) -> None:
    with patch("dask_gmm.data.blocks.LEAF_BYTES", 1):
        source = open_source(one_file(tmp_path / "x.parquet"))
    reader = source.open()
    kept = [reader.read(index) for index in (0, 1, 2, 3, 0)]
    for block in kept:
        assert np.array_equal(block.rows, ROWS[block.start : block.stop])


@pytest.mark.parametrize("codec", ["none", "snappy", "zstd"])
@pytest.mark.parametrize("kind", ["double", "int32", "nulls", "dictionary"])
@pytest.mark.parametrize("groups", [(20_000, 60_000), (1_000,) * 80])
def test_reading_holds_no_more_than_was_projected(
    tmp_path: Path, kind: str, codec: str, groups: tuple[int, ...]
) -> None:
    values = np.random.default_rng(0).integers(0, 99, (80_000, 16)) / 8
    table = pa.table({f"c{j}": of_kind(values[:, j], kind) for j in range(16)})
    path = write_table(tmp_path / "x.parquet", table, groups, compression=codec)
    source = open_source(path)
    pool = pa.proxy_memory_pool(pa.default_memory_pool())
    before = pa.default_memory_pool()
    values_of(source)
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        reader = source.open()
        block = reader.read(0)
        for index in range(1, len(source.layout)):
            ahead = reader.read(index)
            used = block.rows[0].sum()
            block = ahead
        peak = tracemalloc.get_traced_memory()[1] + pool.max_memory()
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(before)
    leaf = source.layout.largest * source.n_features * source.dtype.itemsize
    assert np.isfinite(used)
    assert 2 * leaf <= peak <= source.task_bytes() + 100_000


def of_kind(values: Values, kind: str) -> Any:
    match kind:
        case "nulls":
            return pa.array(values, mask=values == 1)
        case "int32":
            return pa.array(values.astype(np.int32))
        case "dictionary":
            return pa.array(values)
    return pa.array(values + np.random.default_rng(1).random(len(values)))
