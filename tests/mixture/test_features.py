import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from dask_gmm.mixture.estep import LOG_2PI
from dask_gmm.mixture.features import (
    STRIP_BYTES,
    Array,
    Features,
    Linear,
    Quadratic,
    Squared,
    feature_scales,
)
from tests.mixture.examples import FAMILY_NAMES, LAW, random_mixture, seeds

KINDS = (Quadratic, Squared, Linear)
kinds = st.sampled_from(KINDS)


def random_rows(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("name", FAMILY_NAMES)
@given(seed=seeds, n_features=st.integers(1, 6), n_components=st.integers(1, 4))
@LAW
def test_the_linear_form_is_the_density(
    name: str, seed: int, n_features: int, n_components: int
) -> None:
    mixture = random_mixture(seed, name, n_components, n_features)
    x = 3 * random_rows(seed, n_features, 7)
    factors = mixture.precision_factors()
    constants = np.log(np.linalg.det(factors)) - n_features / 2 * LOG_2PI
    family = mixture.family
    form = family.linear_form(factors, mixture.means, constants)
    found = form @ family.features(n_features).all_of(x)
    if family.shared:
        found -= np.square(factors[0].T @ x).sum(axis=0) / 2
    for k, covariance in enumerate(mixture.full_covariances()):
        wanted = multivariate_normal(mixture.means[k], covariance).logpdf(x.T)
        np.testing.assert_allclose(found[k], wanted, rtol=1e-11, atol=1e-11)


@given(kind=kinds, n_features=st.integers(1, 9), seed=seeds)
@LAW
def test_forms_are_packed_in_the_order_of_the_features(
    kind: type[Features], n_features: int, seed: int
) -> None:
    x = random_rows(seed, n_features, 5)
    matrix = random_rows(seed + 1, 2, n_features, n_features)
    matrix += matrix.transpose(0, 2, 1)
    linear, constant = random_rows(seed + 2, 2, n_features), random_rows(seed + 3, 2)
    wanted = linear @ x + constant[:, None]
    if kind is Quadratic:
        form = Quadratic(n_features).pack(matrix, linear, constant)
        wanted += np.einsum("ib,kij,jb->kb", x, matrix, x)
    elif kind is Squared:
        form = Squared(n_features).pack(matrix[:, 0], linear, constant)
        wanted += matrix[:, 0] @ x**2
    else:
        form = Linear(n_features).pack(linear, constant)
    np.testing.assert_allclose(form @ kind(n_features).all_of(x), wanted, rtol=1e-12, atol=1e-12)


def sums_of(features: Features, x: Array, weights: Array) -> Array:
    return np.asarray(features.all_of(x) @ weights.T, np.float64)


@given(n_features=st.integers(1, 9), seed=seeds)
@LAW
def test_sums_are_unpacked_in_the_order_of_the_features(n_features: int, seed: int) -> None:
    x = random_rows(seed, n_features, 11)
    weights = np.abs(random_rows(seed + 1, 3, 11))
    first, mass = weights @ x.T, weights.sum(axis=1)
    second = np.einsum("kb,ib,jb->kij", weights, x, x)

    quadratic = Quadratic(n_features)
    found = quadratic.unpack(sums_of(quadratic, x, weights))
    for have, want in zip(found, (second, first, mass), strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-12, atol=1e-12)
    assert np.array_equal(found[0], found[0].transpose(0, 2, 1))

    squared, linear = Squared(n_features), Linear(n_features)
    squares = np.einsum("kii->ki", second)
    for have, want in zip(
        (
            *squared.unpack(sums_of(squared, x, weights)),
            *linear.unpack(sums_of(linear, x, weights)),
        ),
        (squares, first, mass, first, mass),
        strict=True,
    ):
        np.testing.assert_allclose(have, want, rtol=1e-12, atol=1e-12)


def test_there_are_as_many_features_as_stated() -> None:
    assert [Quadratic(d).size for d in (1, 2, 16, 128)] == [3, 6, 153, 8385]
    assert [Squared(d).size for d in (1, 16)] == [3, 33]
    assert [Linear(d).size for d in (1, 16)] == [2, 17]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_features", [1, 2, 16, 126, 127, 128, 200])
def test_strips_give_the_same_as_all_at_once(kind: type[Features], n_features: int) -> None:
    features, rows = kind(n_features), 256
    z = random_rows(3, n_features, rows)
    strips = features.strips(rows)
    parts = [features.build(z, strip, np.empty((strip.size, rows))) for strip in strips]
    assert np.array_equal(np.concatenate(parts), features.all_of(z))
    ends = [0, *(strip.features.stop for strip in strips)]
    assert [strip.features.start for strip in strips] == ends[:-1]
    assert ends[-1] == features.size
    assert all(part.nbytes <= STRIP_BYTES for part in parts)


def test_many_columns_need_strips_and_float32_needs_half_of_them() -> None:
    assert len(Quadratic(126).strips(256)) == 1
    assert len(Quadratic(128).strips(256)) == 2
    assert len(Quadratic(128).strips(256, itemsize=4)) == 1
    assert len(Quadratic(400).strips(1024)) == len(Quadratic(400).strips(512, itemsize=16))


def test_a_line_larger_than_a_strip_is_a_strip() -> None:
    strips = Squared(4).strips(STRIP_BYTES)
    assert [strip.size for strip in strips] == [4, 4, 1]


@given(kind=kinds, exponents=st.lists(st.integers(-60, 60), min_size=1, max_size=6), seed=seeds)
@LAW
def test_powers_of_two_go_through_features_exactly(
    kind: type[Features], exponents: list[int], seed: int
) -> None:
    scale = np.ldexp(1.0, np.array(exponents))
    features = kind(len(exponents))
    x = random_rows(seed, len(exponents), 4)
    scaled = features.all_of(x * scale[:, None])
    assert np.array_equal(scaled, features.all_of(x) * feature_scales(features, scale)[:, None])


def test_features_keep_the_precision_of_the_rows() -> None:
    z = random_rows(0, 3, 4).astype(np.float32)
    assert Quadratic(3).all_of(z).dtype == np.float32


@given(kind=kinds, n_features=st.integers(1, 6), seed=seeds)
@LAW
def test_sums_are_moved_to_other_centers(kind: type[Features], n_features: int, seed: int) -> None:
    features, z = kind(n_features), random_rows(seed, n_features, 9)
    shares, by = np.abs(random_rows(seed + 1, 2, 9)), random_rows(seed + 2, 2, n_features)
    sums = np.asarray(features.all_of(z) @ shares.T, dtype=np.float64)
    moved = features.moved(sums, by)
    for k in range(2):
        wanted = features.all_of(z - by[k][:, None]) @ shares[k]
        np.testing.assert_allclose(moved[:, k], wanted, rtol=1e-12, atol=1e-12)
