"""A model that is adapted to rows, by the formulas of Reynolds, Quatieri and Dunn (2000)."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given

from benchmarks.in_memory import e_step, log_joint, standardized, summarize_all
from dask_gmm import GaussianMixtureModel
from dask_gmm.errors import InputError
from dask_gmm.mixture.background import Background
from dask_gmm.mixture.coordinates import objective
from dask_gmm.mixture.estep import JointDensity, normalize
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import MStep, m_step
from dask_gmm.mixture.parts import PARTS
from tests.mixture.examples import (
    FAMILY_NAMES,
    LAW,
    blobs,
    families,
    random_mixture,
    rows_of,
    seeds,
)

K, D = 3, 2


class Adapting:
    """Rows that a background is adapted to."""

    def __init__(self, rows: Array, background: Background) -> None:
        self.rows, self.background = rows, background
        self.summary = summarize_all(rows)
        self.frame = Frame.of(self.summary)
        self.prior = background.prior.moved(-self.frame.shift)
        self.start: Mixture = background.model.moved(-self.frame.shift)

    def step(self, mixture: Mixture) -> MStep:
        statistics = e_step(self.rows, mixture, self.frame)
        fixed = self.background.fixed
        return m_step(statistics, mixture, self.summary, 0.0, prior=self.prior, fixed=fixed)

    def value(self, mixture: Mixture) -> float:
        statistics = e_step(self.rows, mixture, self.frame)
        return objective(statistics, mixture, self.summary, self.prior)

    @property
    def adapted(self) -> Mixture:
        return self.step(self.start).mixture.moved(self.frame.shift)

    @property
    def responsibilities(self) -> Array:
        density = JointDensity.of(self.start, self.frame)
        logits = log_joint(density, standardized(self.rows, self.frame, "float64"))
        normalize(logits, np.empty((2, len(self.rows))))
        return np.asarray(logits)


def some(seed: int, name: str, what: Any = PARTS, relevance: float = 7.3) -> Adapting:
    world = random_mixture(seed, name, K, D)
    rows = rows_of(random_mixture(seed + 1, name, K, D), 20, seed)
    return Adapting(rows, Background(world, relevance, what))


@given(seed=seeds)
@LAW
def test_the_formulas_of_its_authors_for_variances(seed: int) -> None:
    case, r = some(seed, "diag"), 7.3
    world, found, responsibilities = case.background.model, case.adapted, case.responsibilities
    n = responsibilities.sum(axis=1)
    share = (n / (n + r))[:, None]
    first = responsibilities @ case.rows / n[:, None]
    second = responsibilities @ case.rows**2 / n[:, None]
    weights = share[:, 0] * n / len(case.rows) + (1 - share[:, 0]) * world.weights
    means = share * first + (1 - share) * world.means
    squares = share * second + (1 - share) * (world.covariances + world.means**2)
    np.testing.assert_allclose(found.weights, weights / weights.sum(), rtol=1e-10)
    np.testing.assert_allclose(found.means, means, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.covariances, squares - means**2, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_it_counts_as_so_many_rows_of_its_own(name: str) -> None:
    case, r = some(3, name), 7.3
    world, found = case.background.model, case.adapted
    responsibilities = case.responsibilities
    n = responsibilities.sum(axis=1)
    means = (responsibilities @ case.rows + r * world.means) / (n + r)[:, None]
    covariances = []
    for k in range(K):
        apart, moved = case.rows - means[k], world.means[k] - means[k]
        own = (apart.T * responsibilities[k]) @ apart
        whole = own + r * (world.full_covariances()[k] + np.outer(moved, moved))
        covariances.append(whole / (n[k] + r))
    together = np.average(covariances, axis=0, weights=n + r)
    wanted = [together] if name == "tied" else covariances
    seen = np.stack([world.family.seen(each) for each in wanted])
    np.testing.assert_allclose(found.means, means, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.covariances.reshape(seen.shape), seen, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_a_component_without_rows_stays_where_it_was(name: str) -> None:
    world = random_mixture(5, name, 2, D)
    far = np.stack([world.means[0], np.full(D, 1e4)])
    world = Mixture.of([0.6, 0.4], far, world.covariances, name)
    case = Adapting(blobs(0, 50, D, 1), Background(world, 16, PARTS))
    found = case.adapted
    np.testing.assert_allclose(found.means[1], world.means[1], rtol=1e-12)
    if name != "tied":
        np.testing.assert_allclose(found.covariances[1], world.covariances[1], rtol=1e-12)
    # Its share of the weight is the background's, before they are made to sum to one.
    own = 50 / (50 + 16)
    drawn = own + (1 - own) * 0.6
    assert found.weights[1] == pytest.approx(0.4 / (drawn + 0.4))
    assert case.step(case.start).repairs == ()


@given(seed=seeds, name=families)
@LAW
def test_no_step_lowers_the_posterior(seed: int, name: str) -> None:
    case = some(seed, name, ("means", "covariances"))
    mixture, values = case.start, []
    for _ in range(8):
        values.append(case.value(mixture))
        mixture = case.step(mixture).mixture
    assert (np.diff(values) > -1e-11 * np.abs(values[1:])).all()
    assert mixture.weights.tobytes() == case.start.weights.tobytes()


@pytest.mark.parametrize("what", PARTS)
def test_what_is_not_adapted_stays(what: str) -> None:
    case = some(1, "full", what)
    found = case.step(case.start).mixture
    for part in PARTS:
        same = getattr(found, part).tobytes() == getattr(case.start, part).tobytes()
        assert same == (part != what)


def test_more_relevance_keeps_nearer() -> None:
    near, far = (some(1, "full", "means", relevance) for relevance in (100.0, 1.0))
    moved = [np.abs(each.adapted.means - each.background.model.means).max() for each in (near, far)]
    assert moved[0] < 0.5 * moved[1]


@pytest.mark.parametrize("relevance", [0.0, -1.0, np.inf, np.nan, "16"])
def test_a_relevance_that_is_none_is_refused(relevance: Any) -> None:
    with pytest.raises(InputError, match="relevance"):
        Background(random_mixture(0, "full", K, D), relevance)


@pytest.mark.parametrize(
    ("what", "said"), [((), "one or several of"), ("mean", "found 'mean'"), (3, "found 3")]
)
def test_what_is_no_part_is_refused(what: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Background(random_mixture(0, "full", K, D), 16, what)


def test_a_fitted_model_of_either_name_is_a_background() -> None:
    rows = np.random.default_rng(0).normal(size=(60, D))
    model = GaussianMixtureModel(1, num_iters=2).fit(rows)
    for each in (model, model.result, model.result.mixture):
        assert Background(each).model is model.result.mixture


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(InputError, match="a fitted model or estimator as background, found int"):
        Background(3)
