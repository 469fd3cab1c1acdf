"""Mixtures of factor analyzers: found where they are planted, without a matrix of columns."""

import tracemalloc
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.base import clone

from dask_gmm import GaussianMixture, GaussianMixtureModel
from dask_gmm.errors import InputError
from dask_gmm.mixture.features import Array
from tests.estimator.rows import groups


def planted(
    rows: int, k: int, d: int, rank: int, seed: int = 0, apart: float = 1.0
) -> tuple[Array, npt.NDArray[np.intp], Array]:
    """Rows of factor analyzers with their components, and the covariances (K, D, D)."""
    random = np.random.default_rng(seed)
    loadings = random.standard_normal((k, d, rank))
    noise = random.uniform(0.2, 1.0, (k, d))
    centers = apart * random.standard_normal((k, d))
    labels = random.integers(0, k, rows)
    factors = random.standard_normal((rows, rank))
    x = centers[labels] + np.einsum("ndq,nq->nd", loadings[labels], factors)
    x += np.sqrt(noise[labels]) * random.standard_normal((rows, d))
    matrices = loadings @ loadings.swapaxes(1, 2)
    return x, labels, matrices + np.stack([np.diag(each) for each in noise])


def matrices(model: Any) -> Array:
    loadings = model.covariances_[..., 1:]
    noise = np.stack([np.diag(each) for each in model.covariances_[..., 0]])
    return np.asarray(loadings @ loadings.swapaxes(1, 2) + noise)


def test_a_planted_model_of_hundreds_of_columns_is_found() -> None:
    x, labels, wanted = planted(4000, 4, 300, 5, apart=0.5)
    model = GaussianMixture(4, covariance_type="lowrank-5", random_state=0, max_iter=60).fit(x)
    assert model.converged_
    found = model.predict(x)
    order = max(permutations(range(4)), key=lambda p: float(np.mean(np.array(p)[found] == labels)))
    assert np.mean(np.array(order)[found] == labels) > 0.995
    errors = matrices(model)[np.argsort(order)] - wanted
    sizes = np.linalg.norm(errors, axis=(1, 2)) / np.linalg.norm(wanted, axis=(1, 2))
    assert (sizes < 0.15).all()
    other = GaussianMixture(4, covariance_type="diag", random_state=0).fit(x)
    assert model.bic(x) < other.bic(x)


def test_nothing_of_columns_by_columns_is_made() -> None:
    """Neither for a fit nor for what is said of rows after it."""
    columns = 3000
    x = np.random.default_rng(0).standard_normal((256, columns))
    model = GaussianMixture(2, covariance_type="lowrank-1", max_iter=2, tol=0.0, random_state=0)
    tracemalloc.start()
    try:
        with pytest.warns(UserWarning, match="did not converge"):
            model.fit(x)
        model.score(x), model.predict_proba(x), model.bic(x)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * columns**2
    assert model.covariances_.shape == (2, columns, 2)


@pytest.mark.parametrize("init", ["kmeans", "k-means++", "random", "random_from_data"])
def test_every_start_leads_on(init: str) -> None:
    x, _, _ = planted(800, 2, 10, 2, apart=2.0)
    model = GaussianMixture(
        2, covariance_type="lowrank-2", init_params=init, random_state=0, tol=1e-5, max_iter=400
    ).fit(x)
    assert np.diff(model.lower_bounds_).min() > -1e-5  # of reg_covar
    assert (np.abs(model.covariances_[..., 1:]).max(axis=1) > 0.5).all()
    best = GaussianMixture(2, covariance_type="lowrank-2", random_state=0, tol=1e-5).fit(x)
    assert model.score(x) == pytest.approx(best.score(x), abs=0.02)


def test_more_factors_explain_more() -> None:
    x, _, _ = planted(1500, 2, 8, 3)
    names = ("diag", "lowrank-1", "lowrank-2", "lowrank-3", "full")
    fits = [
        GaussianMixture(2, covariance_type=name, random_state=0, tol=1e-6, max_iter=1000).fit(x)
        for name in names
    ]
    scores = [each.score(x) for each in fits]
    assert (np.diff(scores) > -1e-6).all()
    assert (
        min((each.bic(x), name) for each, name in zip(fits, names, strict=True))[1] == "lowrank-3"
    )


def test_given_parameters_and_a_fit_that_goes_on_agree_with_one_fit() -> None:
    x, _, _ = planted(600, 2, 6, 2)
    params: dict[str, Any] = {"covariance_type": "lowrank-2", "tol": 0.0, "random_state": 0}
    whole, parts = (GaussianMixture(2, **params, max_iter=6) for _ in range(2))
    parts.set_params(max_iter=3, warm_start=True)
    with pytest.warns(UserWarning, match="did not converge"):
        whole.fit(x), parts.fit(x), parts.fit(x)
    np.testing.assert_allclose(parts.covariances_, whole.covariances_, rtol=1e-10, atol=1e-12)
    again = GaussianMixture(
        2,
        covariance_type="lowrank-2",
        weights_init=whole.weights_,
        means_init=whole.means_,
        precisions_init=whole.precisions_,
        max_iter=0,
    ).fit(x)
    np.testing.assert_allclose(matrices(again), matrices(whole), rtol=1e-10, atol=1e-12)


def test_precision_float32_rows_and_their_copy_agree() -> None:
    x = planted(500, 2, 6, 2)[0].astype(np.float32)
    fits = [
        GaussianMixture(2, covariance_type="lowrank-1", random_state=0).fit(each)
        for each in (x, x.astype(np.float64))
    ]
    np.testing.assert_allclose(fits[0].covariances_, fits[1].covariances_, rtol=1e-9)


def test_a_component_far_from_the_others_keeps_its_digits() -> None:
    """Sums about the common shift would leave nothing of its variance."""
    x, _, _ = planted(400, 1, 6, 1, seed=3)
    far = np.concatenate([x, 1e-3 * x + 1e6])
    model = GaussianMixture(2, covariance_type="lowrank-1", reg_covar=0, random_state=0, tol=1e-9)
    model.set_params(max_iter=500).fit(far)
    first, second = matrices(model)[np.argsort(model.means_[:, 0])]
    np.testing.assert_allclose(second, 1e-6 * first, rtol=1e-3, atol=1e-3 * 1e-6)


def test_drawn_rows_have_the_covariances() -> None:
    x, _, _ = planted(2000, 2, 5, 2, apart=3.0)
    model = GaussianMixture(2, covariance_type="lowrank-2", random_state=0).fit(x)
    rows, labels = model.sample(40_000)
    assert rows.shape == (40_000, 5)
    np.testing.assert_allclose(np.bincount(labels) / 40_000, model.weights_, atol=0.01)
    for k, matrix in enumerate(matrices(model)):
        np.testing.assert_allclose(rows[labels == k].mean(axis=0), model.means_[k], atol=0.1)
        np.testing.assert_allclose(np.cov(rows[labels == k].T), matrix, atol=0.25)
    with pytest.raises(ValueError, match="at least one sample"):
        model.sample(0)


def test_of_both_names_covariances_of_factors_are_no_matrices() -> None:
    x = planted(200, 2, 5, 1)[0]
    shapes = {"diag": (2, 5, 5), "lowrank-1": (2, 5, 2)}
    for name, shape in shapes.items():
        model = GaussianMixtureModel(2, 2, covariance_type=name, tol=0).fit(x)
        assert model.covariances.shape == shape
    np.testing.assert_array_equal(model.covariances, model.result.mixture.covariances)


def test_columns_that_are_constant_are_told_of_and_harm_nothing() -> None:
    x = np.column_stack([planted(300, 2, 5, 1)[0], np.full(300, 7.0)])
    model = GaussianMixture(2, covariance_type="lowrank-1", random_state=0)
    model.fit(x)
    assert np.isfinite(model.score(x))
    np.testing.assert_allclose(model.covariances_[:, 5, 0], 1e-6)
    np.testing.assert_allclose(model.covariances_[:, 5, 1], 0, atol=1e-12)


def test_what_it_cannot_do_is_refused_before_anything_is_read() -> None:
    x = groups(50, 3)
    with pytest.raises(InputError, match=r"solver fast, found lowrank-1\. Take the solver em"):
        GaussianMixture(2, covariance_type="lowrank-1", solver="fast").fit(x)
    with pytest.raises(InputError, match="fewer factors than columns, found the covariance lowr"):
        GaussianMixture(2, covariance_type="lowrank-3").fit(x)
    with pytest.raises(ValueError, match=r"covariance_type.*lowrank-RANK.*Got 'lowrank' instead"):
        GaussianMixture(2, covariance_type="lowrank").fit(x)
    model = GaussianMixture(2, covariance_type="lowrank-1", random_state=0).fit(x)
    for ask in (model.impute, model.set_params(missing="em").score, model.fit):
        with pytest.raises(InputError, match=r"Leave missing out"):
            ask(x)
    with pytest.raises(InputError, match="that scikit-learn knows, found lowrank-1"):
        model.to_sklearn()
    assert clone(model).covariance_type == "lowrank-1"


@pytest.mark.parametrize(
    ("precisions", "found"),
    [
        (np.ones((2, 3)), r"shape \(2, 3, 2\) for lowrank-1, found \(2, 3\)"),
        (np.ones((2, 3, 2)), r"inverses of covariances, positive definite"),
        (-np.ones((2, 3, 2)), r"inverses of covariances, positive definite"),
        (np.full((2, 3, 2), np.nan), r"inverses of covariances, positive definite"),
    ],
)
def test_precisions_that_are_none_are_refused(precisions: Array, found: str) -> None:
    with pytest.raises(InputError, match=found):
        GaussianMixture(2, covariance_type="lowrank-1", precisions_init=precisions).fit(groups(50))
