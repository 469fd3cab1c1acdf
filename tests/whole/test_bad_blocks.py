"""Dask arrays that do not hold what they say."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import zarr
from distributed import Client
from zarr.storage import MemoryStore

from dask_gmm import GaussianMixture, GaussianMixtureModel
from dask_gmm.errors import DataError, InputError
from tests.whole.refusals import says

X = np.random.default_rng(0).standard_normal((300, 3))

LIES: dict[str, tuple[Callable[[np.ndarray], Any], str]] = {
    "fewer rows": (lambda block: block[1:], "ndarray of float64 and shape (99, 3)"),
    "more columns": (lambda block: np.c_[block, block], "of float64 and shape (100, 6)"),
    "one axis": (lambda block: block[:, 0], "of float64 and shape (100,)"),
    "complex": (lambda block: block + 1j, "of complex128 and shape (100, 3)"),
    "objects": (lambda block: block.astype(object), "of object and shape (100, 3)"),
    "masked": (lambda block: np.ma.masked_less(block, 0), "is MaskedArray of float64"),
    "nothing": (lambda block: None, "is NoneType of object and shape ()"),
}


@pytest.mark.parametrize("where", ["here", "cluster"])
@pytest.mark.parametrize("name", LIES)
def test_a_block_that_is_not_what_was_said_is_named(name: str, where: str, client: Client) -> None:
    lie, found = LIES[name]

    def block(values: np.ndarray, block_info: Any = None) -> Any:
        return lie(values) if block_info[0]["chunk-location"][0] == 1 else values

    array = da.map_blocks(
        block, da.from_array(X, chunks=(100, 3)), dtype="f8", meta=np.empty((0, 0))
    )
    with pytest.raises(DataError) as caught:
        GaussianMixtureModel(2, client=client if where == "cluster" else None).fit(array)
    says(caught.value, "float64 of shape (100, 3)", "block 1 (rows 100 to 200 of dask", found)


def test_rows_that_nobody_counted_are_refused() -> None:
    array = da.from_array(X, chunks=(100, 3))
    unknown = array[array[:, 0] > 0]
    with pytest.raises(InputError) as caught:
        GaussianMixtureModel(2).fit(unknown)
    says(caught.value, "(nan, 3)", "dask array getitem", "Call its compute_chunk_sizes() first")
    unknown.compute_chunk_sizes()
    model = GaussianMixtureModel(2).fit(unknown)
    expected = GaussianMixtureModel(2).fit(X[X[:, 0] > 0])
    assert model.means == pytest.approx(expected.means, rel=1e-12)


def test_an_array_said_to_be_masked_is_refused_before_it_is_computed() -> None:
    with pytest.raises(InputError, match=r"dask array mask.* is a masked array\. Fill it"):
        GaussianMixtureModel(2).fit(da.ma.masked_less(da.from_array(X), 0))


def test_what_a_block_raises_is_raised() -> None:
    def fail(block: np.ndarray) -> np.ndarray:
        raise KeyError("a bug of the caller's")

    with pytest.raises(KeyError, match="a bug of the caller's"):
        GaussianMixtureModel(2).fit(da.from_array(X).map_blocks(fail, meta=np.empty((0, 0))))


def test_an_array_in_memory_is_not_sent_to_workers(client: Client) -> None:
    array = zarr.create_array(MemoryStore(), shape=X.shape, dtype="f8", chunks=(100, 3))
    with pytest.raises(InputError, match="lies in this process's memory"):
        GaussianMixtureModel(2, client=client).fit(array)


def test_weights_in_memory_beside_stored_rows_are_not_sent_to_workers(
    client: Client, tmp_path: Path
) -> None:
    zarr.create_array(tmp_path / "x.zarr", data=X, chunks=(100, 3))
    with pytest.raises(InputError, match=r"found what lies beside .*x\.zarr, which lies in this"):
        GaussianMixture(2, client=client).fit(tmp_path / "x.zarr", sample_weight=np.ones(len(X)))
