"""Newton's step for all rows, with the curvature that the largest sample shows.

The gradient is that of all rows; the products of the Hessian are differences of gradients on the
sample, which is in memory. No more rows are read than for a step of EM, and the step is nearly
Newton's own: what it says is left to gain is what is left.
"""

from dataclasses import dataclass, replace
from typing import Protocol

from dask_gmm.fitting.base import Base
from dask_gmm.fitting.levels import Level
from dask_gmm.fitting.members import Asking, Evaluation, Finished, Waiting, Why
from dask_gmm.fitting.questions import EStep, Question
from dask_gmm.fitting.spec import Spec
from dask_gmm.mixture.conjugate import ConjugateGradients, Region, Solution
from dask_gmm.mixture.coordinates import boldest_move, gradient, precondition
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.prior import Prior
from dask_gmm.mixture.statistics import SufficientStatistics


@dataclass(frozen=True, slots=True, eq=False)
class Newton:
    """A search for Newton's step on a level, which asks the sample for one gradient after another.

    Parameters
    ----------
    base : Base
        Where the step is to begin.
    sample : Level
    frame : Frame
    prior : Prior
        For the rows of the sample.
    radius : float
        The boldest move of a component that is trusted.
    enough : float
        What is not worth looking for, in nats per row.
    slope : ndarray of shape (n,), optional
        The gradient on the sample at the base; None before it is known.
    search : ConjugateGradients, optional
    """

    base: Base
    sample: Level
    frame: Frame
    prior: Prior
    radius: float
    enough: float
    slope: Array | None = None
    search: ConjugateGradients | None = None

    def ask(self) -> Question:
        """Ask for the E-step on the sample, at the base or near it."""
        return Question(self.sample.rows, EStep.at(self._near()[0], self.frame, "float64"))

    def tell(self, answer: SufficientStatistics) -> "Newton | Solution":
        """Take in a gradient; the first is at the base."""
        mixture, share = self._near()
        slope = gradient(answer, mixture, self.sample.summary, self.prior, self.base.fixed)
        if self.slope is None or self.search is None:
            search = ConjugateGradients.begin(self.base.gradient, self._region())
            if not search.direction.any():
                return Solution(search.found)
            return replace(self, slope=slope, search=search)
        found = self.search.grown((self.slope - slope) / share, self._region())
        return found if isinstance(found, Solution) else replace(self, search=found)

    def _near(self) -> tuple[Mixture, float]:
        """The base, or what is near it in the direction that is looked at."""
        if self.search is None:
            return self.base.step.mixture, 1.0
        return self.base.near(self.search.direction)

    def _region(self) -> Region:
        mixture, rows = self.base.step.mixture, self.sample.summary.mass
        return Region(
            lambda slope: precondition(mixture, slope, self.prior, rows),
            lambda step: boldest_move(mixture, step),
            self.radius,
            self.enough,
        )


class Turning(Protocol):
    """A candidate that has measured all rows, and can go on in any direction."""

    @property
    def spec(self) -> Spec:
        """What it is asked to be."""
        ...

    @property
    def history(self) -> tuple[Evaluation, ...]:
        """Its passes over all rows so far."""
        ...

    def turned(self, direction: Array, inside: bool = True) -> Asking | Waiting | Finished:
        """Go on in a direction (n,), a step that ends inside what is trusted or at its edge."""
        ...

    def stopped(self, why: Why) -> Finished | None:
        """Finish before the next pass."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Solving:
    """A candidate that has measured all rows, and looks for Newton's step on the sample.

    Parameters
    ----------
    at : Turning
        What goes where the step leads.
    newton : Newton
    """

    at: Turning
    newton: Newton

    @property
    def spec(self) -> Spec:
        """What it is asked to be."""
        return self.at.spec

    @property
    def history(self) -> tuple[Evaluation, ...]:
        """Its passes over all rows so far."""
        return self.at.history

    @property
    def racing(self) -> bool:
        """False: it has been seen by all rows."""
        return False

    def stopped(self, why: Why) -> Finished | None:
        """Finish before the next pass."""
        return self.at.stopped(why)

    def ask(self) -> Question:
        """Ask for a gradient on the sample."""
        return self.newton.ask()

    def tell(self, answer: SufficientStatistics) -> tuple[Asking | Waiting | Finished]:
        """Go on looking, or go where the step leads."""
        found = self.newton.tell(answer)
        if isinstance(found, Newton):
            return (replace(self, newton=found),)
        return (self.at.turned(found.step, found.inside),)
