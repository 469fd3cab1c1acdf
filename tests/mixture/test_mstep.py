import numpy as np
import pytest
from hypothesis import given
from scipy.special import logsumexp, softmax
from scipy.stats import multivariate_normal

from benchmarks.in_memory import e_step, summarize_all
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import MStep, log_likelihood, m_step
from dask_gmm.mixture.statistics import SufficientStatistics
from dask_gmm.mixture.summary import DataSummary
from tests.mixture.examples import FAMILY_NAMES, LAW, families, random_mixture, rows_of, seeds

REG_COVAR = 0.25


def ask(
    rows: Array, mixture: Mixture, frame: Frame
) -> tuple[SufficientStatistics, Mixture, DataSummary]:
    centered = mixture.moved(-frame.shift)
    return e_step(rows, centered, frame), centered, summarize_all(rows)


def step(rows: Array, mixture: Mixture, frame: Frame, reg_covar: float = 0.0) -> MStep:
    statistics, centered, summary = ask(rows, mixture, frame)
    return m_step(statistics, centered, summary, reg_covar)


def log_joint(mixture: Mixture, rows: Array) -> Array:
    normals = map(multivariate_normal, mixture.means, mixture.full_covariances())
    return np.log(mixture.weights) + np.stack([each.logpdf(rows) for each in normals], axis=1)


def weighted_moments(mixture: Mixture, rows: Array) -> Mixture:
    """The M-step in its textbook form: sums of differences to the new means."""
    shares = softmax(log_joint(mixture, rows), axis=1)
    mass = shares.sum(axis=0)
    means = (shares.T @ rows) / mass[:, None]
    apart = rows[None] - means[:, None]
    full = np.einsum("nk,kni,knj->kij", shares, apart, apart) / mass[:, None, None]
    variances = np.einsum("kdd->kd", full)
    covariances = {
        "full": full,
        "tied": np.einsum("k,kij->ij", mass / len(rows), full),
        "diag": variances,
        "spherical": variances.mean(axis=1),
    }[mixture.covariance_type]
    return Mixture.of(mass / len(rows), means, covariances, mixture.covariance_type)


@given(name=families, seed=seeds)
@LAW
def test_it_gives_weighted_moments(name: str, seed: int) -> None:
    mixture = random_mixture(seed, name, 2, 3)
    rows = rows_of(mixture, 100, seed)
    frame = Frame.of(summarize_all(rows))
    found = step(rows, mixture, frame).mixture.moved(frame.shift)
    wanted = weighted_moments(mixture, rows)
    np.testing.assert_allclose(found.weights, wanted.weights, rtol=1e-9)
    np.testing.assert_allclose(found.means, wanted.means, atol=1e-9)
    np.testing.assert_allclose(found.covariances, wanted.covariances, atol=1e-9)


@given(name=families, seed=seeds)
@LAW
def test_a_sample_counts_about_the_frame_of_all_rows(name: str, seed: int) -> None:
    mixture = random_mixture(seed, name, 2, 3)
    rows = rows_of(mixture, 100, seed)
    sample = rows[:120]
    frames = [Frame.of(summarize_all(each)) for each in (rows, sample)]
    found, wanted = (step(sample, mixture, each).mixture.moved(each.shift) for each in frames)
    np.testing.assert_allclose(found.means, wanted.means, atol=1e-10)
    np.testing.assert_allclose(found.covariances, wanted.covariances, atol=1e-10)
    values = [log_likelihood(*ask(sample, mixture, frame)) for frame in frames]
    np.testing.assert_allclose(values[0], values[1], rtol=1e-12)


@given(name=families, seed=seeds)
@LAW
def test_the_log_likelihood_is_the_mean_per_row(name: str, seed: int) -> None:
    mixture = random_mixture(seed, name, 2, 3)
    rows = rows_of(mixture, 350, seed)
    found = log_likelihood(*ask(rows, mixture, Frame.of(summarize_all(rows))))
    assert found == pytest.approx(logsumexp(log_joint(mixture, rows), axis=1).mean(), rel=1e-11)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_the_ridge_is_added_to_each_variance(name: str) -> None:
    mixture = random_mixture(1, name, 2, 3)
    rows = rows_of(mixture, 100, 1)
    frame = Frame.of(summarize_all(rows))
    plain, ridged = (step(rows, mixture, frame, ridge).mixture for ridge in (0.0, REG_COVAR))
    added = ridged.full_covariances() - plain.full_covariances()
    np.testing.assert_allclose(added, np.stack([REG_COVAR * np.eye(3)] * 2), atol=1e-12)
    assert np.array_equal(plain.means, ridged.means)
