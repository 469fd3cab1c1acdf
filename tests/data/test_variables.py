"""Several arrays of one file as columns, and the one array that is meant."""

from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import h5py
import numpy as np
import numpy.typing as npt
import pytest
import xarray as xr
import zarr

from dask_gmm.data import variables
from dask_gmm.data.table_files import open_table
from dask_gmm.errors import DataError, InputError
from tests.data.ingestible import read
from tests.whole.refusals import says

Arrays: TypeAlias = dict[str, npt.NDArray[Any]]
Write: TypeAlias = Callable[[Path, Arrays], None]
SHAPE: Final = (5, 4, 3)


def arrays() -> Arrays:
    """Two variables of three axes, one with components of a vector besides, and a lonely one."""
    size = int(np.prod(SHAPE))
    u = np.arange(size, dtype=np.float64).reshape(SHAPE)
    return {
        "u": u,
        "n": (u * 3).astype(np.int32),
        "wind": np.stack([u + 0.5, -u], axis=-1),
        "alone": np.arange(5.0),
    }


def npz(path: Path, given: Arrays) -> None:
    np.savez(path, **given)  # type: ignore[arg-type]


def hdf5(path: Path, given: Arrays) -> None:
    with h5py.File(path, "w") as file:
        for name, values in given.items():
            file.create_dataset(f"g/{name}", data=values, chunks=True)


def netcdf(path: Path, given: Arrays) -> None:
    axes = ("time", "lat", "lon", "part")
    found = {name: (axes[: values.ndim], values) for name, values in given.items()}
    xr.Dataset(found).to_netcdf(path, engine="h5netcdf")


def zarr_group(path: Path, given: Arrays) -> None:
    group = zarr.open_group(path, mode="w")
    for name, values in given.items():
        chunks = tuple(max(1, size // 2) for size in values.shape)
        group.create_array(name, data=values, chunks=chunks)


def xarray_zarr(path: Path, given: Arrays) -> None:
    axes = ("time", "lat", "lon", "part")
    found = {name: (axes[: values.ndim], values) for name, values in given.items()}
    xr.Dataset(found).to_zarr(path, zarr_format=2, consolidated=True)


WRITERS: Final = MappingProxyType(
    {
        "v.npz": npz,
        "v.h5": hdf5,
        "v.nc": netcdf,
        "v.zarr": zarr_group,
        "two.zarr": xarray_zarr,
    }
)


@pytest.fixture(params=WRITERS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path: Path = tmp_path / request.param
    WRITERS[path.name](path, arrays())
    return path


def named(path: Path, *names: str) -> tuple[str, ...]:
    return tuple(f"/g/{name}" if path.suffix == ".h5" else name for name in names)


def plain(table_columns: tuple[str, ...] | None) -> list[str]:
    return [name.removeprefix("g/") for name in table_columns or ()]


@pytest.mark.parametrize(("piece", "largest"), [(8, 90), (300, 2000), (2**20, 2**27)])
def test_elements_along_shared_axes_are_rows(
    path: Path, piece: int, largest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(variables, "PIECE_BYTES", piece)
    monkeypatch.setattr(variables, "LARGEST_BYTES", largest)
    given = arrays()
    table = open_table(path, variables=named(path, "u", "wind", "n"))
    wanted = np.column_stack([given["u"].ravel(), given["wind"].reshape(-1, 2), given["n"].ravel()])
    assert (table.n_rows, table.n_features) == (60, 4)
    assert plain(table.columns) == ["u", "wind[0]", "wind[1]", "n"]
    assert np.array_equal(read(table), wanted)
    for start, stop in ((0, 7), (11, 12), (11, 53), (59, 60)):
        assert np.array_equal(read(table, start, stop), wanted[start:stop])


def test_columns_of_variables_are_chosen_by_their_names(path: Path) -> None:
    wind, u = named(path, "wind", "u")
    prefix = wind.removeprefix("/").removesuffix("wind")
    table = open_table(path, variables=(wind, u), columns=(f"{prefix}u", f"{prefix}wind[1]"))
    assert plain(table.columns) == ["u", "wind[1]"]
    given = arrays()
    assert np.array_equal(read(table)[:, 1], given["wind"][..., 1].ravel())


def test_one_variable_is_one_column(path: Path) -> None:
    table = open_table(path, variables=named(path, "alone"))
    assert (table.n_rows, table.n_features) == (5, 1)
    assert read(table).ravel().tolist() == [0, 1, 2, 3, 4]


def test_variables_that_do_not_share_their_axes_are_refused(path: Path) -> None:
    with pytest.raises(InputError) as refused:
        open_table(path, variables=named(path, "u", "alone"))
    says(refused.value, path, "alone", "u has", "ingest them apart")


@pytest.mark.parametrize("option", ["array", "variables"])
def test_what_is_not_there_is_refused_with_what_is(path: Path, option: str) -> None:
    choice: Any = {"array": "nobody", "variables": ("nobody",)}
    with pytest.raises(InputError) as refused:
        open_table(path, **{option: choice[option]})
    known = "none" if (option, path.suffix) == ("array", ".zarr") else "alone"
    says(refused.value, path, "nobody", known)


def test_no_array_of_two_axes_is_meant_by_itself(path: Path) -> None:
    with pytest.raises(InputError) as refused:
        open_table(path)
    says(refused.value, path, "only one of two axes")


def test_an_array_has_two_axes(path: Path) -> None:
    (name,) = named(path, "alone")
    with pytest.raises(InputError) as refused:
        open_table(path, array=name)
    says(refused.value, path, "(5,)")


def test_axes_of_other_names_are_others(tmp_path: Path) -> None:
    """The same sizes are not enough where axes have names."""
    data = {"u": (("time", "place"), np.ones((3, 3))), "v": (("time", "depth"), np.ones((3, 3)))}
    xr.Dataset(data).to_netcdf(tmp_path / "x.nc", engine="h5netcdf")
    with pytest.raises(InputError) as refused:
        open_table(tmp_path / "x.nc", variables=("u", "v"))
    says(refused.value, "place", "depth")


def test_netcdf_values_are_decoded(tmp_path: Path) -> None:
    data = xr.Dataset({"t": (("place",), np.array([1.5, np.nan, -3.0]))})
    data["t"].encoding.update(dtype="i2", scale_factor=0.5, _FillValue=-99)
    data.to_netcdf(tmp_path / "x.nc", engine="h5netcdf")
    found = read(open_table(tmp_path / "x.nc", variables=("t",)))
    assert np.array_equal(found.ravel(), [1.5, np.nan, -3.0], equal_nan=True)


@pytest.mark.parametrize("values", [["a", "b"], np.array(["2020-01-01", "2020-01-02"], "M8[ns]")])
def test_variables_of_texts_and_dates_are_refused(tmp_path: Path, values: Any) -> None:
    xr.Dataset({"t": (("place",), values)}).to_netcdf(tmp_path / "x.nc", engine="h5netcdf")
    with pytest.raises(InputError) as refused:
        open_table(tmp_path / "x.nc", variables=("t",))
    says(refused.value, "t of", tmp_path / "x.nc", "type")


def test_an_axis_without_elements_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", u=np.ones((0, 3)), x=np.ones((0, 3)))
    for choice in ({"variables": ("u",)}, {}):
        with pytest.raises(InputError) as refused:
            open_table(tmp_path / "x.npz", **choice)  # type: ignore[arg-type]
        says(refused.value, tmp_path / "x.npz", "(0, 3)")


def unfinished_hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("u", (10,), "f8", chunks=(2,), fillvalue=7)[:6] = 1


def unfinished_zarr(path: Path) -> None:
    zarr.open_group(path, mode="w").create_array(
        "u", shape=(10,), dtype="f8", chunks=(2,), fill_value=7
    )[:6] = 1


@pytest.mark.parametrize(("name", "make"), [("x.h5", unfinished_hdf5), ("x.zarr", unfinished_zarr)])
def test_chunks_that_are_absent_are_errors_unless_they_are_filled(
    tmp_path: Path, name: str, make: Callable[[Path], None]
) -> None:
    make(tmp_path / name)
    with pytest.raises(DataError) as refused:
        read(open_table(tmp_path / name, variables=("u",)))
    says(refused.value, "2 of u", tmp_path / name, "missing_chunks")
    filled = read(open_table(tmp_path / name, variables=("u",), missing_chunks="fill"))
    assert filled.ravel().tolist() == [1] * 6 + [7] * 4
