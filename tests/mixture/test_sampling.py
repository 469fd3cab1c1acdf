"""Rows are drawn from the mixture that was given: shares, order, means, covariances, outliers."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import kstest

from dask_gmm.mixture import sampling
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.sampling import (
    N_BINS,
    OUTLIER,
    OUTLIER_REACH,
    Bench,
    Sampler,
    block_rows,
    component_dtype,
)

Array = npt.NDArray[np.float64]

# Fixed seeds: a deviation of so many standard errors is a defect, not bad luck.
DEVIATIONS = 4.5

WEIGHTS = [0.5, 0.2, 0.3]
MEANS = [[0.0, 1e6], [-3.0, 1e6], [5.0, 1e6 + 40]]
FULL = [[[2.0, 1.2], [1.2, 1.0]], [[0.5, -0.3], [-0.3, 4.0]], [[1e-4, 0.0], [0.0, 1e4]]]
FAMILIES: dict[str, npt.ArrayLike] = {
    "full": FULL,
    "tied": [[2.0, 1.2], [1.2, 1.0]],
    "diag": [[1.0, 2.0], [0.1, 3.0], [4.0, 1e-3]],
    "spherical": [0.5, 2.0, 1e-2],
}


def mixture(covariance_type: str = "full") -> Mixture:
    return Mixture.of(WEIGHTS, MEANS, FAMILIES[covariance_type], covariance_type)


def centered(weights: Array, n_features: int = 2) -> Mixture:
    n_components = len(weights)
    covariances = np.repeat(np.eye(n_features)[None], n_components, axis=0)
    return Mixture.of(weights, np.zeros((n_components, n_features)), covariances)


def draw(sampler: Sampler, n_blocks: int = 4, seed: int = 0) -> tuple[Array, npt.NDArray[np.int_]]:
    bench = Bench(sampler)
    generator = np.random.default_rng(seed)
    rows, components = [], []
    for _ in range(n_blocks):
        sampler.draw(generator, bench)
        rows.append(bench.rows.copy())
        components.append(bench.components.astype(np.int_))
    return np.concatenate(rows), np.concatenate(components)


def within(found: npt.ArrayLike, expected: npt.ArrayLike, standard_error: npt.ArrayLike) -> bool:
    allowed = DEVIATIONS * np.asarray(standard_error)
    return bool((np.abs(np.subtract(found, expected)) <= allowed).all())


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_moments_of_each_component_are_those_asked_for(covariance_type: str) -> None:
    wanted = mixture(covariance_type)
    rows, components = draw(Sampler.of(wanted))
    shares = np.bincount(components, minlength=3) / len(rows)
    assert within(shares, wanted.weights, np.sqrt(wanted.weights / len(rows)))
    for k, covariance in enumerate(wanted.full_covariances()):
        own = rows[components == k]
        variances = np.diagonal(covariance)
        assert within(own.mean(axis=0), wanted.means[k], np.sqrt(variances / len(own)))
        error = np.sqrt((np.outer(variances, variances) + covariance**2) / len(own))
        assert within(np.cov(own.T), covariance, error)


def test_whitened_rows_are_standard_normal() -> None:
    wanted = mixture()
    rows, components = draw(Sampler.of(wanted), n_blocks=1)
    for k, covariance in enumerate(wanted.full_covariances()):
        own = rows[components == k] - wanted.means[k]
        white = np.linalg.solve(np.linalg.cholesky(covariance), own.T)
        assert all(kstest(column, "norm").pvalue > 1e-4 for column in white)


def test_components_come_in_random_order() -> None:
    sampler = Sampler.of(mixture())
    _, components = draw(sampler)
    pairs = np.zeros((3, 3))
    np.add.at(pairs, (components[:-1], components[1:]), 1)
    expected = len(components) * np.outer(WEIGHTS, WEIGHTS)
    assert within(pairs, expected, np.sqrt(expected))
    thirds = [np.bincount(part, minlength=3) for part in np.array_split(components, 3)]
    share = len(components) / 3 * np.array(WEIGHTS)
    assert all(within(third, share, np.sqrt(share)) for third in thirds)


@given(
    arrays(float, st.integers(1, 300), elements=st.floats(0, 1)).filter(lambda w: w.sum() > 0),
    st.integers(0, 2**32),
)
def test_the_guide_decides_as_the_cumulative_shares_do(weights: Array, seed: int) -> None:
    sampler = Sampler.of(centered(weights / weights.sum(), 1))
    numbers = np.random.default_rng(seed).random(2000)
    exact = np.searchsorted(sampler.cumulative, numbers, side="right")
    guided = sampler.guide[(numbers * N_BINS).astype(int)]
    undecided = guided == len(weights)
    assert (undecided | (guided == exact)).all()
    assert np.count_nonzero(sampler.guide == len(weights)) < len(weights)
    assert sampler.cumulative[-1] == 1


def test_shares_too_small_for_a_bin_are_drawn_exactly() -> None:
    rare = np.full(6, 0.1 / N_BINS)
    _, components = draw(Sampler.of(centered(np.append(rare, 1 - rare.sum()), 1)), n_blocks=40)
    expected = len(components) * 0.1 / N_BINS
    found = np.bincount(components, minlength=7)[:6]
    assert within(found.sum(), 6 * expected, np.sqrt(6 * expected))
    assert found.max() < 20


def test_a_component_of_no_weight_is_never_drawn() -> None:
    _, components = draw(Sampler.of(centered(np.array([0.0, 0.3, 0.0, 0.7, 0.0]))))
    assert set(components) == {1, 3}


@given(st.integers(1, 9), st.integers(0, 3000), st.integers(0, 2**32))
def test_rows_are_grouped_alike_whatever_the_number_of_kinds(
    n_kinds: int, n_rows: int, seed: int
) -> None:
    drawn = np.random.default_rng(seed).integers(0, n_kinds, n_rows).astype(np.uint8)
    order, ends = sampling._grouped_order(drawn, n_kinds)
    assert np.array_equal(order, np.argsort(drawn, kind="stable"))
    assert np.array_equal(ends, np.cumsum(np.bincount(drawn, minlength=n_kinds)))


@pytest.mark.parametrize("n_features", [1, 2, 3, 5, 64, 300])
def test_any_number_of_columns(n_features: int) -> None:
    generator = np.random.default_rng(n_features)
    root = generator.standard_normal((2, n_features, n_features))
    covariances = root @ root.transpose(0, 2, 1) + np.eye(n_features)
    means = 50 * generator.standard_normal((2, n_features))
    rows, components = draw(Sampler.of(Mixture.of([0.4, 0.6], means, covariances)), n_blocks=1)
    assert rows.shape == (block_rows(n_features), n_features)
    for k in (0, 1):
        own = rows[components == k]
        error = np.sqrt(np.diagonal(covariances[k]) / len(own))
        assert within(own.mean(axis=0), means[k], error)


def test_blocks_are_powers_of_two_of_about_a_mebibyte() -> None:
    sizes = {n: block_rows(n) for n in range(1, 3000)}
    assert all(size & (size - 1) == 0 for size in sizes.values())
    assert all(2**19 < 8 * n * sizes[n] <= 2**20 for n in range(2, 129))
    assert (sizes[1], sizes[2999]) == (65_536, 1_024)


def test_outliers_fill_the_box_around_all_components() -> None:
    wanted = mixture()
    rows, components = draw(Sampler.of(wanted, outliers=0.2))
    deviations = np.sqrt(np.einsum("kdd->kd", wanted.full_covariances()))
    low = (wanted.means - OUTLIER_REACH * deviations).min(axis=0)
    high = (wanted.means + OUTLIER_REACH * deviations).max(axis=0)
    far = rows[components == OUTLIER]
    assert within(len(far), 0.2 * len(rows), np.sqrt(0.16 * len(rows)))
    assert all(kstest(column, "uniform").pvalue > 1e-4 for column in ((far - low) / (high - low)).T)
    shares = np.bincount(components[components >= 0]) / len(rows)
    assert within(shares, 0.8 * wanted.weights, np.sqrt(wanted.weights / len(rows)))


@pytest.mark.parametrize("n_components", [1, 127, 128, 129, 255, 256, 300])
def test_numbers_of_components_and_outliers_fit_their_type(n_components: int) -> None:
    weights = np.full(n_components, 1 / n_components)
    sampler = Sampler.of(centered(weights), outliers=0.1)
    _, components = draw(sampler)
    assert set(components) == {OUTLIER, *range(n_components)}
    assert component_dtype(n_components) == (np.int8 if n_components <= 128 else np.int16)


def test_a_bench_keeps_nothing_from_block_to_block() -> None:
    sampler = Sampler.of(mixture(), outliers=0.1)
    used, fresh = Bench(sampler), Bench(sampler)
    sampler.draw(np.random.default_rng(1), used)
    for bench in (used, fresh):
        sampler.draw(np.random.default_rng(2), bench)
    assert used.rows.tobytes() == fresh.rows.tobytes()
    assert used.components.tobytes() == fresh.components.tobytes()


def test_other_numbers_give_other_rows() -> None:
    sampler = Sampler.of(mixture())
    one, same, other = (draw(sampler, 1, seed)[0] for seed in (1, 1, 2))
    assert one.tobytes() == same.tobytes()
    assert not np.isclose(one, other).any(axis=1).all()
