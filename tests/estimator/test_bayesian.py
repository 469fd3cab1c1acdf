"""The posterior of the Bayesian estimator is scikit-learn's, and so is what it says of rows."""

import warnings
from typing import Any

import numpy as np
import pytest
import sklearn.mixture
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

from dask_gmm import BayesianGaussianMixture
from tests.estimator.rows import DATA_SETS, FAMILIES, groups

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
PRIORS = ("dirichlet_process", "dirichlet_distribution")
INITS = ("kmeans", "k-means++", "random", "random_from_data")
DIGITS = 1e-6


def both(rows: Any, **params: Any) -> tuple[Any, Any]:
    ours, theirs = (
        estimator(**params)
        for estimator in (BayesianGaussianMixture, sklearn.mixture.BayesianGaussianMixture)
    )
    return ours.fit(rows), theirs.fit(rows)


def fitted(estimator: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(estimator).items() if name.endswith("_")}


def assert_same(ours: Any, theirs: Any, rows: Any, digits: float = DIGITS) -> None:
    found, expected = fitted(ours), fitted(theirs)
    assert set(found) == set(expected)
    for name, value in expected.items():
        # The bound of a common covariance is there an array of one.
        wanted = np.reshape(value, np.shape(found[name]))
        np.testing.assert_allclose(found[name], wanted, rtol=digits, atol=digits, err_msg=name)
    np.testing.assert_array_equal(ours.predict(rows), theirs.predict(rows))
    samples = theirs.score_samples(rows)
    np.testing.assert_allclose(ours.score_samples(rows), samples, rtol=digits, atol=digits)
    np.testing.assert_allclose(ours.predict_proba(rows), theirs.predict_proba(rows), atol=digits)
    assert ours.score(rows) == pytest.approx(theirs.score(rows), rel=digits)


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("init", INITS)
def test_posteriors_from_a_random_state_agree(init: str, family: str, prior: str) -> None:
    rows = groups(300)
    params: dict[str, Any] = {
        "covariance_type": family,
        "init_params": init,
        "max_iter": 40,
        "random_state": 0,
    }
    known = {"n_components": 6, "weight_concentration_prior_type": prior}
    ours, theirs = both(rows, **params, **known)
    assert_same(ours, theirs, rows)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", ["iris", "wine", "breast cancer"])
def test_posteriors_of_data_that_are_known_agree(name: str, family: str) -> None:
    load, n_components, _ = DATA_SETS[name]
    rows = load()
    ours, theirs = both(rows, n_components=n_components, covariance_type=family, random_state=0)
    assert_same(ours, theirs, rows)


@st.composite
def priors(draw: st.DrawFn) -> dict[str, Any]:
    """Parameters of any priors of rows of three columns."""
    family = draw(st.sampled_from(FAMILIES))
    positive = st.floats(1e-3, 1e3)
    scale = draw(positive)
    matrix = scale * (np.eye(3) + draw(st.floats(-0.4, 0.9)) * (1 - np.eye(3)))
    covariances = {"diag": np.diagonal(matrix).copy(), "spherical": scale}
    means = st.lists(st.floats(-10, 10), min_size=3, max_size=3)
    given_values = {
        "weight_concentration_prior": positive,
        "mean_precision_prior": positive,
        "mean_prior": means,
        "degrees_of_freedom_prior": st.floats(2.01, 1e3),
        "covariance_prior": st.just(covariances.get(family, matrix)),
    }
    chosen = draw(st.sets(st.sampled_from(sorted(given_values))))
    return {
        "covariance_type": family,
        "weight_concentration_prior_type": draw(st.sampled_from(PRIORS)),
        **{name: draw(given_values[name]) for name in sorted(chosen)},
    }


@settings(max_examples=40, deadline=None)
@given(
    prior=priors(),
    n_components=st.integers(1, 6),
    reg_covar=st.sampled_from([0.0, 1e-6, 0.1]),
    max_iter=st.integers(0, 12),
    init=st.sampled_from(["kmeans", "random"]),
    seed=st.integers(0, 1000),
)
def test_posteriors_of_any_priors_agree(
    prior: dict[str, Any],
    n_components: int,
    reg_covar: float,
    max_iter: int,
    init: str,
    seed: int,
) -> None:
    rows = groups(120)
    ours, theirs = both(
        rows,
        **prior,
        n_components=n_components,
        reg_covar=reg_covar,
        max_iter=max_iter,
        init_params=init,
        random_state=seed,
    )
    assert_same(ours, theirs, rows)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_start_with_the_highest_lower_bound_is_kept(family: str) -> None:
    """After so few iterations no two starts have the same bound but for rounding."""
    params = {"covariance_type": family, "init_params": "random_from_data", "max_iter": 3}
    ours, theirs = both(groups(300), **params, n_components=4, n_init=4, random_state=1)
    assert_same(ours, theirs, groups(300))


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_warm_start_goes_on_also_with_more_rows_than_the_sample(family: str, prior: str) -> None:
    params: dict[str, Any] = {
        "n_components": 4,
        "covariance_type": family,
        "weight_concentration_prior_type": prior,
        "max_iter": 4,
        "random_state": 2,
        "warm_start": True,
    }
    ours = BayesianGaussianMixture(**params)
    theirs = sklearn.mixture.BayesianGaussianMixture(**params)
    for rows in (groups(600), groups(600), groups(40_000, seed=1)):
        assert_same(ours.fit(rows), theirs.fit(rows), rows)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_iteration_leaves_the_start(family: str) -> None:
    rows = groups(400)
    for init in INITS:
        params = {"covariance_type": family, "init_params": init, "max_iter": 0, "random_state": 0}
        ours, theirs = both(rows, n_components=4, **params)
        assert_same(ours, theirs, rows)
        assert (ours.lower_bound_, ours.lower_bounds_, ours.n_iter_) == (-np.inf, [], 0)


def test_random_states_are_left_where_scikit_learn_leaves_them() -> None:
    states = np.random.RandomState(3), np.random.RandomState(3)
    for estimator, state in zip(
        (BayesianGaussianMixture, sklearn.mixture.BayesianGaussianMixture), states, strict=True
    ):
        estimator(n_components=3, n_init=2, random_state=state).fit(groups(200))
    assert states[0].randint(2**31) == states[1].randint(2**31)


@pytest.mark.parametrize("family", FAMILIES)
def test_rows_far_from_zero_have_the_same_posterior_there(family: str) -> None:
    # Multiples of 2**-8 stay the same numbers when they are moved by 2**20.
    rows, by = np.round(groups(500) * 256) / 256, 2.0**20
    params: dict[str, Any] = {"n_components": 5, "covariance_type": family, "random_state": 0}
    params["max_iter"] = 60
    here = BayesianGaussianMixture(**params).fit(rows)
    there = BayesianGaussianMixture(**params).fit(rows + by)
    assert there.n_iter_ == here.n_iter_
    np.testing.assert_allclose(there.lower_bounds_, here.lower_bounds_, rtol=1e-9)
    np.testing.assert_allclose(there.means_ - by, here.means_, atol=1e-8)
    np.testing.assert_allclose(there.covariances_, here.covariances_, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(there.score_samples(rows + by), here.score_samples(rows), atol=1e-7)


def test_components_that_rows_do_not_need_are_left_without_weight() -> None:
    ours = BayesianGaussianMixture(n_components=12, max_iter=500, random_state=0)
    weights = np.sort(ours.fit(groups(3000)).weights_)[::-1]
    assert weights[:3].sum() > 0.99
    assert weights[2] > 0.2


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_solver_fast_ends_sooner_and_no_lower(family: str, prior: str) -> None:
    params: dict[str, Any] = {
        "n_components": 10,
        "covariance_type": family,
        "weight_concentration_prior_type": prior,
        "random_state": 0,
    }
    rows = groups(6000)
    fast = BayesianGaussianMixture(**params, solver="fast", max_iter=200).fit(rows)
    slow = BayesianGaussianMixture(**params, max_iter=200).fit(rows)
    assert fast.converged_
    assert fast.n_iter_ < slow.n_iter_
    assert fast.lower_bound_ > slow.lower_bound_ - 1e-3 * abs(slow.lower_bound_)
    if family == "full":  # others need several components for a group that is not round
        assert fast.lower_bound_ > slow.lower_bound_
        assert np.sort(fast.weights_)[-3:].sum() > 0.9


def test_a_column_that_is_constant_or_twice_there_is_no_error() -> None:
    rows = np.c_[groups(300), np.full(300, 7.0), groups(300)[:, 0]]
    for family in FAMILIES:
        params: dict[str, Any] = {"covariance_type": family, "random_state": 0, "max_iter": 50}
        ours = BayesianGaussianMixture(n_components=5, reg_covar=0.0, **params).fit(rows)
        assert np.isfinite(ours.lower_bounds_).all()
        assert np.isfinite(ours.score_samples(rows)).all()


def test_not_to_converge_is_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ConvergenceWarning, match="did not converge"):
            BayesianGaussianMixture(n_components=3, max_iter=1, random_state=0).fit(groups(200))
