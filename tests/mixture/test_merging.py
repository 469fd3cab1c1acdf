from collections.abc import Callable
from itertools import combinations, pairwise
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.errors import InputError
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.matching import match, reordered
from dask_gmm.mixture.merging import merge_path, merge_to
from dask_gmm.mixture.model import Mixture
from tests.mixture.examples import FAMILY_NAMES, LAW, families, random_mixture, seeds

SEEN: Final[dict[str, Callable[[Array], Array]]] = {
    "full": lambda matrix: matrix,
    "tied": lambda matrix: matrix,
    "diag": lambda matrix: np.diag(np.diagonal(matrix)),
    "spherical": lambda matrix: np.eye(len(matrix)) * np.trace(matrix) / len(matrix),
}


def moments(mixture: Mixture) -> tuple[Array, Array]:
    """Mean and covariance of what a mixture draws."""
    mean = mixture.weights @ mixture.means
    apart = mixture.means - mean
    inside = np.einsum("k,kij->ij", mixture.weights, mixture.full_covariances())
    return mean, inside + (apart * mixture.weights[:, None]).T @ apart


def entropy_like(mixture: Mixture) -> float:
    """Half the mean log determinant: what Runnalls' cost is the increase of."""
    logs = np.linalg.slogdet(mixture.full_covariances()).logabsdet
    return float(mixture.weights @ logs) / 2


def merged_by_hand(mixture: Mixture, first: int, second: int) -> tuple[float, Mixture]:
    """The cost of a pair, and the mixture in which it is one, moment by moment."""
    pair = [first, second]
    weight = mixture.weights[pair].sum()
    shares = mixture.weights[pair] / weight
    part = Mixture.of(shares, mixture.means[pair], mixture.full_covariances()[pair])
    mean, covariance = moments(part)
    kept = [k for k in range(mixture.n_components) if k != second]
    weights, means = mixture.weights.copy(), mixture.means.copy()
    covariances = mixture.full_covariances().copy()
    weights[first], means[first] = weight, mean
    inside = np.einsum("k,kij->ij", shares, covariances[pair])
    if mixture.covariance_type == "tied":
        between = weight * (covariance - inside)
        cost = np.trace(np.linalg.solve(covariances[0], between)) / 2
        covariances += between
        return float(cost), Mixture.of(weights[kept], means[kept], covariances[kept][0], "tied")
    covariances[first] = SEEN[mixture.covariance_type](covariance)
    result = Mixture.of(weights[kept], means[kept], covariances[kept])
    return entropy_like(result) - entropy_like(mixture), result


@given(name=families, seed=seeds, k=st.integers(2, 6), d=st.integers(1, 4))
@LAW
def test_every_step_is_the_cheapest_pair_by_brute_force(
    name: str, seed: int, k: int, d: int
) -> None:
    path = merge_path(random_mixture(seed, name, k, d))
    assert [each.n_components for each in path] == list(range(k, 0, -1))
    for before, after in pairwise(path):
        pairs = combinations(range(before.n_components), 2)
        tried = [merged_by_hand(before, *pair) for pair in pairs]
        _, wanted = min(tried, key=lambda each: each[0])
        np.testing.assert_allclose(after.weights, wanted.weights, rtol=1e-12)
        np.testing.assert_allclose(after.means, wanted.means, atol=1e-12)
        found, full = after.full_covariances(), wanted.full_covariances()
        np.testing.assert_allclose(found, full, atol=1e-12)


@given(name=families, seed=seeds, k=st.integers(1, 8), d=st.integers(1, 4))
@LAW
def test_moments_that_the_family_can_hold_are_kept(name: str, seed: int, k: int, d: int) -> None:
    path = merge_path(random_mixture(seed, name, k, d))
    wanted, covariance = moments(path[0])
    for each in path:
        mean, found = moments(each)
        np.testing.assert_allclose(mean, wanted, atol=1e-12)
        assert np.trace(found) == pytest.approx(np.trace(covariance), rel=1e-12)
        if name != "spherical":
            np.testing.assert_allclose(np.diagonal(found), np.diagonal(covariance), rtol=1e-12)
        if name in ("full", "tied"):
            np.testing.assert_allclose(found, covariance, atol=1e-11)


@given(name=families, seed=seeds)
@LAW
def test_the_order_of_the_components_does_not_matter(name: str, seed: int) -> None:
    mixture = random_mixture(seed, name, 7, 3)
    order = np.random.default_rng(seed).permutation(7)
    for found, wanted in zip(
        merge_path(reordered(mixture, order)), merge_path(mixture), strict=True
    ):
        found = reordered(found, match(wanted, found).order)
        np.testing.assert_allclose(found.weights, wanted.weights, atol=1e-12)
        np.testing.assert_allclose(found.means, wanted.means, atol=1e-11)
        np.testing.assert_allclose(found.covariances, wanted.covariances, atol=1e-11)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_components_that_are_the_same_are_merged_first_and_cost_nothing(name: str) -> None:
    mixture = random_mixture(2, name, 4, 3)
    twice = reordered(mixture, np.array([0, 1, 2, 3, 1]))
    twice = Mixture.of(
        np.r_[mixture.weights[:1], 0.25 * mixture.weights[1:2], mixture.weights[2:],
              0.75 * mixture.weights[1:2]],
        twice.means, twice.covariances, name,
    )  # fmt: skip
    found = merge_to(twice, 4)
    np.testing.assert_allclose(found.weights, mixture.weights, rtol=1e-14)
    np.testing.assert_allclose(found.means, mixture.means, rtol=1e-14)
    np.testing.assert_allclose(found.covariances, mixture.covariances, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_of_pairs_that_cost_the_same_the_first_is_merged(name: str) -> None:
    points = np.array([[0.0], [1.0], [8.0], [9.0]])
    covariances = np.ones(Mixture.of([], points, [], name).family.shape(4, 1))
    found = merge_to(Mixture.of(np.full(4, 0.25), points, covariances, name), 3)
    np.testing.assert_array_equal(found.means, [[0.5], [8.0], [9.0]])


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_components_without_weight_cost_nothing_and_leave_no_trace(name: str) -> None:
    mixture = random_mixture(3, name, 4, 2)
    weights = np.array([0.0, 0.6, 0.0, 0.4])
    empty = Mixture.of(weights, mixture.means, mixture.covariances, name)
    found = merge_to(empty, 2)
    np.testing.assert_allclose(np.sort(found.weights), [0.4, 0.6])
    np.testing.assert_allclose(moments(found)[1], moments(empty)[1], atol=1e-12)


def test_merging_to_as_many_changes_nothing() -> None:
    mixture = random_mixture(4, "full", 3, 2)
    assert merge_to(mixture, 3) is mixture


def test_the_path_passes_through_every_number() -> None:
    mixture = random_mixture(5, "full", 6, 2)
    for found in merge_path(mixture):
        wanted = merge_to(mixture, found.n_components)
        assert np.array_equal(found.means, wanted.means)
        assert np.array_equal(found.covariances, wanted.covariances)


@pytest.mark.parametrize("n_components", [0, 4])
def test_a_number_that_is_not_on_the_path_is_refused(n_components: int) -> None:
    with pytest.raises(InputError, match=f"from 1 to 3.*found {n_components}"):
        merge_to(random_mixture(6, "full", 3, 2), n_components)
