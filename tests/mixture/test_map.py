"""What is known before any row: the posterior's mode, its gradient, and its way up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import dirichlet, invgamma, invwishart, multivariate_normal

from benchmarks.in_memory import e_step, summarize_all
from dask_gmm.mixture.conjugate_prior import MixturePrior
from dask_gmm.mixture.coordinates import (
    from_vector,
    gradient,
    metric_norm,
    objective,
    precondition,
    to_vector,
)
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import m_step
from dask_gmm.mixture.prior import Prior, log_prior
from tests.mixture.examples import (
    FAMILY_NAMES,
    LAW,
    blobs,
    families,
    random_mixture,
    seeds,
    start_of,
)

sizes = st.integers(1, 3)
STRONG = MixturePrior(alpha=3.5, kappa=7.0, mean=[1.0, -1.0, 0.5], nu=9.0, scatter=2.0)
KINDS = {
    "mclust": MixturePrior(),
    "strong": STRONG,
    "weights": MixturePrior(alpha=5.0, kappa=0.0, nu=None),
    "means": MixturePrior(kappa=4.0, nu=None),
    "covariances": MixturePrior(kappa=0.0, nu=6.0),
}
kinds = st.sampled_from(sorted(KINDS))


class Posterior:
    """Rows, and a prior about the frame's shift."""

    def __init__(self, rows: Array, name: str, k: int, asked: MixturePrior) -> None:
        self.rows, self.summary = rows, summarize_all(rows)
        self.frame = Frame.of(self.summary)
        self.prior = asked.among(self.summary, name, k).moved(-self.frame.shift)

    def objective(self, mixture: Mixture) -> float:
        statistics = e_step(self.rows, mixture, self.frame)
        return objective(statistics, mixture, self.summary, self.prior)

    def gradient(self, mixture: Mixture) -> Array:
        statistics = e_step(self.rows, mixture, self.frame)
        return gradient(statistics, mixture, self.summary, self.prior)

    def em(self, mixture: Mixture) -> Mixture:
        statistics = e_step(self.rows, mixture, self.frame)
        step = m_step(statistics, mixture, self.summary, 0.0, prior=self.prior)
        assert step.repairs == ()
        return step.mixture

    def climbed(self, mixture: Mixture, iterations: int) -> Mixture:
        for _ in range(iterations):
            mixture = self.em(mixture)
        return mixture


def posterior(seed: int, name: str, k: int, kind: str) -> tuple[Posterior, Mixture]:
    rows = blobs(seed, 40 * k, 3, k)
    found = Posterior(rows, name, k, KINDS[kind])
    return found, start_of(rows, k, name, seed).moved(-found.frame.shift)


def textbook(mixture: Mixture, asked: MixturePrior, rows: Array) -> float:
    """The log density of a mixture by scipy, of a prior of which mclust's values are left out."""
    name, (k, d) = mixture.covariance_type, mixture.means.shape
    scale = np.cov(rows.T).reshape(d, d) / k ** (2 / d)
    nu = d + 2 if asked.nu == "auto" else asked.nu
    mean = rows.mean(axis=0) if isinstance(asked.mean, str) else asked.mean
    value = 0.0
    if (asked.alpha > 1).any():
        value += float(dirichlet.logpdf(mixture.weights, np.broadcast_to(asked.alpha, (k,))))
    if asked.kappa:
        for center, covariance in zip(mixture.means, mixture.full_covariances(), strict=True):
            value += float(multivariate_normal.logpdf(center, mean, covariance / asked.kappa))
    if nu is None:
        return float(value)
    if name in ("full", "tied"):
        scatter = scale if isinstance(asked.scatter, str) else asked.scatter * np.eye(d)
        for each in mixture.covariances.reshape(-1, d, d):
            value += float(invwishart.logpdf(each, nu, scatter))
    else:
        spread = np.trace(scale) / d if isinstance(asked.scatter, str) else asked.scatter
        value += float(invgamma.logpdf(mixture.covariances, nu / 2, scale=spread / 2).sum())
    return float(value)


@given(name=families, seed=seeds, k=sizes, kind=kinds)
@LAW
def test_the_log_density_is_the_textbooks_up_to_a_constant(
    name: str, seed: int, k: int, kind: str
) -> None:
    rows, asked = blobs(seed, 50, 3, 2), KINDS[kind]
    prior = asked.among(summarize_all(rows), name, k)
    one, other = (random_mixture(seed + i, name, k, 3) for i in range(2))
    found = log_prior(one, prior) - log_prior(other, prior)
    wanted = textbook(one, asked, rows) - textbook(other, asked, rows)
    assert found == pytest.approx(wanted, rel=1e-9, abs=1e-9)


@given(name=families, seed=seeds, k=sizes, kind=kinds)
@LAW
def test_no_step_of_em_lowers_the_posterior(name: str, seed: int, k: int, kind: str) -> None:
    found, mixture = posterior(seed, name, k, kind)
    values = []
    for _ in range(12):
        values.append(found.objective(mixture))
        mixture = found.em(mixture)
    assert (np.diff(values) > -1e-11 * np.abs(values[1:])).all()


@given(name=families, seed=seeds, k=sizes, kind=kinds)
@LAW
def test_the_gradient_is_that_of_the_objective(name: str, seed: int, k: int, kind: str) -> None:
    found, _ = posterior(seed, name, k, kind)
    mixture = random_mixture(seed + 1, name, k, 3)
    vector, slope = to_vector(mixture), found.gradient(mixture)
    direction = np.random.default_rng(seed).standard_normal(len(vector))
    ends = [from_vector(vector + sign * 1e-5 * direction, mixture) for sign in (1, -1)]
    change = (found.objective(ends[0]) - found.objective(ends[1])) / 2e-5
    assert slope @ direction == pytest.approx(change, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("kind", ["mclust", "strong", "covariances"])
@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_a_step_of_em_ends_where_the_gradient_leads(name: str, kind: str) -> None:
    seed, k = 3, 3
    found, start = posterior(seed, name, k, kind)
    mixture = found.climbed(start, 40)
    before, after = to_vector(mixture), to_vector(found.em(mixture))
    step = precondition(mixture, found.gradient(mixture), found.prior, len(found.rows))
    step[:k] -= step[:k].mean() - (after - before)[:k].mean()
    length = metric_norm(mixture, after - before)
    assert metric_norm(mixture, after - before - step) <= 0.1 * length + 1e-9


@pytest.mark.parametrize(
    ("name", "kind"),
    [*((name, "strong") for name in FAMILY_NAMES), *(("full", kind) for kind in KINDS)],
)
def test_direct_maximization_finds_the_same(name: str, kind: str) -> None:
    rows, k = blobs(5, 60, 3, 2)[:, :2], 2
    asked = KINDS[kind]
    if not isinstance(asked.mean, str):
        asked = MixturePrior(asked.alpha, asked.kappa, asked.mean[:2], asked.nu, asked.scatter)
    found = Posterior(rows, name, k, asked)
    mixture = found.climbed(start_of(rows, k, name, 1).moved(-found.frame.shift), 300)

    def loss(vector: Array) -> float:
        placed = from_vector(vector, mixture).moved(found.frame.shift)
        parts = zip(placed.weights, placed.means, placed.full_covariances(), strict=True)
        densities = sum(w * multivariate_normal.pdf(rows, m, c) for w, m, c in parts)
        return float(-np.log(densities).sum() - textbook(placed, asked, rows))

    start = to_vector(mixture) + 0.02 * np.random.default_rng(0).standard_normal(
        len(to_vector(mixture))
    )
    best = minimize(loss, start, method="BFGS", options={"gtol": 1e-5, "maxiter": 500})
    assert loss(to_vector(mixture)) <= best.fun + 1e-7
    direct = from_vector(best.x, mixture)
    for part in ("weights", "means", "covariances"):
        np.testing.assert_allclose(getattr(mixture, part), getattr(direct, part), atol=2e-4)


def mclust_by_hand(name: str, rows: Array) -> Array:
    """The covariances of Fraley and Raftery (2007), table 2, for one cluster of these rows."""
    n, d = rows.shape
    nu, scale = d + 2, np.cov(rows.T)
    mean = rows.mean(axis=0)
    within = (rows - mean).T @ (rows - mean)
    spread = np.trace(scale) / d
    if name == "full":
        return np.asarray((scale + within) / (nu + n + d + 2))
    if name == "tied":
        return np.asarray((scale + within) / (nu + n + d + 1 + 1))
    if name == "diag":
        return np.asarray((spread + np.diagonal(within)) / (nu + n + 3))
    return np.asarray((spread + np.trace(within)) / (nu + (n + 1) * d + 2))


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_mclusts_defaults_are_those_of_its_authors(name: str) -> None:
    rows = blobs(3, 50, 3, 1)
    found = Posterior(rows, name, 1, MixturePrior())
    mixture = found.em(start_of(rows, 1, name).moved(-found.frame.shift))
    wanted = mclust_by_hand(name, rows)
    np.testing.assert_allclose(np.squeeze(mixture.covariances), wanted, rtol=1e-11)


def test_the_scatter_of_mclust_shrinks_with_the_number_of_components() -> None:
    summary = summarize_all(blobs(3, 50, 3, 1))
    one, eight = (MixturePrior().among(summary, "full", k).scatter for k in (1, 8))
    np.testing.assert_allclose(eight, one / 8 ** (2 / 3), rtol=1e-14)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_a_component_without_rows_has_what_is_known_of_it(name: str) -> None:
    rows = blobs(2, 80, 3, 1)
    found = Posterior(rows, name, 2, STRONG)
    start = start_of(rows, 2, name)
    means = np.stack([rows.mean(axis=0), np.full(3, 1e4)])
    start = Mixture.of([1.0, 0.0], means, start.covariances, name).moved(-found.frame.shift)
    step = m_step(e_step(rows, start, found.frame), start, found.summary, 0.0, prior=found.prior)
    mixture = step.mixture.moved(found.frame.shift)
    assert step.repairs == ()
    np.testing.assert_allclose(mixture.means[1], STRONG.mean, atol=1e-9)
    assert mixture.weights[1] == pytest.approx(2.5 / (80 + 5))
    if name == "full":
        np.testing.assert_allclose(mixture.covariances[1], 2 * np.eye(3) / (9 + 3 + 2))


def test_a_prior_of_means_alone_keeps_the_covariance_of_a_component_without_rows() -> None:
    rows = blobs(2, 80, 3, 1)
    found = Posterior(rows, "full", 2, KINDS["means"])
    start = start_of(rows, 2, "full")
    means = np.stack([rows.mean(axis=0), np.full(3, 1e4)])
    start = Mixture.of([1.0, 0.0], means, start.covariances, "full").moved(-found.frame.shift)
    statistics = e_step(rows, start, found.frame)
    step = m_step(statistics, start, found.summary, 0.0, prior=found.prior)
    assert step.repairs == ("component 1 has no rows: covariance kept",)
    np.testing.assert_array_equal(step.mixture.covariances[1], start.covariances[1])
    np.testing.assert_allclose(step.mixture.means[1], found.prior.means, atol=1e-12)


@given(name=families, seed=seeds, share=st.sampled_from([0.25, 0.5]))
@LAW
def test_a_share_of_the_prior_is_for_a_share_of_the_rows(
    name: str, seed: int, share: float
) -> None:
    rows = blobs(seed, 60, 3, 2)
    found = Posterior(rows, name, 2, STRONG)
    mixture = start_of(rows, 2, name, seed).moved(-found.frame.shift)
    whole = e_step(rows, mixture, found.frame)
    of_all = m_step(whole, mixture, found.summary, 0.0, prior=found.prior)
    part, summary = whole.times(share), found.summary.times(share)
    of_some = m_step(part, mixture, summary, 0.0, prior=found.prior.times(share))
    for name in ("weights", "means", "covariances"):
        one, other = (getattr(each.mixture, name) for each in (of_all, of_some))
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


def test_both_priors_add_their_scatter() -> None:
    summary = summarize_all(blobs(2, 80, 3, 1))
    weak = Prior.of(summary, random_mixture(0, "full", 1, 3).family)
    told = STRONG.among(summary, "full", 1)
    np.testing.assert_array_equal(told.beside(weak).scatter, told.scatter + weak.scatter)
