"""Which files, columns and types make a table, and what is refused."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zarr

from dask_gmm.data.open import open_source
from dask_gmm.errors import DataError, InputError
from dask_gmm.objects.address import Address
from tests.data.arrays import values_of
from tests.data.tables import ROWS, two_files, write


def test_the_index_of_a_frame_is_no_column_unless_it_is_asked_for(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1.0, 2.0, 3.0], "b": [4, 5, 6]}, index=[2, 0, 1])
    frame.to_parquet(tmp_path / "x.parquet")
    assert values_of(open_source(tmp_path / "x.parquet")).tolist() == [[1, 4], [2, 5], [3, 6]]
    named = open_source(tmp_path / "x.parquet", columns=["__index_level_0__"])
    assert values_of(named).tolist() == [[2], [0], [1]]


def test_a_column_may_have_other_types_of_numbers_in_other_files(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": pa.array([1.5], "float")}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"a": pa.nulls(1)}), tmp_path / "2.parquet")
    assert open_source(tmp_path).dtype == np.float32
    pq.write_table(pa.table({"a": pa.array([7])}), tmp_path / "3.parquet")
    source = open_source(tmp_path)
    assert source.dtype == np.float64
    assert np.array_equal(values_of(source), [[1.5], [np.nan], [7.0]], equal_nan=True)


def test_columns_may_have_other_places_in_other_files(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1.0], "b": [2.0], "s": ["x"]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"b": [4.0], "t": [0.0], "a": [3.0]}), tmp_path / "2.parquet")
    assert values_of(open_source(tmp_path, columns=["b", 0])).tolist() == [[2, 1], [4, 3]]


@pytest.mark.parametrize("groups", [(), (0, 2, 0), (0, 0)])
def test_files_and_row_groups_without_rows_hold_none(
    tmp_path: Path, groups: tuple[int, ...]
) -> None:
    write(tmp_path / "1.parquet", ROWS[:0])
    write(tmp_path / "2.parquet", ROWS[:5], groups)
    write(tmp_path / "3.parquet", ROWS[:0], (0,))
    source = open_source(tmp_path)
    assert np.array_equal(values_of(source), ROWS[:5])
    assert (source.layout.edges > 0).sum() == 1


STRUCT = pa.array([{"x": 1.0}], pa.struct([("x", pa.float64())]))
REFUSED: dict[str, tuple[Any, dict[str, Any], type[Exception], str]] = {
    "text": ({"a": [1.0], "s": ["x"]}, {}, InputError, r"column s of .*type string.*\(a\)"),
    "date": ({"d": pa.array([0], "date32")}, {}, InputError, r"date32\[day\].*there are none"),
    "decimal": ({"a": pa.array([1], pa.decimal128(4))}, {}, InputError, "decimal128"),
    "list": ({"v": [[1.0]], "a": [1.0]}, {}, InputError, "column v .*type list"),
    "struct": ({"p": STRUCT}, {}, InputError, "column p .*type struct"),
    "dictionary": ({"k": pa.array(["u"]).dictionary_encode()}, {}, InputError, "dictionary"),
    "no rows": ({"a": pa.array([], "double")}, {}, InputError, r"empty, of shape \(0, 1\)"),
    "no columns": ({}, {}, InputError, r"empty, of shape \(0, 0\)"),
    "unknown name": ({"a": [1.0]}, {"columns": ["b"]}, InputError, "are a, but b was given"),
    "unknown number": ({"a": [1.0]}, {"columns": [1]}, InputError, "but 1 was given"),
    "a name twice": ({"a": [1.0]}, {"columns": ["a", 0]}, InputError, "0 was given twice"),
    "no names": ({"a": [1.0]}, {"columns": []}, InputError, "but none was given"),
    "one text": ({"a": [1.0], "b": [1.0]}, {"columns": "ab"}, InputError, "'ab' was given"),
    "one number": ({"a": [1.0]}, {"columns": 0}, InputError, "0 was given"),
    "an array": ({"a": [1.0]}, {"array": "x"}, InputError, "array='x' was given with the parquet"),
    "rows": ({"a": [1.0]}, {"rows": slice(1, 1)}, InputError, "selects none"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_not_in_a_file_is_refused_with_its_name(tmp_path: Path, kind: str) -> None:
    columns, options, error, message = REFUSED[kind]
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    with pytest.raises(error, match=message):
        open_source(tmp_path / "x.parquet", **options)


DIFFERENT: dict[str, tuple[Any, dict[str, Any], type[Exception], str]] = {
    "less": ({"a": [1.0]}, {}, DataError, r"2\.parquet has no column b"),
    "more": ({"a": [1.0], "b": [1.0], "z": [1.0]}, {}, DataError, "2.parquet also has a column z"),
    "not the chosen": ({"a": [1.0]}, {"columns": ["b"]}, DataError, "has no column b"),
    "text": ({"a": ["x"], "b": [1.0]}, {}, InputError, r"column a of .*2\.parquet is of type str"),
}


@pytest.mark.parametrize("kind", DIFFERENT)
def test_files_of_other_columns_are_refused_by_name(tmp_path: Path, kind: str) -> None:
    columns, options, error, message = DIFFERENT[kind]
    pq.write_table(pa.table({"a": [1.0], "b": [2.0]}), tmp_path / "1.parquet")
    pq.write_table(pa.table(columns), tmp_path / "2.parquet")
    with pytest.raises(error, match=message):
        open_source(tmp_path, **options)


def test_a_name_that_two_columns_have_is_refused(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array([1.0]), pa.array([2.0])], ["a", "a"])
    pq.write_table(table, tmp_path / "x.parquet")
    for columns in (None, ["a"], [1]):
        with pytest.raises(DataError, match="has 2 times a column a"):
            open_source(tmp_path / "x.parquet", columns=columns)


def test_a_folder_within_a_folder_of_files_is_refused(tmp_path: Path) -> None:
    two_files(tmp_path)
    (tmp_path / "_delta_log").mkdir()
    with pytest.raises(InputError, match=r"must hold no folders.*holds _delta_log"):
        open_source(tmp_path)


@pytest.mark.parametrize("name", ["x.parquet", "x"])
def test_a_folder_without_files_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name / "year=2024").mkdir(parents=True)
    with pytest.raises(InputError, match=r"a folder with year=2024.*a folder of such files"):
        open_source(tmp_path / name)


def test_a_zarr_group_is_one_whatever_lies_in_it(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "x.parquet", mode="w")
    group.create_array("x", shape=(4, 2), dtype="f8")[...] = 1
    two_files(tmp_path / "x.parquet")
    assert values_of(open_source(tmp_path / "x.parquet")).shape == (4, 2)


def test_files_below_an_address_are_those_of_a_disk(tmp_path: Path) -> None:
    two_files(tmp_path / "a")
    there = Address("memory", "", f"{uuid4().hex}/a")
    for each in (tmp_path / "a").iterdir():
        (there / each.name).write_bytes(each.read_bytes())
    source = open_source(str(there))
    assert values_of(source).tobytes() == values_of(open_source(tmp_path / "a")).tobytes()
    assert not source.shareable
    with pytest.raises(InputError, match=rf"{there}/no.parquet is not there"):
        open_source(f"{there}/no.parquet")
