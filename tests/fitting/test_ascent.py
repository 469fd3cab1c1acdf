"""The accelerated ascent ends from every start, level after level, and says what is left."""

import numpy as np
import pytest

from dask_gmm.data.array_source import ArraySource
from dask_gmm.fitting.members import Why
from dask_gmm.fitting.spec import MERGE, SHORT_EM, Spec
from dask_gmm.mixture.covariance import FAMILIES
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.workflows.fit_rows import FitOutcome, fit_rows

GENERATOR = np.random.default_rng(0)
CENTERS = 4 * GENERATOR.standard_normal((3, 3))
X = CENTERS[GENERATOR.integers(0, 3, 60_000)] + GENERATOR.standard_normal((60_000, 3))


def fitted(spec: Spec) -> FitOutcome:
    return fit_rows(ArraySource.of(X), spec, 1, ThreadRunner(2), Silent())


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "init", [MERGE, SHORT_EM, "kmeans", "k-means++", "random", "random_from_data"]
)
def test_it_ends_from_every_start_in_few_passes(init: str, family: str) -> None:
    model = fitted(Spec(3, family, solver="fast", init=init, tol=None)).model
    assert model.reason == Why.LITTLE_LEFT.value
    assert [climb.rows for climb in model.climbs] == [20_000, 60_000]
    assert model.climbs[0].passes < 40
    assert model.climbs[1].passes < 8
    assert model.left is not None
    assert model.left < 0.1 * model.statistical_error


def test_it_ends_no_lower_than_plain_em_and_kept_passes_never_fall() -> None:
    fast = fitted(Spec(3, solver="fast", init=MERGE, tol=None)).model
    slow = fitted(Spec(3, tol=1e-8, max_iter=500)).model
    assert fast.log_likelihood > slow.log_likelihood - 0.5 * fast.statistical_error
    kept = [each.log_likelihood for each in fast.history if each.kept]
    assert (np.diff(kept) > -1e-12).all()


def test_a_tolerance_and_a_number_of_passes_end_it_elsewhere() -> None:
    loose = fitted(Spec(3, solver="fast", init="kmeans", tol=1.0)).model
    tight = fitted(Spec(3, solver="fast", init="kmeans", tol=1e-12)).model
    short = fitted(Spec(3, solver="fast", init="kmeans", tol=1e-12, max_iter=1)).model
    assert len(loose.history) < len(tight.history)
    assert tight.log_likelihood >= loose.log_likelihood
    assert (short.converged, short.reason) == (False, Why.MAX_ITER.value)
    assert len(short.history) == 2


def test_plain_em_stops_by_what_is_left_to_gain() -> None:
    auto = fitted(Spec(3, tol=None, max_iter=500)).model
    exact = fitted(Spec(3, tol=1e-12, max_iter=500)).model
    assert auto.reason == Why.LITTLE_LEFT.value
    assert len(auto.history) < len(exact.history)
    assert exact.log_likelihood - auto.log_likelihood < 0.5 * auto.statistical_error
