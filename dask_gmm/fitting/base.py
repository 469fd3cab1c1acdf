"""What a pass shows of the parameters at which it was made."""

from dataclasses import dataclass

import numpy as np

from dask_gmm.fitting.members import Evaluation
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import MStep


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
        What is left to gain, in nats per row, by the curvature that is known.
    em : MStep
        Where EM leads from there.
    """

    step: MStep
    value: float
    evaluation: Evaluation
    vector: Array
    gradient: Array
    decrement: float
    em: MStep

    def to(self, other: "Base") -> tuple[Array, Array]:
        """Give the way (n,) to another, and what the gradient loses on it."""
        return other.vector - self.vector, self.gradient - other.gradient


def usable(mixture: Mixture) -> Mixture | None:
    """Give a mixture back if its densities are numbers."""
    try:
        factors = mixture.precision_factors()
    except np.linalg.LinAlgError:
        return None
    arrays = (mixture.weights, mixture.means, factors)
    return mixture if all(np.isfinite(each).all() for each in arrays) else None
