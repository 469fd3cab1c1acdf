"""Which components of a posterior may be better one, and what their union is."""

import numpy as np
import pytest

from dask_gmm.mixture.beliefs import WEIGHT_PRIORS
from dask_gmm.mixture.evidence import lower_bound
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.summary import summarize
from dask_gmm.mixture.uniting import unions
from dask_gmm.mixture.variational import VariationalStep, started_at, variational_step
from tests.mixture.examples import FAMILY_NAMES
from tests.mixture.test_variational import COLUMNS, Fit, rows_of

CENTERS = np.array([[0.0, 0, 0], [9, 0, 0], [0, 9, 0]])


def fit_at(means: np.ndarray, weights: list[float], family: str, kind: str) -> Fit:
    """Rows of three groups far apart, and a posterior that has components at some means."""
    random = np.random.default_rng(0)
    rows = CENTERS[random.integers(0, 3, 900)] + random.standard_normal((900, COLUMNS))
    fit = Fit(rows, family, kind)
    like = Mixture.like(len(means), family, np.ones(COLUMNS))
    mixture = Mixture.of(weights, means - fit.frame.shift, like.covariances, family)
    fit.posterior = started_at(mixture, fit.summary, fit.prior).posterior
    return fit


def trials(fit: Fit) -> tuple[tuple[VariationalStep, ...], float]:
    """Unions after a step, and the lower bound after it."""
    last, statistics = fit.posterior, fit.sums(fit.posterior)
    after = variational_step(statistics, last, fit.summary, fit.prior, 0.0).posterior
    bound = lower_bound(statistics, last, after, fit.summary)
    found = unions(statistics, last, after, fit.summary, fit.prior, 0.0)
    fit.posterior = after
    return found, bound


@pytest.mark.parametrize("kind", WEIGHT_PRIORS)
@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_two_that_are_the_same_are_made_one_at_once(family: str, kind: str) -> None:
    means = CENTERS[[0, 1, 2, 1]]
    fit = fit_at(means, [1 / 3, 1 / 6, 1 / 3, 1 / 6], family, kind)
    found, bound = trials(fit)
    mass = found[0].posterior.rows(fit.prior)
    assert mass[3] == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(mass.sum(), 900)
    fit.posterior = found[0].posterior
    assert fit.step() > bound


@pytest.mark.parametrize("family", ["full", "diag", "spherical"])
def test_those_that_are_apart_are_not_looked_at(family: str) -> None:
    fit = fit_at(CENTERS, [1 / 3] * 3, family, WEIGHT_PRIORS[0])
    found, _ = trials(fit)
    assert found == ()


def test_what_is_left_open_is_at_most_what_a_union_gains_or_loses() -> None:
    """The bound after the step of a union lies between what its two bounds foresee."""
    fit = Fit(rows_of(7, 600), "full", WEIGHT_PRIORS[1])
    for _ in range(3):
        fit.step()
    found, bound = trials(fit)
    assert found
    fit.posterior = found[0].posterior
    assert fit.step() > bound - 600 * np.log(2)


def test_where_all_rows_weigh_less_than_one_there_is_nothing_to_unite() -> None:
    for few in (0.5, 1.5):
        fit = Fit(rows_of(8), "full", WEIGHT_PRIORS[0])
        fit.weights = np.full(200, few / 200)
        fit.summary = summarize(fit.rows, weights=fit.weights)
        start = Mixture.of([0.8, 0.2], fit.rows[:2] - fit.frame.shift, [np.eye(3)] * 2, "full")
        fit.posterior = started_at(start, fit.summary, fit.prior).posterior
        assert trials(fit)[0] == ()


def test_components_without_rows_are_left_alone() -> None:
    means = np.concatenate([CENTERS, 500 + CENTERS[:2]])
    fit = fit_at(means, [1 / 3, 1 / 3, 1 / 3, 0.0, 0.0], "full", WEIGHT_PRIORS[0])
    found, _ = trials(fit)
    assert found == ()
