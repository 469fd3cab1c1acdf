"""The best of several short runs of EM goes on, and no other."""

import numpy as np
import pytest

from dask_gmm.data.array_source import ArraySource
from dask_gmm.errors import InputError
from dask_gmm.fitting.ascent import Ascending
from dask_gmm.fitting.members import Member
from dask_gmm.fitting.race import Lost, settled
from dask_gmm.fitting.short_runs import SHORT, Tried, Trying
from dask_gmm.fitting.spec import MERGE, SHORT_EM, Spec
from dask_gmm.mixture.model import Mixture
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.records.checkpoint import Checkpoint
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.fit_rows import fit_rows

CENTERS = 3 * np.random.default_rng(5).standard_normal((12, 2))
X = CENTERS[np.arange(4000) % 12] + np.random.default_rng(6).standard_normal((4000, 2))
SPEC = Spec(12, solver="fast", init=SHORT_EM, tol=None)


def rounds(spec: Spec, n_init: int = 1, threads: int = 1) -> list[tuple[Member, ...]]:
    """The cohort at the start and after each pass, and the mixture last of all."""
    kept: list[Checkpoint] = []
    runner = ThreadRunner(threads)
    fit_rows(ArraySource.of(X), spec, n_init, runner, Silent(), on_checkpoint=kept.append)
    return [each.members for each in kept]


def fitted(spec: Spec, threads: int = 1) -> Mixture:
    source = ArraySource.of(X)
    return fit_rows(source, spec, 1, ThreadRunner(threads), Silent()).model.mixture


@pytest.mark.parametrize(("n_init", "tries"), [(1, 8), (2, 16)])
def test_the_best_goes_on_and_the_others_are_dropped_with_a_record(n_init: int, tries: int) -> None:
    cohorts = rounds(SPEC, n_init)
    trying = [each for each in cohorts if isinstance(each[0], Trying)]
    assert [len(each) for each in trying] == [tries] * SHORT
    (tried,) = (each for each in cohorts if isinstance(each[0], Tried))
    values = [each.value for each in tried if isinstance(each, Tried)]
    assert len(set(values)) > 1
    after = settled(tried)
    assert sum(isinstance(each, Lost) for each in after) == tries - 1
    assert isinstance(after[int(np.argmax(values))], Ascending)


def test_a_short_run_gains() -> None:
    (tried,) = (each for each in rounds(SPEC) if isinstance(each[0], Tried))
    assert isinstance(tried[0], Tried)
    climbing = Ascending(SPEC, tried[0].survey, 0, tried[0].step)
    question = climbing.ask()
    answers = ThreadRunner(1).run(ArraySource.of(X), [question.fold], Silent())
    (further,) = climbing.tell(answers[0])
    assert isinstance(further, Ascending)
    assert further.base is not None
    assert further.base.value > tried[0].value


@pytest.mark.usefixtures("small_leaves")
def test_it_changes_the_answer_and_threads_do_not() -> None:
    found = fitted(SPEC)
    same = fitted(SPEC, threads=2)
    assert found.means.tobytes() == same.means.tobytes()
    for init in (MERGE, "kmeans"):
        other = fitted(Spec(12, solver="fast", init=init, tol=None))
        assert not np.array_equal(found.means, other.means)


@pytest.mark.parametrize("init", [MERGE, SHORT_EM])
def test_plain_em_is_asked_for_other_starts(init: str) -> None:
    request = FitRequest(X, 2, "unused", init=init, solver="em")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=f"Wanted init {init} with the solver fast alone, found"):
        fit(request, ThreadRunner(1), Silent())
