"""Missing values in the E-step: what is computed of tiles is what is true of each row by itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.fitting.questions import EStep
from dask_gmm.fitting.tiles import completed_rows, relative_densities, row_log_densities
from dask_gmm.mixture.covariance import family_of
from dask_gmm.mixture.criteria import entropy
from dask_gmm.mixture.estep import JointDensity
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import log_likelihood, m_step, observed
from dask_gmm.mixture.scoring import scoring_density
from dask_gmm.mixture.statistics import SufficientStatistics
from dask_gmm.passes.fold import Tile, Workspace
from tests.fitting.lacking import EACH, D, K, answer_of, example, known, shares, with_gaps
from tests.mixture.examples import LAW, families, random_mixture, rows_of, seeds
from tests.mixture.plain_missing import plain


def assert_is_true(mixture: Mixture, rows: Array, answer: SufficientStatistics) -> None:
    """Compare mass, means, covariances, log-likelihood and entropy with those row by row."""
    wanted, (summary, frame) = plain(rows, mixture), known(rows)
    seen = observed(answer, mixture.moved(-frame.shift), summary)
    weights = wanted.responsibilities
    mass = weights.sum(axis=1)
    means = np.einsum("kn,kni->ki", weights, wanted.expected) / mass[:, None]
    apart = wanted.expected - means[:, None]
    second = np.einsum("kn,kni,knj->kij", weights, apart, apart)
    second += np.einsum("kn,knij->kij", weights, wanted.covariances)
    family = mixture.family
    if family.shared:
        covariances = second.sum(axis=0) / mass.sum()
    else:
        covariances = np.stack([family.seen(s / m) for s, m in zip(second, mass, strict=True)])
    size = np.abs(covariances).max()
    np.testing.assert_allclose(seen.mass, mass, atol=1e-9 * len(rows))
    np.testing.assert_allclose(seen.means + frame.shift, means, atol=1e-9 * np.sqrt(size))
    np.testing.assert_allclose(seen.covariances(family), covariances, atol=1e-9 * size)
    centered = mixture.moved(-frame.shift)
    value = log_likelihood(answer, centered, summary)
    assert value == pytest.approx(wanted.log_densities.mean(), rel=1e-10, abs=1e-10)
    logs = np.log(np.where(weights > 0, weights, 1.0))
    open_ = entropy(answer, centered, summary)
    assert open_ is None or open_ == pytest.approx(-(weights * logs).sum() / len(rows), abs=1e-7)


@given(name=families, seed=seeds, share=shares, offset=st.sampled_from([0.0, 1e3]))
@LAW
def test_sums_are_those_of_each_row_by_itself(
    name: str, seed: int, share: float, offset: float
) -> None:
    mixture, rows = example(name, seed, share, offset)
    _, frame = known(rows)
    answer = answer_of(EStep.at(mixture.moved(-frame.shift), frame, "float64"), rows)
    assert_is_true(mixture, rows, answer)


@pytest.mark.parametrize("name", ["full", "diag", "spherical", "tied"])
@pytest.mark.parametrize("thin", [1e-4, 1e-7])
def test_sums_of_thin_and_far_components_are_those_of_each_row_by_itself(
    name: str, thin: float
) -> None:
    generator = np.random.default_rng(0)
    family = family_of(name)
    wide = generator.standard_normal((K, D, D)) + np.eye(D)
    matrices = wide @ wide.transpose(0, 2, 1)
    if family.shared:
        covariances = matrices[0] * thin**2
    else:
        matrices[1] *= thin**2
        covariances = np.stack([family.seen(each) for each in matrices])
    means = generator.standard_normal((K, D)) * 3
    mixture = Mixture.of(np.full(K, 1 / K), means, covariances, name)
    rows = with_gaps(rows_of(mixture, EACH, 0), 0.3)
    summary, frame = known(rows)
    fold = EStep.at(mixture.moved(-frame.shift), frame, "float64")
    assert len(fold.density.suspects) if not family.shared else fold.density.form is None
    assert fold.centers.any or family.shared or thin > 1e-6
    answer, wanted = answer_of(fold, rows), plain(rows, mixture)
    seen = observed(answer, mixture.moved(-frame.shift), summary)
    assert seen.mass.sum() == pytest.approx(len(rows))
    covariance = seen.covariances(family)
    weights = wanted.responsibilities
    for k in range(K) if not family.shared else ():
        mass = weights[k].sum()
        mean = weights[k] @ wanted.expected[k] / mass
        apart = wanted.expected[k] - mean
        second = np.einsum("n,ni,nj->ij", weights[k], apart, apart) / mass
        second += np.einsum("n,nij->ij", weights[k], wanted.covariances[k]) / mass
        size = np.abs(second).max()
        np.testing.assert_allclose(seen.means[k] + frame.shift, mean, atol=1e-6 * np.sqrt(size))
        np.testing.assert_allclose(covariance[k], family.seen(second), atol=1e-5 * size)
    value = log_likelihood(answer, mixture.moved(-frame.shift), summary)
    assert value == pytest.approx(wanted.log_densities.mean(), rel=1e-7)


def test_columns_that_are_nearly_the_same_are_told_apart_where_both_are_missing() -> None:
    """The square of a factor has no inverse there; the factor has."""
    deviation = 1e-7
    covariance = np.array([[1.0, 1.0, 0.5], [1.0, 1.0, 0.5], [0.5, 0.5, 1.0]])
    covariance[1, 1] += deviation**2
    mixture = Mixture.of([1.0], np.zeros((1, 3)), covariance[None])
    rows = np.array([[np.nan, np.nan, 1.0], [0.3, np.nan, -1.0], [np.nan] * 2 + [2.0]] * 3)
    rows = np.concatenate([rows, np.eye(3), -np.eye(3)])
    frame = known(rows)[1]
    density = JointDensity.of(mixture.moved(-frame.shift), frame)
    assert len(density.suspects)
    tile = Tile(rows, 0, Workspace(), incomplete=True)
    filled = completed_rows(tile, density)
    np.testing.assert_allclose(filled[0, :2], 0.5, rtol=1e-7)
    np.testing.assert_allclose(filled[1, 1], 0.3, rtol=1e-7)
    wanted = -0.5 * (rows[:1, 2] ** 2 + np.log(2 * np.pi))
    np.testing.assert_allclose(row_log_densities(tile, density)[0], wanted[0], atol=1e-7)


def test_a_shared_covariance_knows_columns_that_are_nearly_the_same() -> None:
    """Its linear form has no squares, and so no bound that says how thin it is."""
    covariance = np.array([[1.0, 1.0, 0.5], [1.0, 1.0 + 1e-14, 0.5], [0.5, 0.5, 1.0]])
    means = np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 2.0]])
    mixture = Mixture.of([0.5, 0.5], means, covariance, "tied")
    density = JointDensity.of(mixture, Frame(np.zeros(3), np.ones(3), np.full(3, 4.0)))
    assert density.lacks_common
    rows = np.array([[np.nan, np.nan, 1.5], [np.nan, np.nan, -1.0], [0.3, np.nan, np.nan]])
    tile = Tile(rows, 0, Workspace(), incomplete=True)
    apart = rows[:2, 2, None] - means[:, 2]
    joint = np.log(0.5) - 0.5 * (apart**2 + np.log(2 * np.pi))
    values = np.logaddexp(*joint.T)
    np.testing.assert_allclose(row_log_densities(tile, density)[:2], values, atol=1e-9)
    expected = (np.exp(joint - values[:, None]) * (means[:, 0] + 0.5 * apart)).sum(axis=1)
    found = completed_rows(tile, density)
    np.testing.assert_allclose(found[:2, :2], np.stack([expected] * 2).T, atol=1e-7)
    np.testing.assert_allclose(found[2, 1], 0.3, atol=1e-7)


@given(name=families, seed=seeds, share=shares)
@LAW
def test_a_row_has_the_density_of_the_mixture_of_the_columns_that_are_there(
    name: str, seed: int, share: float
) -> None:
    mixture, rows = example(name, seed, share)
    factors = mixture.precisions_cholesky
    density = scoring_density(mixture.weights, mixture.means, factors, name)
    found = row_log_densities(Tile(rows, 0, Workspace(), incomplete=True), density).copy()
    np.testing.assert_allclose(found, plain(rows, mixture).log_densities, rtol=1e-9, atol=1e-9)
    completed = completed_rows(Tile(rows, 0, Workspace(), incomplete=True), density)
    np.testing.assert_allclose(completed, plain(rows, mixture).mean(), rtol=1e-8, atol=1e-8)
    there = ~np.isnan(rows)
    assert completed[there].tobytes() == rows[there].tobytes()


@pytest.mark.parametrize("name", ["full", "tied", "diag", "spherical"])
def test_a_row_without_any_value_says_what_the_mixture_says(name: str) -> None:
    mixture = random_mixture(3, name, K, D)
    density = scoring_density(mixture.weights, mixture.means, mixture.precisions_cholesky, name)
    tile = Tile(np.full((5, D), np.nan), 0, Workspace(), incomplete=True)
    relative, total, values = relative_densities(tile, density)
    np.testing.assert_allclose((relative / total).T, np.tile(mixture.weights, (5, 1)), rtol=1e-12)
    np.testing.assert_allclose(values, 0.0, atol=1e-12)
    expected = np.tile(mixture.weights @ mixture.means, (5, 1))
    np.testing.assert_allclose(completed_rows(tile, density), expected, rtol=1e-9)


@given(name=families, seed=seeds)
@LAW
def test_the_order_and_the_units_of_columns_make_no_difference(name: str, seed: int) -> None:
    mixture, rows = example(name, seed, 0.3)
    generator = np.random.default_rng(seed)
    order, unit = generator.permutation(D), 3.0 if name == "spherical" else 10.0
    units = np.full(D, unit) if name == "spherical" else generator.uniform(0.1, unit, D)
    scaled = mixture.full_covariances() * np.outer(units, units)
    shuffled = scaled[:, order][:, :, order]
    family = mixture.family
    covariances = shuffled[0] if family.shared else np.stack([family.seen(s) for s in shuffled])
    means = (mixture.means * units)[:, order]
    other = Mixture.of(mixture.weights, means, covariances, name)
    parameters = []
    for each, values in ((mixture, rows), (other, (rows * units)[:, order])):
        summary, frame = known(values)
        centered = each.moved(-frame.shift)
        answer = answer_of(EStep.at(centered, frame, "float64"), values)
        step = m_step(answer, centered, summary, 0.0).mixture.moved(frame.shift)
        parameters.append(step)
    one, two = parameters
    np.testing.assert_allclose(two.weights, one.weights, atol=1e-10)
    np.testing.assert_allclose(two.means, (one.means * units)[:, order], rtol=1e-7, atol=1e-8)
    found = (one.full_covariances() * np.outer(units, units))[:, order][:, :, order]
    np.testing.assert_allclose(two.full_covariances(), found, rtol=1e-6, atol=1e-7)
