"""The iterates of scikit-learn: the same starts, the same steps, the same end; and a faster way."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np

from dask_gmm.fitting.believing import Believing
from dask_gmm.fitting.candidate import Climbing, candidate
from dask_gmm.fitting.cohort import best, carried_out, initialize, search
from dask_gmm.fitting.measuring import Measuring
from dask_gmm.fitting.members import Evaluation, Finished, Member
from dask_gmm.fitting.spec import Spec
from dask_gmm.fitting.starts import Draws, State
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.variational import Inference
from dask_gmm.passes.threads import ONE_THREAD
from dask_gmm.workflows.fit_rows import cohort_of
from dask_gmm.workflows.trip import Trip

Found = TypeVar("Found", Mixture, Inference)


@dataclass(frozen=True, slots=True, eq=False)
class Iterates(Generic[Found]):
    """Where the iterations of the best start ended.

    Parameters
    ----------
    found : Mixture or Inference
        After the last step, which nothing has measured; of `ascend`, the last measured.
    lower_bounds : tuple of float
        Of each pass, the mean log-likelihood per row in nats, and the log prior where one is given;
        of `believe`, the lower bound of the log evidence of all rows after each step.
    converged : bool
    state : tuple, optional
        Of the random state, after all starts were drawn; None if none was used.
    """

    found: Found
    lower_bounds: tuple[float, ...]
    converged: bool
    state: State


def iterate(trip: Trip, spec: Spec, draws: Draws, before: float = -np.inf) -> Iterates[Mixture]:
    """Make at most ``spec.max_iter`` EM iterations from each start, each of one pass.

    In scikit-learn an iteration measures the parameters and moves on, and so does the last one.
    Restarts climb together, and share every pass.

    Parameters
    ----------
    trip : Trip
        Carries questions to the rows.
    spec : Spec
        What every start is asked to be; `Spec.max_iter` may be 0.
    draws : Draws
        The random state that starts are drawn from, and how many.
    before : float
        Log-likelihood per row that led to `Spec.start`, if an earlier fit is continued.

    Raises
    ------
    InputError, DataError
        See `Trip.survey`.
    """
    with ONE_THREAD:
        (known,) = trip.known([spec])
        # The last pass of a candidate leads to one more M-step.
        asked = replace(spec, max_iter=max(spec.max_iter - 1, 0))
        cohort = initialize([candidate(asked, known, draws, before)], trip.run_pass, trip.keep)
        if not spec.max_iter:
            trip.leave_sample()
            return _not_begun(cohort[-1], draws)
        finished = search(cohort, trip.run_pass, trip.keep)
    chosen, state = best(finished), finished[-1].state
    bounds = tuple(_bound(each, spec) for each in chosen.history)
    return Iterates(chosen.after, bounds, chosen.why.converged, state or draws.state)


def ascend(trip: Trip, spec: Spec, n_init: int) -> Iterates[Mixture]:
    """Climb from samples to all rows, and end at parameters that the last pass measured.

    Parameters
    ----------
    trip : Trip
        Carries questions to the rows.
    spec : Spec
        Of the solver ``fast``.
    n_init : int
        Number of starts that are asked for; each is the best of several that race.

    Raises
    ------
    InputError, DataError
        See `Trip.survey`.
    """
    with ONE_THREAD:
        cohort = cohort_of(trip, [spec], n_init)
        chosen = best(search(cohort, trip.run_pass, trip.keep))
    bounds = tuple(_bound(each, spec) for each in chosen.history if each.kept)
    return Iterates(chosen.mixture, bounds, chosen.why.converged, None)


def believe(trip: Trip, spec: Spec, draws: Draws, before: float = -np.inf) -> Iterates[Inference]:
    """Make at most ``spec.max_iter`` variational iterations from each start, each of one pass.

    Parameters
    ----------
    trip, draws
        See `iterate`.
    spec : Spec
        With beliefs; `Spec.tol`, if there is one, is about the lower bound of all rows together.
    before : float
        Lower bound that led to `Spec.posterior`, if an earlier fit is continued.

    Raises
    ------
    InputError, DataError
        See `Trip.survey`.
    """
    with ONE_THREAD:
        (known,) = trip.known([spec])
        mass = known.summary.mass
        asked = replace(spec, tol=None if spec.tol is None else spec.tol / mass)
        first = candidate(asked, known, draws, before / mass)
        cohort = initialize([first], trip.run_pass, trip.keep)
        if spec.max_iter:
            cohort = carried_out(cohort, trip.run_pass, trip.keep, _measured_no_more)
        else:
            trip.leave_sample()
    finished = [each for each in map(_unmeasured, cohort) if isinstance(each, Finished)]
    chosen = best(finished) if spec.max_iter else finished[-1]
    bounds = tuple(mass * each.maximized for each in chosen.history if each.kept)
    state = finished[-1].state or draws.state
    assert chosen.inference is not None  # of a candidate with beliefs
    return Iterates(chosen.inference, bounds, chosen.why.converged, state)


def _bound(measured: Evaluation, spec: Spec) -> float:
    return measured.log_likelihood if spec.prior is None else measured.maximized


def _measured_no_more(members: Sequence[Member]) -> list[Member]:
    return [_unmeasured(each) if isinstance(each, Measuring) else each for each in members]


def _unmeasured(member: Member) -> Member:
    return member.unmeasured() if isinstance(member, Believing | Measuring) else member


def _not_begun(member: object, draws: Draws) -> Iterates[Mixture]:
    assert isinstance(member, Climbing)
    return Iterates(member.mixture, (), False, member.state or draws.state)
