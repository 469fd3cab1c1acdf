"""What is known before any row, given to the estimator: priors, parameters, a background."""

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from dask_gmm import Background, GaussianMixture, MixturePrior, checked_mixture
from dask_gmm.errors import InputError
from dask_gmm.mixture.covariance import family_of
from tests.estimator.rows import FAMILIES, groups

ROWS = groups(900)
GIVEN: dict[str, Any] = {"random_state": 0, "tol": 1e-9, "max_iter": 2000}


@pytest.fixture(scope="module")
def world() -> GaussianMixture:
    """A fit of all rows of which nothing is known before."""
    return GaussianMixture(3, **GIVEN).fit(ROWS)


def inits(model: GaussianMixture) -> dict[str, Any]:
    return {
        "weights_init": model.weights_,
        "means_init": model.means_ + 0.1,
        "precisions_init": model.precisions_,
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_both_solvers_end_at_the_same_mode(family: str) -> None:
    slow = GaussianMixture(3, covariance_type=family, prior="mclust", **GIVEN).fit(ROWS)
    fast = GaussianMixture(
        3, covariance_type=family, prior="mclust", solver="fast", **inits(slow)
    ).fit(ROWS)
    left = fast._n_parameters() / (2 * len(ROWS))
    assert fast.lower_bound_ == pytest.approx(slow.lower_bound_, abs=0.2 * left)
    assert (np.diff(slow.lower_bounds_) > -1e-12).all()
    assert (np.diff(fast.lower_bounds_) > -1e-12).all()
    drawn = GaussianMixture(3, covariance_type=family, prior="mclust", solver="fast").fit(ROWS)
    assert drawn.lower_bound_ > slow.lower_bound_ - 0.2 * left


def test_the_bound_is_of_the_posterior_and_the_score_of_the_rows() -> None:
    told = GaussianMixture(3, prior=MixturePrior(alpha=50.0), **GIVEN).fit(ROWS)
    assert told.score(ROWS) > told.lower_bound_ + 0.01


def test_a_prior_keeps_a_component_of_one_row_from_collapsing() -> None:
    rows = np.vstack([ROWS, np.full((1, ROWS.shape[1]), 1e3)])
    model = GaussianMixture(4, prior="mclust", **GIVEN).fit(rows)
    assert np.linalg.eigvalsh(model.covariances_[model.means_.max(axis=1).argmax()])[0] > 0.01


@pytest.mark.parametrize("solver", ["em", "fast"])
@pytest.mark.parametrize("family", ["full", "tied"])
def test_a_column_that_says_nothing_changes_nothing(family: str, solver: str) -> None:
    more = np.column_stack([ROWS, np.full(len(ROWS), 3.0)])
    prior = MixturePrior(alpha=5.0, kappa=2.0, nu=7.0)
    asked: dict[str, Any] = {"covariance_type": family, "prior": prior, "solver": solver, **GIVEN}
    wide = GaussianMixture(3, **asked).fit(more)
    narrow = GaussianMixture(3, **asked).fit(ROWS)
    assert (wide.predict(more) == narrow.predict(ROWS)).mean() > 0.99
    assert 0 < wide.covariances_[..., -1, -1].max() < 1e-6
    assert np.ptp(wide.covariances_[..., -1, -1]) < 1e-12


def test_reg_covar_is_not_added_where_a_prior_says_something_of_covariances() -> None:
    def fitted(prior: Any, reg_covar: float) -> Any:
        model = GaussianMixture(3, prior=prior, reg_covar=reg_covar, **GIVEN).fit(ROWS)
        return model.covariances_

    np.testing.assert_array_equal(fitted("mclust", 0.0), fitted("mclust", 0.5))
    weights = MixturePrior(alpha=2.0, kappa=0.0, nu=None)
    assert (fitted(weights, 0.5) > fitted(weights, 0.0) + 0.1).any()


@pytest.mark.parametrize("solver", ["em", "fast"])
def test_fixed_parameters_are_the_bytes_that_were_given(
    world: GaussianMixture, solver: str
) -> None:
    given = inits(world)
    fixed = {"weights": [1], "means": [0, 2], "covariances": [1]}
    model = GaussianMixture(3, fixed=fixed, solver=solver, **given).fit(ROWS)
    assert model.weights_[1] == given["weights_init"][1]
    np.testing.assert_array_equal(model.means_[[0, 2]], given["means_init"][[0, 2]])
    given_covariances = family_of("full").precisions(given["precisions_init"])
    np.testing.assert_array_equal(model.covariances_[1], given_covariances[1])
    assert not np.array_equal(model.means_[1], given["means_init"][1])


def test_only_what_is_fixed_has_to_be_given(world: GaussianMixture) -> None:
    means = world.means_
    model = GaussianMixture(3, fixed={"means": "all"}, means_init=means, **GIVEN).fit(ROWS)
    np.testing.assert_array_equal(model.means_, means)
    with pytest.raises(InputError, match="Wanted weights to be kept as they are given"):
        GaussianMixture(3, fixed={"weights": "all"}, means_init=means).fit(ROWS)
    with pytest.raises(InputError, match="Wanted means to be kept as they are given"):
        GaussianMixture(3, fixed={"means": "all"}, solver="fast").fit(ROWS)


def test_criteria_count_what_is_free(world: GaussianMixture) -> None:
    means = world.means_
    model = GaussianMixture(3, fixed={"means": "all"}, means_init=means, **GIVEN).fit(ROWS)
    free = GaussianMixture(3, means_init=means, **GIVEN).fit(ROWS)
    assert model._n_parameters() == free._n_parameters() - means.size
    wanted = 2 * model._n_parameters() - 2 * model.score(ROWS) * len(ROWS)
    assert model.aic(ROWS) == pytest.approx(wanted)


@pytest.mark.parametrize("solver", ["em", "fast"])
def test_a_background_is_start_and_prior(world: GaussianMixture, solver: str) -> None:
    rows = ROWS[:90] + 0.5
    model = GaussianMixture(3, prior=Background(world), solver=solver).fit(rows)
    np.testing.assert_array_equal(model.weights_, world.weights_)
    np.testing.assert_array_equal(model.covariances_, world.covariances_)
    assert model.score(rows) > world.score(rows)
    nearer = GaussianMixture(3, prior=Background(world, 1e6), solver=solver).fit(rows)
    moved, held = (np.abs(each.means_ - world.means_).max() for each in (model, nearer))
    assert held < 0.01 * moved


def test_a_background_may_be_any_model(world: GaussianMixture) -> None:
    mixture = checked_mixture(world.weights_, world.means_, world.covariances_)
    models = (world, world.to_sklearn(), mixture)
    fits = [GaussianMixture(3, prior=Background(each)).fit(ROWS[:90]) for each in models]
    for each in fits[1:]:
        np.testing.assert_array_equal(each.means_, fits[0].means_)


def test_the_weights_of_a_background_are_adapted_by_plain_em_alone(world: GaussianMixture) -> None:
    asked = Background(world, 16, ("weights",))
    model = GaussianMixture(3, prior=asked, max_iter=300).fit(ROWS[:90])
    np.testing.assert_array_equal(model.means_, world.means_)
    assert not np.array_equal(model.weights_, world.weights_)
    with pytest.raises(InputError, match="Take solver: em"):
        GaussianMixture(3, prior=asked, solver="fast").fit(ROWS[:90])


def test_a_background_of_another_size_or_beside_another_start_is_refused(
    world: GaussianMixture,
) -> None:
    with pytest.raises(InputError, match="Wanted a background of 2 components"):
        GaussianMixture(2, prior=Background(world)).fit(ROWS)
    with pytest.raises(InputError, match="with diag covariances"):
        GaussianMixture(3, covariance_type="diag", prior=Background(world)).fit(ROWS)
    with pytest.raises(InputError, match="found means_init beside it"):
        GaussianMixture(3, prior=Background(world), means_init=world.means_).fit(ROWS)


def test_a_warm_start_keeps_what_is_fixed_and_what_is_known(world: GaussianMixture) -> None:
    model = GaussianMixture(3, prior=Background(world), warm_start=True).fit(ROWS[:90])
    again = clone(model)
    model.fit(ROWS[:90])
    again.fit(ROWS[:90])
    np.testing.assert_allclose(model.means_, again.means_, atol=0.01)
    np.testing.assert_array_equal(model.weights_, world.weights_)


def test_an_alpha_for_each_component_needs_components_that_are_numbered() -> None:
    prior = MixturePrior(alpha=[1.0, 1.0, 4000.0])
    model = GaussianMixture(3, prior=prior, **GIVEN).fit(ROWS)
    assert model.weights_.argmax() == 2
    assert model.weights_[2] > 0.7
    with pytest.raises(InputError, match="an alpha for each component"):
        GaussianMixture(3, prior=prior, solver="fast").fit(ROWS)


def test_a_prior_of_other_columns_is_refused_before_any_pass() -> None:
    with pytest.raises(InputError, match="a mean of 3 columns"):
        GaussianMixture(3, prior=MixturePrior(mean=[0.0, 1.0])).fit(ROWS)


def test_clones_have_the_same_prior_and_are_fitted_alike() -> None:
    prior = MixturePrior(alpha=3.0, nu=9.0)
    model = GaussianMixture(3, prior=prior, fixed=None, **GIVEN)
    twin = clone(model)
    assert twin.get_params()["prior"].to_json() == prior.to_json()
    np.testing.assert_array_equal(twin.fit(ROWS).means_, model.fit(ROWS).means_)


def test_factors_may_be_fixed_and_their_weights_known_but_no_matrices_of_them() -> None:
    asked: dict[str, Any] = {**GIVEN, "covariance_type": "lowrank-1", "tol": 1e-5}
    start = GaussianMixture(3, **asked).fit(ROWS)
    given = inits(start)
    model = GaussianMixture(3, fixed={"covariances": [0]}, **given, **asked).fit(ROWS)
    again = GaussianMixture(3, fixed={"covariances": "all"}, **given, **asked).fit(ROWS)
    np.testing.assert_array_equal(model.covariances_[0], again.covariances_[0])
    assert not np.array_equal(model.covariances_[1], again.covariances_[1])
    weights = MixturePrior(alpha=900.0, kappa=0.0, nu=None)
    told = GaussianMixture(3, prior=weights, **asked).fit(ROWS)
    assert np.ptp(told.weights_) < np.ptp(start.weights_)
    for known in ({"prior": "mclust"}, {"fixed": {"means": "all"}, **given}):
        with pytest.raises(InputError, match="Take another family"):
            GaussianMixture(3, **known, **asked).fit(ROWS)
