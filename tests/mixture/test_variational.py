"""Laws of the variational posterior: what its steps gain, and in which order components stand."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import digamma

from dask_gmm.data.source import Block
from dask_gmm.errors import InputError
from dask_gmm.fitting.questions import EStep
from dask_gmm.mixture.beliefs import WEIGHT_PRIORS, Beliefs, Hyperparameters
from dask_gmm.mixture.covariance import family_of
from dask_gmm.mixture.evidence import gained_by_order, lower_bound
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.statistics import SufficientStatistics
from dask_gmm.mixture.summary import DataSummary, summarize
from dask_gmm.mixture.variational import (
    Variational,
    posterior_of,
    started_at,
    variational_step,
    with_largest_first,
)
from dask_gmm.passes.fold import Workspace, measure
from tests.mixture.examples import FAMILY_NAMES

Array = npt.NDArray[np.float64]
COLUMNS = 3


def rows_of(seed: int, rows: int = 200) -> Array:
    random = np.random.default_rng(seed)
    centers = 3 * random.standard_normal((3, COLUMNS))
    return np.asarray(
        centers[random.integers(0, 3, rows)] + random.standard_normal((rows, COLUMNS))
    )


class Fit:
    """Steps over rows in memory, each of which may count several times."""

    def __init__(self, rows: Array, family: str, kind: str, weights: Array | None = None) -> None:
        self.rows, self.weights, self.family = rows, weights, family
        self.summary = summarize(rows, weights=weights)
        self.frame = Frame.of(summarize(rows))
        beliefs = Beliefs(kind)
        self.prior = self.known(beliefs, self.summary)
        like = Mixture.like(5, family, np.ones(COLUMNS))
        means = rows[:5] - self.frame.shift
        start = Mixture.of(like.weights, means, like.covariances, family)
        self.posterior = started_at(start, self.summary, self.prior).posterior

    def known(self, beliefs: Beliefs, summary: DataSummary) -> Hyperparameters:
        return beliefs.known(summary, self.frame.shift, family_of(self.family), 5)

    def sums(self, at: Variational) -> SufficientStatistics:
        fold = EStep.of(at.mixture, at.density(self.frame))
        no_digests = np.empty(0, np.uint32)
        block = Block(0, 0, len(self.rows), self.rows, no_digests, self.weights)
        found = measure([fold], block, Workspace())[0]
        assert isinstance(found, SufficientStatistics)
        return found

    def step(self) -> float:
        """Take a step; give the lower bound after it."""
        last, statistics = self.posterior, self.sums(self.posterior)
        step = variational_step(statistics, last, self.summary, self.prior, 0.0)
        self.posterior = step.posterior
        return lower_bound(statistics, last, self.posterior, self.summary)

    def bound(self, after: Variational) -> float:
        return lower_bound(self.sums(self.posterior), self.posterior, after, self.summary)


@settings(max_examples=25, deadline=None)
@given(
    family=st.sampled_from(FAMILY_NAMES),
    kind=st.sampled_from(WEIGHT_PRIORS),
    seed=st.integers(0, 99),
)
def test_the_lower_bound_never_falls(family: str, kind: str, seed: int) -> None:
    fit = Fit(rows_of(seed), family, kind)
    bounds = np.array([fit.step() for _ in range(15)])
    assert (np.diff(bounds) >= -1e-9 * np.abs(bounds[1:])).all()
    assert bounds[-1] > bounds[0]


@pytest.mark.parametrize("kind", WEIGHT_PRIORS)
@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_a_row_of_weight_two_is_two_rows(family: str, kind: str) -> None:
    rows, often = rows_of(1), 1 + np.arange(200) % 3
    weighed = Fit(rows, family, kind, often.astype(np.float64))
    repeated = Fit(np.repeat(rows, often, axis=0), family, kind)
    # The same start and frame for both.
    repeated.frame, repeated.posterior = weighed.frame, weighed.posterior
    repeated.prior = weighed.prior
    for _ in range(5):
        assert weighed.step() == pytest.approx(repeated.step(), rel=1e-10)
    for name in ("concentration", "means", "degrees_of_freedom", "covariances"):
        found, expected = (getattr(each.posterior, name) for each in (weighed, repeated))
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_what_the_rows_suggest_counts_each_as_often_as_it_weighs(family: str) -> None:
    rows, often = rows_of(2), 1 + np.arange(200) % 3
    weighed = Fit(rows, family, "dirichlet_process", often.astype(np.float64)).prior
    repeated = Fit(np.repeat(rows, often, axis=0), family, "dirichlet_process")
    np.testing.assert_allclose(weighed.covariance, repeated.prior.covariance, rtol=1e-10)
    assert weighed.degrees_of_freedom == COLUMNS
    assert weighed.concentration == 1 / 5


def test_rows_that_weigh_too_little_suggest_no_covariance() -> None:
    fit = Fit(rows_of(3), "full", "dirichlet_process")
    little = summarize(fit.rows, weights=np.full(200, 1 / 200))
    with pytest.raises(InputError, match="weigh more than 1 together"):
        fit.known(Beliefs(), little)
    given_one = fit.known(Beliefs(covariance_prior=np.eye(COLUMNS)), little)
    np.testing.assert_array_equal(given_one.covariance, np.eye(COLUMNS))


@pytest.mark.parametrize("kind", WEIGHT_PRIORS)
@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_the_largest_come_first_and_no_stick_is_likelier_in_another_order(
    family: str, kind: str
) -> None:
    fit = Fit(rows_of(4)[::-1].copy(), family, kind)
    for _ in range(6):
        fit.step()
    ordered = with_largest_first(fit.posterior, fit.prior)
    assert (np.diff(ordered.weights) <= 0).all()
    assert (np.diff(fit.posterior.weights) > 0).any()
    np.testing.assert_allclose(np.sort(ordered.means, axis=0), np.sort(fit.posterior.means, axis=0))
    # Only the part of the bound that is about the sticks changes with the order.
    gain = fit.bound(ordered) - fit.bound(fit.posterior)
    assert gained_by_order(fit.posterior, ordered) == pytest.approx(gain, abs=1e-7)
    assert gain > 0 if kind == "dirichlet_process" else gain == pytest.approx(0, abs=1e-8)
    again = with_largest_first(ordered, fit.prior)
    np.testing.assert_allclose(again.weights, ordered.weights, rtol=1e-12)


@pytest.mark.parametrize("kind", WEIGHT_PRIORS)
def test_an_order_counts_the_same_rows_whatever_the_means_weigh(kind: str) -> None:
    """Of a prior as heavy as that, the precision of a mean tells nothing of rows."""
    fit = Fit(rows_of(4)[::-1].copy(), "full", kind)
    heavy = fit.known(Beliefs(kind, mean_precision_prior=1e18), fit.summary)
    mass = np.array([20.0, 60.0, 10.0, 70.0, 40.0])
    like = Mixture.like(5, "full", np.ones(COLUMNS))
    found = posterior_of(mass, like.means, like.covariances, "full", heavy)
    np.testing.assert_allclose(found.rows(heavy), mass)
    ordered = with_largest_first(found, heavy)
    np.testing.assert_allclose(ordered.rows(heavy), np.sort(mass)[::-1])


def test_without_rows_the_posterior_is_the_prior() -> None:
    fit = Fit(rows_of(5), "full", "dirichlet_distribution")
    nothing = np.zeros(5)
    found = posterior_of(
        nothing, np.ones((5, COLUMNS)), fit.posterior.covariances, "full", fit.prior
    )
    np.testing.assert_array_equal(found.concentration, 1 / 5)
    np.testing.assert_allclose(found.means, np.broadcast_to(fit.prior.mean, (5, COLUMNS)))
    np.testing.assert_allclose(found.covariances[2], fit.prior.covariance / COLUMNS)


def test_expected_logarithms_of_a_stick_are_those_of_its_parts() -> None:
    concentration = np.array([[4.0, 2.0, 1.0], [3.0, 1.0, 0.5]])
    fit = Fit(rows_of(6), "full", "dirichlet_process")
    some: dict[str, Any] = {"mean_precision": np.ones(3), "means": np.zeros((3, COLUMNS))}
    covariances, degrees = np.stack([np.eye(COLUMNS)] * 3), np.full(3, 7.0)
    found = Variational(
        concentration,
        **some,
        degrees_of_freedom=degrees,
        covariances=covariances,
        covariance_type="full",
    )
    taken = digamma(concentration[0]) - digamma(concentration.sum(axis=0))
    left = digamma(concentration[1]) - digamma(concentration.sum(axis=0))
    expected = [taken[0], taken[1] + left[0], taken[2] + left[0] + left[1]]
    same = replace(found, concentration=np.ones(3)).log_weights - (digamma(1.0) - digamma(3.0))
    np.testing.assert_allclose(found.log_weights - same, expected)
    assert fit.posterior.concentration.shape == (2, 5)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"weight_concentration_prior_type": "stick"}, "one of dirichlet_distribution"),
    ({"weight_concentration_prior": 0}, "above 0"),
    ({"mean_precision_prior": -1.0}, "above 0"),
    ({"degrees_of_freedom_prior": 2.0}, "above 2"),
    ({"mean_prior": [1.0, 2.0]}, r"shape \(3,\).*found shape \(2,\)"),
    ({"mean_prior": [1.0, np.nan, 0.0]}, "finite numbers as mean_prior"),
    ({"mean_prior": "far"}, "real numbers as mean_prior"),
    ({"covariance_prior": 2.0}, r"shape \(3, 3\)"),
    ({"covariance_prior": -np.eye(3)}, "positive definite"),
    ({"covariance_prior": np.eye(3) + np.eye(3, k=1)}, "symmetric"),
]


def test_covariances_of_factors_have_no_such_prior() -> None:
    with pytest.raises(InputError, match="Wishart prior"):
        Beliefs().check(family_of("lowrank-2"), COLUMNS)


@pytest.mark.parametrize(("values", "message"), BAD)
def test_priors_outside_their_range_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Beliefs(**values).check(family_of("full"), COLUMNS)
