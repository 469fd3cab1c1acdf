"""Components that are thin, or far from all others, are as thin as their rows are."""

import numpy as np
import pytest
import sklearn.mixture

from dask_gmm import GaussianMixture
from tests.estimator.rows import Array, both

NOT_TIED = ("full", "diag", "spherical")


def zero_inflated() -> Array:
    random = np.random.default_rng(1)
    amounts = random.normal(50_000, 8_000, 5000)
    return np.where(random.random(5000) < 0.3, 0, amounts)[:, None]


@pytest.mark.parametrize("family", NOT_TIED)
def test_a_third_of_zeros_are_a_component_of_their_own(family: str) -> None:
    rows = zero_inflated()
    ours, theirs = both(rows, n_components=2, covariance_type=family, random_state=0)
    np.testing.assert_allclose(ours.covariances_, theirs.covariances_, rtol=1e-8)
    assert ours.bic(rows) == pytest.approx(theirs.bic(rows), rel=1e-9)


@pytest.mark.parametrize("family", NOT_TIED)
def test_groups_ten_million_deviations_apart_keep_their_widths(family: str) -> None:
    random = np.random.default_rng(0)
    near, far = random.normal(size=(2, 500, 1))
    fitted = GaussianMixture(2, covariance_type=family, random_state=0).fit(np.r_[near, 1e7 + far])
    expected = sorted([near.var(), far.var()])
    np.testing.assert_allclose(np.sort(fitted.covariances_.ravel()), expected, rtol=1e-5)


@pytest.mark.parametrize("family", NOT_TIED)
@pytest.mark.parametrize("sentinel", [-1e5, -1e7, -1e9, -1e10])
def test_fill_values_leave_other_components_alone(sentinel: float, family: str) -> None:
    rows = np.random.default_rng(0).normal(size=(5000, 2))
    rows[::10] = sentinel
    fitted = GaussianMixture(2, covariance_type=family, random_state=0).fit(rows)
    healthy = np.delete(rows, np.s_[::10], axis=0)
    alone = sklearn.mixture.GaussianMixture(covariance_type=family).fit(healthy)
    k = int(fitted.weights_.argmax())
    np.testing.assert_allclose(fitted.covariances_[k], alone.covariances_[0], rtol=1e-5, atol=1e-7)
