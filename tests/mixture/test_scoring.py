"""The density of rows that no fit has seen: scikit-learn's numbers, or better ones."""

from typing import Any, Final

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.mixture import GaussianMixture

from benchmarks.in_memory import log_joint, standardized
from dask_gmm.mixture.estep import JointDensity
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.posterior import (
    component_numbers,
    exponentiate,
    find_largest,
    log_densities,
    take_largest,
)
from dask_gmm.mixture.scoring import parameters_digest, scoring_density
from tests.mixture.examples import FAMILY_NAMES, LAW, families, random_mixture, rows_of, seeds

TOLERANCE: Final = 1e-8


def inverse_factors(mixture: Mixture) -> Array:
    """The factors of the precisions in scikit-learn's shapes."""
    factors = mixture.precision_factors()
    if mixture.covariance_type == "full":
        return factors
    if mixture.covariance_type == "tied":
        return np.asarray(factors[0])
    diagonals: Array = np.einsum("kdd->kd", factors)
    return diagonals if mixture.covariance_type == "diag" else diagonals[:, 0]


def of_sklearn(mixture: Mixture) -> Any:
    """The same mixture in scikit-learn."""
    model = GaussianMixture(mixture.n_components, covariance_type=mixture.covariance_type)
    model.weights_, model.means_ = mixture.weights, mixture.means
    model.covariances_ = mixture.covariances
    model.precisions_cholesky_ = inverse_factors(mixture)
    model.converged_ = True
    return model


def density_of(mixture: Mixture) -> JointDensity:
    factors = inverse_factors(mixture)
    return scoring_density(mixture.weights, mixture.means, factors, mixture.covariance_type)


def joint(density: JointDensity, rows: Array) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        z = standardized(rows, density.frame, "float64")
        return np.asarray(log_joint(density, z), np.float64)


def described(logits: Array) -> tuple[Array, Array]:
    """Log densities and responsibilities (K, B) of logits, which are overwritten."""
    peak, total = logits.max(axis=0), np.empty(logits.shape[1])
    exponentiate(logits, peak, total)
    return log_densities(peak, total, np.empty_like(peak)), logits / total


def off(found: Array, wanted: Array) -> float:
    return float((np.abs(found - wanted) / np.maximum(1, np.abs(wanted))).max())


@given(name=families, seed=seeds, k=st.integers(1, 6), d=st.integers(1, 6))
@LAW
def test_it_is_scikit_learns(name: str, seed: int, k: int, d: int) -> None:
    mixture = random_mixture(seed, name, k, d)
    rows = rows_of(mixture, 8, seed)
    model = of_sklearn(mixture)
    log_density, probabilities = described(joint(density_of(mixture), rows))
    assert off(log_density, model.score_samples(rows)) < TOLERANCE
    np.testing.assert_allclose(probabilities.T, model.predict_proba(rows), atol=TOLERANCE)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_it_is_scikit_learns_for_many_components_and_columns(name: str) -> None:
    mixture = random_mixture(5, name, 64, 64)
    rows = rows_of(mixture, 4, 0)
    model = of_sklearn(mixture)
    log_density, probabilities = described(joint(density_of(mixture), rows))
    assert off(log_density, model.score_samples(rows)) < TOLERANCE
    np.testing.assert_allclose(probabilities.T, model.predict_proba(rows), atol=TOLERANCE)


def exact(mixture: Mixture, rows: Array) -> Array:
    """Log joint densities (K, B) in 60 digits, from the factors that float64 has."""
    with mpmath.workdps(60):
        factors = [mpmath.matrix(each.tolist()) for each in mixture.precision_factors()]
        means = [mpmath.matrix(each.tolist()) for each in mixture.means]
        points = [mpmath.matrix(row.tolist()) for row in rows]
        constants = [
            mpmath.log(weight)
            + mpmath.fsum(mpmath.log(factor[i, i]) for i in range(factor.rows))
            - mpmath.mpf(factor.rows) / 2 * mpmath.log(2 * mpmath.pi)
            for weight, factor in zip(mixture.weights, factors, strict=True)
        ]
        return np.array(
            [
                [
                    float(c - mpmath.fsum(v**2 for v in factor.T * (point - mean)) / 2)
                    for point in points
                ]
                for c, factor, mean in zip(constants, factors, means, strict=True)
            ]
        )


@pytest.mark.parametrize("name", FAMILY_NAMES)
@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("condition", [1.0, 1e8])
def test_neither_offsets_nor_thin_components_cost_digits(
    name: str, offset: float, condition: float
) -> None:
    mixture = random_mixture(3, name, 4, 5, condition)
    mixture = mixture.moved(np.full(5, offset))
    rows = rows_of(mixture, 6, 1)
    wanted = exact(mixture, rows)
    found = joint(density_of(mixture), rows)
    own = np.repeat(np.arange(4), 6), np.arange(24)
    assert off(found[own], wanted[own]) < TOLERANCE
    theirs = of_sklearn(mixture)._estimate_weighted_log_prob(rows).T
    assert off(found, wanted) < max(TOLERANCE, off(theirs, wanted))


def test_components_far_apart_keep_their_digits() -> None:
    mixture = Mixture.of([0.5, 0.5], [[0.0, 0.0], [1e6, 1e6]], [np.eye(2), np.eye(2)])
    rows = np.array([[0.3, -0.2], [1e6 + 0.5, 1e6 - 0.25]])
    found, wanted = joint(density_of(mixture), rows), exact(mixture, rows)
    assert np.abs(np.diagonal(found) - np.diagonal(wanted)).max() < TOLERANCE


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_weights_of_zero_are_never_chosen_and_sums_other_than_one_are_taken(name: str) -> None:
    mixture = random_mixture(1, name, 3, 2)
    rows = np.concatenate([rows_of(mixture, 5, 1), [[1e5, -1e5]]])
    weights = np.array([0.5, 0.0, 1.0])
    model = of_sklearn(mixture)
    model.weights_ = weights
    density = scoring_density(weights, mixture.means, inverse_factors(mixture), name)
    with np.errstate(divide="ignore"):
        wanted = model._estimate_weighted_log_prob(rows).T
    found = joint(density, rows)
    assert np.isneginf(found[1]).all()
    assert off(found[[0, 2]], wanted[[0, 2]]) < TOLERANCE
    _, probabilities = described(found)
    assert (probabilities[1] == 0).all()


def test_the_digest_tells_mixtures_apart() -> None:
    first, second = random_mixture(1, "diag", 3, 2), random_mixture(2, "diag", 3, 2)
    assert parameters_digest(density_of(first)) == parameters_digest(density_of(first))
    assert parameters_digest(density_of(first)) != parameters_digest(density_of(second))


def largest(logits: Array, c: int) -> tuple[Array, Array, Array, Array]:
    k, rows = logits.shape
    numbers = component_numbers(k)
    equal, ranks = np.empty((k, rows), bool), np.empty((k, rows), numbers)
    peak, labels = np.empty(rows), np.empty(rows, numbers)
    find_largest(logits, peak, labels, equal, ranks)
    values, components = np.empty((c, rows)), np.empty((c, rows), numbers)
    take_largest(logits, values, components, equal, ranks)
    return peak, labels, values, components


@given(seed=seeds, k=st.sampled_from([1, 2, 3, 7, 126, 127, 128, 200]), data=st.data())
@LAW
def test_the_largest_are_those_of_a_stable_sort(seed: int, k: int, data: st.DataObject) -> None:
    c = data.draw(st.integers(1, min(k, 5)))
    logits = np.random.default_rng(seed).integers(-2, 3, (k, 9)).astype(np.float64)
    logits[logits == -2] = -np.inf
    order = np.argsort(-logits, axis=0, kind="stable")
    before = logits.copy()
    peak, labels, values, components = largest(logits, c)
    assert np.array_equal(labels, before.argmax(axis=0))
    assert np.array_equal(peak, before.max(axis=0))
    assert np.array_equal(components, order[:c])
    lowest = np.finfo(np.float64).min
    assert np.array_equal(values, np.maximum(np.take_along_axis(before, order[:c], 0), lowest))
    assert np.array_equal(logits, np.maximum(before, lowest))


def test_what_is_no_number_shows_in_the_peak() -> None:
    logits = np.array([[1.0, np.nan, 2.0], [0.0, 1.0, np.nan]])
    peak, labels, numbers = np.empty(3), np.empty(3, np.int8), np.empty((2, 3), np.int8)
    find_largest(logits, peak, labels, np.empty((2, 3), bool), numbers)
    assert np.isnan(peak).tolist() == [False, True, True]
