"""Mixtures of several sizes begin where merging the same components passes through them."""

import numpy as np
import pytest

from dask_gmm.data.array_source import ArraySource
from dask_gmm.errors import InputError
from dask_gmm.fitting.ascent import Ascending
from dask_gmm.fitting.candidate import Initializing
from dask_gmm.fitting.members import Member
from dask_gmm.fitting.overfit import ITERATIONS, Loosening
from dask_gmm.fitting.race import settled
from dask_gmm.fitting.spec import MERGE, Spec
from dask_gmm.mixture.merging import merge_path
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.records.checkpoint import Checkpoint
from dask_gmm.workflows.fit_rows import fit_all, fit_rows

CENTERS = 4 * np.random.default_rng(5).standard_normal((6, 2))
X = CENTERS[np.arange(4000) % 6] + np.random.default_rng(6).standard_normal((4000, 2))
MOST = 10


def spec(n_components: int, merge_from: int | None = MOST, family: str = "full") -> Spec:
    return Spec(n_components, family, solver="fast", init=MERGE, tol=None, merge_from=merge_from)


def cohorts(*specs: Spec, n_init: int = 1) -> list[tuple[Member, ...]]:
    """The cohort at the start and after each pass."""
    kept: list[Checkpoint] = []
    source, runner = ArraySource.of(X), ThreadRunner(1)
    fit_all(source, specs, n_init, runner, Silent(), on_checkpoint=kept.append)
    return [each.members for each in kept]


def test_sizes_of_a_family_share_one_search_for_components() -> None:
    first, *after = cohorts(spec(2), spec(3), spec(5), n_init=2)
    assert len(first) == 2
    assert all(isinstance(each, Initializing) for each in first)
    loose = [each for each in after if isinstance(each[0], Loosening)]
    assert [len(each) for each in loose] == [2] * ITERATIONS
    parted = after[len(loose)]
    assert [each.spec.n_components for each in parted] == [2, 3, 5, 2, 3, 5]
    assert [each.spec.race for each in parted] == [0, 1, 2, 0, 1, 2]


def test_each_begins_on_the_path() -> None:
    every = cohorts(spec(2), spec(4))
    at = max(i for i, each in enumerate(every) if isinstance(each[0], Loosening))
    loose, parted = every[at][0], every[at + 1]
    assert isinstance(loose, Loosening)
    assert loose.survey.loose.rows.size == len(X)
    answer = ThreadRunner(1).run(ArraySource.of(X), [loose.ask().fold], Silent())[0]
    alone = Loosening(spec(MOST), loose.survey, loose.step, loose.iterations)
    (whole,) = alone.tell(answer)
    assert isinstance(whole, Ascending)
    path = {each.n_components: each for each in merge_path(whole.step.mixture)}
    for each in parted:
        assert isinstance(each, Ascending)
        assert each.step.mixture.means.tobytes() == path[each.spec.n_components].means.tobytes()


def test_other_families_restarts_and_numbers_share_nothing() -> None:
    first, *_ = cohorts(spec(2), spec(2, family="diag"), spec(3, 9), spec(3, None))
    initializing = [each for each in first if isinstance(each, Initializing)]
    assert [len(each.goals) for each in initializing] == [1, 1, 1, 0, 0, 0, 0]


def test_a_race_waits_for_components_that_others_share() -> None:
    (shared, _), *_ = cohorts(spec(2), spec(3), n_init=2)
    _, *after = cohorts(spec(2), spec(3), n_init=2)
    ended = next(each for each in after if not any(isinstance(m, Loosening) for m in each))
    assert settled([shared, *ended]) == [shared, *ended]


def test_how_many_are_merged_changes_the_start() -> None:
    rows = ArraySource.of(X)
    few, many = (
        fit_rows(rows, spec(3, number), 1, ThreadRunner(1), Silent()).model for number in (3, 40)
    )
    assert few.log_likelihoods[0] != many.log_likelihoods[0]


def test_more_than_there_are_different_rows_are_as_many() -> None:
    rows = ArraySource.of(np.repeat(X[:7], 300, 0))
    model = fit_rows(rows, spec(3), 1, ThreadRunner(1), Silent()).model
    assert np.isfinite(model.log_likelihood)


def test_it_is_asked_of_merge_alone_and_not_for_fewer() -> None:
    with pytest.raises(InputError, match="found 2 as merge_from"):
        spec(3, 2)
    with pytest.raises(InputError, match="merge_from with the init merge alone, found it with kme"):
        Spec(3, merge_from=6)
