"""The gradient of the objective, and what the metric makes of it."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from benchmarks.in_memory import e_step, log_joint, standardized, summarize_all
from dask_gmm.mixture.coordinates import (
    from_vector,
    gradient,
    metric_norm,
    objective,
    precondition,
    to_vector,
)
from dask_gmm.mixture.estep import JointDensity, normalize
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import m_step
from dask_gmm.mixture.prior import NO_PRIOR, Prior
from dask_gmm.mixture.statistics import SufficientStatistics
from dask_gmm.mixture.summary import DataSummary
from tests.mixture.examples import (
    FAMILY_NAMES,
    LAW,
    blobs,
    families,
    random_mixture,
    rows_of,
    seeds,
    start_of,
)

sizes = st.integers(1, 4)
strengths = st.sampled_from([0.0, 0.5, 5.0])


class Problem:
    """Rows, a prior, and points at which all is told about them."""

    def __init__(self, rows: Array, name: str, strength: float = 0.0) -> None:
        self.rows = rows
        self.summary: DataSummary = summarize_all(rows)
        self.frame = Frame.of(self.summary)
        family = random_mixture(0, name, 1, 1).family
        self.prior = Prior.of(self.summary, family, strength) if strength else NO_PRIOR

    def at(self, mixture: Mixture) -> Mixture:
        return mixture.moved(-self.frame.shift)

    def measured(self, centered: Mixture) -> SufficientStatistics:
        return e_step(self.rows, centered, self.frame)

    def gradient(self, centered: Mixture) -> Array:
        return gradient(self.measured(centered), centered, self.summary, self.prior)

    def objective(self, centered: Mixture) -> float:
        return objective(self.measured(centered), centered, self.summary, self.prior)

    def em(self, centered: Mixture) -> Mixture:
        statistics = self.measured(centered)
        return m_step(statistics, centered, self.summary, 0.0, prior=self.prior).mixture


def problem(seed: int, name: str, k: int, d: int, strength: float) -> tuple[Problem, Mixture]:
    """Rows of one mixture, and another at which they are looked at."""
    rows = rows_of(random_mixture(seed, name, k, d), 40, seed) + 5
    found = Problem(rows, name, strength)
    other = random_mixture(seed + 1, name, k, d).moved(np.full(d, 5.0))
    return found, found.at(other)


def textbook_objective(rows: Array, mixture: Mixture, scatter: Array) -> float:
    """The mean log density of rows, and of the covariances that are estimated, over the rows."""
    covariances = mixture.full_covariances()
    normals = [multivariate_normal(*each) for each in zip(mixture.means, covariances, strict=True)]
    logs = np.log(mixture.weights) + np.stack([each.logpdf(rows) for each in normals], axis=1)
    traces = [np.trace(np.linalg.solve(each, scatter)) for each in covariances]
    distinct = traces[:1] if mixture.covariance_type == "tied" else traces
    found = logsumexp(logs, axis=1).mean() - sum(distinct) / 2 / len(rows)
    return float(found)


def central_differences(function: Callable[[Array], float], at: Array, width: float) -> Array:
    """The gradient, from four values for each coordinate."""
    steps = width * np.eye(len(at))
    near = np.array([function(at + step) - function(at - step) for step in steps])
    far = np.array([function(at + 2 * step) - function(at - 2 * step) for step in steps])
    return np.asarray((8 * near - far) / (12 * width))


def as_matrix(scatter: Array, n_features: int) -> Array:
    """The prior's scatter (D, D), in whatever shape it is kept."""
    return scatter if scatter.ndim == 2 else np.eye(n_features) * scatter


@given(name=families, seed=seeds, k=sizes, d=sizes, strength=strengths)
@LAW
def test_the_gradient_is_that_of_the_textbook_objective(
    name: str, seed: int, k: int, d: int, strength: float
) -> None:
    told, mixture = problem(seed, name, k, d, strength)
    scatter = as_matrix(told.prior.scatter, d)
    rows = told.rows - told.frame.shift

    def value(vector: Array) -> float:
        return textbook_objective(rows, from_vector(vector, mixture), scatter)

    vector = to_vector(mixture)
    assert told.objective(mixture) == pytest.approx(value(vector), rel=1e-10)
    wanted = central_differences(value, vector, 3e-4)
    error = np.abs(told.gradient(mixture) - wanted).max()
    assert error < 1e-7 * max(1.0, np.abs(wanted).max())


def about_centers(told: Problem, mixture: Mixture, centers: Array) -> SufficientStatistics:
    """The sums of each component about a center of its own."""
    density = JointDensity.of(mixture, told.frame)
    z = standardized(told.rows, told.frame, "float64")
    shares = log_joint(density, z)
    total = normalize(shares, np.empty((2, len(told.rows))))
    scaled = (centers * told.frame.scale)[:, :, None]
    sums = [
        density.features.weighted_sums(z - center, share)
        for center, share in zip(scaled, shares, strict=True)
    ]
    columns = np.stack(sums, axis=1).astype(np.float64)
    return SufficientStatistics(len(told.rows), total, columns, told.frame, centers=centers)


@given(name=st.sampled_from(["full", "diag", "spherical"]), seed=seeds)
@LAW
def test_the_gradient_does_not_depend_on_what_sums_are_about(name: str, seed: int) -> None:
    told, mixture = problem(seed, name, 3, 3, 0.5)
    statistics = about_centers(told, mixture, mixture.means + 0.1)
    found = gradient(statistics, mixture, told.summary, told.prior)
    wanted = told.gradient(mixture)
    np.testing.assert_allclose(found, wanted, atol=1e-9 * np.abs(wanted).max())


@pytest.mark.parametrize("strength", [0.0, 0.5])
@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_the_preconditioned_gradient_is_a_step_of_em_to_first_order(
    name: str, strength: float
) -> None:
    told = Problem(blobs(3, 300, 3, 3), name, strength)
    mixture = told.at(start_of(told.rows, 3, name, 3))
    for _ in range(15):
        mixture = told.em(mixture)
    vector = to_vector(mixture)
    lengths = []
    for _ in range(4):
        step = precondition(mixture, told.gradient(mixture))
        after = told.em(mixture)
        moved = to_vector(after) - vector
        lengths.append(metric_norm(mixture, step))
        assert metric_norm(mixture, moved - step) < 3 * lengths[-1] ** 2
        mixture, vector = after, to_vector(after)
    assert 1e-4 < lengths[0] < 0.1


@given(name=families, seed=seeds, exponent=st.integers(-20, 20))
@LAW
def test_steps_mean_the_same_in_other_units_and_elsewhere(
    name: str, seed: int, exponent: int
) -> None:
    told, mixture = problem(seed, name, 3, 3, 0.5)
    common = name == "spherical"
    scale = 10.0 ** (exponent * np.array([1, 1, 1] if common else [1, -1, 0.5]))
    other = Problem(told.rows * scale + 3 * scale, name, 0.5)
    family, covariances = mixture.family, mixture.covariances
    scaled = covariances * (scale[0] ** 2 if common else family.seen(np.outer(scale, scale)))
    moved = told.frame.shift * scale + 3 * scale - other.frame.shift
    twin = Mixture.of(mixture.weights, mixture.means * scale + moved, scaled, name)
    step, twin_step = (
        precondition(each, problem.gradient(each))
        for problem, each in ((told, mixture), (other, twin))
    )
    size = metric_norm(mixture, step)
    assert metric_norm(twin, twin_step) == pytest.approx(size, rel=1e-8)
    here = from_vector(to_vector(mixture) + step / size, mixture)
    there = from_vector(to_vector(twin) + twin_step / size, twin)
    np.testing.assert_allclose(there.weights, here.weights, atol=1e-8)
    np.testing.assert_allclose(there.means / scale, here.means + moved / scale, atol=1e-7)
    ratio = there.covariances / scaled * covariances
    np.testing.assert_allclose(ratio, here.covariances, atol=1e-7 * np.abs(here.covariances).max())


@pytest.mark.parametrize("strength", [0.0, 5.0])
@pytest.mark.parametrize("weight", [0.0, 1e-300, 1e-20])
@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_a_component_without_rows_stays_and_disturbs_nobody(
    name: str, weight: float, strength: float
) -> None:
    told = Problem(blobs(5, 200, 2, 2), name, strength)
    start = told.at(start_of(told.rows, 3, name, 5))
    means = start.means.copy()
    means[0] = 1e4
    mixture = Mixture.of([weight, 0.5, 0.5], means, start.covariances, name)
    found = told.gradient(mixture)
    step = precondition(mixture, found)
    assert np.isfinite(found).all()
    assert np.isfinite(step).all()
    assert np.isfinite(metric_norm(mixture, step))
    after = from_vector(to_vector(mixture), mixture)
    np.testing.assert_allclose(after.weights, mixture.weights, atol=1e-15)
    if weight < 1e-30:
        assert step[0] == 0
        assert not step[3:5].any()
