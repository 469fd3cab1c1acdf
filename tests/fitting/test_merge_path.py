"""Mixtures of several sizes begin where merging the same components passes through them."""

from collections.abc import Sequence

import numpy as np
import pytest

from dask_gmm.data.array_source import ArraySource
from dask_gmm.errors import InputError
from dask_gmm.fitting.ascent import Ascended, Ascending
from dask_gmm.fitting.candidate import Initializing
from dask_gmm.fitting.members import Member
from dask_gmm.fitting.overfit import ITERATIONS, Loosening
from dask_gmm.fitting.race import settled
from dask_gmm.fitting.spec import MERGE, TRIES, Spec
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


def goals_of(members: Sequence[Member]) -> list[int]:
    """How many mixtures each begins that is not begun yet."""
    waiting = [each for each in members if isinstance(each, Initializing | Loosening)]
    return [len(each.goals) for each in waiting]


def test_sizes_of_a_family_share_one_search_for_components() -> None:
    first, *after = cohorts(spec(2), spec(3), spec(5), n_init=2)
    assert goals_of(first) == [3] * TRIES[MERGE] * 2 + [0] * 3 * 2
    loose = [each for each in after if isinstance(each[0], Loosening)]
    shared = [[count for count in goals_of(each) if count] for each in loose]
    assert shared == [[3] * TRIES[MERGE] * 2] * ITERATIONS
    parted = [each for each in after[len(loose)] if each.spec.init == MERGE]
    assert [each.spec.n_components for each in parted] == [2, 3, 5] * TRIES[MERGE] * 2
    assert [each.spec.race for each in parted] == [0, 1, 2] * TRIES[MERGE] * 2


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
    for each in parted[:2]:
        assert isinstance(each, Ascending)
        assert each.step.mixture.means.tobytes() == path[each.spec.n_components].means.tobytes()


def test_other_families_restarts_and_numbers_share_nothing() -> None:
    first, *_ = cohorts(spec(2), spec(2, family="diag"), spec(3, 9), spec(3, None))
    assert goals_of(first) == [*[1] * TRIES[MERGE], 0] * 3 + [0] * (TRIES[MERGE] + 1)


def test_a_race_waits_for_components_that_others_share() -> None:
    (shared, *_), *after = cohorts(spec(2), spec(3))
    ended = next(each for members in after for each in members if isinstance(each, Ascended))
    assert settled([shared, ended]) == [shared, ended]
    assert settled([ended]) != [ended]


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
