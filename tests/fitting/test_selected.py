"""Which of several mixtures to take."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.errors import InputError
from dask_gmm.fitting.selected import CRITERIA, Entry, Selected
from dask_gmm.fitting.spec import Spec
from dask_gmm.mixture.covariance import FAMILIES
from tests.fitting.selections import ROWS, entry, grid, selected
from tests.fitting.test_limits import SHARE, SOLVERS, X, fitted

losses = st.floats(-1e6, 1e6)
entries = st.builds(
    lambda k, family, init, bic, held_out, error: entry(
        k, family, init, bic=bic, held_out=held_out, held_out_error=error
    ),
    st.integers(1, 6),
    st.sampled_from(tuple(FAMILIES)),
    st.sampled_from(["merge", "kmeans"]),
    losses,
    st.floats(-1e3, 1e3),
    st.floats(1e-6, 10.0),
)


@given(st.lists(entries, min_size=1, max_size=8))
def test_nothing_is_better_than_the_winner_but_by_rounding(made: list[Entry]) -> None:
    told = selected(*made)
    least = min(each.loss("bic") for each in made)
    assert told.winner.loss("bic") <= least + 2.1e-9 * ROWS
    best = max(each.held_out for each in made if each.held_out is not None)
    judged = told.winner_by("held_out")
    assert judged is not None
    assert judged.held_out == pytest.approx(best, abs=1e-9)


@given(st.lists(entries, min_size=1, max_size=8), st.randoms())
def test_the_order_of_candidates_decides_nothing(made: list[Entry], random: object) -> None:
    mixed = list(made)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    one, other = selected(*made).winner, selected(*mixed).winner
    assert (one.bic, one.n_parameters, one.n_components) == (
        other.bic,
        other.n_parameters,
        other.n_components,
    )


@given(st.lists(entries, min_size=1, max_size=8))
def test_the_simplest_within_an_error_is_that(made: list[Entry]) -> None:
    told = selected(*made, criterion="held_out")
    best, simplest = told.ranked("held_out")[0], told.simplest_within_error
    assert simplest is not None
    assert best.held_out is not None
    assert best.held_out_error is not None
    least = best.held_out - best.held_out_error
    near = [each for each in made if each.held_out is not None and each.held_out >= least]
    assert simplest in near
    assert simplest.n_parameters == min(each.n_parameters for each in near)
    assert simplest.n_parameters <= told.winner.n_parameters


@pytest.mark.parametrize("criterion", CRITERIA)
def test_each_criterion_has_its_winner(criterion: str) -> None:
    names = {"bic": 1, "aic": 2, "icl": 3, "held_out": 4}
    made = [
        entry(
            k,
            bic=abs(k - 1.0),
            aic=abs(k - 2.0),
            icl=abs(k - 3.0),
            held_out=-abs(k - 4.0),
            held_out_error=0.1,
        )
        for k in range(1, 6)
    ]
    assert selected(*made, criterion=criterion).winner.n_components == names[criterion]
    assert selected(*made).winner.n_components == 1


def test_what_only_rounding_tells_apart_goes_to_the_simpler() -> None:
    full, tied = entry(1, "full", bic=100.0), entry(1, "tied", bic=100.0 + 1e-10)
    assert full.n_parameters == tied.n_parameters
    assert selected(full, tied).winner is tied
    more = entry(2, "tied", bic=100.0 - 1e-10)
    assert selected(full, more).winner is full
    assert selected(full, replace(more, bic=99.0)).winner.n_components == 2


def test_the_better_of_two_starts_is_taken() -> None:
    made = [entry(2, init="kmeans", bic=101.0), entry(2, init="merge", bic=100.0)]
    assert selected(*made).winner is made[1]
    assert selected(*made).curves("bic") == {"full": (made[1],)}


def test_curves_are_by_family_in_the_order_of_components() -> None:
    curves = selected(*reversed(grid())).curves("icl")
    assert set(curves) == set(FAMILIES)
    assert all([each.n_components for each in curve] == [1, 2, 3, 4] for curve in curves.values())


def test_who_was_dropped_is_not_chosen() -> None:
    best = entry(3, bic=0.0, dropped="too slow")
    other = entry(4, bic=1.0)
    told = selected(best, other)
    assert told.winner is other
    assert told.curves("bic") == {"full": (other,)}


def test_without_a_candidate_that_can_be_chosen_there_is_no_selection() -> None:
    with pytest.raises(InputError, match=r"held_out, found none among 16.*bic, aic, icl"):
        selected(*grid(), criterion="held_out")
    with pytest.raises(InputError, match="found none among 1, and of other criteria none"):
        selected(entry(1, dropped="too slow"))
    with pytest.raises(InputError, match="one of aic, bic, held_out, icl"):
        selected(entry(1), criterion="mdl")


def test_a_criterion_that_some_lack_is_decided_by_the_others() -> None:
    told = selected(entry(2, icl=None, bic=1.0), entry(3, icl=5.0, bic=2.0), criterion="icl")
    assert told.winner.n_components == 3
    assert told.winner_by("bic") is told.entries[0]
    assert told.winner_by("held_out") is None
    assert told.simplest_within_error is None


@pytest.mark.parametrize("solver", SOLVERS)
def test_an_entry_says_what_the_fit_says(solver: str) -> None:
    spec = Spec(3, "diag", tol=1e-4, held_out=SHARE, **SOLVERS[solver])
    model = fitted(spec).model
    made = Entry.of(spec, model)
    assert (made.n_components, made.covariance_type, made.init) == (3, "diag", spec.init)
    assert (made.converged, made.reason, made.iterations) == (True, model.reason, model.n_iter)
    assert (made.aic, made.bic, made.icl) == (model.aic, model.bic, model.icl)
    assert (made.held_out, made.held_out_error) == (model.last.held_out, model.last.held_out_error)
    assert (made.log_likelihood, made.left) == (model.log_likelihood, model.left)
    assert (made.n_kept, made.n_parameters) == (3, model.mixture.n_parameters)


def test_the_number_of_components_that_rows_have_is_found() -> None:
    made = [
        Entry.of(spec, fitted(spec).model) for spec in (Spec(k, tol=1e-5) for k in (1, 2, 3, 4))
    ]
    told = Selected(tuple(made), len(X))
    assert told.winner.n_components == 3
    assert told.winner_by("icl") is told.winner
