"""What a pass shows of the parameters at which it was made."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from dask_gmm.fitting.members import Evaluation
from dask_gmm.mixture.coordinates import boldest_move, from_vector, gradient, to_vector
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.fixed import NOTHING_FIXED, Fixed
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import MStep, m_step
from dask_gmm.mixture.prior import Prior
from dask_gmm.mixture.statistics import SufficientStatistics
from dask_gmm.mixture.summary import DataSummary

# The boldest move of a component between two gradients whose difference is a product of the
# Hessian with a direction.
NEAR: Final = 1e-3
# A step says half its slope, which is what one to the maximum gains. One to the edge of what is
# trusted falls short of it: within twice its length up to twice its slope may be gained.
BEYOND_THE_EDGE: Final = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class Base:
    """The best parameters measured on a level, and what is known there.

    Parameters
    ----------
    step : MStep
        The parameters, about the frame's shift.
    value : float
        Of the objective, in nats per row.
    evaluation : Evaluation
    vector, gradient : ndarray
        Of the parameters, and of the objective there, in coordinates without constraints.
    decrement : float
        Half the slope along the next step, in nats per row: what it says that it gains.
    em : MStep
        Where EM leads from there.
    fixed : Fixed
        Parameters that no step changes.
    inside : bool
        Whether the next step ends inside what is trusted, not at its edge.
    """

    step: MStep
    value: float
    evaluation: Evaluation
    vector: Array
    gradient: Array
    decrement: float
    em: MStep
    fixed: Fixed = NOTHING_FIXED
    inside: bool = True

    @classmethod
    def of(
        cls,
        step: MStep,
        answer: SufficientStatistics,
        value: float,
        evaluation: Evaluation,
        summary: DataSummary,
        prior: Prior,
        precision: str,
        fixed: Fixed,
    ) -> "Base":
        """Make one of what a pass over the rows of a summary gave at the parameters of a step."""
        mixture = step.mixture
        slope = gradient(answer, mixture, summary, prior, fixed)
        em = m_step(answer, mixture, summary, 0.0, precision, prior, fixed)
        return cls(step, value, evaluation, to_vector(mixture), slope, np.inf, em, fixed)

    @property
    def left(self) -> float:
        """What is left to gain, in nats per row, as far as the next step can tell."""
        return self.decrement if self.inside else BEYOND_THE_EDGE * self.decrement

    def to(self, other: "Base") -> tuple[Array, Array]:
        """Give the way (n,) to another, and what the gradient loses on it."""
        return other.vector - self.vector, self.gradient - other.gradient

    def near(self, direction: Array) -> tuple[Mixture, float]:
        """Give a mixture that is near in a direction (n,), and the share of it that leads there."""
        mixture = self.step.mixture
        share = NEAR / boldest_move(mixture, direction)
        return from_vector(self.vector + share * direction, mixture, self.fixed), share
