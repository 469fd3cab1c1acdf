"""Rows with weights and labels beside them, in memory and stored, and fits of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from dask_gmm.data import blocks
from dask_gmm.data.row_data import RowData
from dask_gmm.fitting.spec import MERGE, Spec
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import Runner
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.fit_result import FitResult
from tests.workflows.resuming import TWO, X, small_levels

N = len(X)
GENERATOR = np.random.default_rng(3)
WEIGHTS = GENERATOR.integers(0, 4, N).astype(float)
TRUTH = np.argmin(((X[:, None] - [[0.0, 0, 0], [4, 0, 2], [0, 3, -3]]) ** 2).sum(axis=2), axis=1)
LABELS = np.where(GENERATOR.random(N) < 0.05, (TRUTH + 1) % 3, -1)
FAST: dict[str, Any] = {"solver": "fast"}
EM: dict[str, Any] = {"solver": "em", "max_iter": 6, "tol": 0.0}
BESIDE = {
    "weights": RowData(WEIGHTS),
    "labels": RowData(labels=LABELS, n_labels=3),
    "both": RowData(WEIGHTS, LABELS, 3),
}


SPECS = {"em": Spec(3, max_iter=4, tol=1e-9), "fast": Spec(3, solver="fast", init=MERGE, tol=None)}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    small_levels(monkeypatch)
    monkeypatch.setattr(blocks, "LEAF_BYTES", 1)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Rows in ten chunks, with weights and labels beside them."""
    return written(tmp_path / "x.zarr")


def written(path: Path, weights: Any = WEIGHTS, labels: Any = LABELS) -> Path:
    options: dict[str, Any] = {"config": {"write_empty_chunks": True}}
    group = zarr.open_group(path)
    group.create_array("x", shape=X.shape, chunks=(300, 3), dtype="f8")[...] = X
    for name, values in (("w", weights), ("l", labels)):
        array = group.create_array(name, shape=(N,), chunks=(300,), dtype=values.dtype, **options)
        array[...] = values
    return path


def fitted(data: Any, out: Path, on: Runner = TWO, **asked: Any) -> FitResult:
    return fit(FitRequest(data, 3, out, **asked), on, Silent())


def bytes_of(result: FitResult) -> tuple[bytes, ...]:
    model = result.model
    return model.weights.tobytes(), model.means.tobytes(), model.covariances.tobytes()
