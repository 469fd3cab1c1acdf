"""A start from more components than are asked for, merged until as many are left.

Twice the components are found by k-means on the sample, climb some EM iterations on the smallest
level, and are merged by Runnalls' cost. The basin that is found so is nearly always a better one
than that of k-means with as many clusters as components.
"""

from dataclasses import dataclass, replace
from typing import Final

from dask_gmm.fitting.ascent import Ascending
from dask_gmm.fitting.first_step import FirstStep
from dask_gmm.fitting.members import Evaluation
from dask_gmm.fitting.questions import EStep, Question, Rows
from dask_gmm.fitting.spec import Spec
from dask_gmm.fitting.starts import STANDARDIZED, Draws, DrawStarts
from dask_gmm.fitting.survey import Survey
from dask_gmm.mixture.merging import merge_to
from dask_gmm.mixture.mstep import MStep, m_step
from dask_gmm.mixture.statistics import SufficientStatistics

TIMES: Final = 2
ITERATIONS: Final = 15
CLUSTERED_ROWS: Final = 20_000


def clusters(spec: Spec, survey: Survey, draws: Draws, times: int) -> Question:
    """Ask for k-means of the sample in the frame, with so many clusters for each component."""
    rows = min(CLUSTERED_ROWS, survey.summary.rows)
    components = min(times * spec.n_components, rows)
    prior = survey.prior(spec.covariance_type)
    first_step = FirstStep(components, spec.covariance_type, 0.0, survey.frame, prior)
    return Question(Rows(rows, at_once=True), DrawStarts(STANDARDIZED, first_step, draws))


def about_smallest(step: MStep, spec: Spec, survey: Survey) -> Question:
    """Ask for the E-step at some parameters on the rows of the smallest level."""
    question = EStep.at(step.mixture, survey.frame, spec.precision)
    return Question(survey.levels[0].rows, question)


def em_step(answer: SufficientStatistics, last: MStep, spec: Spec, survey: Survey) -> MStep:
    """Take the M-step that the answer leads to."""
    summary, prior = survey.levels[0].summary, survey.prior(spec.covariance_type)
    return m_step(answer, last.mixture, summary, 0.0, spec.precision, prior)


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
    """

    spec: Spec
    survey: Survey
    step: MStep
    iterations: int
    history: tuple[Evaluation, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def racing(self) -> bool:
        """True: of several, the best on the first level is chosen."""
        return True

    def ask(self) -> Question:
        """Ask for the E-step on the rows of the smallest level."""
        return about_smallest(self.step, self.spec, self.survey)

    def tell(self, answer: SufficientStatistics) -> "tuple[Loosening | Ascending]":
        """Take the M-step; merge after the last."""
        spec = self.spec
        step = em_step(answer, self.step, spec, self.survey)
        if self.iterations > 1:
            return (replace(self, step=step, iterations=self.iterations - 1),)
        merged = merge_to(step.mixture, spec.n_components)
        return (Ascending(spec, self.survey, 0, MStep(merged, ()), notes=self.notes),)
