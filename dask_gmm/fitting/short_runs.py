"""Several starts, of which each makes a short run of EM, and the best goes on.

Biernacki, Celeux and Govaert (2003): where a likelihood has many optima, many short runs find a
better one than a single long run does in the same time.
"""

from dataclasses import dataclass, replace
from typing import Final

from dask_gmm.fitting.known import prior_of
from dask_gmm.fitting.members import Evaluation
from dask_gmm.fitting.overfit import about, em_step
from dask_gmm.fitting.questions import Question
from dask_gmm.fitting.spec import Spec
from dask_gmm.fitting.survey import Survey
from dask_gmm.mixture.coordinates import objective
from dask_gmm.mixture.mstep import MStep
from dask_gmm.mixture.statistics import SufficientStatistics

SHORT: Final = 10


@dataclass(frozen=True, slots=True, eq=False)
class Trying:
    """A candidate that makes a short run of EM on the smallest level.

    Parameters
    ----------
    spec : Spec
    survey : Survey
    step : MStep
        Parameters about the frame's shift.
    iterations : int
        How many are left.
    """

    spec: Spec
    survey: Survey
    step: MStep
    iterations: int = SHORT
    history: tuple[Evaluation, ...] = ()

    @property
    def racing(self) -> bool:
        """True: of several, the best goes on."""
        return True

    def ask(self) -> Question:
        """Ask for the E-step on the rows of the smallest level."""
        return about(self.survey.levels[0], self.step, self.spec, self.survey)

    def tell(self, answer: SufficientStatistics) -> "tuple[Trying | Tried]":
        """Take the M-step; wait for the others after the last."""
        spec, survey = self.spec, self.survey
        step = em_step(answer, self.step, spec, survey, survey.levels[0])
        if self.iterations > 1:
            return (replace(self, step=step, iterations=self.iterations - 1),)
        summary = survey.levels[0].summary
        prior = prior_of(spec, survey, summary)
        value = objective(answer, self.step.mixture, summary, prior)
        return (Tried(spec, survey, step, value),)


@dataclass(frozen=True, slots=True, eq=False)
class Tried:
    """A candidate that has made its short run, and waits for those that it races.

    Parameters
    ----------
    spec : Spec
    survey : Survey
    step : MStep
        Where the run led.
    value : float
        Of the objective, in nats per row, before its last M-step.
    """

    spec: Spec
    survey: Survey
    step: MStep
    value: float
    history: tuple[Evaluation, ...] = ()

    @property
    def rows(self) -> int:
        """Number of rows of the smallest level."""
        return self.survey.levels[0].summary.rows
