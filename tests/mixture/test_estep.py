from dataclasses import replace
from typing import Final

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from benchmarks.in_memory import log_joint, standardized
from dask_gmm.mixture.estep import ERROR_LIMITS, LOG_2PI, JointDensity, normalize
from dask_gmm.mixture.features import Array, Floats, feature_scales
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.summary import summarize
from tests.mixture.examples import (
    FAMILY_NAMES,
    LAW,
    families,
    random_mixture,
    rows_of,
    seeds,
)

PRECISIONS: Final = ("float64", "float32")
# Units in the last place that a sum of a few products may be off by, beyond its bound.
SLACK: Final = 8
conditions = st.sampled_from([1.0, 1e2, 1e4, 1e6, 1e8, 1e10, 1e12])
distances = st.sampled_from([0.0, 1.0, 1e2, 1e4, 1e6])


def density_of(mixture: Mixture, rows: Array, precision: str) -> tuple[JointDensity, Floats]:
    """The density in the frame of rows, and the rows in it."""
    frame = Frame.of(summarize(rows))
    density = JointDensity.of(mixture.moved(-frame.shift), frame, precision)
    return density, standardized(rows, frame, precision)


def linear_form(mixture: Mixture, frame: Frame) -> Array:
    """The linear form (K, P) in float64, in the frame."""
    centered = mixture.moved(-frame.shift)
    family, factors = mixture.family, centered.precision_factors()
    diagonals = np.einsum("kii->ki", factors)
    constants = np.log(mixture.weights) + (np.log(diagonals) - LOG_2PI / 2).sum(axis=1)
    form = family.linear_form(factors, centered.means, constants)
    return form / feature_scales(family.features(mixture.n_features), frame.scale)


def unchecked(density: JointDensity, mixture: Mixture) -> JointDensity:
    """The density in its linear form alone, whatever the bound."""
    return replace(
        density,
        form=linear_form(mixture, density.frame).astype(density.dtype),
        suspects=np.empty(0, np.intp),
        lacks_common=mixture.family.shared,
    )


def exact(mixture: Mixture, rows: Array, z: Floats, complete: bool) -> list[list[mpmath.mpf]]:
    """Log joint densities in 60 digits, of the rows and precisions that float64 arrived at."""
    with mpmath.workdps(60):
        frame = Frame.of(summarize(rows))
        centered = mixture.moved(-frame.shift)
        factors = [mpmath.matrix(each.tolist()) for each in centered.precision_factors()]
        points = [mpmath.matrix((column / frame.scale).tolist()) for column in z.T.astype(float)]
        common = [0 if complete else _half_square(factors[0], point) for point in points]
        return [
            [
                _log_constant(weight, factor) - _half_square(factor, point - mean) + shared
                for point, shared in zip(points, common, strict=True)
            ]
            for weight, factor, mean in zip(
                centered.weights,
                factors,
                [mpmath.matrix(each.tolist()) for each in centered.means],
                strict=True,
            )
        ]


def _half_square(factor: mpmath.matrix, point: mpmath.matrix) -> mpmath.mpf:
    return mpmath.fsum(value**2 for value in factor.T * point) / 2


def _log_constant(weight: float, factor: mpmath.matrix) -> mpmath.mpf:
    n_features = factor.rows
    diagonal = mpmath.fsum(mpmath.log(factor[i, i]) for i in range(n_features))
    return mpmath.log(weight) + diagonal - mpmath.mpf(n_features) / 2 * mpmath.log(2 * mpmath.pi)


def errors(found: Floats, wanted: list[list[mpmath.mpf]]) -> Array:
    with mpmath.workdps(60):
        pairs = [
            [float(abs(mpmath.mpf(float(a)) - b)) for a, b in zip(have, want, strict=True)]
            for have, want in zip(found, wanted, strict=True)
        ]
    return np.array(pairs)


def linear_bounds(density: JointDensity, mixture: Mixture, z: Floats) -> Array:
    """The rounding bound (K,) of the linear form at the largest ``|z|`` of the rows."""
    reach = np.abs(z).max(axis=1, keepdims=True).astype(np.float64)
    sizes = density.features.all_of(reach)[:, 0]
    form = linear_form(mixture, density.frame)
    return np.asarray(np.finfo(density.dtype).eps * (np.abs(form) @ sizes))


def affine_bounds(density: JointDensity, z: Floats) -> Array:
    """The rounding bound (K, B) of the affine form: of ``z' W - b``, and of its square."""
    eps = float(np.finfo(density.dtype).eps)
    factors, offsets = density.factors.astype(np.float64), density.offsets.astype(np.float64)
    x = z.astype(np.float64)
    apart = np.abs(np.einsum("kij,ib->kjb", factors, x) - offsets[:, :, None])
    sizes = np.einsum("kij,ib->kjb", np.abs(factors), np.abs(x)) + np.abs(offsets)[:, :, None]
    off = eps * sizes
    square = (apart * off + off**2 + eps * apart**2).sum(axis=1)
    return np.asarray(square + eps * np.abs(density.constants)[:, None])


@pytest.mark.parametrize("precision", PRECISIONS)
@given(name=families, seed=seeds, k=st.integers(1, 4), d=st.integers(1, 5))
@LAW
def test_it_is_the_density_of_a_normal_distribution(
    precision: str, name: str, seed: int, k: int, d: int
) -> None:
    mixture = random_mixture(seed, name, k, d)
    rows = rows_of(mixture, 6, seed) + np.random.default_rng(seed).standard_normal(d)
    density, z = density_of(mixture, rows, precision)
    found = log_joint(density, z).astype(np.float64)
    if density.lacks_common:
        found -= np.square(density.factors[0].T @ z).sum(axis=0) / 2
    for j, covariance in enumerate(mixture.full_covariances()):
        normal = multivariate_normal(mixture.means[j], covariance)
        wanted = np.log(mixture.weights[j]) + normal.logpdf(rows)
        tolerance = 1e-9 if precision == "float64" else 5e-3
        np.testing.assert_allclose(found[j], wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("precision", PRECISIONS)
@given(name=families, seed=seeds, condition=conditions, distance=distances)
@settings(LAW, max_examples=60)
def test_the_bound_holds_and_the_affine_form_is_taken_beyond_it(
    precision: str, name: str, seed: int, condition: float, distance: float
) -> None:
    """Rows of the mixture itself, and means up to a million deviations off in one direction."""
    mixture = random_mixture(seed, name, 2, 3, condition)
    rows = rows_of(mixture, 3, seed)
    rows[0] += distance * np.random.default_rng(seed).standard_normal(3)
    density, z = density_of(mixture, rows, precision)
    blind = unchecked(density, mixture)
    tight = linear_bounds(blind, mixture, z)

    linear = errors(log_joint(blind, z), exact(mixture, rows, z, not blind.lacks_common))
    # Coefficients are rounded, too, which shows where the bound is far below the limit.
    assert (linear <= SLACK * tight[:, None] + ERROR_LIMITS[precision] / 100).all()

    found = errors(log_joint(density, z), exact(mixture, rows, z, not density.lacks_common))
    limit = SLACK * np.maximum(ERROR_LIMITS[precision], affine_bounds(density, z))
    assert (found <= limit).all()
    assert density.suspects.tolist() == np.flatnonzero(tight > ERROR_LIMITS[precision]).tolist()


@pytest.mark.parametrize("name", FAMILY_NAMES)
@pytest.mark.parametrize(
    ("precision", "condition", "off", "on"),
    [("float64", 1e10, 1e-7, 1e-10), ("float32", 1e6, 1e-2, 1e-3)],
)
def test_without_the_affine_form_the_density_is_wrong(
    name: str, precision: str, condition: float, off: float, on: float
) -> None:
    mixture = random_mixture(4, name, 3, 4, condition)
    rows = rows_of(mixture, 5, 1)
    density, z = density_of(mixture, rows, precision)
    blind = unchecked(density, mixture)
    own = (np.repeat(np.arange(3), 5), np.arange(15))
    without = errors(log_joint(blind, z), exact(mixture, rows, z, not blind.lacks_common))[own]
    with_it = errors(log_joint(density, z), exact(mixture, rows, z, not density.lacks_common))[own]
    assert without.max() > off > ERROR_LIMITS[precision]
    assert with_it.max() < on


def test_the_form_is_chosen_tile_by_tile_from_the_rows_at_hand() -> None:
    mixture = Mixture.of([0.5, 0.5], [[0.0, 0.0], [1.0, 0.0]], [[1e-6, 1.0], [1.0, 1.0]], "diag")
    near = np.random.default_rng(0).standard_normal((40, 2)) * [1e-3, 1]
    rows = np.concatenate([[[1e3, 0.5], [-1e3, 0.2]], near - near.mean(axis=0)])
    density, z = density_of(mixture, rows, "float64")
    linear = replace(density, suspects=np.empty(0, np.intp))
    affine = replace(density, form=None)
    assert density.suspects.tolist() == [0]
    for tile, chosen in ((z[:, 2:], linear), (z[:, :2], affine)):
        tile = np.ascontiguousarray(tile)
        found = log_joint(density, tile)
        assert np.array_equal(found[0], log_joint(chosen, tile)[0])
        assert np.array_equal(found[1], log_joint(linear, tile)[1])
        assert not np.array_equal(log_joint(linear, tile)[0], log_joint(affine, tile)[0])


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_tied_mixture_whose_common_term_is_huge_takes_the_affine_form_alone(
    precision: str,
) -> None:
    tight = 1e-6 if precision == "float64" else 1e-3
    means = np.array([[-1.0, 0.0], [1.0, 0.0], [1.0 + 2 * tight, 0.0]])
    mixture = Mixture.of(np.full(3, 1 / 3), means, np.diag([tight**2, 1.0]), "tied")
    rows = means + np.array([[tight, 0.3], [tight, -0.2], [0, 0.1]])
    density, z = density_of(mixture, rows, precision)
    assert density.form is None
    assert not density.lacks_common
    close = ([0, 1, 1, 2, 2], [0, 1, 2, 1, 2])
    found = errors(log_joint(density, z), exact(mixture, rows, z, complete=True))[close]
    assert found.max() < ERROR_LIMITS[precision]
    linear = log_joint(unchecked(density, mixture), z)
    assert errors(linear, exact(mixture, rows, z, complete=False))[close].max() > 10 * found.max()
    mild = Mixture.of(np.full(3, 1 / 3), means, np.eye(2), "tied")
    assert density_of(mild, rows, precision)[0].lacks_common


@pytest.mark.parametrize("precision", PRECISIONS)
def test_many_columns_are_summed_strip_by_strip(precision: str) -> None:
    mixture = random_mixture(0, "full", 2, 130)
    rows = rows_of(mixture, 260, 0)
    density, z = density_of(mixture, rows, precision)
    assert len(density.strips(len(rows))) > 1
    found = log_joint(density, z)
    for k in range(2):
        normal = multivariate_normal(mixture.means[k], mixture.covariances[k])
        wanted = np.log(mixture.weights[k]) + normal.logpdf(rows)
        np.testing.assert_allclose(found[k], wanted, rtol=1e-10 if precision == "float64" else 1e-3)


def test_a_weight_of_zero_never_wins_and_is_no_number_to_stumble_over() -> None:
    mixture = Mixture.of([1.0, 0.0], [[0.0], [0.0]], [[[1.0]], [[1.0]]])
    density, z = density_of(mixture, np.array([[-1.0], [1.0]]), "float64")
    logits = log_joint(density, z)
    normalize(logits, np.empty((2, 2)))
    assert logits.tolist() == [[1, 1], [pytest.approx(0, abs=1e-300)] * 2]


@given(seed=seeds, k=st.integers(1, 5), scale=st.sampled_from([1e-3, 1.0, 50.0, 1e6]))
@LAW
def test_responsibilities_sum_to_one_and_the_rest_is_the_log_likelihood(
    seed: int, k: int, scale: float
) -> None:
    logits = np.random.default_rng(seed).standard_normal((k, 8)) * scale - scale
    wanted = logsumexp(logits, axis=0)
    found = logits.copy()
    total = normalize(found, np.empty((2, 8)))
    np.testing.assert_allclose(total, wanted.sum(), atol=1e-14 * np.abs(wanted).sum())
    np.testing.assert_allclose(found, np.exp(logits - wanted), rtol=1e-9 * max(1, scale), atol=0)
    np.testing.assert_allclose(found.sum(axis=0), 1, rtol=1e-15)
