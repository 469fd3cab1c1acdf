"""Conjugate gradients find the maximum of a quadratic model, and stay where it is trusted."""

from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.mixture.conjugate import MOST_PRODUCTS, ConjugateGradients, Region, Solution
from dask_gmm.mixture.features import Array

SIZE: Final = 6


def hessian(seed: int, curvatures: Array) -> Array:
    """The negative Hessian with these eigenvalues."""
    turned, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((SIZE, SIZE)))
    return np.asarray(turned * curvatures @ turned.T)


def region(radius: float = np.inf, enough: float = 0.0) -> Region:
    return Region(lambda each: each, lambda step: float(np.abs(step).max()), radius, enough)


def solved(matrix: Array, gradient: Array, where: Region) -> tuple[Array, int]:
    """The step, and the number of products that it took."""
    found, products = solution(matrix, gradient, where)
    return found.step, products


def solution(matrix: Array, gradient: Array, where: Region) -> tuple[Solution, int]:
    """What is found, and after how many products."""
    search, products = ConjugateGradients.begin(gradient, where), 0
    while isinstance(search, ConjugateGradients):
        products += 1
        found = search.grown(matrix @ search.direction, where)
        if isinstance(found, Solution):
            return found, products
        search = found
    raise AssertionError


@given(st.integers(0, 99), st.floats(1.0, 1e3))
def test_it_gains_nearly_all_that_there_is_to_gain(seed: int, spread: float) -> None:
    matrix = hessian(seed, np.geomspace(1 / spread, 1.0, SIZE))
    gradient = np.random.default_rng(seed).standard_normal(SIZE)
    best = np.linalg.solve(matrix, gradient)
    step, products = solved(matrix, gradient, region())
    gained = gradient @ step - 0.5 * step @ matrix @ step
    assert gained > 0.5 * (0.5 * gradient @ best)
    assert products <= 2 * SIZE


def test_what_is_not_worth_a_product_is_left() -> None:
    matrix, gradient = hessian(0, np.geomspace(0.01, 1.0, SIZE)), np.ones(SIZE)
    _, exact = solved(matrix, gradient, region())
    _, rough = solved(matrix, gradient, region(enough=1e9))
    assert rough == 1 < exact


def test_a_step_beyond_the_region_ends_at_its_edge() -> None:
    matrix, gradient = hessian(1, np.geomspace(0.01, 1.0, SIZE)), np.ones(SIZE)
    found, _ = solution(matrix, gradient, region(radius=0.5))
    step = found.step
    assert not found.inside
    assert solution(matrix, gradient, region(radius=1e3))[0].inside
    assert np.abs(step).max() == pytest.approx(0.5)
    assert gradient @ step - 0.5 * step @ matrix @ step > 0


def test_where_the_function_is_not_concave_it_goes_to_the_edge() -> None:
    matrix, gradient = hessian(2, np.array([-0.5, 0.1, 0.3, 0.5, 0.8, 1.0])), np.ones(SIZE)
    found, _ = solution(matrix, gradient, region(radius=3.0))
    step = found.step
    assert not found.inside
    assert np.abs(step).max() == pytest.approx(3.0)
    assert gradient @ step - 0.5 * step @ matrix @ step > 0


def test_it_ends_however_badly_the_products_fit() -> None:
    where, noise = region(), np.random.default_rng(0)
    search = ConjugateGradients.begin(np.ones(SIZE), where)
    for _ in range(MOST_PRODUCTS):
        found = search.grown(search.direction * noise.uniform(0.001, 1.0, SIZE), where)
        if isinstance(found, Solution):
            break
        search = found
    assert isinstance(found, Solution)
