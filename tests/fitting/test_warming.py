"""A start that is given is kept as long as no sample can tell it from an optimum."""

from dataclasses import replace

import numpy as np
import pytest

from dask_gmm.data.array_source import ArraySource
from dask_gmm.fitting.ascent import Ascending
from dask_gmm.fitting.spec import MERGE, Spec
from dask_gmm.fitting.warming import Warming
from dask_gmm.mixture.covariance import FAMILIES
from dask_gmm.mixture.model import Mixture
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.records.checkpoint import Checkpoint
from dask_gmm.workflows.fit_rows import FitOutcome, fit_rows
from tests.workflows.resuming import clusters, small_levels

ROWS = clusters(8000)


@pytest.fixture(autouse=True)
def levels(monkeypatch: pytest.MonkeyPatch) -> None:
    small_levels(monkeypatch)


def spec(family: str = "full", start: Mixture | None = None) -> Spec:
    init = "kmeans" if start else MERGE
    return Spec(3, family, solver="fast", init=init, tol=None, start=start)


def fitted(asked: Spec, rows: np.ndarray = ROWS) -> tuple[FitOutcome, list[Checkpoint]]:
    kept: list[Checkpoint] = []
    source, runner = ArraySource.of(rows), ThreadRunner(1)
    return fit_rows(source, asked, 1, runner, Silent(), on_checkpoint=kept.append), kept


@pytest.mark.parametrize("family", FAMILIES)
def test_an_optimum_is_measured_by_all_rows_as_it_is(family: str) -> None:
    cold, _ = fitted(spec(family))
    warm, kept = fitted(spec(family, cold.model.mixture))
    first = warm.model.history[0].log_likelihood
    assert first == pytest.approx(cold.model.log_likelihood, abs=1e-12)
    assert len(warm.passes) == 3 <= len(cold.passes)
    asked = [each.members[0] for each in kept if isinstance(each.members[0], Warming)]
    assert {each.path.level for each in asked} == {0, 1}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_start_that_a_sample_tells_from_its_optimum_is_left_there(family: str) -> None:
    cold, _ = fitted(spec(family))
    drifted = ROWS + 2.0
    again, _ = fitted(spec(family), drifted)
    warm, kept = fitted(spec(family, cold.model.mixture), drifted)
    assert len(warm.passes) <= len(again.passes)
    assert warm.model.log_likelihood == pytest.approx(again.model.log_likelihood, abs=1e-4)
    levels = [m.level for each in kept for m in each.members if isinstance(m, Ascending)]
    assert min(levels) == 1
    error = warm.model.statistical_error
    assert warm.model.log_likelihoods[0] > warm.model.log_likelihood - 10 * error


def test_without_samples_all_rows_are_asked_at_once() -> None:
    cold, _ = fitted(spec())
    few = ROWS[:300]
    _, kept = fitted(spec(start=cold.model.mixture), few)
    assert not any(isinstance(each.members[0], Warming) for each in kept)


def test_components_stay_where_they_are_in_the_list() -> None:
    cold, _ = fitted(spec())
    order = np.array([2, 0, 1])
    mixture = cold.model.mixture
    start = Mixture.of(mixture.weights[order], mixture.means[order], mixture.covariances[order])
    warm, _ = fitted(replace(spec(start=start)))
    np.testing.assert_allclose(warm.model.means, start.means, atol=0.05)
