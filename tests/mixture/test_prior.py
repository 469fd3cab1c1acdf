"""The weak prior: what it is made of, what it keeps from collapsing, and what it leaves alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.in_memory import e_step, summarize_all
from dask_gmm.mixture.coordinates import gradient, objective
from dask_gmm.mixture.covariance import family_of
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import m_step
from dask_gmm.mixture.prior import NO_PRIOR, Prior, log_prior
from tests.mixture.examples import (
    FAMILY_NAMES,
    LAW,
    blobs,
    families,
    random_mixture,
    seeds,
    start_of,
)


def prior_of(rows: Array, name: str, strength: float = 1e-6) -> Prior:
    return Prior.of(summarize_all(rows), family_of(name), strength)


def climb(rows: Array, start: Mixture, prior: Prior, iterations: int) -> tuple[Mixture, Array]:
    """The mixture after some steps of EM, about the frame's shift, and the objectives."""
    summary = summarize_all(rows)
    frame = Frame.of(summary)
    mixture, values = start.moved(-frame.shift), []
    for _ in range(iterations):
        statistics = e_step(rows, mixture, frame)
        values.append(objective(statistics, mixture, summary, prior))
        step = m_step(statistics, mixture, summary, 0.0, prior=prior)
        assert not any("thinner" in each for each in step.repairs)
        mixture = step.mixture
    return mixture, np.array(values)


def gradient_at(rows: Array, mixture: Mixture, prior: Prior) -> Array:
    summary = summarize_all(rows)
    return gradient(e_step(rows, mixture, Frame.of(summary)), mixture, summary, prior)


def redundant(name: str) -> tuple[Array, Array]:
    """A map (E, 3) and an offset (E,) to more columns that say nothing more: one is constant.

    Where columns may be correlated, another follows from two others.
    """
    if name == "diag":
        return np.eye(4, 3), np.array([0, 0, 0, 0.3])
    return np.array([[1.0, 0, 0], [0, 0, 0], [0, 1, 0], [0, 0, 1], [1, -3, 0]]), 0.3 * np.eye(5)[1]


def test_it_is_a_share_of_what_the_family_sees_of_the_data() -> None:
    rows = blobs(1, 300, 3, 2)
    covariance = np.cov(rows.T, bias=True)
    for name in ("full", "tied"):
        np.testing.assert_allclose(prior_of(rows, name, 0.1).scatter, 0.1 * covariance, rtol=1e-12)
    diagonal = np.diagonal(covariance)
    np.testing.assert_allclose(prior_of(rows, "diag", 0.1).scatter, 0.1 * diagonal)
    np.testing.assert_allclose(prior_of(rows, "spherical", 0.1).scatter, 0.1 * diagonal.mean())


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_rows_that_vary_in_every_direction_get_no_ridge(name: str) -> None:
    assert not prior_of(blobs(1, 300, 3, 2), name).ridge.any()


@pytest.mark.parametrize("name", ["full", "tied", "diag"])
def test_a_direction_without_variance_gets_a_little(name: str) -> None:
    columns, offset = redundant(name)
    rows = blobs(1, 300, 3, 2) @ columns.T + offset
    ridge = prior_of(rows, name).ridge
    seen = family_of(name).seen(np.cov(rows.T, bias=True))
    thick = seen + ridge if ridge.ndim == 2 else np.diag(seen + ridge)
    assert np.linalg.eigvalsh(thick)[0] > 0
    assert 0 < ridge.max() < 1e-8 * rows.var(axis=0).max()


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_nothing_varies_and_there_is_a_covariance_nevertheless(name: str) -> None:
    rows = np.full((20, 2), 7.0)
    prior = prior_of(rows, name)
    start = Mixture.of(
        [1.0], rows[:1], np.ones(family_of(name).shape(1, 2)) + np.eye(2)[0, 0], name
    )
    covariance = family_of(name).seen(np.eye(2))
    start = Mixture.of([1.0], rows[:1], covariance.reshape(family_of(name).shape(1, 2)), name)
    mixture, _ = climb(rows, start, prior, 3)
    assert np.linalg.eigvalsh(mixture.full_covariances()[0])[0] > 0
    assert np.abs(gradient_at(rows, mixture, prior)).max() < 1e-9


@given(name=families, seed=seeds, k=st.integers(1, 4), d=st.integers(1, 4))
@LAW
def test_the_log_density_is_that_of_the_scatter(name: str, seed: int, k: int, d: int) -> None:
    mixture = random_mixture(seed, name, k, d)
    scatter = prior_of(blobs(seed, 100, d, 2), name).scatter
    matrix = scatter if scatter.ndim == 2 else np.eye(d) * scatter
    traces = [np.trace(matrix @ np.linalg.inv(each)) for each in mixture.full_covariances()]
    wanted = -sum(traces[:1] if name == "tied" else traces) / 2
    assert log_prior(mixture, Prior(scatter, np.zeros(scatter.shape))) == pytest.approx(
        wanted, rel=1e-10
    )
    assert log_prior(mixture, NO_PRIOR) == 0


@given(name=families, seed=seeds, k=st.integers(1, 4), strength=st.sampled_from([1e-6, 0.1, 3.0]))
@LAW
def test_no_step_of_em_lowers_the_objective(name: str, seed: int, k: int, strength: float) -> None:
    rows = blobs(seed, 60 * k, 3, k)
    _, values = climb(rows, start_of(rows, k, name, seed), prior_of(rows, name, strength), 12)
    assert (np.diff(values) > -1e-11 * np.abs(values[1:])).all()


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_a_component_of_a_single_row_has_a_finite_objective(name: str) -> None:
    rows = np.vstack([blobs(2, 200, 2, 1), np.full((1, 2), 60.0)])
    start = start_of(rows, 2, name)
    means = np.stack([rows[:200].mean(axis=0), rows[200]])
    start = Mixture.of([0.99, 0.01], means, start.covariances * 0.01, name)
    prior = prior_of(rows, name)
    mixture, values = climb(rows, start, prior, 30)
    assert np.isfinite(values).all()
    assert values[-1] - values[-2] < 1e-12
    if name != "tied":
        spike = mixture.covariances[1]
        np.testing.assert_allclose(spike, prior.scatter, rtol=1e-6)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_components_of_many_rows_do_not_feel_it(name: str) -> None:
    rows = blobs(3, 3000, 2, 3)
    start = start_of(rows, 3, name, 3)
    plain, _ = climb(rows, start, NO_PRIOR, 20)
    found, _ = climb(rows, start, prior_of(rows, name), 20)
    np.testing.assert_allclose(found.covariances, plain.covariances, rtol=1e-5, atol=1e-6)
    assert not np.array_equal(found.covariances, plain.covariances)


@pytest.mark.parametrize("name", ["full", "tied", "diag"])
def test_columns_that_say_nothing_change_nothing(name: str) -> None:
    rows = blobs(4, 600, 3, 3)
    prior = prior_of(rows, name)
    plain, _ = climb(rows, start_of(rows, 3, name, 4), prior, 2)
    columns, offset = redundant(name)
    more = rows @ columns.T + offset
    same = prior_of(more, name)
    if name == "diag":
        covariances = plain.covariances @ columns.T + same.ridge
    else:
        covariances = columns @ plain.covariances @ columns.T + same.ridge
    means = (plain.means + rows.mean(axis=0)) @ columns.T + offset
    start = Mixture.of(plain.weights, means, covariances, name)
    plain, values = climb(rows, plain.moved(rows.mean(axis=0)), prior, 30)
    found, same_values = climb(more, start, same, 30)
    np.testing.assert_allclose(found.weights, plain.weights, atol=1e-6)
    np.testing.assert_allclose(found.means, plain.means @ columns.T, atol=1e-5)
    gained, same_gained = values - values[0], same_values - same_values[0]
    np.testing.assert_allclose(same_gained, gained, atol=1e-6)
    size = np.abs(gradient_at(rows, plain, prior)).max()
    assert np.abs(gradient_at(more, found, same)).max() < 10 * size + 1e-4
