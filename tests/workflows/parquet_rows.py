"""Rows in parquet files and in zarr, and fits of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from dask_gmm.data import blocks
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import Runner, ThreadRunner
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from tests.data.tables import write
from tests.workflows.resuming import clusters

ROWS, GROUP = 3_000, 300
X = clusters(ROWS)
EQUAL = (GROUP,) * 9
EM: dict[str, Any] = {"solver": "em", "max_iter": 5, "tol": 0.0, "init": "random_from_data"}


@pytest.fixture
def small_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "LEAF_BYTES", 1)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Ten row groups in one file."""
    return write(tmp_path / "x.parquet", X, EQUAL, write_page_checksum=True)


def in_folder(folder: Path) -> Path:
    """The same ten row groups in four files, one of which has no rows."""
    for name, first, last in (("a", 0, 3), ("b", 3, 4), ("c", 4, 4), ("d", 4, 10)):
        rows = X[first * GROUP : last * GROUP]
        write(folder / f"{name}.pq", rows, (GROUP,) * max(last - first - 1, 0))
    return folder


def in_zarr(path: Path) -> Path:
    array = zarr.create_array(path, shape=X.shape, chunks=(GROUP, 3), dtype="f8")
    array[...] = X
    return path


def parameters(
    data: Path, out: Path, runner: Runner | None = None, **asked: Any
) -> tuple[np.ndarray[Any, Any], ...]:
    request = FitRequest(str(data), 3, out, **asked)
    model = fit(request, runner or ThreadRunner(2), Silent()).model
    mixture = model.mixture
    gains = np.array(model.log_likelihoods)
    return mixture.weights, mixture.means, mixture.covariances, gains


def as_bytes(found: tuple[np.ndarray[Any, Any], ...]) -> bytes:
    return b"".join(each.tobytes() for each in found)
