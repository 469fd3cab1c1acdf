"""What scikit-learn asks of every estimator, of ours with each family."""

from typing import Any

import pytest
import sklearn.mixture
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from dask_gmm import GaussianMixture
from tests.mixture.examples import FAMILY_NAMES

# Two starts of five iterations, as scikit-learn has its own class checked.
ESTIMATORS = [GaussianMixture(covariance_type=name, max_iter=5, n_init=2) for name in FAMILY_NAMES]


@parametrize_with_checks(ESTIMATORS)  # type: ignore[untyped-decorator]
def test_it_is_an_estimator(estimator: GaussianMixture, check: Any) -> None:
    check(estimator)


def checks_of(estimator: Any) -> list[str]:
    return [check.func.__name__ for _, check in estimator_checks_generator(estimator)]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda each: each.covariance_type)
def test_no_less_is_asked_of_it_than_of_theirs(estimator: GaussianMixture) -> None:
    theirs = sklearn.mixture.GaussianMixture(covariance_type=estimator.covariance_type)
    assert checks_of(estimator) == checks_of(theirs)
