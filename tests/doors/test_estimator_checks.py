"""What scikit-learn asks of every estimator, of ours with each family."""

from typing import Any

import pytest
import sklearn.mixture
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from dask_gmm import BayesianGaussianMixture, GaussianMixture
from tests.mixture.examples import FAMILY_NAMES

# Two starts of five iterations, as scikit-learn has its own class checked.
ESTIMATORS = [
    kind(covariance_type=name, max_iter=5, n_init=2)
    for kind in (GaussianMixture, BayesianGaussianMixture)
    for name in FAMILY_NAMES
]


@parametrize_with_checks(ESTIMATORS)  # type: ignore[untyped-decorator]
def test_it_is_an_estimator(estimator: Any, check: Any) -> None:
    check(estimator)


def checks_of(estimator: Any) -> list[str]:
    return [check.func.__name__ for _, check in estimator_checks_generator(estimator)]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
def test_no_less_is_asked_of_it_than_of_theirs(estimator: Any) -> None:
    kind = getattr(sklearn.mixture, type(estimator).__name__)
    theirs = kind(covariance_type=estimator.covariance_type)
    assert set(checks_of(theirs)) <= set(checks_of(estimator))
