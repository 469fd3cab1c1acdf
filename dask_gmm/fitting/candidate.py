"""A candidate: a frozen value that asks a question of rows and is told the answer."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np

from dask_gmm.errors import DataError, InputError
from dask_gmm.fitting.ascent import Ascending
from dask_gmm.fitting.believing import Believing
from dask_gmm.fitting.bounds import NOISE
from dask_gmm.fitting.first_step import FirstStep
from dask_gmm.fitting.known import prior_of
from dask_gmm.fitting.members import (
    Asking,
    Evaluation,
    Finished,
    Why,
    back_to,
    best_held_out,
)
from dask_gmm.fitting.overfit import ITERATIONS, Goal, Loosening, clusters
from dask_gmm.fitting.questions import ALL_ROWS, EStep, Question, Rows
from dask_gmm.fitting.sample import sample_size
from dask_gmm.fitting.short_runs import Trying
from dask_gmm.fitting.spec import MERGE, SHORT_EM, Spec
from dask_gmm.fitting.starts import DrawnStart, DrawnStarts, Draws, DrawStarts, State, seeded
from dask_gmm.fitting.stopping import enough, left_to_gain, overtrained
from dask_gmm.fitting.survey import Survey
from dask_gmm.fitting.warming import Warming
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import MStep, m_step
from dask_gmm.mixture.prior import NO_PRIOR, log_prior
from dask_gmm.mixture.statistics import SufficientStatistics

# Squares of these, with room for correlations, are numbers of the precision.
FARTHEST_STARTS: Final = {"float64": 1e100, "float32": 1e12}
SEED_STEP: Final = 1_000_003
Begun: TypeAlias = "Believing | Climbing | Ascending | Loosening | Trying"


@dataclass(frozen=True, slots=True, eq=False)
class Initializing:
    """Candidates that wait for their starts, drawn one after another from the sample.

    Parameters
    ----------
    spec : Spec
    survey : Survey
    draws : Draws
    goals : tuple of Goal
        Those that begin where the same components are merged, if any.
    """

    spec: Spec
    survey: Survey
    draws: Draws
    history: tuple[Evaluation, ...] = ()
    goals: tuple[Goal, ...] = ()

    @property
    def racing(self) -> bool:
        """Whether the starts climb the levels, and the best of them is chosen on the first."""
        return self.spec.races

    def ask(self) -> Question:
        """Ask for the starts."""
        spec, survey = self.spec, self.survey
        if spec.init in (MERGE, SHORT_EM):
            count = spec.n_loose if spec.init == MERGE else spec.n_components
            return clusters(spec, survey, self.draws, count)
        prior = NO_PRIOR if spec.prior is None else prior_of(spec, survey, survey.summary)
        first_step = FirstStep(
            spec.n_components, spec.covariance_type, spec.reg_covar, survey.frame, prior
        )
        columns = first_step.family.start_columns(len(survey.frame.shift))
        rows = Rows(sample_size(spec.n_components, columns), at_once=True)
        return Question(rows, DrawStarts(spec.init, first_step, self.draws, survey.centers))

    def tell(self, answer: DrawnStarts) -> "tuple[Begun, ...]":
        """Give a candidate for each start, with the parameters that were given in its place."""
        return tuple(map(self._begun, answer.starts))

    def _begun(self, start: DrawnStart) -> "Begun":
        if self.spec.init == MERGE:
            return Loosening(self.spec, self.survey, start.step, ITERATIONS, goals=self.goals)
        if self.spec.init == SHORT_EM:
            return Trying(self.spec, self.survey, start.step)
        if self.spec.beliefs is not None:
            return Believing.begun(self.spec, self.survey, start.step.mixture, state=start.state)
        step = MStep(self._with_given(start.step.mixture), start.step.repairs)
        if self.spec.solver == "fast":
            return Ascending(self.spec, self.survey, 0, step)
        return Climbing(self.spec, self.survey, step, self.spec.precision, state=start.state)

    def _with_given(self, drawn: Mixture) -> Mixture:
        given = self.spec.given
        if given.is_empty:
            return drawn
        centered = given.in_place(drawn, self.survey.frame.shift)
        _refuse_far(centered, self.survey, self.spec.precision)
        return centered


@dataclass(frozen=True, slots=True, eq=False)
class Climbing:
    """A candidate that makes EM iterations over all rows.

    Parameters
    ----------
    spec : Spec
    survey : Survey
    step : MStep
        Parameters about the frame's shift, not yet measured, and what led to them.
    precision : str
        Of the next pass; float32 is left for float64 near its noise.
    best : MStep, optional
        The last parameters measured, or those that describe the rows held out best.
    history : tuple of Evaluation
    before : float
        Log-likelihood per row of the pass before the first, if an earlier fit is continued.
    state : tuple, optional
        Of the random state, after its start was drawn.
    """

    spec: Spec
    survey: Survey
    step: MStep
    precision: str
    best: MStep | None = None
    history: tuple[Evaluation, ...] = ()
    before: float = -np.inf
    state: State = None

    @property
    def mixture(self) -> Mixture:
        """The parameters, in the coordinates of the data."""
        return self._placed(self.step)

    @property
    def racing(self) -> bool:
        """False: all of its passes are about all rows."""
        return False

    def ask(self) -> Question:
        """Ask for the E-step at the current parameters."""
        held_out = self.spec.held_out
        question = EStep.at(self.step.mixture, self.survey.frame, self.precision, held_out)
        return Question(ALL_ROWS, question)

    def tell(self, answer: SufficientStatistics) -> "tuple[Climbing | Finished]":
        """Take the M-step, or finish at the parameters just measured."""
        spec, summary = self.spec, self.survey.summary
        last = Evaluation.of(answer, self.step, summary, self.precision)
        if not np.isfinite(last.log_likelihood):
            raise _not_finite(last.log_likelihood, len(self.history))
        prior = prior_of(spec, self.survey, summary)
        if prior.informs:
            told = log_prior(self.step.mixture, prior) / answer.rows
            last = replace(last, objective=last.log_likelihood + told)
        history = (*self.history, last)
        before = self.history[-1].maximized if self.history else self.before
        change = abs(last.maximized - before)
        precision = self._next_precision(change)
        at = (answer, self.step.mixture, summary)
        step = m_step(*at, spec.ridge, self.precision, prior, spec.fixed)
        best = self.step if best_held_out(history) == len(self.history) else self.best
        here = replace(self, step=step, best=best, history=history, precision=precision)
        if self._is_enough(history, change) and precision == self.precision:
            return (here._finish(Why.LITTLE_LEFT if spec.tol is None else Why.CONVERGED),)
        if overtrained(history):
            return (here._finish(Why.HELD_OUT),)
        return (here._finish(Why.MAX_ITER) if len(self.history) == spec.max_iter else here,)

    def stopped(self, why: Why) -> Finished | None:
        """Finish before the next pass; None where there was none."""
        return self._finish(why) if self.history else None

    def _is_enough(self, history: tuple[Evaluation, ...], change: float) -> bool:
        rows, last = self.survey.summary.mass, history[-1].log_likelihood
        wanted = enough(self.spec, self.step.mixture, rows, last)
        if self.spec.tol is not None:
            return change < wanted
        return max(left_to_gain(history[:-1]), left_to_gain(history)) < wanted

    def _next_precision(self, change: float) -> str:
        done = change < max(self.spec.tol or 0.0, NOISE["float32"])
        return "float64" if done else self.precision

    def _finish(self, why: Why) -> Finished:
        assert self.best is not None  # after the first pass
        history = back_to(self.history, best_held_out(self.history))
        found, after = self._placed(self.best), self._placed(self.step)
        return Finished(self.spec, found, after, history, why, self.state)

    def _placed(self, step: MStep) -> Mixture:
        return self.spec.kept(step.mixture.moved(self.survey.frame.shift))


def candidates_of(goals: Sequence[Goal]) -> list[Asking]:
    """Give the first selves of candidates; those that merge the same components are one yet."""
    groups: dict[Hashable, list[Goal]] = {}
    for number, goal in enumerate(goals):
        groups.setdefault(goal.spec.shared_start or number, []).append(goal)
    return [_together(group) for group in groups.values()]


def _together(goals: Sequence[Goal]) -> Asking:
    first = candidate(goals[0].spec, goals[0].survey)
    if goals[0].spec.shared_start is None:
        return first
    assert isinstance(first, Initializing)  # it is not given
    return replace(first, goals=tuple(goals))


def candidate(
    spec: Spec, survey: Survey, draws: Draws | None = None, before: float = -np.inf
) -> Asking:
    """Give the first self of a candidate: at given parameters, or before its start is drawn.

    Parameters
    ----------
    spec : Spec
    survey : Survey
    draws : Draws, optional
        How starts are drawn; by default one, from the spec's seed and restart, the first of which
        takes the seed itself, as scikit-learn does.
    before : float
        Log-likelihood, or lower bound, per row of the pass that led to the given parameters.
    """
    if spec.start is None:
        drawn = draws or Draws(seeded(spec.seed + SEED_STEP * spec.restart))
        return Initializing(spec, survey, drawn)
    centered = spec.start.moved(-survey.frame.shift)
    _refuse_far(centered, survey, spec.precision)
    if spec.beliefs is not None:
        return Believing.begun(spec, survey, centered, before)
    if spec.solver == "fast":
        return Warming.begun(spec, survey, MStep(centered, ()))
    return Climbing(spec, survey, MStep(centered, ()), spec.precision, before=before)


def _refuse_far(centered: Mixture, survey: Survey, precision: str) -> None:
    """Refuse a start so far from the rows, or so wide or tight, that its squares overflow."""
    scale = survey.frame.scale
    variances = centered.variances()
    distances = np.abs(centered.means) * scale
    inverses = 1 / (np.sqrt(variances) * scale)
    with np.errstate(over="ignore"):
        worst = np.maximum(distances, 1.0) * np.maximum(inverses, 1 / inverses)
    if not worst.max() < FARTHEST_STARTS[precision]:
        other = ", or the precision float64" if precision == "float32" else ""
        k, j = np.unravel_index(np.argmax(worst), worst.shape)
        raise InputError(
            f"Wanted a start near the rows, found one whose component {k} in column {j} is "
            f"{distances[k, j]:.3g} of their standard deviations from their mean, and "
            f"{1 / inverses[k, j]:.3g} of them wide: too much for the squares of {precision}. "
            f"Give another start{other}."
        )


def _not_finite(value: float, passes: int) -> DataError:
    return DataError(
        f"Wanted a finite log-likelihood, found {value} in pass {passes + 1} of EM, though all "
        "rows were finite in the first. Check whether the rows changed during the run, and "
        "whether their values are so far apart that their squares overflow."
    )
