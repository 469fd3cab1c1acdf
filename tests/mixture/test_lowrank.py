"""Covariances of factors and noise: what they are, step by step, and that they stay it."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import multivariate_normal
from sklearn.decomposition import FactorAnalysis

from benchmarks.in_memory import climb, e_step, log_joint, standardized, summarize_all
from dask_gmm.mixture.covariance import family_of
from dask_gmm.mixture.criteria import entropy
from dask_gmm.mixture.estep import ERROR_LIMITS
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.lowrank import SMALLEST_NOISE, canonical, leading
from dask_gmm.mixture.matching import bhattacharyya_distances
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import m_step
from dask_gmm.mixture.scoring import complete_density, scoring_density
from dask_gmm.mixture.screening import Screen
from tests.mixture.examples import LAW, seeds
from tests.mixture.factors import factored, log_densities, rows_of

EPS = float(np.finfo(np.float64).eps)


def textbook_step(mixture: Mixture, rows: Array) -> Mixture:
    """EM of factor analyzers in its textbook form, of matrices and their inverses."""
    shares = softmax(log_densities(mixture, rows), axis=1)
    mass, parts = shares.sum(axis=0), []
    means = (shares.T @ rows) / mass[:, None]
    for k, matrix in enumerate(mixture.full_covariances()):
        loadings = mixture.covariances[k, :, 1:]
        apart = rows - means[k]
        seen = (apart * shares[:, [k]]).T @ apart / mass[k]
        beta = loadings.T @ np.linalg.inv(matrix)
        second = np.eye(loadings.shape[1]) - beta @ loadings + beta @ seen @ beta.T
        found = seen @ beta.T @ np.linalg.inv(second)
        noise = np.diag(seen - found @ beta @ seen)
        parts.append(np.column_stack([noise, found @ np.linalg.cholesky(second)]))
    weights = mass / len(rows)
    return Mixture.of(weights, means, np.stack(parts), mixture.covariance_type)


@given(seed=seeds, k=st.integers(1, 4), rank=st.integers(1, 4), more=st.integers(1, 4))
@LAW
def test_its_densities_are_those_of_normal_distributions(
    seed: int, k: int, rank: int, more: int
) -> None:
    mixture = factored(seed, k, rank + more, rank)
    rows = rows_of(mixture, 5, seed)
    frame = Frame.of(summarize_all(rows))
    wanted = log_densities(mixture, rows).T
    centered = complete_density(mixture.moved(-frame.shift), frame)
    factors = mixture.precisions_cholesky
    given = (mixture.weights, mixture.means, factors, mixture.covariance_type)
    for density in (centered, scoring_density(*given)):
        z = standardized(rows, density.frame, "float64")
        np.testing.assert_allclose(log_joint(density, z), wanted, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("noise", [1.0, 1e-6, 1e-12])
def test_thin_noise_costs_no_digits(noise: float) -> None:
    """What cancels in the quick form is made of sums of squares instead."""
    mixture = factored(1, 2, 5, 2, noise)
    rows = rows_of(mixture, 4, 1)
    density = scoring_density(
        mixture.weights, mixture.means, mixture.precisions_cholesky, mixture.covariance_type
    )
    frame = density.frame
    z = standardized(rows, frame, "float64")
    found = log_joint(density, z)
    for (k, n), value in np.ndenumerate(found):
        with mpmath.workdps(60):
            own = mixture.covariances[k].tolist()
            noises, loadings = mpmath.diag([r[0] for r in own]), mpmath.matrix([r[1:] for r in own])
            matrix = noises + loadings * loadings.T
            row = mpmath.matrix((z[:, n] / frame.scale).tolist())
            apart = row - mpmath.matrix((mixture.means[k] - frame.shift).tolist())
            square = (apart.T * mpmath.lu_solve(matrix, apart))[0]
            log_constant = (
                mpmath.log(mpmath.mpf(mixture.weights[k])) - 5 * mpmath.log(2 * mpmath.pi) / 2
            )
            wanted = float(log_constant - (mpmath.log(mpmath.det(matrix)) + square) / 2)
        # Rounding a row alone moves its distance by so much.
        moved = EPS * np.abs(rows[n]).max() / np.sqrt(noise) * np.sqrt(max(float(square), 1.0))
        assert abs(value - wanted) < ERROR_LIMITS["float64"] + 50 * moved


@given(seed=seeds, k=st.integers(1, 3), rank=st.integers(1, 3))
@LAW
def test_a_step_is_that_of_the_textbook(seed: int, k: int, rank: int) -> None:
    mixture = factored(seed, k, 6, rank)
    rows = rows_of(mixture, 200, seed) + 100.0
    mixture = factored(seed + 1, k, 6, rank).moved(rows[: 200 * k : 200].mean(axis=0))
    for _ in range(3):
        frame, last = Frame.of(summarize_all(rows)), mixture
        centered = last.moved(-frame.shift)
        sums, summary = e_step(rows, centered, frame), summarize_all(rows)
        step = m_step(sums, centered, summary, 0.0)
        mixture, wanted = step.mixture.moved(frame.shift), textbook_step(last, rows)
        if step.repairs:
            break
        np.testing.assert_allclose(mixture.weights, wanted.weights, atol=1e-8)
        np.testing.assert_allclose(mixture.means, wanted.means, rtol=1e-8, atol=1e-7)
        found, expected = mixture.full_covariances(), wanted.full_covariances()
        assert np.abs(found - expected).max() < 1e-8 * np.abs(expected).max()


@pytest.mark.parametrize("start", [1, 2, 3])
def test_no_iteration_lowers_the_likelihood(start: int) -> None:
    rows = rows_of(factored(0, 3, 12, 2), 300, 0)
    found = climb(rows, factored(start, 3, 12, 2), 40, reg_covar=0.0)
    assert not any(found.repairs)
    assert np.diff(found.log_likelihoods).min() > -1e-12
    assert found.log_likelihoods[-1] > found.log_likelihoods[0] + 1


def test_one_component_is_factor_analysis() -> None:
    rows = rows_of(factored(3, 1, 10, 3), 2000, 3)
    theirs = FactorAnalysis(3, tol=1e-12, max_iter=20_000, svd_method="lapack").fit(rows)
    start = factored(4, 1, 10, 3).moved(rows.mean(axis=0))
    found = climb(rows, start, 600, reg_covar=0.0)
    assert found.log_likelihoods[-1] == pytest.approx(theirs.score(rows), abs=1e-6)
    covariance = theirs.get_covariance()
    np.testing.assert_allclose(found.mixture.full_covariances()[0], covariance, atol=2e-3)


def test_with_as_many_factors_as_it_takes_a_matrix_is_reached() -> None:
    rows = rows_of(factored(5, 1, 4, 3), 500, 5)
    family = family_of("lowrank-3")
    assert family.n_free(1, 4) == family_of("full").n_free(1, 4) == 10
    found = climb(rows, factored(6, 1, 4, 3), 1000, reg_covar=0.0)
    best = multivariate_normal(rows.mean(axis=0), np.cov(rows.T, bias=True)).logpdf(rows).mean()
    assert found.log_likelihoods[-1] <= best + 1e-10
    assert found.log_likelihoods[-1] == pytest.approx(best, abs=1e-3)


@given(seed=seeds, rank=st.integers(1, 4))
@LAW
def test_turned_loadings_have_one_canonical_form(seed: int, rank: int) -> None:
    mixture = factored(seed, 2, 7, rank)
    noise, loadings = mixture.covariances[..., 0], mixture.covariances[..., 1:]
    turn = np.linalg.qr(np.random.default_rng(seed).standard_normal((rank, rank)))[0]
    first, second = canonical(noise, loadings), canonical(noise, loadings @ turn)
    np.testing.assert_allclose(first, second, atol=1e-7)
    np.testing.assert_allclose(first @ first.swapaxes(1, 2), loadings @ loadings.swapaxes(1, 2))
    products = np.einsum("kdi,kd,kdj->kij", first, 1 / noise, first)
    lengths = np.einsum("kii->ki", products)
    assert (np.diff(lengths) <= 0).all()
    assert np.abs(products - lengths[:, None] * np.eye(rank)).max() < 1e-12 * lengths.max()
    largest = np.abs(first).argmax(axis=1)
    assert (np.take_along_axis(first, largest[:, None], axis=1) > 0).all()


def test_what_a_step_gives_is_canonical() -> None:
    found = climb(rows_of(factored(7, 2, 6, 2), 100, 7), factored(8, 2, 6, 2), 2).mixture
    noise, loadings = found.covariances[..., 0], found.covariances[..., 1:]
    np.testing.assert_allclose(canonical(noise, loadings), loadings, atol=1e-12)


def test_precisions_are_inverses_and_lead_back() -> None:
    mixture = factored(9, 3, 6, 2)
    parts = mixture.precisions
    across = parts[..., 1:] @ parts[..., 1:].swapaxes(1, 2)
    inverses = np.stack([np.diag(each) for each in parts[..., 0]]) - across
    products = inverses @ mixture.full_covariances()
    np.testing.assert_allclose(products, np.stack([np.eye(6)] * 3), atol=1e-12)
    again = mixture.family.inverted(parts)
    found = Mixture.of(mixture.weights, mixture.means, again, mixture.covariance_type)
    np.testing.assert_allclose(found.full_covariances(), mixture.full_covariances(), atol=1e-11)


def test_variances_and_determinants_need_no_matrix() -> None:
    mixture = factored(10, 3, 6, 2)
    matrices, family = mixture.full_covariances(), mixture.family
    diagonals = np.einsum("kdd->kd", matrices)
    np.testing.assert_allclose(mixture.variances(), diagonals)
    np.testing.assert_allclose(family.variances_of(mixture.precision_factors()), diagonals)
    found = family.log_determinants(mixture.covariances, 6)
    np.testing.assert_allclose(found, np.linalg.slogdet(matrices)[1])


def test_parameters_are_counted_without_the_turns_of_factors() -> None:
    assert factored(0, 2, 10, 3).n_parameters == 2 * (10 * 3 - 3 + 10) + 2 * 10 + 1


@pytest.mark.parametrize("n_rows", [500, 3])
def test_leading_directions_are_those_of_most_squares(n_rows: int) -> None:
    rows = np.random.default_rng(0).standard_normal((n_rows, 30)) * np.geomspace(30, 0.01, 30)
    values, vectors = leading(rows, 4)
    wanted, axes = np.linalg.eigh(rows.T @ rows)
    np.testing.assert_allclose(values, wanted[::-1][:4], rtol=1e-3, atol=1e-8)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(4), atol=1e-10)
    turns = np.abs(np.einsum("di,di->i", vectors, axes[:, ::-1][:, :4]))
    np.testing.assert_allclose(turns[: min(n_rows, 4)], 1, atol=1e-3)


def test_a_column_that_is_a_factor_keeps_some_noise() -> None:
    """Heywood's case: without a floor its density has no bound."""
    generator = np.random.default_rng(11)
    factor = generator.standard_normal((400, 1))
    rows = np.hstack([factor, 2 * factor, factor + generator.standard_normal((400, 3))])
    thin = [1e-9, 1e-9, 1.0, 1.0, 1.0]
    loadings = [1.0, 2.0, 1.0, 1.0, 1.0]
    start = Mixture.of([1.0], [rows.mean(axis=0)], [np.transpose([thin, loadings])], "lowrank-1")
    found = climb(rows, start, 40, reg_covar=0.0)
    noise = found.mixture.covariances[0, :2, 0] / rows.var(axis=0)[:2]
    assert (noise >= SMALLEST_NOISE * (1 - 1e-9)).all()
    assert (noise < 1e-8).all()
    assert any("covariance 0 thinner" in text for each in found.repairs for text in each)
    matrix = found.mixture.full_covariances()[0]
    np.testing.assert_allclose(matrix[:2, :2], np.cov(rows.T, bias=True)[:2, :2], rtol=1e-6)
    assert np.isfinite(found.log_likelihoods).all()


def test_the_entropy_of_responsibilities_is_in_the_sums() -> None:
    mixture = factored(12, 3, 6, 2, noise=3.0)
    rows = rows_of(mixture, 200, 12) + 50.0
    frame, at = Frame.of(summarize_all(rows)), mixture.moved(np.full(6, 50.0))
    centered = at.moved(-frame.shift)
    shares = softmax(log_densities(at, rows), axis=1)
    wanted = -np.sum(shares * np.log(np.maximum(shares, 1e-300))) / len(rows)
    found = entropy(e_step(rows, centered, frame), centered, summarize_all(rows))
    assert wanted > 0.01
    assert found == pytest.approx(wanted, rel=1e-8)


@given(seed=seeds, ours=st.integers(1, 3), theirs=st.integers(1, 3))
@LAW
def test_distances_between_components_are_those_of_matrices(
    seed: int, ours: int, theirs: int
) -> None:
    first, second = factored(seed, 2, 4, ours), factored(seed + 1, 3, 4, theirs)
    matrices = [
        Mixture.of(each.weights, each.means, each.full_covariances()) for each in (first, second)
    ]
    wanted = bhattacharyya_distances(*matrices)
    np.testing.assert_allclose(bhattacharyya_distances(first, second), wanted, rtol=1e-9)
    np.testing.assert_allclose(bhattacharyya_distances(first, matrices[1]), wanted, rtol=1e-9)
    assert np.diagonal(bhattacharyya_distances(first, first)).max() < 1e-13


def test_labels_are_decided_in_float64() -> None:
    mixture = factored(13, 2, 4, 1)
    factors = mixture.precisions_cholesky
    density = scoring_density(mixture.weights, mixture.means, factors, mixture.covariance_type)
    assert Screen.of(density) is None
