"""What is said of covariances of factors is said without a matrix of columns by columns."""

import tracemalloc
from collections.abc import Callable
from typing import Any, Final

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.in_memory import log_joint, standardized
from dask_gmm.mixture import projection
from dask_gmm.mixture.features import Array, Floats
from dask_gmm.mixture.loadings import extremes, joined
from dask_gmm.mixture.lowrank import LowRank
from dask_gmm.mixture.matching import bhattacharyya_distances, by_weight, match
from dask_gmm.mixture.model import Mixture, checked_mixture
from dask_gmm.mixture.projection import Axes, along, condition_numbers, principal_axes
from dask_gmm.mixture.scoring import scoring_density
from dask_gmm.mixture.statistics import Before, Moments
from dask_gmm.workflows.text import comparison, mixture_table
from tests.mixture.examples import LAW, random_mixture, seeds
from tests.mixture.factors import factored

COLUMNS: Final = 2000
WIDE: Final = factored(0, 4, COLUMNS, 3)
DIAG: Final = Mixture.of(WIDE.weights, WIDE.means, WIDE.variances(), "diag")


def as_matrices(mixture: Mixture) -> Mixture:
    return Mixture.of(mixture.weights, mixture.means, mixture.full_covariances())


def densities(mixture: Mixture) -> Floats:
    given = (mixture.weights, mixture.means, mixture.precisions_cholesky, mixture.covariance_type)
    density = scoring_density(*given)
    return log_joint(density, standardized(mixture.means, density.frame, "float64"))


def axes_seen(mixture: Mixture) -> Array:
    return principal_axes(mixture, 2).of(mixture).covariances


@pytest.mark.parametrize(
    "ask",
    [
        condition_numbers,
        axes_seen,
        lambda mixture: along(mixture, (0, 7)).covariances,
        lambda mixture: match(mixture, mixture).order,
        lambda mixture: bhattacharyya_distances(mixture, DIAG),
        lambda mixture: bhattacharyya_distances(DIAG, mixture),
        by_weight,
        Mixture.variances,
        densities,
        lambda mixture: mixture.family.inverted(mixture.precisions),
        lambda mixture: checked_mixture(*given_as(mixture)).means,
        lambda mixture: np.array([mixture_table(mixture), comparison(mixture, DIAG, ("a", "b"))]),
    ],
)
def test_nothing_of_columns_by_columns_is_made(ask: Callable[[Mixture], Any]) -> None:
    tracemalloc.start()
    try:
        assert len(ask(WIDE)) > 0
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * COLUMNS**2 / 4


def given_as(mixture: Mixture) -> tuple[Array, Array, Array, str]:
    return mixture.weights, mixture.means, mixture.covariances, mixture.covariance_type


@given(seed=seeds, k=st.integers(1, 4), rank=st.integers(1, 4), more=st.integers(1, 4))
@LAW
def test_pictures_and_condition_numbers_are_those_of_matrices(
    seed: int, k: int, rank: int, more: int
) -> None:
    mixture = factored(seed, k, rank + more, rank)
    matrices = as_matrices(mixture)
    found = condition_numbers(mixture)
    np.testing.assert_allclose(found, condition_numbers(matrices), rtol=1e-8)
    pair = (rank + more - 1, 0)
    seen = along(mixture, pair).covariances
    np.testing.assert_allclose(seen, along(matrices, pair).covariances, rtol=1e-12)
    axes = principal_axes(matrices, 2)
    wanted = axes.of(matrices).covariances
    np.testing.assert_allclose(axes.of(mixture).covariances, wanted, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", ["lowrank-2", "diag", "spherical"])
def test_axes_of_many_columns_are_those_of_few(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mixture = factored(4, 5, 12, 2) if name == "lowrank-2" else random_mixture(4, name, 5, 12)

    def seen(axes: Axes) -> tuple[Array, ...]:
        return axes.center, axes.directions, axes.shares

    wanted = seen(principal_axes(mixture, 3))
    for few in (0, 12):
        monkeypatch.setattr(projection, "FEW_COLUMNS", few)
        found = seen(principal_axes(mixture, 3))
        for mine, theirs in zip(found, wanted, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-12)


def test_axes_are_found_where_all_are_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "FEW_COLUMNS", 0)
    mixture = Mixture.of([1.0], np.zeros((1, 40)), np.ones((1, 40)), "diag")
    axes = principal_axes(mixture, 2)
    np.testing.assert_allclose(axes.shares, 1 / 40)
    np.testing.assert_allclose(axes.directions.T @ axes.directions, np.eye(2), atol=1e-12)


@given(
    seed=seeds,
    rank=st.integers(0, 4),
    more=st.integers(1, 5),
    noises=st.sampled_from([(1.0,), (1.0, 2.0), (1e-12, 1.0, 1e6)]),
    length=st.sampled_from([0.0, 1e-6, 1.0, 1e4]),
)
@LAW
def test_the_ends_of_a_spectrum_are_those_of_the_matrix(
    seed: int, rank: int, more: int, noises: tuple[float, ...], length: float
) -> None:
    generator = np.random.default_rng(seed)
    noise = generator.choice(noises, (1, rank + more))
    loadings = length * generator.standard_normal((1, rank + more, rank))
    smallest, largest = extremes(joined(noise, loadings))
    with mpmath.workdps(50):
        parts = mpmath.matrix(loadings[0].tolist()) if rank else mpmath.zeros(rank + more, 1)
        values = mpmath.eigsy(mpmath.diag(noise[0].tolist()) + parts * parts.T, eigvals_only=True)
        ends = float(min(values)), float(max(values))
    assert smallest[0] == pytest.approx(ends[0], rel=1e-6)
    assert largest[0] == pytest.approx(ends[1], rel=1e-9)


@pytest.mark.parametrize("name", ["full", "tied", "diag", "spherical"])
def test_distances_to_other_families_are_those_of_matrices(name: str) -> None:
    mixture, other = factored(3, 3, 4, 2), random_mixture(5, name, 2, 4)
    wanted = bhattacharyya_distances(as_matrices(mixture), as_matrices(other))
    np.testing.assert_allclose(bhattacharyya_distances(mixture, other), wanted, rtol=1e-9)
    np.testing.assert_allclose(bhattacharyya_distances(other, mixture), wanted.T, rtol=1e-9)


def test_long_loadings_beside_thin_noise_have_a_determinant() -> None:
    """Squares of these lengths, with 1 beside them, would be a matrix without a factor."""
    noise = np.array([[1e-24, 1.0, 1.0, 1.0]])
    loadings = np.array([[[3.0, 1.0], [1.0, 0.5], [0.2, 1.0], [0.1, 0.3]]])
    found = LowRank(2).log_determinants(joined(noise, loadings), 4)
    with mpmath.workdps(60):
        parts = mpmath.matrix(loadings[0].tolist())
        matrix = mpmath.diag(noise[0].tolist()) + parts * parts.T
        wanted = float(mpmath.log(mpmath.det(matrix)))
    assert found[0] == pytest.approx(wanted, rel=1e-10)


def test_a_component_of_a_single_row_has_a_step() -> None:
    """What is left of sums that cancel is no matrix that has a factor."""
    generator = np.random.default_rng(2)
    before = joined(np.full((1, 5), 1e-9), generator.standard_normal((1, 5, 3)))
    row, means = 1e4 * generator.standard_normal((1, 5)), np.zeros((1, 5))
    family = LowRank(3)
    across = family.precisions(before)[..., 1:]
    moments = Moments(np.ones(1), row, row**2, row[..., None] * (row @ across[0])[:, None])
    found = family.step(moments, row, np.zeros(0), Before(before, means, row))
    mended, _ = family.floored(found, np.ones((1, 5)), 1e-13)
    assert np.isfinite(mended).all()
    assert family.diagonals(mended, 1, 5).max() < 1e-3
