import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.errors import InputError
from dask_gmm.mixture.covariance import family_of
from dask_gmm.mixture.criteria import aic, bic
from dask_gmm.mixture.model import Mixture, checked_mixture
from tests.mixture.examples import FAMILY_NAMES, LAW, families, random_mixture, seeds

WEIGHTS = [0.6, 0.4]
MEANS = [[0.0, 0.0], [3.0, 3.0]]
COVARIANCES = [[[1.0, 0.5], [0.5, 1.0]], [[1.0, 0.5], [0.5, 1.0]]]


def test_right_parameters_are_kept_as_they_are() -> None:
    mixture = checked_mixture(WEIGHTS, MEANS, COVARIANCES)
    assert mixture.weights.tolist() == WEIGHTS
    assert mixture.means.tolist() == MEANS
    assert mixture.covariances.tolist() == COVARIANCES
    assert (mixture.n_components, mixture.n_features) == (2, 2)
    assert {a.dtype for a in (mixture.weights, mixture.means, mixture.covariances)} == {
        np.dtype(np.float64)
    }


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"means": [1.0, 2.0]}, "means: wanted shape (components, features), both at least 1; "
         "found (2,)"),
        ({"means": np.empty((0, 2))}, "found (0, 2)"),
        ({"weights": [1.0]}, "weights: wanted shape (2,), one per row of means; found (1,)"),
        ({"covariances": np.eye(2)}, "covariances: wanted shape (2, 2, 2) for covariance type "
         "'full' with means of shape (2, 2); found (2, 2)"),
        ({"weights": [np.nan, 0.4]}, "weights: wanted finite numbers; found nan at index (0,)"),
        ({"means": [[0, 0], [np.inf, 3]]}, "means: wanted finite numbers; found inf at index (1,"),
        ({"weights": [1.4, -0.4]}, "weights: wanted none below 0; found -0.4 at index 1"),
        ({"weights": [0.6, 0.5]}, "weights: wanted a sum of 1; found 1.1; divide the weights by"),
        ({"covariances": [COVARIANCES[0], [[1.0, 0.5], [0.4, 1.0]]]},
         "the one of component 1 differs from its transpose by 0.1"),
        ({"covariances": [COVARIANCES[0], [[1.0, 2.0], [2.0, 1.0]]]},
         "the one of component 1 has the eigenvalue -1 among its correlations; add a small"),
        ({"covariances": [[[1.0, 1.0], [1.0, 1.0]], COVARIANCES[0]]},
         "the one of component 0 has the eigenvalue"),
        ({"covariances": [COVARIANCES[0], [[1.0, 0.0], [0.0, -2.0]]]},
         "the one of component 1 has the variance -2 in column 1"),
        ({"covariance_type": "diag", "covariances": [[1.0, 0.0], [1.0, 1.0]]},
         "the one of component 0 has the variance 0 in column 1"),
        ({"covariance_type": "spherical", "covariances": [1.0, -1.0]},
         "the one of component 1 has the variance -1"),
        ({"covariance_type": "tied", "covariances": [[1.0, 2.0], [2.0, 1.0]]}, "eigenvalue -1"),
        ({"covariance_type": "round"},
         "Wanted one of full, tied, diag, spherical, lowrank-RANK, found 'round'"),
    ],
)  # fmt: skip
def test_wrong_parameters_are_refused_with_value_and_place(
    changed: dict[str, object], message: str
) -> None:
    given = {"weights": WEIGHTS, "means": MEANS, "covariances": COVARIANCES, **changed}
    with pytest.raises(InputError, match=re.escape(message)):
        checked_mixture(**given)  # type: ignore[arg-type]


def test_columns_of_very_different_units_are_no_reason_to_refuse() -> None:
    scale = np.array([1e-8, 1e8])
    covariances = np.array(COVARIANCES) * np.outer(scale, scale)
    assert checked_mixture(WEIGHTS, MEANS, covariances).n_components == 2


def test_weights_that_sum_to_one_but_for_rounding_are_accepted() -> None:
    assert checked_mixture([0.6, 0.4 + 5e-7], MEANS, COVARIANCES).weights[1] == 0.4 + 5e-7
    assert checked_mixture([1.0, 0.0], MEANS, COVARIANCES).weights[1] == 0


def test_arrays_are_read_only_copies() -> None:
    weights = np.array(WEIGHTS)
    mixture = Mixture.of(weights, MEANS, COVARIANCES)
    weights[0] = 7
    assert mixture.weights[0] == 0.6
    for array in (mixture.weights, mixture.means, mixture.covariances):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@pytest.mark.parametrize(
    ("name", "n_parameters"),
    [("full", 3 * 10 + 12 + 2), ("tied", 10 + 12 + 2), ("diag", 12 + 12 + 2), ("spherical", 17)],
)
def test_free_parameters_are_counted(name: str, n_parameters: int) -> None:
    assert random_mixture(0, name, 3, 4).n_parameters == n_parameters


@pytest.mark.parametrize("name", FAMILY_NAMES)
@given(seed=seeds, k=st.integers(1, 3), d=st.integers(1, 4))
@LAW
def test_precisions_and_factors_invert_the_covariances(
    name: str, seed: int, k: int, d: int
) -> None:
    mixture = random_mixture(seed, name, k, d)
    assert mixture.covariances.shape == mixture.precisions.shape == mixture.family.shape(k, d)
    factors = mixture.precision_factors()
    inverse = np.linalg.inv(mixture.full_covariances())
    np.testing.assert_allclose(factors @ factors.transpose(0, 2, 1), inverse, atol=1e-12, rtol=1e-9)
    assert np.array_equal(factors, np.triu(factors))
    full = mixture.family.expand(mixture.precisions, k, d)
    np.testing.assert_allclose(full, inverse, atol=1e-12, rtol=1e-9)


@given(name=families, seed=seeds)
@LAW
def test_moving_moves_the_means_alone(name: str, seed: int) -> None:
    mixture = random_mixture(seed, name, 2, 3)
    by = np.array([1.0, -2.0, 3.0])
    moved = mixture.moved(by)
    assert np.array_equal(moved.means, mixture.means + by)
    assert np.array_equal(moved.covariances, mixture.covariances)
    assert np.array_equal(moved.weights, mixture.weights)
    assert moved.covariance_type == name


def test_an_unknown_family_is_refused() -> None:
    with pytest.raises(InputError, match="found 'circular' as covariance"):
        family_of("circular")


def test_criteria_are_of_all_rows_and_smaller_is_better() -> None:
    assert aic(-2.0, 100, 5) == 410
    assert bic(-2.0, 100, 5) == pytest.approx(400 + 5 * np.log(100))
    assert aic(-1.9, 100, 5) < aic(-2.0, 100, 5) < aic(-2.0, 100, 6)
