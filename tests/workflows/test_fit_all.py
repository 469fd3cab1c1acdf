"""Several mixtures fitted in the same readings: each has the bytes that it has alone."""

from contextlib import suppress
from typing import Any, Final

import numpy as np
import pytest

from dask_gmm.data.array_source import ArraySource
from dask_gmm.errors import MemoryLimitError
from dask_gmm.fitting.questions import EStep
from dask_gmm.fitting.spec import MERGE, Spec
from dask_gmm.passes.memory import project
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.records.checkpoint import Checkpoint
from dask_gmm.workflows import trip
from dask_gmm.workflows.fit_rows import FitOutcomes, fit_all, fit_rows, resume_all
from tests.records.stored import differences
from tests.workflows.resuming import SOURCE, small_levels

SPECS: Final = (
    Spec(2, "full", solver="fast", init=MERGE, tol=None),
    Spec(3, "full", solver="fast", init="kmeans", tol=1e-8),
    Spec(3, "tied", solver="fast", init=MERGE, tol=None, max_iter=4),
    Spec(2, "diag", tol=1e-4, max_iter=7),
    Spec(2, "lowrank-1", tol=1e-4, max_iter=7),
    Spec(3, "lowrank-2", tol=1e-4, max_iter=7),
    Spec(4, "spherical", solver="fast", init="short-em", tol=None),
    Spec(2, "diag", solver="fast", init=MERGE, tol=None, merge_from=8),
    Spec(5, "diag", solver="fast", init=MERGE, tol=1e-8, merge_from=8),
)


@pytest.fixture(autouse=True)
def levels(monkeypatch: pytest.MonkeyPatch) -> None:
    small_levels(monkeypatch)


def together(runner: ThreadRunner, told: Any = lambda checkpoint: None) -> FitOutcomes:
    return fit_all(SOURCE, SPECS, 2, runner, Silent(), on_checkpoint=told)


def same(ours: FitOutcomes, theirs: FitOutcomes) -> bool:
    return list(differences(ours.models, theirs.models)) == []


def test_each_has_the_bytes_that_it_has_alone() -> None:
    outcome = together(ThreadRunner(2))
    for spec, model in zip(SPECS, outcome.models, strict=True):
        alone = fit_rows(SOURCE, spec, 2, ThreadRunner(1), Silent())
        assert list(differences(alone.model, model)) == []


@pytest.mark.slow
def test_there_are_no_more_readings_than_the_slowest_needs() -> None:
    outcome = together(ThreadRunner(2))
    alone = [len(fit_rows(SOURCE, each, 2, ThreadRunner(2), Silent()).passes) for each in SPECS]
    assert len(outcome.passes) == max(alone)


@pytest.mark.slow
def test_an_interrupted_one_goes_on_with_the_same_bytes() -> None:
    kept: list[Checkpoint] = []
    whole = together(ThreadRunner(2), kept.append)
    states = [{type(each).__name__ for each in checkpoint.members} for checkpoint in kept]
    assert max(map(len, states)) >= 4
    for checkpoint in kept[:: max(1, len(kept) // 12)]:
        assert same(resume_all(SOURCE, checkpoint, ThreadRunner(1), Silent()), whole)


def test_what_does_not_fit_in_memory_together_is_read_in_groups_with_the_same_bytes() -> None:
    specs = [Spec(k, max_iter=3, tol=0.0) for k in range(25, 41)]
    limit = least_memory(specs[-1])
    whole, grouped = (
        fit_all(SOURCE, specs, 1, ThreadRunner(1, memory_limit=most), Silent())
        for most in (0, limit)
    )
    assert same(grouped, whole)
    assert len(grouped.passes) > len(whole.passes)
    assert "EM pass 1, in part" in {each.name for each in grouped.passes}


def least_memory(spec: Spec) -> int:
    """Bytes in which one spec can just be fitted, to a tenth."""
    limit = 100_000
    while True:
        with suppress(MemoryLimitError):
            fit_rows(SOURCE, spec, 1, ThreadRunner(1, memory_limit=limit), Silent())
            return limit
        limit += limit // 10


@pytest.mark.slow
def test_questions_about_the_sample_are_put_in_groups_too(monkeypatch: pytest.MonkeyPatch) -> None:
    specs = [Spec(k, solver="fast", init="kmeans", tol=None, max_iter=2) for k in range(20, 26)]
    limit = least_memory(specs[-1])
    asked: list[int] = []
    run = ThreadRunner.run

    def counted(self: ThreadRunner, source: Any, folds: Any, progress: Any) -> Any:
        answers = run(self, source, folds, progress)
        asked.append(len(folds))
        return answers

    monkeypatch.setattr(ThreadRunner, "run", counted)
    whole = fit_all(SOURCE, specs, 1, ThreadRunner(1, memory_limit=0), Silent())
    before = max(asked)
    asked.clear()
    grouped = fit_all(SOURCE, specs, 1, ThreadRunner(1, memory_limit=limit), Silent())
    assert same(grouped, whole)
    assert max(asked) < before == len(specs)


def test_what_does_not_fit_alone_is_refused_before_the_first_pass() -> None:
    records: list[Any] = []
    rows = ArraySource.of(np.random.default_rng(0).standard_normal((5000, 40)))
    limit = project(rows, [EStep.like(2, "full", 40)], 1).total
    specs = [Spec(2, max_iter=2), Spec(200, max_iter=2)]
    with pytest.raises(MemoryLimitError, match="to hold at most"):
        fit_all(rows, specs, 1, ThreadRunner(1, memory_limit=limit), Silent(), records.append)
    assert records == []


def test_of_the_sample_no_more_is_held_than_a_number_of_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = together(ThreadRunner(1))
    monkeypatch.setattr(trip, "LARGEST_SAMPLES", 800 * 8 * SOURCE.n_features)
    held: list[int] = []
    sampled = trip.Trip._sampled

    def counted(self: trip.Trip, rows: Any) -> Any:
        found = sampled(self, rows)
        held.append(sum(each.layout.rows for each in self._samples.values()))
        return found

    monkeypatch.setattr(trip.Trip, "_sampled", counted)
    assert same(together(ThreadRunner(1)), whole)
    assert max(held) <= 800
    assert len(set(held)) > 2
