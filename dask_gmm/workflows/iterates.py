"""The iterates of scikit-learn: the same starts, the same steps, the same end; and a faster way."""

from dataclasses import dataclass, replace

import numpy as np

from dask_gmm.data.source import Source
from dask_gmm.fitting.candidate import Climbing, candidate
from dask_gmm.fitting.cohort import best, initialize, search
from dask_gmm.fitting.spec import Spec
from dask_gmm.fitting.starts import Draws, State
from dask_gmm.mixture.model import Mixture
from dask_gmm.passes.progress import Progress
from dask_gmm.passes.runner import Runner
from dask_gmm.passes.threads import ONE_THREAD
from dask_gmm.workflows.fit_rows import cohort_of
from dask_gmm.workflows.trip import Trip


@dataclass(frozen=True, slots=True, eq=False)
class Iterates:
    """Where the iterations of the best start ended.

    Parameters
    ----------
    mixture : Mixture
        After the last M-step, which nothing has measured; of the faster way, the last measured.
    lower_bounds : tuple of float
        Mean log-likelihood per row in nats of each pass.
    converged : bool
    state : tuple, optional
        Of the random state, after all starts were drawn; None if none was used.
    """

    mixture: Mixture
    lower_bounds: tuple[float, ...]
    converged: bool
    state: State


def iterate(
    source: Source,
    spec: Spec,
    draws: Draws,
    runner: Runner,
    progress: Progress,
    before: float = -np.inf,
) -> Iterates:
    """Make at most ``spec.max_iter`` EM iterations from each start, each of one pass.

    In scikit-learn an iteration measures the parameters and moves on, and so does the last one.
    Restarts climb together, and share every pass.

    Parameters
    ----------
    source : Source
    spec : Spec
        What every start is asked to be; `Spec.max_iter` may be 0.
    draws : Draws
        The random state that starts are drawn from, and how many.
    runner : Runner
        Where the passes run.
    progress : Progress
        Who hears of the passes.
    before : float
        Log-likelihood per row that led to `Spec.start`, if an earlier fit is continued.

    Raises
    ------
    InputError, DataError
        See `Trip.survey`.
    """
    trip = Trip(source, runner, progress, lambda record: None)
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
    bounds = tuple(each.log_likelihood for each in chosen.history)
    return Iterates(chosen.after, bounds, chosen.why.converged, state or draws.state)


def ascend(source: Source, spec: Spec, n_init: int, runner: Runner, progress: Progress) -> Iterates:
    """Climb from samples to all rows, and end at parameters that the last pass measured.

    Parameters
    ----------
    source : Source
    spec : Spec
        Of the solver ``fast``.
    n_init : int
        Number of starts that are asked for; each is the best of several that race.
    runner : Runner
        Where the passes run.
    progress : Progress
        Who hears of the passes.

    Raises
    ------
    InputError, DataError
        See `Trip.survey`.
    """
    trip = Trip(source, runner, progress, lambda record: None)
    with ONE_THREAD:
        cohort = cohort_of(trip, [spec], n_init)
        chosen = best(search(cohort, trip.run_pass, trip.keep))
    bounds = tuple(each.log_likelihood for each in chosen.history if each.kept)
    return Iterates(chosen.mixture, bounds, chosen.why.converged, None)


def _not_begun(member: object, draws: Draws) -> Iterates:
    assert isinstance(member, Climbing)
    return Iterates(member.mixture, (), False, member.state or draws.state)
