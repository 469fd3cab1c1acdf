"""A few products of a Hessian show where it is flattest, and whether it is concave."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.mixture.coordinates import metric_norm, precondition, random_gradient, to_vector
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.krylov import Krylov, Metric
from dask_gmm.mixture.model import Mixture
from tests.mixture.examples import FAMILY_NAMES, LAW, random_mixture, seeds

PLAIN = Metric(lambda gradient: gradient, lambda step: float(np.linalg.norm(step)))


def turned(seed: int, size: int) -> Array:
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((size, size))).Q


def metric_of(matrix: Array) -> Metric:
    inverse = np.linalg.inv(matrix)
    return Metric(lambda each: inverse @ each, lambda step: float(np.sqrt(step @ matrix @ step)))


def spanned(hessian: Array, metric: Metric, first: Array, products: int) -> Krylov:
    krylov = Krylov.begin(first, metric)
    for _ in range(products):
        if krylov.exhausted:
            break
        krylov = krylov.grown(hessian @ krylov.directions[-1], metric)
    return krylov


@given(seed=seeds, size=st.integers(1, 8), spread=st.floats(0.0, 2.0))
@LAW
def test_all_curvatures_are_found_in_as_many_products_as_there_are_directions(
    seed: int, size: int, spread: float
) -> None:
    """In any metric ``C C'`` the curvatures are those of ``C^-1 H C^-T``."""
    curvatures = np.linspace(-0.3, 1.0, size)
    axes, root = turned(seed, size), turned(seed + 1, size) * np.exp(spread * np.arange(size) / 4)
    hessian, metric = root @ axes * curvatures @ axes.T @ root.T, metric_of(root @ root.T)
    first = root @ axes @ np.ones(size)
    bends = spanned(hessian, metric, first, size + 3).bends()
    np.testing.assert_allclose([each.curvature for each in bends], curvatures, atol=1e-7)
    steps = np.array([each.step for each in bends])
    np.testing.assert_allclose(steps @ root @ root.T @ steps.T, np.eye(size), atol=1e-7)
    np.testing.assert_allclose(steps @ hessian @ steps.T, np.diag(curvatures), atol=1e-7)
    changes = curvatures[:, None] * steps @ root @ root.T
    np.testing.assert_allclose(steps @ hessian, changes, atol=1e-6 * np.abs(root).max() ** 2)


@given(seed=seeds, least=st.floats(-0.5, -0.02))
@LAW
def test_a_negative_curvature_among_many_is_found_soon(seed: int, least: float) -> None:
    size, axes = 200, turned(0, 200)
    curvatures = np.concatenate([[least], np.geomspace(0.1, 1.0, size - 1)])
    first = np.random.default_rng(seed).standard_normal(size)
    hessian = axes * curvatures @ axes.T
    found = [spanned(hessian, PLAIN, first, n).bends() for n in (4, 8, 16)]
    assert found[0][0].curvature >= found[1][0].curvature >= found[2][0].curvature
    assert found[2][0].curvature == pytest.approx(least, abs=0.02)
    assert found[2][-1].curvature == pytest.approx(1.0, abs=0.05)


@given(seed=seeds, known=st.integers(1, 5))
@LAW
def test_it_ends_where_nothing_leads_on(seed: int, known: int) -> None:
    axes = turned(seed, 6)
    hessian, first = axes * np.linspace(0.1, 1.0, 6) @ axes.T, axes[:, :known] @ np.ones(known)
    krylov = spanned(hessian, PLAIN, first, 6)
    assert krylov.exhausted
    assert len(krylov.changes) == len(krylov.directions) == known


@pytest.mark.parametrize("least", [-0.01, -0.05])
def test_what_may_be_overlooked_is_bounded(least: float) -> None:
    size, axes = 60, turned(1, 60)
    curvatures = np.concatenate([[least], np.linspace(0.4, 1.0, size - 1)])
    hessian = axes * curvatures @ axes.T
    firsts = [np.random.default_rng(seed).standard_normal(size) for seed in range(300)]
    chances = np.array([spanned(hessian, PLAIN, x, 5).chance_below(0.0, size) for x in firsts])
    assert 0 < (chances < 0.05).mean() < 0.05
    assert (chances < 0.5).mean() < 0.5


def test_the_chance_falls_with_every_product_and_is_none_at_the_end() -> None:
    axes, first = turned(2, 20), np.random.default_rng(0).standard_normal(20)
    hessian = axes * np.linspace(0.5, 1.0, 20) @ axes.T
    chances = [spanned(hessian, PLAIN, first, n).chance_below(0.0, 20) for n in range(1, 9)]
    assert (np.diff(chances) < 0).all()
    assert chances[7] < 1e-3
    assert spanned(hessian, PLAIN, first, 8).chance_below(0.6, 20) == 1.0
    assert spanned(hessian, PLAIN, axes[:, 0], 8).chance_below(0.0, 20) == 0.0


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_a_random_gradient_has_the_metric_as_covariance(name: str) -> None:
    mixture, generator = random_mixture(5, name, 3, 2), np.random.default_rng(0)
    step = np.random.default_rng(1).standard_normal(len(to_vector(mixture)))
    along = [step @ random_gradient(mixture, generator) for _ in range(4000)]
    assert np.mean(along) == pytest.approx(0, abs=4 * np.std(along) / np.sqrt(4000))
    assert np.std(along) == pytest.approx(metric_norm(mixture, step), rel=0.08)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_a_random_step_is_the_same_in_other_units(name: str) -> None:
    unit = np.full(3, 7.0) if name == "spherical" else np.array([7.0, 1e-3, 20.0])
    mixture = random_mixture(6, name, 4, 3)
    factors = {"spherical": unit[0] ** 2, "diag": unit**2}.get(name, np.outer(unit, unit))
    means, covariances = mixture.means * unit, mixture.covariances * factors
    other = Mixture.of(mixture.weights, means, covariances, name)
    one, two = (
        precondition(each, random_gradient(each, np.random.default_rng(3)))
        for each in (mixture, other)
    )
    np.testing.assert_allclose(two[:4], one[:4], rtol=1e-8)
    np.testing.assert_allclose(two[4:16].reshape(4, 3), one[4:16].reshape(4, 3) * unit, rtol=1e-8)
    lengths = [metric_norm(mixture, one), metric_norm(other, two)]
    assert lengths[0] == pytest.approx(lengths[1], rel=1e-8)


def test_components_that_are_the_same_are_told_apart() -> None:
    twins = Mixture.of([0.5, 0.5], np.zeros((2, 2)), np.stack([np.eye(2)] * 2))
    drawn = random_gradient(twins, np.random.default_rng(0))
    assert np.abs(drawn[2:4] - drawn[4:6]).min() > 0.01
