"""Accelerated ascent: L-BFGS preconditioned by EM, level after level of more and more rows.

Every pass gives the objective, its exact gradient and the step of EM. A trial is made along the
direction of L-BFGS, on all rows along Newton's; whether it gains enough is known at the next pass.
If it does not, the next pass measures a shorter step of Newton, or that of EM from the best
parameters, which always gains.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from dask_gmm.errors import DataError
from dask_gmm.fitting.base import Base
from dask_gmm.fitting.held_out import NONE_HELD_OUT
from dask_gmm.fitting.known import prior_of
from dask_gmm.fitting.members import (
    Climb,
    Evaluation,
    Finished,
    Why,
    back_to,
    best_held_out,
)
from dask_gmm.fitting.newton import Newton, Solving
from dask_gmm.fitting.questions import EStep, Question
from dask_gmm.fitting.spec import Spec
from dask_gmm.fitting.stopping import (
    QUIET_PASSES,
    enough,
    kept_since_best,
    overtrained,
    statistical_share,
)
from dask_gmm.fitting.survey import Survey
from dask_gmm.fitting.trial import Reached, Trial
from dask_gmm.fitting.trust import FIRST, after_gain, after_loss
from dask_gmm.mixture.coordinates import objective, precondition
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.lbfgs import Memory
from dask_gmm.mixture.mstep import MStep
from dask_gmm.mixture.statistics import SufficientStatistics
from dask_gmm.mixture.summary import DataSummary

# Trials by Newton's step that may fail before L-BFGS goes on.
MOST_REJECTED: Final = 5
# Passes on a level below the last: the next one goes on from wherever they lead.
MOST_PASSES: Final = 200
EMPTY: Final = Memory()
NO_CLIMB: Final = Climb()


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
        The likeliest so far on this level.
    best : Base, optional
        Of those that came before, what describes the rows held out best.
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
    strict : float
        The share of what may be left to gain that is little enough, unless that is little anyway.
    """

    spec: Spec
    survey: Survey
    level: int
    step: MStep
    reached: Reached = Reached.START
    base: Base | None = None
    best: Base | None = None
    needed: float = -np.inf
    memory: Memory = EMPTY
    radius: float = FIRST
    quiet: int = 0
    climb: Climb = NO_CLIMB
    climbs: tuple[Climb, ...] = ()
    history: tuple[Evaluation, ...] = ()
    notes: tuple[str, ...] = ()
    strict: float = 1.0

    @property
    def summary(self) -> DataSummary:
        """Of the rows of the level."""
        return self.survey.levels[self.level].summary

    @property
    def racing(self) -> bool:
        """Whether it is on a sample, or all levels are one."""
        return self.level < max(len(self.survey.levels) - 1, 1)

    @property
    def on_all_rows(self) -> bool:
        """Whether it is on the last level."""
        return self.level == len(self.survey.levels) - 1

    def ask(self) -> Question:
        """Ask for the E-step at the current parameters, on the rows of the level."""
        spec, level = self.spec, self.survey.levels[self.level]
        held_out = spec.held_out if level.rows.are_all else NONE_HELD_OUT
        question = EStep.at(self.step.mixture, self.survey.frame, spec.precision, held_out)
        return Question(level.rows, question)

    def tell(self, answer: SufficientStatistics) -> "tuple[Ascending | Solving | Ascended]":
        """Go on from what was measured, go back to where EM leads, or end the level."""
        summary, prior = self.summary, prior_of(self.spec, self.survey, self.summary)
        value = objective(answer, self.step.mixture, summary, prior)
        kept = bool(value >= self.needed)
        found = Evaluation.of(answer, self.step, summary, self.spec.precision)
        evaluation = replace(found, kept=kept, objective=value)
        counted = self._counted(evaluation)
        if not kept:
            return (counted._shorten(value),)
        return (counted._advance(answer, value, evaluation),)

    def _counted(self, evaluation: Evaluation) -> "Ascending":
        rejected = self.climb.rejected + (not evaluation.kept)
        climb = Climb(self.summary.rows, self.climb.passes + 1, rejected)
        history = (*self.history, evaluation) if self.on_all_rows else self.history
        return replace(self, climb=climb, history=history)

    def _shorten(self, value: float) -> "Solving | Ascending | Ascended":
        """Look for a shorter step of Newton than the last, which lost, or go back."""
        if self.base is None or self.reached is not Reached.TRIAL or not self._may_solve():
            return self._retreat()
        radius = after_loss(self.radius, self.base, self.step.mixture, value)
        return replace(self, radius=radius, quiet=0).solving(self.base)

    def _may_solve(self) -> bool:
        return self.on_all_rows and self.level > 0 and self.climb.rejected <= MOST_REJECTED

    def _retreat(self) -> "Ascending | Ascended":
        """Measure the step of EM next; if it was that, rounding leaves nothing to gain."""
        if self.base is None:
            raise DataError(
                "Wanted a finite log-likelihood at the start, found none, though all rows were "
                "finite in the first pass. Check whether the rows changed during the run."
            )
        if self.reached is Reached.EM:
            return self._ended(Why.ROUNDING)
        retreated = self._try(Trial.by_em(self.base, self.spec.precision))
        return replace(retreated, memory=EMPTY, quiet=0)

    def _advance(
        self, answer: SufficientStatistics, value: float, evaluation: Evaluation
    ) -> "Ascending | Solving | Ascended":
        prior, before = prior_of(self.spec, self.survey, self.summary), self.base
        about = (self.summary, prior, self.spec.precision, self.spec.fixed)
        base = Base.of(self.step, answer, value, evaluation, *about)
        memory, radius = self.memory, self.radius
        if before is not None:
            memory = memory.with_pair(*before.to(base))
        if before is not None and self.reached is Reached.TRIAL:
            radius = after_gain(radius, before, self.step.mixture, value)
        here = replace(self, base=base, memory=memory, radius=radius)
        if self._may_solve():
            return here.solving(base)
        step_of = partial(precondition, self.step.mixture, prior=prior, rows=self.summary.mass)
        return here.turned(memory.direction(base.gradient, step_of))

    def solving(self, base: Base) -> Solving:
        """Look for Newton's step from a base, with the curvature of the level below."""
        survey, sample = self.survey, self.survey.levels[self.level - 1]
        prior = prior_of(self.spec, survey, sample.summary)
        about = (sample, survey.frame, prior, self.radius, self._enough())
        return Solving(self, Newton(base, *about))

    def turned(self, direction: Array, inside: bool = True) -> "Ascending | Ascended":
        """Go on in a direction (n,), a step to where the maximum is expected, or end."""
        assert self.base is not None
        decrement = 0.5 * float(self.base.gradient @ direction)
        base = replace(self.base, decrement=decrement, inside=inside)
        quiet = self.quiet + 1 if base.left < self._enough() else 0
        best = self.best if kept_since_best(self.history) else base
        here = replace(self, base=base, best=best, quiet=quiet)
        if quiet == QUIET_PASSES or (quiet and not self.on_all_rows):
            return here._ended(Why.LITTLE_LEFT)
        if here.history and overtrained(here.history):
            return here._ended(Why.HELD_OUT)
        if here._has_come_far_enough():
            return here._ended(Why.MAX_ITER)
        return here._try(Trial.along(base, direction, self.spec.precision))

    def stopped(self, why: Why) -> Finished | None:
        """Finish before the next pass; None where there was none over all rows."""
        ended = self._ended(why).go_on() if self.on_all_rows and self.base is not None else None
        return ended if isinstance(ended, Finished) else None

    def _ended(self, why: Why) -> "Ascended":
        base = self.best if kept_since_best(self.history) else self.base
        assert base is not None  # after the first pass
        history = back_to(self.history, best_held_out(self.history))
        return Ascended(replace(self, history=history), base, why)

    def _has_come_far_enough(self) -> bool:
        if self.on_all_rows:
            climbs = (each for each in (*self.climbs, self.climb) if each.rows == self.summary.rows)
            return sum(each.passes for each in climbs) > self.spec.max_iter
        return self.climb.passes >= MOST_PASSES

    def _try(self, trial: Trial) -> "Ascending":
        return replace(self, step=trial.step, reached=trial.reached, needed=trial.needed)

    def _enough(self) -> float:
        mixture, rows = self.step.mixture, self.summary.mass
        if self.on_all_rows and self.base is not None:
            likelihood = self.base.evaluation.log_likelihood
            wanted = enough(self.spec, mixture, rows, likelihood)
            usual = self.strict * statistical_share(mixture, rows)
            return max(self.strict * wanted, min(wanted, usual))
        return statistical_share(mixture, rows)


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

    def stopped(self, why: Why) -> Finished | None:
        """Finish before a race is over, or as it has ended; None before the last level."""
        ended = replace(self, why=why if self.at.racing else self.why).go_on()
        return ended if isinstance(ended, Finished) else None

    def go_on(self) -> Ascending | Finished:
        """Begin the next level where this one ended; finish after the last."""
        at = self.at
        climbs = tuple(each for each in (*at.climbs, at.climb) if each.passes)
        if at.level < len(at.survey.levels) - 1:
            begun = (at.spec, at.survey, at.level + 1, self.base.step)
            return Ascending(*begun, climbs=climbs, notes=at.notes)
        shift = at.survey.frame.shift
        mixture = at.spec.kept(self.base.step.mixture.moved(shift))
        after = at.spec.kept(self.base.em.mixture.moved(shift))
        left = self.base.left if np.isfinite(self.base.left) else None
        ended = (at.spec, mixture, after, at.history, self.why)
        return Finished(*ended, climbs=climbs, left=left, notes=at.notes)
