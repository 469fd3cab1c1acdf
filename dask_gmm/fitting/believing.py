"""A candidate that knows priors: variational steps over all rows, and a mixture in the end."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from dask_gmm.errors import DataError
from dask_gmm.fitting.members import Evaluation, Finished, Why
from dask_gmm.fitting.questions import ALL_ROWS, EStep, Question
from dask_gmm.fitting.spec import Spec
from dask_gmm.fitting.starts import State
from dask_gmm.fitting.survey import Survey
from dask_gmm.mixture.beliefs import Hyperparameters
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import MStep, log_likelihood
from dask_gmm.mixture.statistics import SufficientStatistics
from dask_gmm.mixture.variational import (
    Inference,
    Variational,
    VariationalStep,
    gained_by_order,
    lower_bound,
    started_at,
    variational_step,
    with_largest_first,
)

# What an iteration may gain of the lower bound of all rows, in nats, unless told otherwise; that of
# scikit-learn. What is left to gain cannot be told from gains: a component that is needed no more
# is left so slowly that they are small for long.
USUAL_TOL: Final = 1e-3
# Of a lower bound, per row: where changes of it are rounding.
FLOAT32_NOISE: Final = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Believing:
    """A candidate that makes variational iterations over all rows.

    Parameters
    ----------
    spec : Spec
    survey : Survey
    prior : Hyperparameters
    step : VariationalStep
        The posterior, with means about the frame's shift, and what led to it.
    precision : str
        Of the next pass; float32 is left for float64 near its noise.
    history : tuple of Evaluation
        What each pass measured: what the posterior expects of log densities, and the lower bound
        after the step that it led to.
    before : float
        Lower bound per row of the pass before the first, if an earlier fit is continued.
    state : tuple, optional
        Of the random state, after its start was drawn.
    """

    spec: Spec
    survey: Survey
    prior: Hyperparameters
    step: VariationalStep
    precision: str
    history: tuple[Evaluation, ...] = ()
    before: float = -np.inf
    state: State = None

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
        summary, shift = survey.summary, survey.frame.shift
        prior = spec.beliefs.known(summary, shift, at.family, at.n_components)
        if spec.posterior is None:
            step = started_at(at, summary, prior)
        else:
            step = VariationalStep(spec.posterior.moved(-shift), ())
        return cls(spec, survey, prior, step, spec.precision, before=before, state=state)

    @property
    def racing(self) -> bool:
        """False: all of its passes are about all rows."""
        return False

    def ask(self) -> Question:
        """Ask for the E-step at what the posterior expects of log densities."""
        posterior, frame = self.step.posterior, self.survey.frame
        density = posterior.density(frame, self.precision)
        return Question(ALL_ROWS, EStep.of(posterior.mixture, density))

    def tell(self, answer: SufficientStatistics) -> "tuple[Believing | Measuring]":
        """Take the next posterior; measure it where that is enough."""
        spec, summary, last = self.spec, self.survey.summary, self.step.posterior
        value = log_likelihood(answer, last.mixture, summary)
        step = variational_step(answer, last, summary, self.prior, spec.reg_covar, self.precision)
        bound = lower_bound(answer, last, step.posterior, summary) / answer.rows
        if not np.isfinite(value + bound):
            raise _not_finite(value, bound, len(self.history))
        found = Evaluation(value, self.precision, self.step.repairs, objective=bound)
        history = (*self.history, found)
        change = abs(bound - (self.history[-1].maximized if self.history else self.before))
        precision = "float64" if change < max(self._enough, FLOAT32_NOISE) else self.precision
        here = replace(self, step=step, history=history, precision=precision)
        if change < here._enough and precision == self.precision:
            return (here._measuring(Why.CONVERGED),)
        return (here._measuring(Why.MAX_ITER) if len(history) >= spec.max_iter else here,)

    def stopped(self, why: Why) -> "Measuring | None":
        """Measure the posterior instead of going on; None where there was no pass."""
        return self._measuring(why) if self.history else None

    def unmeasured(self) -> Finished:
        """Finish where it is."""
        return self._measuring(Why.MAX_ITER).unmeasured()

    @property
    def _enough(self) -> float:
        """What an iteration may gain when it has converged, in nats per row."""
        tol, mass = self.spec.tol, self.survey.summary.mass
        absolute = USUAL_TOL / mass if tol is None else tol
        bound = self.history[-1].maximized if self.history else 0.0
        return max(absolute, self.spec.relative_tol * abs(bound))

    def _measuring(self, why: Why) -> "Measuring":
        known = (self.spec, self.survey, self.prior, self.step, self.history, why, self.state)
        return Measuring(*known)


@dataclass(frozen=True, slots=True, eq=False)
class Measuring:
    """A candidate that has its posterior, and asks how likely the mixture in its place is.

    Components that were not given an order get one: those with most rows come first, which is also
    the order of a stick in which the lower bound is highest.

    Parameters
    ----------
    spec : Spec
    survey : Survey
    prior : Hyperparameters
    step : VariationalStep
        The posterior, with means about the frame's shift, and what led to it.
    history : tuple of Evaluation
    why : Why
    state : tuple, optional
    """

    spec: Spec
    survey: Survey
    prior: Hyperparameters
    step: VariationalStep
    history: tuple[Evaluation, ...]
    why: Why
    state: State = None

    @property
    def racing(self) -> bool:
        """False: its pass is about all rows."""
        return False

    def ask(self) -> Question:
        """Ask for the E-step at the mixture."""
        mixture = self._ordered().mixture
        return Question(ALL_ROWS, EStep.at(mixture, self.survey.frame, "float64"))

    def tell(self, answer: SufficientStatistics) -> tuple[Finished]:
        """Finish."""
        posterior, summary = self._ordered(), self.survey.summary
        step = MStep(posterior.mixture, self.step.repairs)
        found = Evaluation.of(answer, step, summary, "float64")
        last = replace(found, objective=self.history[-1].objective)
        return (self._finished(posterior, (*self.history, last)),)

    def unmeasured(self) -> Finished:
        """Finish without, and with the components in the order of the fit."""
        return self._finished(self.step.posterior, self.history)

    def _ordered(self) -> Variational:
        given = self.spec.start is not None
        posterior = self.step.posterior
        return posterior if given else with_largest_first(posterior, self.prior)

    def _finished(self, posterior: Variational, history: tuple[Evaluation, ...]) -> Finished:
        shift = self.survey.frame.shift
        mean = self.history[-1].maximized if self.history else -np.inf
        bound = mean * self.survey.summary.mass + gained_by_order(self.step.posterior, posterior)
        placed = posterior.moved(shift)
        found = Inference(placed, self.prior.moved(shift), bound)
        ended = (placed.mixture, placed.mixture, history, self.why, self.state)
        return Finished(self.spec, *ended, inference=found)


def _not_finite(value: float, bound: float, passes: int) -> DataError:
    return DataError(
        f"Wanted finite log densities and a finite lower bound, found {value} and {bound} in "
        f"variational pass {passes + 1}, though all rows were finite in the first. Check whether "
        "the rows changed during the run, and whether their values are so far apart that their "
        "squares overflow."
    )
