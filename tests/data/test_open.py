"""What users give as data is opened, or refused with what was found there."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from packaging.version import Version
from zarr.storage import MemoryStore

from dask_gmm.data.open import open_source
from dask_gmm.data.zarr_source import ZarrSource
from dask_gmm.errors import DataError, InputError
from tests.data.arrays import Values, values_of

X: Values = np.arange(12.0).reshape(6, 2)
Y: Values = -X


def write(group: Path, **arrays: Values) -> Path:
    opened = zarr.open_group(group, mode="a")
    for name, values in arrays.items():
        opened.create_array(name, data=values, chunks=values.shape)
    return group


@pytest.fixture
def group(tmp_path: Path) -> Path:
    return write(tmp_path / "a.zarr", x=X, y=Y, component=np.arange(6))


OPENED: dict[str, Callable[[Path], object]] = {
    "text of a group": str,
    "path of a group": lambda path: path,
    "path of an array": lambda path: path / "x",
    "relative path": lambda path: os.path.relpath(path),
    "group": lambda path: zarr.open_group(path, mode="r"),
    "array": lambda path: zarr.open_group(path, mode="r")["x"],
    "writable array": lambda path: zarr.open_group(path, mode="r+")["x"],
    "numpy": lambda path: X,
    "list": lambda path: X.tolist(),
    "memory": lambda path: zarr.create_array(MemoryStore(), data=X),
    "group in memory": lambda path: zarr.create_group(MemoryStore()).create_array("z", data=X),
}


@pytest.mark.parametrize("how", OPENED)
def test_the_same_rows_come_from_wherever_they_are(group: Path, how: str) -> None:
    assert np.array_equal(values_of(open_source(OPENED[how](group))), X)


def test_an_array_opened_by_zarr_is_known_by_its_folder(group: Path) -> None:
    source = open_source(zarr.open_group(group, mode="r")["y"])
    assert source.name == str(group / "y")
    assert source.shareable


def test_relative_paths_become_absolute(group: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(group.parent)
    assert open_source("a.zarr").name == str(group / "x")
    monkeypatch.setenv("HOME", str(group.parent))
    assert open_source("~/a.zarr").name == str(group / "x")


@pytest.mark.parametrize("data", ["path", "group"])
def test_array_chooses_in_a_group(group: Path, data: str) -> None:
    given: Any = group if data == "path" else zarr.open_group(group, mode="r")
    assert np.array_equal(values_of(open_source(given, array="y")), Y)


def test_arrays_of_groups_in_groups_are_chosen_by_their_path(group: Path) -> None:
    write(group / "inner", z=Y)
    assert np.array_equal(values_of(open_source(group, array="inner/z")), Y)


def test_columns_and_rows_choose_in_an_array(group: Path) -> None:
    source = open_source(group, columns=[1], rows=slice(2, 5))
    assert np.array_equal(values_of(source), X[2:5, [1]])


def test_without_an_x_the_only_array_of_two_axes_is_meant(tmp_path: Path) -> None:
    path = write(tmp_path / "b.zarr", other=Y, component=np.arange(6))
    assert np.array_equal(values_of(open_source(path)), Y)


def test_a_group_with_a_choice_lists_it(tmp_path: Path) -> None:
    path = write(tmp_path / "b.zarr", one=X, two=Y[:3], component=np.arange(6))
    message = r"x, or only one of two axes, but .*b\.zarr are: one \(6, 2\), two \(3, 2\)\. Choose"
    with pytest.raises(InputError, match=message):
        open_source(path)


def test_a_group_without_arrays_of_two_axes_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="are: none"):
        open_source(write(tmp_path / "b.zarr", component=np.arange(6)))


@pytest.mark.parametrize("array", ["nope", "x/nope"])
def test_an_array_that_is_not_there_is_refused_with_those_that_are(group: Path, array: str) -> None:
    with pytest.raises(InputError, match=rf"the array {array}, but .*are: x \(6, 2\), y \(6, 2\)"):
        open_source(group, array=array)


@pytest.mark.parametrize("how", ["path of an array", "array", "numpy"])
def test_there_is_nothing_to_choose_in_an_array(group: Path, how: str) -> None:
    with pytest.raises(InputError, match="but array='x' was given with data of type"):
        open_source(OPENED[how](group), array="x")


def test_a_file_url_is_a_path(group: Path) -> None:
    moved = group.rename(group.with_name("a b%.zarr"))
    assert open_source(moved.as_uri()).name == str(moved / "x")


@pytest.mark.parametrize("address", ["nowhere://bucket/a.zarr", "file://host/a.zarr"])
def test_addresses_of_unknown_kinds_are_refused(address: str) -> None:
    with pytest.raises(InputError, match=rf"found {address}\. Its scheme must be s3, gs, "):
        open_source(address)


def _file(path: Path) -> None:
    path.write_text("a")


def _folder(path: Path) -> None:
    path.mkdir()
    for name in "bcdefga":
        (path / name).touch()


NOT_ZARR: dict[str, tuple[Callable[[Path], None], str]] = {
    "nothing": (lambda path: None, "is not there"),
    "file": (_file, "is a file"),
    "folder": (_folder, r"is a folder with a, b, c, d, e, \.\.\."),
    "empty": (Path.mkdir, "is an empty folder"),
}


@pytest.mark.parametrize("kind", NOT_ZARR)
def test_what_is_not_zarr_is_refused_with_what_it_is(tmp_path: Path, kind: str) -> None:
    make, found = NOT_ZARR[kind]
    make(tmp_path / "b")
    with pytest.raises(
        InputError,
        match=rf"path of a zarr array or group, or of parquet files, but .*/b {found}\. Give",
    ):
        open_source(tmp_path / "b")


@pytest.mark.parametrize("text", ["", "{", '{"zarr_format": 4}'])
@pytest.mark.parametrize("node", ["", "x"])
def test_damaged_metadata_are_data_errors(group: Path, text: str, node: str) -> None:
    (group / node / "zarr.json").write_text(text)
    with pytest.raises(DataError, match=r"zarr\.json of .* is not \("):
        open_source(group / node)


def test_an_array_with_an_unknown_codec_is_a_data_error(group: Path) -> None:
    document = group / "x" / "zarr.json"
    document.write_text(document.read_text().replace('"zstd"', '"unheard_of"'))
    with pytest.raises(DataError, match=r"zarr\.json of .*/x .*unheard_of"):
        open_source(group / "x")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros(3), "has 1, of shape"),
        (np.zeros((2, 3, 4)), "has 3, of shape"),
        (np.zeros((0, 3)), "is empty"),
        (np.zeros((3, 2), dtype=complex), "is of type complex128"),
    ],
)
def test_arrays_of_another_kind_are_refused(tmp_path: Path, values: Values, message: str) -> None:
    path = tmp_path / "b.zarr"
    zarr.create_array(path, shape=values.shape, dtype=values.dtype, chunks=(1,) * values.ndim)
    with pytest.raises(InputError, match=message) as caught:
        open_source(path)
    assert str(path) in str(caught.value)


@pytest.mark.skipif(Version(zarr.__version__) < Version("3.4"), reason="zarr has no such chunks")
def test_chunks_of_many_sizes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "b.zarr"
    with zarr.config.set({"array.rectilinear_chunks": True}):
        zarr.create_array(path, shape=(6, 2), chunks=((1, 2, 3), (2,)), dtype="f8")  # type: ignore[arg-type, unused-ignore]
        with pytest.raises(DataError, match=r"zarr\.json of .*b\.zarr cannot be understood"):
            open_source(path)


def test_strings_in_zarr_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "b.zarr"
    zarr.create_array(path, shape=(3, 2), dtype="S4", zarr_format=2)
    with pytest.raises(InputError, match="is of type"):
        open_source(path)


def test_missing_chunks_has_two_values(group: Path) -> None:
    with pytest.raises(InputError, match=r"error, fill.*'zero'"):
        open_source(group, missing_chunks="zero")
    source = open_source(group, missing_chunks="fill")
    assert isinstance(source, ZarrSource)
    assert not source.detects.absence
