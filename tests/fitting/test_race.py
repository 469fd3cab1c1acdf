"""Races on samples: who goes on, who is dropped, and what is written down of that."""

from dataclasses import replace

import numpy as np
import pytest

from dask_gmm.data.array_source import ArraySource
from dask_gmm.fitting.ascent import Ascended, Ascending
from dask_gmm.fitting.candidate import candidate
from dask_gmm.fitting.cohort import carried_out, search
from dask_gmm.fitting.escape import Escaping
from dask_gmm.fitting.levels import Level
from dask_gmm.fitting.members import Finished
from dask_gmm.fitting.overfit import Loosening
from dask_gmm.fitting.questions import Rows
from dask_gmm.fitting.race import CROSSED, UNDECIDED, Lost, settled
from dask_gmm.fitting.result import FittedMixture
from dask_gmm.fitting.spec import MERGE, SHORT_EM, Spec
from dask_gmm.fitting.stopping import statistical_error
from dask_gmm.fitting.survey import Survey
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.summary import summarize
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.workflows.fit_rows import fit_rows
from tests.fitting.test_escape import SAMPLED, SPEC, Trip, X, ended, free, other_trap, trapped

SAMPLES = tuple(Level(Rows(size), summarize(X[:size])) for size in (500, 2000))
TWICE = Survey.of(summarize(X), below=SAMPLES)


def at_value(ended_one: Ascended, below: float) -> Ascended:
    """The same, so many statistical errors of its level lower."""
    error = statistical_error(ended_one.step.mixture.n_parameters, ended_one.rows)
    base = replace(ended_one.base, value=ended_one.value - below * error)
    return replace(ended_one, base=base)


def test_what_a_small_sample_cannot_tell_apart_goes_on_to_the_next() -> None:
    best = ended(free(), TWICE)
    near, far = at_value(best, 0.9 * UNDECIDED), at_value(best, 1.1 * UNDECIDED)
    members = settled([near, best])
    assert [type(each) for each in members] == [Ascending, Ascending]
    assert [each.level for each in members if isinstance(each, Ascending)] == [1, 1]
    assert [type(each) for each in settled([far, best])] == [Lost, Ascending]
    assert [type(each) for each in settled([at_value(best, 0.01), best])] == [Lost, Ascending]


def test_the_last_sample_decides() -> None:
    best = ended(free(), SAMPLED)
    members = settled([at_value(best, 0.9 * UNDECIDED), best])
    assert [type(each) for each in members] == [Lost, Escaping]


def test_those_that_go_on_wait_for_each_other_and_one_of_them_reads_all_rows() -> None:
    best = ended(free(), TWICE)
    trip = Trip()
    members = carried_out([at_value(best, 2.0), best], trip, lambda members: None)
    assert [type(each) for each in members] in ([Lost, Finished], [Finished, Lost])
    (lost,) = (each for each in members if isinstance(each, Lost))
    assert lost.rows == 2000
    assert lost.below >= 0


def test_a_crossed_race_is_not_crossed_again_and_the_second_stays_if_it_may_be_better() -> None:
    best = ended(free(), TWICE)
    second, third = at_value(best, 1.0), at_value(best, 9.0)
    members = settled([best, second, third])
    assert [type(each) for each in members] == [Ascended, Ascended, Loosening, Lost]
    assert isinstance(members[2], Loosening)
    assert members[2].notes == (CROSSED,)
    child = replace(best, at=replace(best.at, notes=(CROSSED,)))
    again = settled([best, second, at_value(child, 5.0)])
    assert [type(each) for each in again] == [Ascending, Ascending, Lost]
    assert isinstance(again[2], Lost)
    assert again[2].origin == CROSSED
    assert again[2].below == pytest.approx(5)


def test_a_start_of_scikit_learn_races_with_those_that_are_merged() -> None:
    specs = Spec(3, solver="fast", init=MERGE).candidates(2)
    assert [(each.init, each.restart) for each in specs] == [
        *((MERGE, i) for i in range(6)),
        ("kmeans", 0),
        ("kmeans", 1),
    ]
    assert len(Spec(3, solver="fast", init=SHORT_EM).candidates(2)) == 16
    assert len(Spec(3, init="random").candidates(2)) == 2
    assert len(Spec(3, start=free(), init=MERGE).candidates(2)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_no_race_ends_lower_than_the_usual_start(seed: int) -> None:
    spec = replace(SPEC, n_components=6, seed=seed)
    cohort = [candidate(each, SAMPLED) for each in spec.candidates(1)]
    usual = candidate(replace(spec, init="kmeans"), SAMPLED)
    (found,), (other,) = (search(each, Trip(), lambda members: None) for each in (cohort, [usual]))
    error = statistical_error(found.mixture.n_parameters, len(X))
    assert found.log_likelihood > other.log_likelihood - 3 * error


def fitted(spec: Spec, n_init: int = 1) -> FittedMixture:
    return fit_rows(ArraySource.of(X), spec, n_init, ThreadRunner(1), Silent()).model


def test_who_was_dropped_is_in_the_result() -> None:
    dropped = fitted(SPEC).dropped
    origins = [each.origin for each in dropped]
    assert set(origins) <= {MERGE, "kmeans", CROSSED}
    assert len(origins) >= 3
    assert len({(each.origin, each.restart) for each in dropped}) == len(dropped)
    assert all(each.rows == len(X) and each.below >= 0 for each in dropped)


def test_other_starts_of_plain_em_are_dropped_at_its_end() -> None:
    model = fitted(Spec(6, init="random", max_iter=5), n_init=3)
    assert [each.origin for each in model.dropped] == ["random"] * 2
    for each in model.dropped:
        assert each.value < model.log_likelihood
        gap = (model.log_likelihood - each.value) / model.statistical_error
        assert each.below == pytest.approx(gap)


def test_the_child_of_a_race_says_where_it_is_from() -> None:
    members = settled([ended(trapped()), ended(trapped()), ended(other_trap())])
    ends = carried_out(members, Trip(), lambda members: None)
    (winner,) = (each for each in ends if isinstance(each, Finished))
    assert winner.notes[0] == CROSSED
    assert np.isfinite(winner.log_likelihood)
    assert isinstance(winner.mixture, Mixture)
