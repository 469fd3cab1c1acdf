"""A candidate that knows priors: variational steps over samples and all rows, and unions."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from dask_gmm.fitting.bounds import NOISE
from dask_gmm.fitting.levels import Level
from dask_gmm.fitting.measuring import Measuring, not_finite
from dask_gmm.fitting.members import Evaluation, Finished, Why, last_kept
from dask_gmm.fitting.questions import EStep, Question
from dask_gmm.fitting.spec import Spec
from dask_gmm.fitting.starts import State
from dask_gmm.fitting.stopping import enough, left_to_gain
from dask_gmm.fitting.survey import Survey
from dask_gmm.mixture.beliefs import Hyperparameters
from dask_gmm.mixture.evidence import lower_bound
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import log_likelihood
from dask_gmm.mixture.statistics import SufficientStatistics
from dask_gmm.mixture.uniting import unions
from dask_gmm.mixture.variational import (
    VariationalStep,
    of_more,
    started_at,
    variational_step,
)

# What an iteration may gain of the lower bound of all rows, in nats, unless told otherwise, as in
# scikit-learn: a component that is needed no more is left so slowly that gains tell of nothing.
USUAL_TOL: Final = 1e-3
# Passes before it is looked for unions at first, after one, and after none was found.
FIRST, NEXT, REST = 5, 1, 10
# Passes that a union may take to a higher bound, each of which makes up a share of what it lacks.
TRIALS: Final = 3
SHARE: Final = 0.2
# Passes over a sample at most.
ON_SAMPLES: Final = 1000
# Of a lower bound, as a share of it: more is no rounding.
ROUNDING: Final = 1e-13


@dataclass(frozen=True, slots=True, eq=False)
class Believing:
    """A candidate that makes variational iterations, with the solver ``fast`` on samples first.

    A sample speaks for as many rows as it has: a component that it knows too little of is left.

    Parameters
    ----------
    spec : Spec
    survey : Survey
    prior : Hyperparameters
    step : VariationalStep
        The posterior, with means about the frame's shift, and what led to it.
    precision : str
        Of the next pass; float32 is left for float64 near its noise.
    level : int
        The number of the level on which it is.
    made : tuple of Evaluation
        What each pass there measured: what the posterior expects of log densities, and the lower
        bound after the step that it led to.
    before : float
        Lower bound per row of the pass before the first, if an earlier fit is continued.
    state : tuple, optional
        Of the random state, after its start was drawn.
    rest : int
        With the solver ``fast``, passes until it is looked for components that are better one.
    """

    spec: Spec
    survey: Survey
    prior: Hyperparameters
    step: VariationalStep
    precision: str
    level: int
    made: tuple[Evaluation, ...] = ()
    before: float = -np.inf
    state: State = None
    rest: int = FIRST

    @classmethod
    def begun(
        cls, spec: Spec, survey: Survey, at: Mixture, before: float = -np.inf, state: State = None
    ) -> "Believing":
        """Begin at a given posterior, or where a mixture about the shift says that rows are.

        Raises
        ------
        InputError
            If the rows weigh so little that they have no covariance, and none is given.
        """
        assert spec.beliefs is not None
        shift, level = survey.frame.shift, 0 if spec.start is None else len(survey.levels) - 1
        prior = spec.beliefs.known(survey.summary, shift, at.family, at.n_components)
        if spec.posterior is None:
            step = started_at(at, survey.levels[level].summary, prior)
        else:
            step = VariationalStep(spec.posterior.moved(-shift), ())
        return cls(spec, survey, prior, step, spec.precision, level, before=before, state=state)

    @property
    def at(self) -> Level:
        """The rows on which it is."""
        return self.survey.levels[self.level]

    @property
    def history(self) -> tuple[Evaluation, ...]:
        """What passes over all rows measured."""
        return self.made if self.at.rows.are_all else ()

    @property
    def racing(self) -> bool:
        """False: no other is preferred to it on samples."""
        return False

    def ask(self) -> Question:
        """Ask for the E-step at what the posterior expects of log densities."""
        posterior, frame = self.step.posterior, self.survey.frame
        density = posterior.density(frame, self.precision)
        return Question(self.at.rows, EStep.of(posterior.mixture, density))

    def tell(self, answer: SufficientStatistics) -> "tuple[Believing | Uniting | Measuring]":
        """Take the next posterior; look for unions now and then; measure the last one."""
        found, step = self.measured(answer, self.step)
        made = (*self.made, found)
        change = abs(found.maximized - self.bound)
        precision = "float64" if change < max(self._enough, NOISE["float32"]) else self.precision
        rest = max(self.rest - 1, 0)
        after = replace(self, step=step, made=made, precision=precision, rest=rest)
        same = precision == self.precision
        ended = same and after._has_converged(change)
        if len(made) >= self.most:
            return (after.ended(after.why if ended else Why.MAX_ITER),)
        # What is tried is compared with this bound, of the same precision.
        if self.unites and same and (ended or not after.rest):
            at, known = self.step.posterior, (self.at.summary, self.prior, self.spec.reg_covar)
            trials = unions(answer, at, step.posterior, *known, self.precision)[: len(at.means)]
            if trials:
                return (Uniting(after, ended, trials[0], trials[1:], made),)
            after = replace(after, rest=REST)
        return (after.ended(after.why) if ended else after,)

    def measured(
        self, answer: SufficientStatistics, at: VariationalStep
    ) -> tuple[Evaluation, VariationalStep]:
        """Give what sums at a posterior say of it, and the next one."""
        spec, summary, last = self.spec, self.at.summary, at.posterior
        value = log_likelihood(answer, last.mixture, summary)
        step = variational_step(answer, last, summary, self.prior, spec.reg_covar, self.precision)
        bound = lower_bound(answer, last, step.posterior, summary) / answer.rows
        if not np.isfinite(value + bound):
            raise not_finite(value, bound, len(self.made))
        return Evaluation(value, self.precision, at.repairs, objective=bound), step

    def stopped(self, why: Why) -> Measuring | None:
        """Measure the posterior instead of going on; None where no pass was over all rows."""
        return self.measuring(why) if self.history else None

    def ended(self, why: Why) -> "Believing | Measuring":
        """Go on to the next level, or end there."""
        if self.at.rows.are_all:
            return self.measuring(why)
        above = self.survey.levels[self.level + 1].summary.mass
        more = of_more(self.step.posterior, self.prior, above / self.at.summary.mass)
        start = VariationalStep(more, ()), self.spec.precision, self.level + 1
        return Believing(self.spec, self.survey, self.prior, *start, state=self.state)

    def unmeasured(self) -> Finished:
        """Finish where it is."""
        return self.measuring(Why.MAX_ITER).unmeasured()

    def measuring(self, why: Why) -> Measuring:
        """End, but for a pass that measures."""
        known = (self.spec, self.survey, self.prior, self.step, self.history, why, self.state)
        left = left_to_gain(_kept(self.history))
        return Measuring(*known, left if self.unites and np.isfinite(left) else None)

    @property
    def unites(self) -> bool:
        """Whether two components are made one where that raises the lower bound."""
        return self.spec.solver == "fast"

    @property
    def most(self) -> int:
        """How many passes it makes on this level at most."""
        return self.spec.max_iter if self.at.rows.are_all else ON_SAMPLES

    @property
    def bound(self) -> float:
        """The lower bound per row after the last step that was kept."""
        return last_kept(self.made).maximized if self.made else self.before

    @property
    def why(self) -> Why:
        """Why it ends where it has converged."""
        return Why.LITTLE_LEFT if self.unites and self.spec.tol is None else Why.CONVERGED

    def _has_converged(self, change: float) -> bool:
        if not self.unites:
            return change < self._enough
        kept, rows = _kept(self.made), self.at.summary.mass
        wanted = enough(self.spec, self.step.posterior.mixture, rows, self.bound)
        return max(left_to_gain(kept[:-1]), left_to_gain(kept)) < wanted

    @property
    def _enough(self) -> float:
        """What an iteration of the solver em may gain when it has converged, in nats per row."""
        tol, mass = self.spec.tol, self.at.summary.mass
        absolute = USUAL_TOL / mass if tol is None else tol
        bound = self.bound if self.made else 0.0
        return max(absolute, self.spec.relative_tol * abs(bound))


@dataclass(frozen=True, slots=True, eq=False)
class Uniting:
    """A candidate that tries whether two components are better one.

    Parameters
    ----------
    base : Believing
        What it goes back to where they are not.
    last : bool
        Whether that has converged.
    step : VariationalStep
        The posterior that is tried.
    others : tuple of VariationalStep
        Those that are tried next.
    made : tuple of Evaluation
        On the level of the base, with those of trials.
    before : float
        Lower bound per row after the pass before of this trial, if there was one.
    passes : int
        Of this trial, until now.
    """

    base: Believing
    last: bool
    step: VariationalStep
    others: tuple[VariationalStep, ...]
    made: tuple[Evaluation, ...]
    before: float = -np.inf
    passes: int = 0

    @property
    def spec(self) -> Spec:
        """What it is asked to be."""
        return self.base.spec

    @property
    def history(self) -> tuple[Evaluation, ...]:
        """What passes over all rows measured."""
        return self.made if self.base.at.rows.are_all else ()

    @property
    def racing(self) -> bool:
        """False: no other is preferred to it on samples."""
        return False

    def ask(self) -> Question:
        """Ask for the E-step at the posterior that is tried."""
        return replace(self.base, step=self.step).ask()

    def tell(self, answer: SufficientStatistics) -> "tuple[Believing | Uniting | Measuring]":
        """Keep it where the lower bound is higher; else try on while it rises, or another one."""
        found, step = self.base.measured(answer, self.step)
        bound, wanted = found.maximized, self.base.bound + ROUNDING * abs(self.base.bound)
        last = len(self.made) + 1 >= self.base.most
        if bound > wanted:
            taken = replace(self.base, step=step, made=(*self.made, found), rest=NEXT)
            return (taken.ended(Why.MAX_ITER) if last else taken,)
        after = replace(self, made=(*self.made, replace(found, kept=False)))
        if last:
            return (after._back.ended(Why.MAX_ITER),)
        if self._is_promising(bound):
            return (replace(after, step=step, before=bound, passes=self.passes + 1),)
        if self.others:
            first, *others = self.others
            return (Uniting(self.base, self.last, first, tuple(others), after.made),)
        back = after._back
        return (back.ended(back.why) if self.last else back,)

    def _is_promising(self, bound: float) -> bool:
        """Whether a trial may still come to more than what it goes back to."""
        gained, lacking = bound - self.before, self.base.bound - bound
        return self.passes + 1 < TRIALS and gained > SHARE * lacking

    def stopped(self, why: Why) -> Measuring | None:
        """Measure what it goes back to instead of going on; None on a sample."""
        return self._back.stopped(why)

    @property
    def _back(self) -> Believing:
        return replace(self.base, made=self.made, rest=REST)


def _kept(history: tuple[Evaluation, ...]) -> tuple[Evaluation, ...]:
    return tuple(each for each in history if each.kept)
