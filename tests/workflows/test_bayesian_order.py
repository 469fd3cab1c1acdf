"""A posterior and the mixture in its place have their components in one order."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dask_gmm.fitting.result import FittedMixture
from dask_gmm.mixture.matching import reordered
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.fit_result import FitResult
from dask_gmm.workflows.order import Reference, in_order
from tests.workflows.predicting import ours
from tests.workflows.resuming import X

CENTERS = np.array([[0.0, 0, 0], [4, 0, 2], [0, 3, -3]])
TRUTH = np.argmin(((X[:, None] - CENTERS) ** 2).sum(axis=2), axis=1)


def fitted(out: Path, **asked: Any) -> FitResult:
    data = out.parent / "x.zarr"
    if not data.exists():
        ours(data, X)
    usual = {"components": 3, "solver": "em", "bayesian": "dirichlet_process", "max_iter": 20}
    return fit(FitRequest(data, out=out, **{**usual, **asked}), ThreadRunner(2), Silent())


def assert_one_order(model: FittedMixture) -> None:
    assert model.inference is not None
    np.testing.assert_array_equal(model.inference.posterior.means, model.means)
    np.testing.assert_array_equal(model.inference.posterior.weights, model.weights)


def test_components_keep_the_numbers_of_labels(tmp_path: Path) -> None:
    own = (TRUTH + 2) % 3
    labels = np.where(np.arange(len(X)) % 20 == 0, own, -1)
    result = fitted(tmp_path / "run", labels=labels)
    # By weight they would stand in another order.
    assert (np.diff(result.model.weights) > 0).any()
    for model in (result.model, fitted(tmp_path / "run", labels=labels).model):
        assert_one_order(model)
        for k in range(3):
            np.testing.assert_allclose(model.means[k], X[own == k].mean(axis=0), atol=0.3)
    # Known rows at the components of others would be far less likely.
    plain = fitted(tmp_path / "plain").model
    assert result.model.log_likelihood == pytest.approx(plain.log_likelihood, abs=0.2)


def test_a_model_to_start_from_or_to_compare_with_moves_none(tmp_path: Path) -> None:
    first = fitted(tmp_path / "first", components=6, solver="fast")
    assert (first.model.weights < 1e-3).sum() > 1
    on: dict[str, Any] = {"components": None, "warm_start": tmp_path / "first", "max_iter": 2}
    second = fitted(tmp_path / "second", **on)
    assert second.ordered.order == tuple(range(6))
    assert_one_order(second.model)
    turned = reordered(first.model.mixture, np.arange(6)[::-1])
    compared = in_order(first.model, Reference(tmp_path, turned))
    assert compared.order == tuple(range(6))
    assert_one_order(compared.model)
