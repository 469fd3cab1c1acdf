"""A model that knows its rows, other rows to ask it about, and ways to ask."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from dask_gmm import load_model
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.records.run_folder import MODEL
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.predict import PredictResult, predict
from dask_gmm.workflows.row_requests import PredictRequest, ScoreRequest
from dask_gmm.workflows.score import ScoreResult, score
from tests.workflows.predicting import ours

D, K = 3, 2


def drawn(rows: int, seed: int, first: float = 0.7) -> np.ndarray:
    """Draw rows of two clusters, of which the first has a share."""
    generator = np.random.default_rng(seed)
    component = generator.random((rows, 1)) > first
    return np.asarray(generator.standard_normal((rows, D)) + 4.0 * component)


FITTED, FRESH = drawn(12_000, 0), drawn(20_000, 1)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder."""
    out = tmp_path_factory.mktemp("run") / "run"
    fit(FitRequest(FITTED, K, out), ThreadRunner(2), Silent())
    return out


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stored rows of the same mixture."""
    return ours(tmp_path_factory.mktemp("fresh") / "fresh.zarr", FRESH, 1_500)


def predicted(data: Any, model: Path, out: Path, threads: int = 2, **asked: Any) -> PredictResult:
    return predict(PredictRequest(data, model, out, **asked), ThreadRunner(threads), Silent())


def scored(data: Any, model: Path, threads: int = 2, **asked: Any) -> ScoreResult:
    return score(ScoreRequest(data, model, **asked), ThreadRunner(threads), Silent())


def reference(run: Path) -> Any:
    """Give scikit-learn's estimator of the same parameters."""
    mixture, model = load_model(run / MODEL).mixture, GaussianMixture(K)
    model.weights_, model.means_ = mixture.weights, mixture.means
    model.covariances_, model.precisions_cholesky_ = (
        mixture.covariances,
        mixture.precisions_cholesky,
    )
    return model
