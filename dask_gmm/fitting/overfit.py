"""A start from more components than are asked for, merged until as many are left.

Twice the components, or as many as are asked for, are found by k-means on the sample, climb some
EM iterations there, and are merged by Runnalls' cost. The basin that is found so is nearly always a
better one than that of k-means with as many clusters as components. Mixtures of several sizes can
begin where merging the same components passes through them.
"""

from dataclasses import dataclass, replace
from typing import Final

from dask_gmm.fitting.ascent import Ascending
from dask_gmm.fitting.first_step import FirstStep
from dask_gmm.fitting.known import prior_of
from dask_gmm.fitting.levels import Level
from dask_gmm.fitting.members import Evaluation
from dask_gmm.fitting.questions import EStep, Question, Rows
from dask_gmm.fitting.spec import Spec
from dask_gmm.fitting.starts import STANDARDIZED, Draws, DrawStarts
from dask_gmm.fitting.survey import Survey
from dask_gmm.mixture.merging import merge_path, merge_to
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import MStep, m_step
from dask_gmm.mixture.statistics import SufficientStatistics

ITERATIONS: Final = 15
CLUSTERED_ROWS: Final = 20_000


def clusters(spec: Spec, survey: Survey, draws: Draws, count: int) -> Question:
    """Ask for k-means of the sample in the frame, with so many clusters."""
    rows = min(CLUSTERED_ROWS, survey.summary.rows)
    components = min(count, rows)
    prior = prior_of(spec, survey, survey.loose.summary)
    first_step = FirstStep(components, spec.covariance_type, 0.0, survey.frame, prior)
    return Question(Rows(rows, at_once=True), DrawStarts(STANDARDIZED, first_step, draws))


def about(level: Level, step: MStep, spec: Spec, survey: Survey) -> Question:
    """Ask for the E-step at some parameters on the rows of a level."""
    question = EStep.at(step.mixture, survey.frame, spec.precision)
    return Question(level.rows, question)


def em_step(
    answer: SufficientStatistics, last: MStep, spec: Spec, survey: Survey, level: Level
) -> MStep:
    """Take the M-step that the answer about the rows of a level leads to."""
    prior = prior_of(spec, survey, level.summary)
    return m_step(answer, last.mixture, level.summary, 0.0, spec.precision, prior)


@dataclass(frozen=True, slots=True, eq=False)
class Goal:
    """One of the mixtures that begin where the same components are merged.

    Parameters
    ----------
    spec : Spec
    survey : Survey
        With the levels that it climbs.
    """

    spec: Spec
    survey: Survey


@dataclass(frozen=True, slots=True, eq=False)
class Loosening:
    """A candidate with too many components, which climbs by EM until they are merged.

    Parameters
    ----------
    spec : Spec
    survey : Survey
    step : MStep
        Parameters about the frame's shift.
    iterations : int
        How many are left.
    notes : tuple of str
        Where the components are from.
    goals : tuple of Goal
        The mixtures that begin where the components are merged, if others may share them.
    """

    spec: Spec
    survey: Survey
    step: MStep
    iterations: int
    history: tuple[Evaluation, ...] = ()
    notes: tuple[str, ...] = ()
    goals: tuple[Goal, ...] = ()

    @property
    def racing(self) -> bool:
        """True: of several, the best on the first level is chosen."""
        return True

    def ask(self) -> Question:
        """Ask for the E-step on the rows that are enough for it."""
        return about(self.survey.loose, self.step, self.spec, self.survey)

    def tell(self, answer: SufficientStatistics) -> "tuple[Loosening | Ascending, ...]":
        """Take the M-step; merge after the last."""
        spec, survey = self.spec, self.survey
        step = em_step(answer, self.step, spec, survey, survey.loose)
        if self.iterations > 1:
            return (replace(self, step=step, iterations=self.iterations - 1),)
        if self.goals:
            return self._parted(step.mixture)
        merged = merge_to(step.mixture, spec.n_components)
        return (Ascending(spec, survey, 0, MStep(merged, ()), notes=self.notes),)

    def _parted(self, mixture: Mixture) -> tuple[Ascending, ...]:
        """Let each goal begin where merging passes through a mixture of its size."""
        path = {each.n_components: each for each in merge_path(mixture)}
        starts = (path.get(goal.spec.n_components, mixture) for goal in self.goals)
        return tuple(
            Ascending(goal.spec, goal.survey, 0, MStep(start, ()))
            for goal, start in zip(self.goals, starts, strict=True)
        )
