import numpy as np
from hypothesis import given

from dask_gmm.mixture.merging import merge_costs, merge_to
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.splitting import halved, joined
from tests.mixture.examples import LAW, families, random_mixture, seeds
from tests.mixture.test_merging import moments


def siblings_merged(split: Mixture) -> Mixture:
    """One component of each two halves, as matrices."""
    k = split.n_components // 2
    matrices = split.full_covariances()
    parts = [
        moments(Mixture.of([0.5, 0.5], split.means[[one, one + k]], matrices[[one, one + k]]))
        for one in range(k)
    ]
    means, covariances = zip(*parts, strict=True)
    return Mixture.of(2 * split.weights[:k], np.stack(means), np.stack(covariances))


@LAW
@given(families, seeds)
def test_halves_together_are_what_was_split(name: str, seed: int) -> None:
    mixture = random_mixture(seed, name, 3, 4)
    split = halved(mixture, np.array([1.0, 2.0, 0.25, 1.0]))
    together = siblings_merged(split)
    np.testing.assert_allclose(together.weights, mixture.weights)
    np.testing.assert_allclose(together.means, mixture.means, atol=1e-12)
    if name == "full":
        np.testing.assert_allclose(together.covariances, mixture.covariances, atol=1e-12)
    before = np.trace(mixture.full_covariances(), axis1=1, axis2=2)
    after = np.trace(together.covariances, axis1=1, axis2=2)
    np.testing.assert_allclose(mixture.weights @ after, mixture.weights @ before)


@LAW
@given(families, seeds)
def test_halves_have_densities_and_lie_apart(name: str, seed: int) -> None:
    mixture = random_mixture(seed, name, 3, 4)
    split = halved(mixture, np.ones(4))
    assert np.isfinite(split.precision_factors()).all()
    assert (np.abs(split.means[:3] - split.means[3:]).max(axis=1) > 0).all()
    assert split.covariance_type == name


def test_units_decide_where_a_component_is_widest() -> None:
    mixture = Mixture.of([1.0], [[0.0, 0.0]], [np.diag([4.0, 1.0])])
    wide, other = (np.abs(halved(mixture, np.array(s)).means[0]) for s in ([1.0, 1], [1.0, 4]))
    assert wide.argmax() == 0
    assert other.argmax() == 1


def test_components_of_both_are_joined() -> None:
    one, other = (random_mixture(seed, "full", 2, 3) for seed in (1, 2))
    both = joined(one, other)
    np.testing.assert_array_equal(both.means[2:], other.means)
    np.testing.assert_array_equal(both.covariances[:2], one.covariances)
    np.testing.assert_allclose(both.weights, np.append(one.weights, other.weights) / 2)


def test_a_common_covariance_is_the_mean_of_both() -> None:
    one, other = (random_mixture(seed, "tied", 2, 3) for seed in (1, 2))
    expected = (one.covariances + other.covariances) / 2
    np.testing.assert_allclose(joined(one, other).covariances, expected)


@LAW
@given(families, seeds)
def test_a_mixture_joined_with_itself_merges_into_itself(name: str, seed: int) -> None:
    mixture = random_mixture(seed, name, 3, 4)
    both = joined(mixture, mixture)
    costs = merge_costs(both)
    np.testing.assert_allclose(costs[[0, 1, 2], [3, 4, 5]], 0, atol=1e-12)
    again = merge_to(both, 3)
    np.testing.assert_allclose(again.means, mixture.means, atol=1e-9)
    np.testing.assert_allclose(again.covariances, mixture.covariances, atol=1e-9)
