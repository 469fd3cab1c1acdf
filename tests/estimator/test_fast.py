"""One option turns the accelerated solver on."""

from typing import Any

import numpy as np
import pytest

from dask_gmm import GaussianMixture, GaussianMixtureModel
from dask_gmm.errors import InputError
from tests.estimator.rows import FAMILIES, groups

ROWS = groups(60_000)


@pytest.mark.parametrize("family", FAMILIES)
def test_it_ends_at_least_as_high_in_fewer_readings(family: str) -> None:
    params: dict[str, Any] = {"covariance_type": family, "random_state": 0}
    fast = GaussianMixture(3, solver="fast", **params).fit(ROWS)
    slow = GaussianMixture(3, tol=1e-7, max_iter=1000, **params).fit(ROWS)
    statistical = fast._n_parameters() / (2 * len(ROWS))
    assert fast.score(ROWS) > slow.score(ROWS) - 0.5 * statistical
    assert fast.converged_
    assert fast.n_iter_ < slow.n_iter_ or slow.n_iter_ < 4


def test_its_bound_was_measured_at_its_parameters() -> None:
    fast = GaussianMixture(3, solver="fast", random_state=0).fit(ROWS)
    assert fast.score(ROWS) == pytest.approx(fast.lower_bound_, abs=1e-9)
    assert len(fast.lower_bounds_) == fast.n_iter_
    assert (np.diff(fast.lower_bounds_) > -1e-12).all()


def test_all_given_parameters_are_a_start_and_some_are_an_error() -> None:
    first = GaussianMixture(3, solver="fast", random_state=0).fit(ROWS)
    given: dict[str, Any] = {
        "weights_init": first.weights_,
        "means_init": first.means_,
        "precisions_init": first.precisions_,
    }
    again = GaussianMixture(3, solver="fast", **given).fit(ROWS)
    assert again.n_iter_ <= 3
    assert again.lower_bounds_[0] == pytest.approx(first.lower_bound_, abs=1e-10)
    with pytest.raises(InputError, match="all or none"):
        GaussianMixture(3, solver="fast", means_init=first.means_).fit(ROWS)


def test_restarts_with_one_random_state_are_others() -> None:
    state = np.random.RandomState(0)
    fits = [GaussianMixture(5, solver="fast", random_state=state).fit(ROWS) for _ in range(2)]
    assert not np.array_equal(fits[0].means_, fits[1].means_)


def test_the_original_name_has_it_too() -> None:
    fast = GaussianMixtureModel(3, solver="fast").fit(ROWS).result
    slow = GaussianMixtureModel(3).fit(ROWS).result
    assert fast.log_likelihood >= slow.log_likelihood - 1e-9
    assert fast.left is not None
    assert fast.left < 0.1 * fast.statistical_error
    assert fast.climbs[-1].rows == len(ROWS)
