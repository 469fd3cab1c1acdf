"""Rows that cannot be fitted, or only with a word about them, from wherever they come."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import dask.array as da
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import scipy.sparse
import zarr
from distributed import Client
from zarr.storage import MemoryStore

from dask_gmm import GaussianMixtureModel
from dask_gmm.errors import DataError, InputError
from dask_gmm.workflows.fit_rows import DataWarning
from tests.whole.refusals import command, nothing_at, refused, same_error, says

Values: TypeAlias = npt.NDArray[Any]

X = np.random.default_rng(0).standard_normal((600, 3))
CHUNKS = (100, 2)
FLAT = np.ones((4, 4), dtype=[("a", "f8")])


def chunks_of(values: Values) -> tuple[int, ...]:
    return tuple(max(1, min(size, 100)) for size in values.shape)


def in_zarr(values: Values, store: Any, **options: Any) -> Any:
    array = zarr.create_array(
        store, shape=values.shape, dtype=values.dtype, chunks=chunks_of(values), **options
    )
    array[...] = values
    return array


def at_path(values: Values, folder: Path) -> Path:
    in_zarr(values, folder / "x.zarr")
    return folder / "x.zarr"


OPENED: dict[str, Callable[[Values, Path], Any]] = {
    "numpy": lambda values, folder: values,
    "dask": lambda values, folder: da.from_array(values, chunks=chunks_of(values)),
    "zarr": lambda values, folder: in_zarr(values, MemoryStore()),
    "path": at_path,
}
NAMES = {"numpy": "the array", "dask": "dask array", "zarr": "memory://", "path": "x.zarr"}
UNFIT: dict[str, tuple[Values, str]] = {
    "no rows": (X[:0], "is empty, of shape (0, 3)"),
    "no columns": (X[:, :0], "is empty, of shape (600, 0)"),
    "one axis": (X[:, 0], "has 1, of shape (600,). Reshape it to (-1, 1)"),
    "three axes": (X[None], "has 3, of shape (1, 600, 3)"),
    "no axes": (np.array(3.0), "has 0, of shape ()"),
    "one row": (X[:1], "at least 2 rows to fit 2 components, found 1"),
    "complex": (X + 0j, "is of type complex128"),
    "texts": (X.astype("U9"), "is of type <U9"),
    "bytes": (X.astype("S9"), "is of type |S9"),
    "times": (X.astype("M8[s]"), "is of type datetime64[s]"),
    "records": (FLAT, "is of type [('a', '<f8')]"),
    "objects": (X.astype(object), "is of type object"),
    "extended": (X.astype(np.longdouble), f"is of type {np.dtype(np.longdouble)}"),
}
NOT_IN_ZARR = ("objects", "extended")
IN_ZARR = [name for name in UNFIT if name not in NOT_IN_ZARR]
KINDS = [(kind, name) for kind in OPENED for name in UNFIT]


@pytest.mark.filterwarnings("ignore:The data type")  # zarr has yet to specify texts and times
@pytest.mark.parametrize(
    ("kind", "name"), [(k, n) for k, n in KINDS if k in ("numpy", "dask") or n in IN_ZARR]
)
def test_what_is_no_table_of_numbers_is_refused(kind: str, name: str, tmp_path: Path) -> None:
    values, found = UNFIT[name]
    with pytest.raises(InputError) as caught:
        GaussianMixtureModel(2).fit(OPENED[kind](values, tmp_path))
    says(caught.value, found, NAMES[kind])


@pytest.mark.filterwarnings("ignore:The data type")
@pytest.mark.parametrize("name", IN_ZARR)
def test_the_command_says_the_same(name: str, tmp_path: Path) -> None:
    values, found = UNFIT[name]
    path, run = at_path(values, tmp_path), tmp_path / "run"
    message = refused("fit", path, "--components", 2, "--out", run, code=2)
    says(message, found, path)
    nothing_at(run)
    with pytest.raises(InputError) as caught:
        GaussianMixtureModel(2).fit(path)
    same_error(caught, message)


OTHERS: dict[str, tuple[Any, str]] = {
    "ragged": ([[1, 2], [3]], "of the list given it does not"),
    "nothing": (None, "is of type object"),
    "mapping": ({"a": 1}, "is of type object"),
    "generator": ((row for row in X), "is of type object"),
    "masked": (np.ma.masked_less(X, 0), "masked array. Fill it"),
    "frame of texts": (pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}), "column 'b' of the data"),
    "sparse": (scipy.sparse.csr_matrix(X), "is of type object"),
    "series": (pd.Series([1.0, 2.0]), "has 1, of shape (2,)"),
    "address": ("nowhere://bucket/x.zarr", "found nowhere://bucket/x.zarr. Its scheme must be"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_array_at_all_is_refused(name: str) -> None:
    data, found = OTHERS[name]
    with pytest.raises(InputError) as caught:
        GaussianMixtureModel(2).fit(data)
    says(caught.value, found)


def _mapped(values: Values, folder: Path) -> Values:
    np.save(folder / "x.npy", values)
    mapped: Values = np.load(folder / "x.npy", mmap_mode="r")
    return mapped


def _locked(values: Values, folder: Path) -> Values:
    values.setflags(write=False)
    return values


STRANGE: dict[str, Callable[[Values, Path], Any]] = {
    "big-endian": lambda values, folder: values.astype(">f8"),
    "columns first": lambda values, folder: np.asfortranarray(values),
    "backwards": lambda values, folder: values[::-1, ::-1].copy()[::-1, ::-1],
    "mapped": _mapped,
    "locked": _locked,
    "lists": lambda values, folder: values.tolist(),
    "frame": lambda values, folder: pd.DataFrame(values),
    "empty blocks": lambda values, folder: da.concatenate(
        [da.from_array(part) for part in (values[:0], values, values[:0])]
    ),
    "big-endian zarr": lambda values, folder: in_zarr(values.astype(">f8"), MemoryStore()),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_the_same_numbers_give_the_same_model(kind: str, tmp_path: Path) -> None:
    model = GaussianMixtureModel(2).fit(STRANGE[kind](X.copy(), tmp_path))
    expected = GaussianMixtureModel(2).fit(X.copy())
    assert model.means.tobytes() == expected.means.tobytes()


SMALLER: dict[str, Values] = {
    "bool": X > 0,
    "i1": (X * 9).astype("i1"),
    "u8": np.abs(X * 1e18).astype("u8"),
    "f2": X.astype("f2"),
    "f4": X.astype("f4"),
}


@pytest.mark.parametrize("dtype", SMALLER)
@pytest.mark.parametrize("kind", ["numpy", "dask", "path"])
def test_smaller_numbers_are_converted(kind: str, dtype: str, tmp_path: Path) -> None:
    values = SMALLER[dtype]
    model = GaussianMixtureModel(2).fit(OPENED[kind](values, tmp_path))
    expected = GaussianMixtureModel(2).fit(values.astype("f8"))
    assert model.means == pytest.approx(expected.means, rel=1e-6, abs=1e-6)


BAD = X.copy()
BAD[437:, 0] = np.nan
BAD[437:, 2] = -np.inf
AT = {
    "numpy": "row 437, column 0",
    "dask": "row 437, column 0, in block 4 (rows 400 to 500 of dask array",
    "zarr": "row 437, column 0, in chunk c/4/0 (rows 400 to 500 of the array in memory://",
    "path": "row 437, column 0, in chunk c/4/0 (rows 400 to 500 of ",
}


@pytest.mark.parametrize(
    ("kind", "where"),
    [
        *((kind, "here") for kind in OPENED),
        *((kind, "cluster") for kind in OPENED if kind != "zarr"),
    ],
)
def test_the_first_value_that_is_not_finite_is_named(
    kind: str, where: str, client: Client, tmp_path: Path
) -> None:
    model = GaussianMixtureModel(2, client=client if where == "cluster" else None)
    with pytest.raises(DataError) as caught:
        model.fit(OPENED[kind](BAD, tmp_path))
    says(caught.value, "found NaN or infinity in 163 of 600 rows", AT[kind], "Clean the data")
    with pytest.raises(DataError) as caught:
        model.fit(OPENED[kind](BAD, tmp_path / "y"), columns=(1, 2), rows=slice(150, 500))
    says(caught.value, "found NaN or infinity in 63 of 350 rows", "row 437, column 2", NAMES[kind])


def test_the_chunk_of_the_column_is_named(tmp_path: Path) -> None:
    array = zarr.create_array(tmp_path / "x", shape=BAD.shape, chunks=CHUNKS, dtype="f8")
    array[...] = BAD
    for options, place in (
        ((), "row 437, column 0, in chunk c/4/0 (rows 400 to 500 of "),
        (("--columns", "1,2", "--rows", "50:"), "row 437, column 2, in chunk c/4/1 (rows 400 to "),
    ):
        run = ("--components", 2, "--out", tmp_path / "run", *options)
        says(refused("fit", tmp_path / "x", *run, code=65), place, tmp_path / "x", "Clean")
        nothing_at(tmp_path / "run")
    array[...] = X
    assert command("fit", tmp_path / "x", "--components", 2, "--out", tmp_path / "run").stdout


@pytest.mark.parametrize("offset", [0.0, 1e9])
@pytest.mark.parametrize("kind", OPENED)
def test_a_constant_column_fits_with_a_warning_that_names_it(
    kind: str, offset: float, tmp_path: Path
) -> None:
    values = np.insert(X, 1, offset + 0.1, axis=1)
    with pytest.warns(DataWarning, match="column 1 of .* is constant") as told:
        model = GaussianMixtureModel(2).fit(OPENED[kind](values, tmp_path))
    assert f"({offset + 0.1:.12g})" in str(told[0].message)
    assert np.all(model.means[:, 1] == offset + 0.1)
    assert model.covariances[:, 1, 1] == pytest.approx(1e-6, rel=1e-9)
    with pytest.warns(DataWarning, match="column 1 of"):
        GaussianMixtureModel(2).fit(OPENED[kind](values, tmp_path / "y"), columns=(3, 1))


@pytest.mark.filterwarnings("always::dask_gmm.workflows.fit_rows.DataWarning")
def test_the_command_warns_on_one_line(tmp_path: Path) -> None:
    path = at_path(np.insert(X, 1, 7.0, axis=1), tmp_path)
    result = command("fit", path, "--components", 2, "--out", tmp_path / "run", "--json")
    assert result.exit_code == 0
    warned = [line for line in result.stderr.splitlines() if "Warning" in line]
    assert len(warned) == 1
    assert warned[0].startswith(f"Warning: column 1 of {path} is constant (7)")
    assert warned[0].removeprefix("Warning: ") in result.stdout


@pytest.mark.parametrize("family", ["full", "tied", "diag", "spherical"])
@pytest.mark.filterwarnings("ignore::dask_gmm.workflows.fit_rows.DataWarning")
def test_rows_of_which_nothing_is_left_to_vary_still_fit(family: str) -> None:
    few = X[:4]
    for rows, k in ((few, 4), (np.repeat(few, 9, axis=0), 6), (np.ones((9, 2)), 2)):
        model = GaussianMixtureModel(k, covariance_type=family, reg_covar=0).fit(rows)
        assert np.isfinite(model.means).all()
        assert np.linalg.eigvalsh(model.covariances).min() > 0
        assert model.weights.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (X * [1, 1e300, 1], "3.9e+300 in column 1"),
        (np.sign(X) * 1.7e308, "1.7e+308 in column 0"),
        (X * [1, 1, 1e150], "in column 2, whose values go from"),
        (X * [1e-200, 1, 1], "in column 0, whose values go from"),
    ],
)
@pytest.mark.parametrize("kind", OPENED)
def test_numbers_whose_squares_are_none_are_named(
    kind: str, values: Values, found: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError) as caught:
        GaussianMixtureModel(2).fit(OPENED[kind](values, tmp_path))
    says(caught.value, found)
    padded = np.insert(values, 0, 1 + X[:, 0], axis=1)
    with pytest.raises(DataError) as caught:
        GaussianMixtureModel(2).fit(OPENED[kind](padded, tmp_path / "y"), columns=(1, 2, 3))
    column = found.index("column ") + len("column ")
    says(caught.value, f"column {int(found[column]) + 1}{found[column + 1 :]}")
