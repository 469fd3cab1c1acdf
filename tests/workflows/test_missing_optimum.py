"""Where fits to rows with missing values end is where their density is largest."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from dask_gmm.data.array_source import ArraySource
from dask_gmm.fitting.spec import MERGE, Spec
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import Mixture
from tests.fitting.lacking import with_gaps
from tests.workflows.leaving import fitted
from tests.workflows.leaving import runners as runners
from tests.workflows.leaving import small as small
from tests.workflows.resuming import (
    X,
)
from tests.workflows.test_missing import EM, FAMILIES, log_likelihood


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("solver", ["em", "fast"])
def test_a_fit_ends_where_direct_maximization_does(name: str, solver: str) -> None:
    """Of the density of what is there, by a method that knows nothing of EM."""
    generator = np.random.default_rng(0)
    rows = np.concatenate([generator.standard_normal((40, 2)), [4, 0] + X[:30, :2] * 0.5])
    rows = with_gaps(rows, 0.25)
    spec = Spec(2, name, tol=0.0, max_iter=400, reg_covar=0.0, solver=solver)
    spec = replace(spec, tol=1e-12, init=MERGE) if solver == "fast" else spec
    found = fitted(ArraySource.of(rows), spec, EM).model
    assert found.log_likelihood == pytest.approx(log_likelihood(found.mixture, rows), abs=1e-9)
    best = maximized(rows, found.mixture)
    limit = 1e-5 if solver == "fast" else 1e-8  # the prior of the former
    assert log_likelihood(best, rows) <= found.log_likelihood + limit
    moved = found.mixture.moved(np.array([1e-3, 0.0]))
    assert log_likelihood(moved, rows) < found.log_likelihood
    np.testing.assert_allclose(best.means, found.means, atol=0.01)


def maximized(rows: Array, start: Mixture) -> Mixture:
    """Climb from beside a mixture of two components, in numbers without constraints."""

    def mixture(numbers: Array) -> Mixture:
        weight = 1 / (1 + np.exp(-numbers[0]))
        means, rest = numbers[1:5].reshape(2, 2), numbers[5:]
        covariances = start.family.expand(covariances_of(rest, start), 2, 2)
        family = start.family
        seen = covariances[0] if family.shared else np.stack([family.seen(c) for c in covariances])
        return Mixture.of([weight, 1 - weight], means, seen, start.covariance_type)

    first = numbers_of(start)
    beside = first + 0.01 * np.random.default_rng(1).standard_normal(len(first))

    def loss(numbers: Array) -> float:
        return -log_likelihood(mixture(numbers), rows)

    found = minimize(loss, beside, method="BFGS")
    return mixture(found.x)


def numbers_of(mixture: Mixture) -> Array:
    weight = np.log(mixture.weights[0] / mixture.weights[1])
    covariances = mixture.covariances
    if mixture.covariance_type in ("full", "tied"):
        factors = np.linalg.cholesky(covariances).reshape(-1, 2, 2)
        rest = factors[:, [0, 1, 1], [0, 0, 1]].ravel()
    else:
        rest = np.log(covariances).ravel()
    return np.concatenate([[weight], mixture.means.ravel(), rest])


def covariances_of(numbers: Array, like: Mixture) -> Array:
    if like.covariance_type not in ("full", "tied"):
        return np.asarray(np.exp(numbers).reshape(like.covariances.shape))
    lower = np.zeros((len(numbers) // 3, 2, 2))
    lower[:, [0, 1, 1], [0, 0, 1]] = numbers.reshape(-1, 3)
    return np.asarray((lower @ lower.transpose(0, 2, 1)).reshape(like.covariances.shape))


def test_one_gaussian_of_complete_columns_is_their_regression() -> None:
    """With one component and a column that is complete, the optimum is known in closed form."""
    generator = np.random.default_rng(3)
    rows = multivariate_normal([1, 2], [[2, 1.2], [1.2, 1.5]]).rvs(400, generator)
    rows[250:, 1] = np.nan
    found = fitted(ArraySource.of(rows), Spec(1, tol=1e-14, max_iter=500, reg_covar=0.0), EM).model
    there, x = rows[:250], rows[:, 0]
    slope = np.cov(there.T)[0, 1] / np.cov(there.T)[0, 0]
    mean = there[:, 1].mean() + slope * (x.mean() - there[:, 0].mean())
    left = (there[:, 1] - there[:, 1].mean() - slope * (there[:, 0] - there[:, 0].mean())).var()
    np.testing.assert_allclose(found.means[0], [x.mean(), mean], atol=1e-6)
    wanted = [[x.var(), slope * x.var()], [slope * x.var(), left + slope**2 * x.var()]]
    np.testing.assert_allclose(found.covariances[0], wanted, atol=1e-5)
