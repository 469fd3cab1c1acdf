"""The coordinates of a mixture, and the metric of the complete data."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.mixture.coordinates import (
    boldest_move,
    from_vector,
    metric_norm,
    precondition,
    to_vector,
)
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import Mixture
from tests.mixture.examples import FAMILY_NAMES, LAW, families, random_mixture, seeds

sizes = st.integers(1, 4)


@given(name=families, seed=seeds, k=sizes, d=sizes)
@LAW
def test_coordinates_and_mixtures_are_one_to_one(name: str, seed: int, k: int, d: int) -> None:
    mixture = random_mixture(seed, name, k, d)
    vector = to_vector(mixture)
    found = from_vector(vector, mixture)
    assert found.covariance_type == name
    np.testing.assert_allclose(found.weights, mixture.weights, rtol=1e-14)
    np.testing.assert_allclose(found.means, mixture.means, rtol=0)
    np.testing.assert_allclose(found.covariances, mixture.covariances, rtol=0, atol=1e-14)
    elsewhere = vector + np.random.default_rng(seed).standard_normal(len(vector))
    back = to_vector(from_vector(elsewhere, mixture))
    constant = (back - elsewhere)[:k]
    np.testing.assert_allclose(constant, np.full(k, constant[0]), atol=1e-13)
    np.testing.assert_allclose(back[k:], elsewhere[k:], atol=1e-10)


@pytest.mark.parametrize("name", ["full", "tied"])
def test_a_combination_of_columns_that_hardly_varies_stays_so(name: str) -> None:
    columns, null = np.array([[1.0, 0], [0, 1], [1, -3]]), np.array([1.0, -3, -1])
    covariance = columns @ [[2.0, 0.5], [0.5, 1]] @ columns.T + 1e-9 * np.outer(null, null)
    shape = random_mixture(0, name, 1, 3).family.shape(1, 3)
    mixture = Mixture.of([1.0], np.zeros((1, 3)), covariance.reshape(shape), name)
    vector = to_vector(mixture)
    vector[4:6] += 0.3
    vector[7] -= 0.2
    found = from_vector(vector, mixture).full_covariances()[0]
    assert np.abs(found - covariance).max() > 0.5
    assert null @ found @ null == pytest.approx(null @ covariance @ null, rel=1e-5)


def complete_data(mixture: Mixture) -> Array:
    """The Fisher information (n, n) per row of which the component is known, by differences."""
    d = mixture.n_features

    def expected(vector: Array) -> float:
        """What rows drawn from the mixture are expected to say of another."""
        other = from_vector(vector, mixture)
        apart = mixture.means - other.means
        squares = mixture.full_covariances() + np.einsum("ki,kj->kij", apart, apart)
        inverse = np.linalg.inv(other.full_covariances())
        traces = np.einsum("kij,kij->k", inverse, squares)
        logs = np.linalg.slogdet(inverse).logabsdet - d * np.log(2 * np.pi)
        return float(mixture.weights @ (np.log(other.weights) + (logs - traces) / 2))

    vector, width = to_vector(mixture), 1e-2
    steps = width * np.eye(len(vector))
    values = [
        [
            sum(
                one * other * expected(vector + one * first + other * second)
                for one in (-1, 1)
                for other in (-1, 1)
            )
            for second in steps
        ]
        for first in steps
    ]
    return -np.array(values) / (2 * width) ** 2


@pytest.mark.parametrize("name", FAMILY_NAMES)
@pytest.mark.parametrize(("k", "d"), [(1, 1), (1, 3), (2, 2), (3, 1)])
def test_the_metric_is_the_information_of_the_complete_data(name: str, k: int, d: int) -> None:
    mixture = random_mixture(11, name, k, d, condition=3.0)
    information = complete_data(mixture)
    step = np.random.default_rng(1).standard_normal(len(information))
    square = metric_norm(mixture, step) ** 2
    assert square == pytest.approx(step @ information @ step, rel=1e-3)
    back = precondition(mixture, information @ step)
    np.testing.assert_allclose(information @ back, information @ step, rtol=1e-3, atol=1e-3)
    unmoved = step[:k] - mixture.weights @ step[:k]
    np.testing.assert_allclose(back, np.concatenate([unmoved, step[k:]]), rtol=1e-3, atol=1e-3)


@given(name=families, seed=seeds, k=sizes, d=sizes)
@LAW
def test_the_boldest_move_is_that_of_one_component_for_its_own_rows(
    name: str, seed: int, k: int, d: int
) -> None:
    mixture = random_mixture(seed, name, k, d)
    step = np.random.default_rng(seed).standard_normal(len(to_vector(mixture)))
    step[:k] -= mixture.weights @ step[:k]
    shared = mixture.family.shared
    after = step[k + k * d :] if shared else step[k + k * d :].reshape(k, -1)
    moves = [
        metric_norm(
            Mixture.of(
                [1.0],
                mixture.means[i : i + 1],
                mixture.covariances if shared else mixture.covariances[i : i + 1],
                name,
            ),
            np.concatenate([[0.0], step[k + i * d : k + i * d + d], after if shared else after[i]]),
        )
        for i in range(k)
    ]
    wanted = np.sqrt(np.square(moves) + step[:k] ** 2).max()
    assert boldest_move(mixture, step) == pytest.approx(wanted, rel=1e-10)
    assert boldest_move(mixture, step) >= metric_norm(mixture, step) * (1 - 1e-12)
