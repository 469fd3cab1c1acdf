"""The same rows from every kind of input; where they lie, and what their columns are called."""

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import dask.array as da
import dask.dataframe as dd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import xarray as xr
import zarr
from distributed import Client
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from dask_gmm import GaussianMixtureModel
from dask_gmm.errors import DataError, InputError
from dask_gmm.workflows.inputs import Kind, as_array, feature_names, kind_of
from dask_gmm.workflows.sources import source_of
from tests.data.arrays import values_of

Values: TypeAlias = npt.NDArray[np.floating]

X = np.random.default_rng(0).standard_normal((600, 3))
NAMES = ["a", "b", "c"]
CALLS: list[bool] = []


def frame(values: Values = X) -> pd.DataFrame:
    return pd.DataFrame(values, columns=NAMES)


def dask_frame(parts: int = 4) -> Any:
    return dd.from_pandas(frame(), npartitions=parts)


def labeled(values: Any = X, **coords: Any) -> xr.DataArray:
    return xr.DataArray(values, dims=["row", "column"], coords=coords)


def in_zarr(path: Path) -> zarr.Array[Any]:
    return zarr.create_array(path, data=X, chunks=(600, 3))


def lazy(path: Path) -> xr.DataArray:
    """An array that xarray has opened and not read, without Dask."""
    labeled().rename("x").to_dataset().to_zarr(path, zarr_format=3, consolidated=False)
    found: xr.DataArray = xr.open_zarr(path, chunks=None, consolidated=False)["x"]
    return found


def parquet_parts(folder: Path) -> Any:
    """A data frame of small files, which Dask reads together when only some columns are wanted."""
    folder.mkdir()
    for number, part in enumerate(np.split(X, 6)):
        frame(part).assign(other=1.0).to_parquet(folder / f"{number}.parquet")
    return dd.read_parquet(folder)[NAMES]


def group_path(path: Path) -> Path:
    zarr.create_group(path).create_array("x", data=X, chunks=(600, 3))
    return path


ONE_LEAF: dict[str, tuple[Callable[[Path], Any], Kind]] = {
    "numpy": (lambda path: X, Kind.MEMORY),
    "lists": (lambda path: X.tolist(), Kind.MEMORY),
    "pandas": (lambda path: frame(), Kind.MEMORY),
    "nullable": (lambda path: frame().astype("Float64"), Kind.MEMORY),
    "arrow": (lambda path: frame().astype("double[pyarrow]"), Kind.MEMORY),
    "xarray": (lambda path: labeled(), Kind.MEMORY),
    "xarray, not loaded": (lazy, Kind.MEMORY),
    "dask": (lambda path: da.from_array(X, chunks=-1), Kind.DASK),
    "dask frame": (lambda path: dask_frame(1), Kind.DASK),
    "xarray of dask": (lambda path: labeled(da.from_array(X, chunks=-1)), Kind.DASK),
    "zarr": (in_zarr, Kind.STORED),
    "group": (lambda path: zarr.open_group(group_path(path), mode="r"), Kind.STORED),
    "path": (group_path, Kind.STORED),
    "text": (lambda path: str(group_path(path)), Kind.STORED),
    "address": (lambda path: group_path(path).as_uri(), Kind.STORED),
}
MORE_LEAVES: dict[str, Callable[[Path], Any]] = {
    "dask": lambda path: da.from_array(X, chunks=(100, 2)),
    "dask frame": lambda path: dask_frame(),
    "nullable dask frame": lambda path: dask_frame().astype("Float64"),
    "empty partitions": lambda path: dd.concat([dask_frame().query("a > 9"), dask_frame()]),
    "parquet": parquet_parts,
    "xarray of dask": lambda path: labeled(da.from_array(X, chunks=(100, 2))),
}


def means(data: Any) -> Values:
    return GaussianMixtureModel(2).fit(data).means


@pytest.mark.parametrize("name", ONE_LEAF)
def test_rows_in_one_leaf_give_the_same_bytes(name: str, tmp_path: Path) -> None:
    data = ONE_LEAF[name][0](tmp_path / "x y.zarr")
    assert means(data).tobytes() == means(X).tobytes()


@pytest.mark.parametrize("name", MORE_LEAVES)
def test_rows_in_more_leaves_give_the_same_model(name: str, tmp_path: Path) -> None:
    data = MORE_LEAVES[name](tmp_path / "x")
    assert np.array_equal(values_of(source_of(data)), X)
    assert means(data) == pytest.approx(means(X), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", ONE_LEAF)
def test_where_data_lie_is_known(name: str, tmp_path: Path) -> None:
    make, kind = ONE_LEAF[name]
    assert kind_of(make(tmp_path / "x.zarr")) is kind


@pytest.mark.parametrize("name", ["pandas", "dask frame", "xarray", "xarray of dask"])
def test_columns_and_rows_have_numbers(name: str, tmp_path: Path) -> None:
    source = source_of(ONE_LEAF[name][0](tmp_path), columns=[2, 0], rows=slice(5, 9))
    assert np.array_equal(values_of(source), X[5:9, [2, 0]])


def absent(dtype: str) -> pd.DataFrame:
    found = frame((X > 0).astype("f8")).astype(dtype)
    found.iloc[437, 1] = pd.NA
    return found


@pytest.mark.parametrize("dtype", ["Float64", "Int64", "boolean", "float32[pyarrow]"])
@pytest.mark.parametrize("parts", [0, 3])
def test_what_is_absent_is_named_as_what_is_not_finite(dtype: str, parts: int) -> None:
    data = dd.from_pandas(absent(dtype), npartitions=parts) if parts else absent(dtype)
    with pytest.raises(DataError, match=r"in 1 of 600 rows, the first at row 437, column 1"):
        means(data)


def test_text_in_a_dask_frame_is_refused_before_it_is_computed() -> None:
    data = counting_frame(columns=[*NAMES, "text"], meta=frame().assign(text="x"))
    with pytest.raises(InputError, match="column 'text' of the data frame is of type"):
        means(data)
    assert CALLS == []


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (dask_frame()["a"], "but a Series of Dask was given, which has one. Make it a frame"),
        (xr.DataArray(X[0]), r"has 1, of shape \(3,\)"),
        (xr.DataArray(da.from_array(X[None])), r"has 3, of shape \(1, 600, 3\)"),
        (labeled().rename("x").to_dataset(), "with the variables: x. Choose a variable, as in"),
        (xr.Dataset(), "with the variables: none"),
        (xr.Dataset({str(n): 0 for n in range(7)}), r"variables: 0, 1, 2, 3, 4, \.\.\.\. Choose"),
    ],
)
def test_what_has_no_rows_and_columns_is_refused(data: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        source_of(data)


def test_a_dataset_lies_nowhere() -> None:
    with pytest.raises(InputError, match="Choose a variable"):
        kind_of(xr.Dataset())


def part(number: int, columns: list[str] | None = None) -> pd.DataFrame:
    CALLS.append("Dask" in threading.current_thread().name)
    return frame(X[100 * number : 100 * number + 100])


def counting_frame(**options: Any) -> Any:
    """Six partitions, which note each time that one is made, and whether a worker's task did."""
    CALLS.clear()
    return dd.from_map(part, range(6), **{"meta": frame(), **options})


def test_an_array_of_a_frame_computes_nothing_but_what_is_counted_once() -> None:
    data = counting_frame()
    assert kind_of(data) is Kind.DASK
    array = as_array(data)
    assert (array.ndim, array.dtype, np.isnan(array.shape[0])) == (2, X.dtype, True)
    assert CALLS == []
    assert as_array(data, counted=True).chunks == ((100,) * 6, (3,))
    assert CALLS == [False] * 6


def test_rows_are_counted_on_the_client_that_is_given(client: Client) -> None:
    assert source_of(counting_frame(), client=client).layout.rows == 600
    assert CALLS == [True] * 6


def rows_counted() -> int:
    return source_of(counting_frame()).layout.rows


def test_rows_are_counted_in_the_task_that_asks(client: Client) -> None:
    assert client.submit(rows_counted, pure=False).result() == 600
    assert CALLS == [False] * 6


def test_values_of_xarray_are_loaded_when_they_are_asked_for(tmp_path: Path) -> None:
    data = lazy(tmp_path / "x")
    assert kind_of(data) is Kind.MEMORY
    assert feature_names(data) is None
    zarr.open_array(tmp_path / "x" / "x", mode="r+")[...] = -X
    assert np.array_equal(as_array(data), -X)


@pytest.mark.parametrize("name", ["numpy", "pandas", "dask", "zarr"])
def test_what_is_no_wrapper_is_given_back(name: str, tmp_path: Path) -> None:
    data = ONE_LEAF[name][0](tmp_path / "x")
    assert as_array(data) is data
    assert feature_names(data) is None


@pytest.mark.parametrize(
    "data",
    [
        dask_frame(),
        labeled(column=NAMES),
        labeled(da.from_array(X), column=np.array(NAMES, dtype=object)),
    ],
)
def test_names_are_what_scikit_learn_takes_from_a_frame(data: Any) -> None:
    estimator, expected = BaseEstimator(), BaseEstimator()
    validate_data(estimator, X=feature_names(data), skip_check_array=True)
    validate_data(expected, X=frame())
    assert estimator.feature_names_in_.tolist() == expected.feature_names_in_.tolist()
    assert estimator.n_features_in_ == expected.n_features_in_ == 3


@pytest.mark.parametrize(
    "data",
    [
        labeled(),
        labeled(column=[3, 1, 2]),
        labeled(column=np.array(["a", 1, "c"], dtype=object)),
        labeled(row=np.arange(600).astype(str)),
        xr.DataArray(X[0]),
        dask_frame()["a"],
    ],
)
def test_columns_without_names_have_none(data: Any) -> None:
    assert feature_names(data) is None


def test_nothing_is_imported_to_look_at_an_array(monkeypatch: pytest.MonkeyPatch) -> None:
    packages = ("pandas", "xarray", "dask.dataframe")
    for name in packages:
        monkeypatch.delitem(sys.modules, name)
    assert kind_of(X) is Kind.MEMORY
    assert feature_names(X) is None
    assert source_of(X).layout.rows == 600
    assert not set(packages) & set(sys.modules)
