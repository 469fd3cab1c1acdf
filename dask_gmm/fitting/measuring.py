"""The end of a Bayesian candidate: its posterior, and how likely the mixture in its place is."""

from dataclasses import dataclass, replace

import numpy as np

from dask_gmm.errors import DataError
from dask_gmm.fitting.members import Evaluation, Finished, Why, last_kept
from dask_gmm.fitting.questions import ALL_ROWS, EStep, Question
from dask_gmm.fitting.spec import Spec
from dask_gmm.fitting.starts import State
from dask_gmm.fitting.survey import Survey
from dask_gmm.mixture.beliefs import Hyperparameters
from dask_gmm.mixture.evidence import gained_by_order
from dask_gmm.mixture.mstep import MStep
from dask_gmm.mixture.statistics import SufficientStatistics
from dask_gmm.mixture.variational import (
    Inference,
    Variational,
    VariationalStep,
    with_largest_first,
)


@dataclass(frozen=True, slots=True, eq=False)
class Measuring:
    """A candidate that has its posterior, and asks how likely the mixture in its place is.

    Components that were not given an order, by a start or by labels, get one: those with most rows
    come first, which is also the order of a stick in which the lower bound is highest.

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
    left : float, optional
        Estimate of what is left to gain, in nats per row.
    """

    spec: Spec
    survey: Survey
    prior: Hyperparameters
    step: VariationalStep
    history: tuple[Evaluation, ...]
    why: Why
    state: State = None
    left: float | None = None

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
        last = replace(found, objective=last_kept(self.history).objective)
        return (self._finished(posterior, (*self.history, last)),)

    def unmeasured(self) -> Finished:
        """Finish without, and with the components in the order of the fit."""
        return self._finished(self.step.posterior, self.history)

    def _ordered(self) -> Variational:
        given = self.spec.start is not None or self.spec.n_labels > 0
        posterior = self.step.posterior
        return posterior if given else with_largest_first(posterior, self.prior)

    def _finished(self, posterior: Variational, history: tuple[Evaluation, ...]) -> Finished:
        shift = self.survey.frame.shift
        mean = last_kept(self.history).maximized if self.history else -np.inf
        bound = mean * self.survey.summary.mass + gained_by_order(self.step.posterior, posterior)
        placed = posterior.moved(shift)
        found = Inference(placed, self.prior.moved(shift), bound)
        ended = (placed.mixture, placed.mixture, history, self.why, self.state)
        return Finished(self.spec, *ended, left=self.left, inference=found)


def not_finite(value: float, bound: float, passes: int) -> DataError:
    """Give the error that says that numbers which a pass measured are none."""
    return DataError(
        f"Wanted finite log densities and a finite lower bound, found {value} and {bound} in "
        f"variational pass {passes + 1}, though all rows were finite in the first. Check whether "
        "the rows changed during the run, and whether their values are so far apart that their "
        "squares overflow."
    )
