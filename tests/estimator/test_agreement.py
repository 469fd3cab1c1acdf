"""The iterates of the estimator are scikit-learn's, and so is what it says of rows."""

import warnings
from typing import Any

import numpy as np
import pytest
import sklearn.mixture
from sklearn.exceptions import ConvergenceWarning

from dask_gmm import GaussianMixture
from tests.estimator.rows import DATA_SETS, FAMILIES, both, groups

CASES = [(name, init) for name, (_, _, inits) in DATA_SETS.items() for init in inits]
LARGEST = (("digits", "k-means++"), ("digits", "random"))
FITTED = ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_")


def assert_same_answers(ours: Any, theirs: Any, rows: Any, digits: float = 1e-8) -> None:
    bounds = np.array(theirs.lower_bounds_)
    np.testing.assert_allclose(ours.lower_bounds_, bounds, rtol=digits, atol=digits)
    assert (ours.n_iter_, ours.converged_) == (theirs.n_iter_, theirs.converged_)
    samples = theirs.score_samples(rows)
    np.testing.assert_allclose(ours.score_samples(rows), samples, rtol=digits, atol=digits)
    np.testing.assert_allclose(ours.predict_proba(rows), theirs.predict_proba(rows), atol=digits)
    for criterion in ("score", "aic", "bic"):
        expected = getattr(theirs, criterion)(rows)
        assert getattr(ours, criterion)(rows) == pytest.approx(expected, rel=digits)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("name", "init"),
    [pytest.param(*each, marks=[pytest.mark.slow] * (each in LARGEST)) for each in CASES],
)
def test_fits_from_a_random_state_agree(name: str, init: str, family: str) -> None:
    load, n_components, _ = DATA_SETS[name]
    rows = load()
    ours, theirs = both(
        rows, n_components=n_components, covariance_type=family, init_params=init, random_state=0
    )
    assert_same_answers(ours, theirs, rows)
    np.testing.assert_array_equal(ours.predict(rows), theirs.predict(rows))
    for attribute in FITTED:
        assert getattr(ours, attribute).shape == getattr(theirs, attribute).shape


@pytest.mark.parametrize(
    "family", [pytest.param("full", marks=pytest.mark.slow), "tied", "diag", "spherical"]
)
def test_restarts_are_drawn_one_after_another(family: str) -> None:
    rows = groups(300, 2)
    for n_init in (1, 2, 5):
        params: dict[str, Any] = {
            "n_components": 5,
            "covariance_type": family,
            "init_params": "random",
        }
        state = np.random.RandomState(3), np.random.RandomState(3)
        ours = GaussianMixture(**params, n_init=n_init, tol=1e-6, random_state=state[0])
        theirs = sklearn.mixture.GaussianMixture(
            **params, n_init=n_init, tol=1e-6, random_state=state[1]
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            assert_same_answers(ours.fit(rows), theirs.fit(rows), rows, 1e-6)
        assert state[0].randint(2**31) == state[1].randint(2**31)


def test_the_global_random_state_is_taken_as_there() -> None:
    drawn = []
    for estimator in (GaussianMixture, sklearn.mixture.GaussianMixture):
        np.random.seed(7)  # noqa: NPY002 - this is about the legacy state
        fitted = estimator(3, init_params="random_from_data").fit(groups(200))
        drawn.append((fitted.lower_bound_, np.random.randint(2**31)))  # noqa: NPY002
    assert drawn[0][0] == pytest.approx(drawn[1][0], rel=1e-8)
    assert drawn[0][1] == drawn[1][1]


def given(family: str, rows: Any) -> dict[str, Any]:
    theirs = sklearn.mixture.GaussianMixture(3, covariance_type=family, max_iter=2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs.fit(rows)
    return {
        "weights_init": theirs.weights_,
        "means_init": theirs.means_,
        "precisions_init": theirs.precisions_,
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_given_parameters_agree_with_more_rows_than_the_sample(family: str) -> None:
    rows = groups(60_000)
    params: dict[str, Any] = {"n_components": 3, "covariance_type": family, "tol": 1e-5}
    ours, theirs = both(rows, **params, **given(family, rows[:5000]))
    assert_same_answers(ours, theirs, rows)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", ["weights_init", "means_init", "precisions_init"])
def test_each_given_part_takes_the_place_of_what_is_drawn(name: str, family: str) -> None:
    rows = groups(500)
    params: dict[str, Any] = {
        "n_components": 3,
        "covariance_type": family,
        "random_state": 1,
        "max_iter": 300,
    }
    part = {name: given(family, rows)[name]}
    ours, theirs = both(rows, **params, **part)
    assert_same_answers(ours, theirs, rows)
    drawn = GaussianMixture(**params).fit(rows)
    assert ours.lower_bounds_[0] != drawn.lower_bounds_[0]


@pytest.mark.parametrize("init", ["kmeans", "k-means++", "random", "random_from_data"])
@pytest.mark.parametrize("family", FAMILIES)
def test_no_iteration_leaves_the_start(family: str, init: str) -> None:
    params: dict[str, Any] = {
        "covariance_type": family,
        "init_params": init,
        "max_iter": 0,
        "random_state": 0,
    }
    ours, theirs = both(groups(400), n_components=4, **params)
    for attribute in (*FITTED, "n_iter_", "lower_bound_", "lower_bounds_", "converged_"):
        found, expected = getattr(ours, attribute), getattr(theirs, attribute)
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-12)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_warm_start_goes_on_and_a_cold_one_begins_anew() -> None:
    rows = groups(800)
    params: dict[str, Any] = {"n_components": 4, "max_iter": 3, "random_state": 2, "tol": 1e-4}
    ours = GaussianMixture(**params, warm_start=True)
    theirs = sklearn.mixture.GaussianMixture(**params, warm_start=True)
    for _ in range(6):
        assert_same_answers(ours.fit(rows), theirs.fit(rows), rows)
    cold = GaussianMixture(**params)
    first = cold.fit(rows).lower_bounds_
    assert cold.fit(rows).lower_bounds_ == first
    assert ours.lower_bound_ > first[-1]


def test_drawn_rows_are_the_same() -> None:
    for family in FAMILIES:
        ours, theirs = both(groups(300), n_components=3, covariance_type=family, random_state=4)
        for found, expected in zip(ours.sample(50), theirs.sample(50), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)


def test_float32_rows_are_computed_in_float64() -> None:
    rows = (groups(500) + 1e3).astype(np.float32)
    ours = GaussianMixture(3, random_state=0).fit(rows)
    exact = GaussianMixture(3, random_state=0).fit(rows.astype(np.float64))
    assert ours.means_.dtype == np.float64
    np.testing.assert_array_equal(ours.means_, exact.means_)
    np.testing.assert_array_equal(ours.score_samples(rows), exact.score_samples(rows))
