"""Components are told from each other by where they lie, and have one order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.mixture.covariance import family_of
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.matching import bhattacharyya_distances, by_weight, match, reordered
from dask_gmm.mixture.model import Mixture
from tests.mixture.examples import FAMILY_NAMES, LAW, families, random_mixture, seeds


def same(one: Mixture, other: Mixture) -> bool:
    return one.covariance_type == other.covariance_type and all(
        getattr(one, name).tobytes() == getattr(other, name).tobytes()
        for name in ("weights", "means", "covariances")
    )


def moved(mixture: Mixture, matrix: Array, by: Array) -> Mixture:
    covariances = matrix @ mixture.full_covariances() @ matrix.T
    return Mixture.of(mixture.weights, mixture.means @ matrix.T + by, covariances)


def line(means: list[float], variances: list[float], weights: list[float] | None = None) -> Mixture:
    shares = np.full(len(means), 1 / len(means)) if weights is None else weights
    return Mixture.of(shares, np.array(means)[:, None], variances, "spherical")


@given(ours=families, theirs=families, seed=seeds, d=st.integers(1, 5))
@LAW
def test_the_distance_is_that_of_the_formula_and_symmetric(
    ours: str, theirs: str, seed: int, d: int
) -> None:
    first, second = random_mixture(seed, ours, 3, d), random_mixture(seed + 1, theirs, 4, d)
    found = bhattacharyya_distances(first, second)
    for a, (mean, covariance) in enumerate(zip(first.means, first.full_covariances(), strict=True)):
        for b, (other, theirs_b) in enumerate(
            zip(second.means, second.full_covariances(), strict=True)
        ):
            between, apart = (covariance + theirs_b) / 2, mean - other
            logs = [np.linalg.slogdet(each)[1] for each in (between, covariance, theirs_b)]
            wanted = apart @ np.linalg.solve(between, apart) / 8
            wanted += (logs[0] - (logs[1] + logs[2]) / 2) / 2
            assert found[a, b] == pytest.approx(wanted, rel=1e-10, abs=1e-13)
    np.testing.assert_allclose(bhattacharyya_distances(second, first), found.T, rtol=1e-10)


@given(name=families, seed=seeds, k=st.integers(1, 6), d=st.integers(1, 5))
@LAW
def test_nothing_is_nearer_than_itself(name: str, seed: int, k: int, d: int) -> None:
    mixture = random_mixture(seed, name, k, d)
    found = bhattacharyya_distances(mixture, mixture)
    assert (found >= 0).all()
    assert np.diagonal(found).max() < 1e-13
    tied = Mixture.of(mixture.weights, mixture.means, mixture.full_covariances())
    assert np.diagonal(bhattacharyya_distances(mixture, tied)).max() < 1e-13


@given(
    mean=st.floats(-5, 5), one=st.floats(0.01, 100), two=st.floats(0.01, 100)
)  # fmt: skip
@LAW
def test_in_one_column_it_is_the_known_closed_form(mean: float, one: float, two: float) -> None:
    ((found,),) = bhattacharyya_distances(line([0.0], [one]), line([mean], [two]))
    wanted = mean**2 / (one + two) / 4 + np.log((one / two + two / one + 2) / 4) / 4
    assert found == pytest.approx(wanted, rel=1e-10, abs=1e-13)


@given(ours=families, theirs=families, seed=seeds, d=st.integers(1, 4))
@LAW
def test_it_does_not_depend_on_units(ours: str, theirs: str, seed: int, d: int) -> None:
    generator = np.random.default_rng(seed)
    units = np.geomspace(1e-3, 1e3, d)[:, None]
    matrix = units * np.linalg.qr(generator.standard_normal((d, d))).Q
    by = 100 * generator.standard_normal(d)
    first, second = random_mixture(seed, ours, 3, d), random_mixture(seed + 1, theirs, 3, d)
    found = bhattacharyya_distances(moved(first, matrix, by), moved(second, matrix, by))
    np.testing.assert_allclose(found, bhattacharyya_distances(first, second), rtol=1e-8, atol=1e-12)


def test_covariances_near_to_singular_and_means_out_of_reach_have_a_distance() -> None:
    thin = np.array([[1.0, 1.0], [1.0, 1.0 + 3e-16]])
    first = Mixture.of([1.0], [[0.0, 0.0]], [thin])
    second = Mixture.of([0.5, 0.5], [[0.0, 0.0], [1e300, 0.0]], [1e16 * thin, thin])
    ((near, far),) = bhattacharyya_distances(first, second)
    assert 0 < near < far == 1e150
    assert match(first, second).order.tolist() == [0, 1]


@given(name=families, seed=seeds, k=st.integers(1, 8), d=st.integers(1, 4))
@LAW
def test_a_permutation_is_undone_to_the_byte(name: str, seed: int, k: int, d: int) -> None:
    mixture = random_mixture(seed, name, k, d)
    order = np.random.default_rng(seed).permutation(k)
    shuffled = reordered(mixture, order)
    found = match(mixture, shuffled)
    assert same(reordered(shuffled, found.order), mixture)
    assert found.partners == tuple(range(k))
    assert found.unmatched == ()


@given(name=families, seed=seeds, k=st.integers(2, 6), more=st.integers(1, 3))
@LAW
def test_components_without_a_partner_come_last_and_those_missing_are_named(
    name: str, seed: int, k: int, more: int
) -> None:
    mixture = random_mixture(seed, name, k + more, 3)
    kept = np.random.default_rng(seed).permutation(k + more)[:k]
    fewer = reordered(mixture, kept)
    found = match(fewer, mixture)
    assert found.order[:k].tolist() == kept.tolist()
    rest = mixture.weights[found.order[k:]]
    assert (np.diff(rest) <= 0).all()
    assert found.partners == (*range(k), *[None] * more)
    assert found.distances[k:] == (None,) * more
    assert found.unmatched == ()
    back = match(mixture, fewer)
    assert [kept[number] for number in back.order] == sorted(kept)
    assert back.partners == tuple(sorted(kept))
    assert set(back.unmatched) == set(range(k + more)) - set(kept)


def test_all_are_matched_together_not_each_to_the_nearest() -> None:
    reference, other = line([0.0, 1.0], [1.0, 1.0]), line([0.9, 5.0], [1.0, 1.0])
    nearest = bhattacharyya_distances(reference, other).argmin(axis=1)
    assert nearest.tolist() == [0, 0]
    found = match(reference, other)
    assert found.order.tolist() == [0, 1]
    assert found.distances == pytest.approx((0.81 / 8, 16 / 8))


@given(name=families, seed=seeds, k=st.integers(1, 8), d=st.integers(1, 4))
@LAW
def test_weights_decrease_whatever_the_order_was(name: str, seed: int, k: int, d: int) -> None:
    mixture = random_mixture(seed, name, k, d)
    found = reordered(mixture, by_weight(mixture))
    assert (np.diff(found.weights) <= 1e-9).all()
    again = reordered(mixture, np.random.default_rng(seed).permutation(k))
    assert same(reordered(again, by_weight(again)), found)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_equal_weights_are_ordered_by_means_and_rounding_decides_nothing(name: str) -> None:
    noise = 1e-13 * np.array([3.0, -2.0, 1.0, 0.0])
    means = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [2.0, 0.0]])
    weights = np.array([0.2, 0.2, 0.2, 0.4]) + noise
    family = family_of(name)
    covariances = family.add_to_diagonal(np.zeros(family.shape(4, 2)), np.ones(2))
    mixture = Mixture.of(weights, means + noise[:, None], covariances, name)
    assert by_weight(mixture).tolist() == [3, 2, 1, 0]
