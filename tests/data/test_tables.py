"""Tables: the same rows from every format, whole or from any row to any other; columns chosen."""

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.data import blocks, csv_table, tables, variables
from dask_gmm.data.table_files import format_of, identity_of_files, open_table
from dask_gmm.errors import DataError, InputError
from tests.data.ingestible import FORMATS, NAMES, TABLES, read, some_rows, write
from tests.whole.refusals import says


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    for name in FORMATS:
        write(folder, name, some_rows())
    return folder


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of some rows, so that few rows come in many."""
    for module in (tables, variables, csv_table):
        monkeypatch.setattr(module, "PIECE_BYTES", 1_000)
    monkeypatch.setattr(blocks, "LEAF_BYTES", 1_000)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_rows(folder: Path, name: str) -> None:
    table = open_table(folder / name)
    assert read(table).tobytes() == some_rows().tobytes()
    assert (table.n_features, table.dtype) == (3, np.dtype(np.float64))
    assert table.n_rows == (None if "csv" in format_of(folder / name) else 1_000)
    assert table.columns == (NAMES if name in TABLES else None)
    assert table.held_bytes > 0


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("name", FORMATS)
def test_any_range_of_rows_is_that_of_all_of_them(folder: Path, name: str) -> None:
    table, rows = open_table(folder / name), some_rows()
    for start, stop in ((0, 1), (0, 999), (1, 2), (333, 334), (332, 700), (999, 1_000), (5, 5)):
        assert np.array_equal(read(table, start, stop), rows[start:stop])


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("name", FORMATS)
def test_a_piece_says_where_its_rows_lie(folder: Path, name: str) -> None:
    """By which an error finds the row in its file."""
    pieces = list(open_table(folder / name).pieces(100, 900))
    assert len(pieces) > 1
    for file in {piece.file for piece in pieces}:
        rows = read(open_table(Path(file)))
        for piece in (each for each in pieces if each.file == file):
            assert np.array_equal(rows[piece.first : piece.first + len(piece.rows)], piece.rows)


@pytest.mark.parametrize("name", FORMATS)
def test_columns_are_taken_in_the_order_that_is_asked_for(folder: Path, name: str) -> None:
    wanted = some_rows()[:, [2, 0]]
    table = open_table(folder / name, columns=(2, 0))
    assert np.array_equal(read(table), wanted)
    assert table.n_features == 2
    if name in TABLES:
        named = open_table(folder / name, columns=("c", 0))
        assert (named.columns, table.columns) == (("c", "a"), ("c", "a"))
        assert np.array_equal(read(named), wanted)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("columns", [(3,), (-1,), (1, 1), ("nobody",)])
def test_columns_that_are_not_there_are_refused(
    folder: Path, name: str, columns: tuple[Any, ...]
) -> None:
    with pytest.raises(InputError) as refused:
        open_table(folder / name, columns=columns)
    says(refused.value, folder / name, columns[0])


@given(data=st.data())
def test_small_floats_and_integers_have_the_type_that_holds_them_all(data: st.DataObject) -> None:
    kinds = st.sampled_from(["f2", "f4", "f8", "i1", "u2", "i4", "i8", "u8", "?"])
    types = data.draw(st.lists(kinds, min_size=1, max_size=4))
    columns = {f"c{n}": np.array([0, 1, 1], kind) for n, kind in enumerate(types)}
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "x.parquet"
        pa.parquet.write_table(pa.table(columns), path)
        table = open_table(path)
        assert (table.dtype == np.float32) == (set(types) <= {"f2", "f4"})
        assert read(table).tolist() == [[0] * len(types), [1] * len(types), [1] * len(types)]


def test_what_is_missing_is_nan_whatever_the_type(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    columns = {
        "bool": pa.array([True, None]),
        "int": pa.array([7, None]),
        "float": pa.array([None, 1.25], pa.float32()),
        "nothing": pa.array([None, None]),
    }
    pa.parquet.write_table(pa.table(columns), path)
    rows = read(open_table(path))
    assert np.array_equal(
        rows, np.array([[1, 7] + [np.nan] * 2, [np.nan] * 2 + [1.25, np.nan]]), equal_nan=True
    )


def test_what_is_missing_in_a_csv_file_is_nan(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b'\xef\xbb\xbf"a","b"\r\n1,\r\nNA,-inf\r\n3,"4"')
    rows = read(open_table(path))
    assert np.array_equal(rows, np.array([[1, np.nan], [np.nan, -np.inf], [3, 4]]), equal_nan=True)


@pytest.mark.parametrize("name", FORMATS)
def test_a_source_is_known_by_names_sizes_and_times(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, name, some_rows(100))
    known = identity_of_files(path)
    assert identity_of_files(path) == known
    assert known["format"] == format_of(path)
    inside = [each for each in [path, *path.rglob("*")] if each.is_file()]
    assert known["files"] == len(inside)
    assert known["bytes"] == sum(each.stat().st_size for each in inside)
    told = inside[-1].stat()
    os.utime(inside[-1], ns=(told.st_atime_ns, told.st_mtime_ns + 1))
    assert identity_of_files(path) != known


@pytest.mark.parametrize(
    ("name", "found"),
    [("nothing.csv", "is not there"), ("x.dat", "is of another"), ("empty", "there are: none")],
)
def test_what_is_no_source_is_refused(tmp_path: Path, name: str, found: str) -> None:
    (tmp_path / "x.dat").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError) as refused:
        open_table(tmp_path / name)
    says(refused.value, tmp_path / name, found)


def test_a_folder_of_several_formats_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "x.csv", some_rows(3))
    write(tmp_path, "x.parquet", some_rows(3))
    with pytest.raises(InputError) as refused:
        open_table(tmp_path)
    says(refused.value, tmp_path, "x.csv, x.parquet")


def test_a_source_that_may_not_be_looked_at_is_denied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(self: Path, **_: object) -> Any:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "stat", denied)
    with pytest.raises(DataError) as refused:
        identity_of_files(tmp_path / "x.npy")
    assert refused.value.exit_code == 77
    says(refused.value, tmp_path / "x.npy", "Permission denied")
