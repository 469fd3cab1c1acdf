"""Accelerated ascent: L-BFGS preconditioned by EM, level after level of more and more rows.

Every pass gives the objective, its exact gradient and the step of EM. A trial is made along the
direction of L-BFGS; whether it gains enough is known at the next pass. If it does not, the next
pass measures the step of EM from the best parameters, which always gains.
"""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

import numpy as np

from dask_gmm.errors import DataError
from dask_gmm.fitting.base import Base, usable
from dask_gmm.fitting.members import Climb, Evaluation, Finished, Why
from dask_gmm.fitting.newton import Newton, Solving
from dask_gmm.fitting.questions import EStep, Question
from dask_gmm.fitting.spec import Spec
from dask_gmm.fitting.stopping import statistical_share
from dask_gmm.fitting.survey import Survey
from dask_gmm.mixture.coordinates import (
    boldest_move,
    from_vector,
    gradient,
    objective,
    precondition,
    to_vector,
)
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.lbfgs import Memory
from dask_gmm.mixture.mstep import MStep, log_likelihood, m_step
from dask_gmm.mixture.statistics import SufficientStatistics
from dask_gmm.mixture.summary import DataSummary

# Armijo's share of the slope that a trial must gain.
SUFFICIENT: Final = 1e-4
# The boldest move of a component in a trial, in the metric of its own rows, and how it changes
# when a trial is not kept, and when one is.
BOLDEST: Final = 1.0
SHRINKING: Final = 1 / 8
GROWING: Final = 2.0
# Trials by Newton's step that may fail before L-BFGS goes on.
MOST_REJECTED: Final = 5
# Where a direction asks for moves so much bolder, EM gets along faster than trials cut short.
WILD: Final = 10.0
# Passes on a level below the last: the next one goes on from wherever they lead.
MOST_PASSES: Final = 200
# Rounding of a mean of log densities, relative to its size.
NOISE: Final = {"float64": 1e-13, "float32": 1e-6}
# Passes in a row in which too little was left to gain.
QUIET_PASSES: Final = 2


EMPTY: Final = Memory()
NO_CLIMB: Final = Climb()


class Reached(Enum):
    """How a candidate came to the parameters that are measured next."""

    START = "start"
    TRIAL = "trial"
    EM = "EM"


@dataclass(frozen=True, slots=True, eq=False)
class Ascending:
    """A candidate that measures one point after another on the rows of a level.

    Parameters
    ----------
    spec : Spec
    survey : Survey
    level : int
        Number of the level, from the smallest.
    step : MStep
        The parameters to be measured, about the frame's shift.
    reached : Reached
    base : Base, optional
        The best so far on this level.
    needed : float
        What a trial must reach to be kept.
    memory : Memory
    radius : float
        The boldest move of a component that is trusted in Newton's step.
    quiet : int
        Passes in a row in which too little was left to gain.
    climb : Climb
        Passes on this level.
    climbs : tuple of Climb
        Those on the levels below.
    history : tuple of Evaluation
        Passes over all rows.
    notes : tuple of str
        Better optima that were found on the way, and why they were looked for.
    """

    spec: Spec
    survey: Survey
    level: int
    step: MStep
    reached: Reached = Reached.START
    base: Base | None = None
    needed: float = -np.inf
    memory: Memory = EMPTY
    radius: float = BOLDEST
    quiet: int = 0
    climb: Climb = NO_CLIMB
    climbs: tuple[Climb, ...] = ()
    history: tuple[Evaluation, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def summary(self) -> DataSummary:
        """Of the rows of the level."""
        return self.survey.levels[self.level].summary

    @property
    def racing(self) -> bool:
        """Whether it is on a sample, or all levels are one."""
        return self.level < max(len(self.survey.levels) - 1, 1)

    def ask(self) -> Question:
        """Ask for the E-step at the current parameters, on the rows of the level."""
        question = EStep.at(self.step.mixture, self.survey.frame, self.spec.precision)
        return Question(self.survey.levels[self.level].rows, question)

    def tell(self, answer: SufficientStatistics) -> "tuple[Ascending | Solving | Ascended]":
        """Go on from what was measured, go back to where EM leads, or end the level."""
        summary, prior = self.summary, self.survey.prior(self.spec.covariance_type)
        value = objective(answer, self.step.mixture, summary, prior)
        kept = bool(value >= self.needed)
        likelihood = log_likelihood(answer, self.step.mixture, summary)
        evaluation = Evaluation(likelihood, self.spec.precision, self.step.repairs, kept)
        counted = self._counted(evaluation)
        if not kept:
            return (counted._retreat(),)
        return (counted._advance(answer, value, evaluation),)

    def _counted(self, evaluation: Evaluation) -> "Ascending":
        last = self.level == len(self.survey.levels) - 1
        rejected = self.climb.rejected + (not evaluation.kept)
        climb = Climb(self.summary.rows, self.climb.passes + 1, rejected)
        history = (*self.history, evaluation) if last else self.history
        return replace(self, climb=climb, history=history)

    def _retreat(self) -> "Ascending | Ascended":
        """Measure the step of EM next; if it was that, rounding leaves nothing to gain."""
        if self.base is None:
            raise DataError(
                "Wanted a finite log-likelihood at the start, found none, though all rows were "
                "finite in the first pass. Check whether the rows changed during the run."
            )
        if self.reached is Reached.EM:
            return Ascended(self, self.base, Why.ROUNDING)
        home, here = self.base.step.mixture, to_vector(self.step.mixture)
        return replace(
            self,
            step=self.base.em,
            reached=Reached.EM,
            needed=self.base.value - self._noise(self.base.value),
            memory=EMPTY,
            radius=SHRINKING * min(self.radius, boldest_move(home, here - self.base.vector)),
            quiet=0,
        )

    def _advance(
        self, answer: SufficientStatistics, value: float, evaluation: Evaluation
    ) -> "Ascending | Solving | Ascended":
        radius = self.radius if self.base is None else min(GROWING * self.radius, BOLDEST)
        base, memory = self._look(answer, value, evaluation)
        here = replace(self, base=base, memory=memory, radius=radius)
        last = self.level == len(self.survey.levels) - 1
        if last and self.level > 0 and self.climb.rejected <= MOST_REJECTED:
            return Solving(here, here._newton(base))
        mixture = self.step.mixture
        return here.turned(memory.direction(base.gradient, lambda g: precondition(mixture, g)))

    def _newton(self, base: Base) -> Newton:
        survey, prior = self.survey, self.survey.prior(self.spec.covariance_type)
        sample = survey.levels[self.level - 1]
        return Newton(base, sample, survey.frame, prior, self.radius, self._enough())

    def turned(self, direction: Array) -> "Ascending | Ascended":
        """Go on in a direction (n,), a step that is expected to lead to the maximum, or end."""
        assert self.base is not None
        base = replace(self.base, decrement=0.5 * float(self.base.gradient @ direction))
        quiet = self.quiet + 1 if base.decrement < self._enough() else 0
        here = replace(self, base=base, quiet=quiet)
        if quiet == QUIET_PASSES or (quiet and self.level < len(self.survey.levels) - 1):
            return Ascended(here, base, Why.LITTLE_LEFT)
        if here._has_come_far_enough():
            return Ascended(here, base, Why.MAX_ITER)
        return here._try(direction)

    def _has_come_far_enough(self) -> bool:
        if self.level == len(self.survey.levels) - 1:
            return len(self.history) > self.spec.max_iter
        return self.climb.passes >= MOST_PASSES

    def _look(
        self, answer: SufficientStatistics, value: float, evaluation: Evaluation
    ) -> tuple[Base, Memory]:
        """Take in what was measured: the new base, and what it shows of the curvature."""
        mixture, summary = self.step.mixture, self.summary
        prior = self.survey.prior(self.spec.covariance_type)
        slope = gradient(answer, mixture, summary, prior)
        em = m_step(answer, mixture, summary, 0.0, self.spec.precision, prior)
        base = Base(self.step, value, evaluation, to_vector(mixture), slope, np.inf, em)
        memory = self.memory if self.base is None else self.memory.with_pair(*self.base.to(base))
        return base, memory

    def _try(self, direction: Array) -> "Ascending":
        """Make a trial along a direction, or take the step of EM where that is too bold."""
        assert self.base is not None
        mixture, value = self.base.step.mixture, self.base.value
        boldness = boldest_move(mixture, direction) / BOLDEST
        step = direction / max(1.0, boldness)
        trial = usable(from_vector(self.base.vector + step, mixture)) if boldness < WILD else None
        if trial is None:
            needed = value - self._noise(value)
            return replace(self, step=self.base.em, reached=Reached.EM, needed=needed)
        gained = SUFFICIENT * float(self.base.gradient @ step)
        needed = value + gained - self._noise(value)
        return replace(self, step=MStep(trial, ()), reached=Reached.TRIAL, needed=needed)

    def _enough(self) -> float:
        last = self.level == len(self.survey.levels) - 1
        if last and self.spec.tol is not None:
            return self.spec.tol
        return statistical_share(self.step.mixture, self.summary.rows)

    def _noise(self, value: float) -> float:
        return NOISE[self.spec.precision] * max(1.0, abs(value))


@dataclass(frozen=True, slots=True, eq=False)
class Ascended:
    """A candidate that has ended its level, and waits for those that it races.

    Parameters
    ----------
    at : Ascending
    base : Base
        The best of the level.
    why : Why
        Why the level ended.
    """

    at: Ascending
    base: Base
    why: Why

    @property
    def spec(self) -> Spec:
        """What it is asked to be."""
        return self.at.spec

    @property
    def history(self) -> tuple[Evaluation, ...]:
        """Its passes over all rows so far."""
        return self.at.history

    @property
    def step(self) -> MStep:
        """Where it has come, about the frame's shift."""
        return self.base.step

    @property
    def value(self) -> float:
        """Of the objective there, in nats per row."""
        return self.base.value

    @property
    def rows(self) -> int:
        """Number of rows of its level."""
        return self.at.summary.rows

    def go_on(self) -> Ascending | Finished:
        """Begin the next level where this one ended; finish after the last."""
        at, climbs = self.at, (*self.at.climbs, self.at.climb)
        if at.level < len(at.survey.levels) - 1:
            return Ascending(
                at.spec, at.survey, at.level + 1, self.base.step, climbs=climbs, notes=at.notes
            )
        shift = at.survey.frame.shift
        mixture, after = self.base.step.mixture.moved(shift), self.base.em.mixture.moved(shift)
        return Finished(
            at.spec,
            mixture,
            after,
            at.history,
            self.why,
            climbs=climbs,
            left=self.base.decrement,
            notes=at.notes,
        )
