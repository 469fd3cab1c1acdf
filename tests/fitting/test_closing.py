"""A fit of few rows says that it has converged where plain EM that goes on gains no more."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.ends import ended as fitted
from dask_gmm.data.array_source import ArraySource
from dask_gmm.fitting import escape
from dask_gmm.fitting.ascent import Ascended, Ascending
from dask_gmm.fitting.closing import closing
from dask_gmm.fitting.escape import CLOSED, Escaping, onward
from dask_gmm.fitting.members import Finished, Why
from dask_gmm.fitting.newton import Solving
from dask_gmm.fitting.questions import ALL_ROWS
from dask_gmm.fitting.spec import Spec
from dask_gmm.mixture.fixed import fixed_of
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import MStep
from dask_gmm.passes.progress import Silent
from dask_gmm.workflows.fit_rows import fit_rows
from tests.fitting.test_escape import (
    FEW,
    HERE,
    SAMPLED,
    SPEC,
    WHOLE,
    Trip,
    bytes_of,
    ended,
    followed,
    free,
    trapped,
)
from tests.workflows.resuming import ONE, assert_same, checkpoints, clusters, interrupted_after_each

# Problems of 200 to 400 rows whose end L-BFGS alone takes for one too soon.
TOO_SOON = (16, 53, 59, 62)


@pytest.mark.parametrize("number", TOO_SOON)
def test_plain_em_that_goes_on_gains_less_than_the_tolerance(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = fitted(number)
    assert found.why == Why.LITTLE_LEFT.name
    assert found.left < 1
    monkeypatch.setattr(escape, "closing", lambda ended: None)
    assert fitted(number).left > 1


@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"])
def test_where_little_is_left_no_more_rows_are_read(covariance_type: str) -> None:
    spec, trip = replace(SPEC, covariance_type=covariance_type), Trip()
    home = ended(free(covariance_type), FEW, spec)
    closed = followed(onward(home), trip)
    stayed = home.go_on()
    assert isinstance(stayed, Finished)
    assert set(trip.asked) == {HERE}
    assert bytes_of(closed) == bytes_of(stayed)
    assert closed.history == stayed.history
    assert closed.climbs == stayed.climbs
    assert closed.left is not None


def begun(start: Mixture) -> Ascended:
    """What says that it has converged at its start, where much is left to gain."""
    member = Ascending(SPEC, FEW, 0, MStep(start, ()))
    (told,) = member.tell(Trip()(ALL_ROWS, [member.ask()])[0])
    assert isinstance(told, Ascending)
    assert told.base is not None
    return Ascended(told, told.base, Why.LITTLE_LEFT)


def test_where_more_is_left_it_goes_on() -> None:
    start, trip = free(), Trip()
    home = begun(Mixture.of(start.weights, start.means + 0.3, start.covariances))
    closed, expected = followed(onward(home), trip), followed(ended(free()).go_on())
    assert set(trip.asked) == {HERE, ALL_ROWS}
    assert closed.log_likelihood > home.base.value + 0.01
    assert closed.log_likelihood == pytest.approx(expected.log_likelihood, abs=1e-5)
    assert len(closed.history) == 1 + trip.asked.count(ALL_ROWS)
    assert [climb.passes for climb in closed.climbs] == [1, trip.asked.count(ALL_ROWS)]
    assert followed(onward(home), Trip(2)).mixture.means.tobytes() == (
        closed.mixture.means.tobytes()
    )


def test_it_is_looked_for_once_at_the_end_of_what_has_converged() -> None:
    home = ended(free(), FEW)
    solving = closing(home)
    assert isinstance(solving, Solving)
    assert isinstance(solving.at, Ascending)
    assert not solving.at.racing
    assert closing(Ascended(solving.at, home.base, Why.LITTLE_LEFT)) is None
    assert closing(Ascended(home.at, home.base, Why.MAX_ITER)) is None
    lower = replace(home.base, value=home.base.value - 1)
    assert closing(replace(home, base=lower)) is None


def test_it_is_looked_for_neither_without_rows_in_memory_nor_after_larger_samples() -> None:
    assert closing(ended(free(), WHOLE)) is None
    assert closing(ended(free(), SAMPLED)) is None


ROWS = clusters(300)
START = Mixture.of([0.5, 0.3, 0.2], ROWS[:3], np.stack([np.eye(3)] * 3))


def test_a_fit_interrupted_after_every_pass_has_the_same_bytes() -> None:
    spec = Spec(3, solver="fast", start=START, tol=None)
    source = ArraySource.of(ROWS)
    undisturbed = checkpoints(spec, source=source)
    closing_up = [each.members[0] for each in undisturbed if isinstance(each.members[0], Escaping)]
    assert {each.way for each in closing_up} == {CLOSED}
    assert_same(undisturbed, list(interrupted_after_each(undisturbed[0], source)))


def test_where_nothing_is_free_nothing_is_looked_for() -> None:
    fixed = fixed_of(dict.fromkeys(("weights", "means", "covariances"), "all"), 3, shared=False)
    spec = Spec(3, solver="fast", start=START, tol=None, fixed=fixed)
    model = fit_rows(ArraySource.of(ROWS), spec, 1, ONE, Silent()).model
    assert model.converged
    assert model.left == 0
    np.testing.assert_allclose(model.means, START.means, rtol=0, atol=1e-12)


@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"])
def test_passes_that_were_kept_never_fall_where_an_escape_is(covariance_type: str) -> None:
    spec = replace(SPEC, covariance_type=covariance_type)
    left = followed(escape.after(ended(trapped(covariance_type), WHOLE, spec)))
    assert left.notes
    kept = [each.maximized for each in left.history if each.kept]
    assert (np.diff(kept) > -1e-12).all()


def test_what_is_stopped_in_a_race_has_not_converged() -> None:
    waiting = ended(free(), WHOLE)
    stopped = waiting.stopped(Why.MAX_PASSES)
    assert isinstance(stopped, Finished)
    assert stopped.why is Why.MAX_PASSES
