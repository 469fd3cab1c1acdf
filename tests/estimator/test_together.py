"""Weights, missing values, known components and priors in one fit."""

from typing import Any, Final

import numpy as np
import pytest

from dask_gmm import GaussianMixture, MixturePrior
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import Mixture
from tests.mixture.examples import FAMILY_NAMES, blobs, start_of
from tests.mixture.plain_missing import plain

N: Final = 90
KAPPA, NU, SCATTER = 0.5, 6.0, 0.3
PRIOR: Final = MixturePrior(alpha=2.0, kappa=KAPPA, mean=[0.0, 1.0], nu=NU, scatter=SCATTER)


def asked_of(seed: int, n_features: int = 2) -> tuple[Array, Any, Any]:
    """Rows with gaps, weights that are whole numbers, and components of a few rows."""
    generator = np.random.default_rng(seed)
    rows = blobs(seed, N, n_features, 3)
    gaps = generator.random(rows.shape) < 0.15
    gaps[gaps.all(axis=1), 0] = False
    times = generator.integers(0, 4, N)
    labels = np.where(generator.random(N) < 0.2, generator.integers(0, 3, N), -1)
    return np.where(gaps, np.nan, rows), times, labels


def model_at(start: Mixture, **asked: Any) -> GaussianMixture:
    return GaussianMixture(
        start.n_components,
        covariance_type=start.covariance_type,
        weights_init=start.weights,
        means_init=start.means,
        precisions_init=start.precisions,
        missing="em",
        **{"max_iter": 8, "tol": 1e-12, **asked},
    )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["em", "fast"])
@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_a_row_of_weight_two_is_the_row_twice_whatever_else_is_known(
    solver: str, name: str
) -> None:
    rows, times, labels = asked_of(5)
    start = start_of(blobs(5, N, 2, 3), 3, name)
    model = model_at(start, prior="mclust", solver=solver)
    weighed = model.fit(rows, sample_weight=times, labels=labels)
    twice = model_at(start, prior="mclust", solver=solver)
    twice.fit(np.repeat(rows, times, axis=0), labels=np.repeat(labels, times))
    digits = 1e-10 if solver == "em" else 1e-6  # products of the Hessian are differences
    for part in ("weights_", "means_", "covariances_"):
        found, wanted = getattr(weighed, part), getattr(twice, part)
        np.testing.assert_allclose(found, wanted, rtol=digits, atol=digits)


def log_posterior(mixture: Mixture, rows: Array, times: Any, labels: Any) -> float:
    """The sum that a fit maximizes, written out row by row, of full covariances."""
    found = plain(rows, mixture)
    known = found.log_joint[np.maximum(labels, 0), np.arange(len(rows))]
    value = float(times @ np.where(labels < 0, found.log_densities, known))
    value += float(np.log(mixture.weights).sum())
    for mean, covariance in zip(mixture.means, mixture.covariances, strict=True):
        inverse, determinant = np.linalg.inv(covariance), np.linalg.slogdet(covariance)[1]
        apart = mean - np.array(PRIOR.mean)
        value -= 0.5 * ((NU + len(mean) + 1 + 1) * determinant + SCATTER * np.trace(inverse))
        value -= 0.5 * KAPPA * float(apart @ inverse @ apart)
    return value


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["em", "fast"])
def test_no_parameters_nearby_are_likelier(solver: str) -> None:
    rows, times, labels = asked_of(3)
    start = start_of(blobs(3, N, 2, 3), 3, "full")
    model = model_at(start, prior=PRIOR, solver=solver, max_iter=2000)
    model.fit(rows, sample_weight=times, labels=labels)
    parts = (model.weights_, model.means_, model.covariances_)
    best = log_posterior(Mixture.of(*parts, "full"), rows, times, labels)
    # The solver fast ends when a tenth of the statistical error is left.
    best += 0.1 * start.n_parameters / 2 if solver == "fast" else 0.0
    generator = np.random.default_rng(0)
    for size in (1e-1, 1e-2, 1e-3):
        for _ in range(20):
            weights = model.weights_ * np.exp(size * generator.standard_normal(3))
            means = model.means_ + size * generator.standard_normal((3, 2))
            turns = np.eye(2) + size * generator.standard_normal((3, 2, 2))
            covariances = turns @ model.covariances_ @ turns.transpose(0, 2, 1)
            near = Mixture.of(weights / weights.sum(), means, covariances, "full")
            assert log_posterior(near, rows, times, labels) < best
