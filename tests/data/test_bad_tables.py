"""Sources that are damaged, or no tables of numbers: errors that say which file, and the cure."""

import gc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from dask_gmm.data import csv_table, hdf5_archive, netcdf_archive, parquet_table
from dask_gmm.data.table_files import open_table
from dask_gmm.errors import DataError, InputError
from tests.data.ingestible import FORMATS, read, some_rows, write
from tests.whole.refusals import says

FILES = [name for name in FORMATS if name not in ("files", "parts", "two.zarr", "three.zarr")]


# scipy leaves a classic file open that it cannot read to its end, and says so when it is collected.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", [name for name in FILES if name != "x.csv"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.98])
def test_a_file_that_is_cut_short_is_an_error(tmp_path: Path, name: str, share: float) -> None:
    path = write(tmp_path, name, some_rows())
    stored = path.read_bytes()
    path.write_bytes(stored[: int(share * len(stored))])
    with pytest.raises(DataError) as refused:
        read(open_table(path))
    says(refused.value, path)
    del refused
    gc.collect()


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_something_else_is_an_error(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"once upon a time, there was\na file\n" * 9)
    with pytest.raises(DataError) as refused:
        read(open_table(path))
    says(refused.value, path)


@pytest.mark.parametrize("name", ["x.parquet", "x.h5", "columns.npz", "x.npz"])
def test_flipped_bits_are_noticed_where_the_format_can(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, name, some_rows())
    stored = bytearray(path.read_bytes())
    half = len(stored) // 2
    stored[half : half + 8] = bytes(255 - each for each in stored[half : half + 8])
    path.write_bytes(stored)
    with pytest.raises(DataError) as refused:
        read(open_table(path))
    says(refused.value, path)


def test_a_damaged_zarr_array_is_named_with_its_chunk(tmp_path: Path) -> None:
    path = write(tmp_path, "three.zarr", some_rows())
    (path / "x" / "c" / "1" / "0").unlink()
    with pytest.raises(DataError) as refused:
        read(open_table(path))
    says(refused.value, "c/1/0")
    filled = read(open_table(path, missing_chunks="fill"))
    assert not filled[166:332, :2].any()
    assert np.array_equal(filled[:166], some_rows()[:166])


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a,b\n1,2\n3,four\n", ("four", "Row #3", "CSV column #1")),
        ("a,b\n1,2\n3\n", ("Row #3", "Expected 2 columns, got 1")),
        ("a,b\n1,2\n3,4,5\n", ("Row #3", "Expected 2 columns, got 3")),
        ("a,b\n1,2020-01-01\n", ("2020-01-01", "CSV column #1")),
        ("a,b\n1,true\n", ("true",)),
        ("", ("Empty CSV file",)),
        ("1,2\n3,4\n", ("names", "1, 2")),
        ("a,a\n3,4\n", ("'a'", "Rename")),
        ("a;b\n3;4\n", ("3;4",)),
    ],
)
def test_a_csv_file_that_is_no_table_of_numbers_says_where(
    tmp_path: Path, text: str, parts: tuple[str, ...]
) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises(DataError) as refused:
        read(open_table(path))
    says(refused.value, path, *parts)


def test_text_columns_that_are_not_chosen_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"name,a,day\n\xff,1,monday\n,2,tuesday\n")
    assert read(open_table(path, columns=("a",))).tolist() == [[1.0], [2.0]]
    with pytest.raises(DataError):
        read(open_table(path))


@pytest.mark.parametrize(
    "values",
    [
        ["x", "y"],
        np.array(["2020-01-01", "2020-01-02"], "M8[us]"),
        [[1.0], [2.0]],
        pa.array(["1", "2"]).dictionary_encode(),
        [{"b": 1}, {"b": 2}],
        [b"x", b"y"],
    ],
)
def test_a_parquet_column_of_no_numbers_is_refused_unless_it_is_left_out(
    tmp_path: Path, values: Any
) -> None:
    path = tmp_path / "x.parquet"
    pa.parquet.write_table(pa.table({"good": [1.5, 2.5], "bad": values}), path)
    with pytest.raises(InputError) as refused:
        open_table(path)
    says(refused.value, path, "column bad", "(good)")
    assert read(open_table(path, columns=("good",))).tolist() == [[1.5], [2.5]]


@pytest.mark.parametrize("names", [["a"], ["b", "a"], ["a", "b", "a"]])
def test_parquet_columns_may_have_any_names_but_the_same(tmp_path: Path, names: list[str]) -> None:
    path = tmp_path / "x.parquet"
    columns = [pa.array([float(number)]) for number in range(len(names))]
    pa.parquet.write_table(pa.Table.from_arrays(columns, names), path)
    if len(set(names)) == len(names):
        assert read(open_table(path)).tolist() == [list(map(float, range(len(names))))]
        return
    with pytest.raises(DataError) as refused:
        open_table(path)
    says(refused.value, path, "2 times a column a")


@pytest.mark.parametrize("dotted", ["a.b", "a"])
def test_names_with_dots_are_names(tmp_path: Path, dotted: str) -> None:
    path = tmp_path / "x.parquet"
    pa.parquet.write_table(pa.table({"a": [1.0], "a.b": [2.0], "b": [3.0]}), path)
    value = {"a": 1.0, "a.b": 2.0}[dotted]
    assert read(open_table(path, columns=(dotted,))).tolist() == [[value]]


@pytest.mark.parametrize(
    ("other", "found"),
    [
        ({"a": [1.0]}, "no column b"),
        ({"a": [1.0], "b": ["text"]}, "type string"),
        ({"a": [1.0], "b": [2.0], "c": ["text"]}, "also has a column c"),
        ({"b": [1], "a": [2.0]}, ""),
    ],
)
def test_files_of_a_folder_must_have_the_same_columns(
    tmp_path: Path, other: dict[str, Any], found: str
) -> None:
    """In any order, and of any types of numbers."""
    folder = tmp_path / "files"
    folder.mkdir()
    pa.parquet.write_table(pa.table({"a": [7.0], "b": [8.0]}), folder / "0.parquet")
    pa.parquet.write_table(pa.table(other), folder / "1.parquet")
    if not found:
        second = [other["a"][0], other["b"][0]]
        assert read(open_table(folder)).tolist() == [[7.0, 8.0], second]
        return
    with pytest.raises((DataError, InputError)) as refused:
        open_table(folder)
    says(refused.value, folder / "1.parquet", found)
    assert read(open_table(folder, columns=("a",))).tolist() == [[7.0], [other["a"][0]]]


def test_csv_files_of_a_folder_must_have_the_columns_of_the_first(tmp_path: Path) -> None:
    (tmp_path / "0.csv").write_text("a,b\n1,2\n")
    (tmp_path / "1.csv").write_text("b,c,a\n3,x,4\n")
    assert read(open_table(tmp_path)).tolist() == [[1.0, 2.0], [4.0, 3.0]]
    (tmp_path / "2.csv").write_text("a,c\n3,4\n")
    with pytest.raises(DataError) as refused:
        open_table(tmp_path)
    says(refused.value, tmp_path / "0.csv", tmp_path / "2.csv", "'b'")


@pytest.mark.parametrize(
    "array",
    [
        np.array([["a", "b"]]),
        np.array([[1 + 1j, 2]]),
        np.array([["2020-01-01"]], "M8[D]"),
        np.zeros((2, 2), [("a", "f8"), ("b", "f4")]),
        np.zeros((2, 2), np.longdouble),
        np.zeros(3),
        np.zeros((1, 2, 3)),
        np.zeros((0, 2)),
        np.float64(3),
    ],
)
@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
def test_an_npy_array_that_is_no_table_of_numbers_is_refused(
    tmp_path: Path, name: str, array: Any
) -> None:
    if name == "x.npy":
        np.save(tmp_path / name, array)
    else:
        np.savez(tmp_path / name, x=array)
    with pytest.raises(InputError) as refused:
        open_table(tmp_path / name)
    says(refused.value, tmp_path / name)


def test_pickled_objects_are_not_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([[object()]], object), allow_pickle=True)
    with pytest.raises(InputError) as refused:
        open_table(tmp_path / "x.npy")
    says(refused.value, tmp_path / "x.npy", "object")


def test_fortran_order_of_more_than_two_axes_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", u=np.asfortranarray(np.ones((2, 3, 4))))
    with pytest.raises(InputError) as refused:
        read(open_table(tmp_path / "x.npz", variables=("u",)))
    says(refused.value, tmp_path / "x.npz", "Fortran", "ascontiguousarray")


def test_big_endian_numbers_are_numbers(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", some_rows(9).astype(">f8"))
    assert np.array_equal(read(open_table(tmp_path / "x.npy")), some_rows(9))


def test_other_files_in_an_npz_are_not_arrays(tmp_path: Path) -> None:
    path = write(tmp_path, "x.npz", some_rows(9))
    with zipfile.ZipFile(path, "a") as packed:
        packed.writestr("read.me", "hello")
    assert len(read(open_table(path))) == 9


@pytest.mark.parametrize("name", ["x.npy", "x.parquet", "x.csv"])
@pytest.mark.parametrize("option", ["array", "variables"])
def test_what_has_no_arrays_to_choose_from_refuses_a_choice(
    tmp_path: Path, name: str, option: str
) -> None:
    path = write(tmp_path, name, some_rows(9))
    choice: Any = {"array": "x", "variables": ("x",)}
    with pytest.raises(InputError) as refused:
        open_table(path, **{option: choice[option]})
    says(refused.value, path, option)


@pytest.mark.parametrize("name", ["x.npy", "x.parquet", "x.csv", "x.h5", "x.nc"])
@pytest.mark.parametrize(("number", "code"), [(13, 77), (5, 75)])
def test_what_the_system_refuses_is_no_damage(
    tmp_path: Path, name: str, number: int, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What may not be read ends with 77, a disk that fails with 75."""
    path = write(tmp_path, name, some_rows(9))

    def refuse(*_: object, **__: object) -> Any:
        raise OSError(number, "The system says no")

    class Refusing:
        open_csv = ParquetFile = File = open_dataset = staticmethod(refuse)

        def __getattr__(self, _: str) -> Callable[..., Any]:
            return lambda *_, **__: type("E", (Exception,), {})

        ArrowException = ArithmeticError

    if name == "x.npy":
        monkeypatch.setattr(Path, "open", refuse)
    for module in (csv_table, parquet_table):
        monkeypatch.setattr(module, "module", lambda _: Refusing())
    for archive in (hdf5_archive, netcdf_archive):
        monkeypatch.setattr(archive, "extra", lambda *_: Refusing())
    with pytest.raises(DataError) as refused:
        open_table(path)
    assert refused.value.exit_code == code
    says(refused.value, path, "The system says no")
