"""What is measured next: a step that is expected to lead to the maximum, or the step of EM."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np

from dask_gmm.fitting.base import Base
from dask_gmm.fitting.bounds import NOISE
from dask_gmm.mixture.coordinates import boldest_move, from_vector
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import MStep

# Armijo's share of the slope that a trial must gain.
SUFFICIENT: Final = 1e-4
# The boldest move of a component in a trial, in the metric of its own rows.
BOLDEST: Final = 1.0
# Where a direction asks for moves so much bolder, EM gets along faster than trials cut short.
WILD: Final = 10.0


class Reached(Enum):
    """How a candidate came to the parameters that are measured next."""

    START = "start"
    TRIAL = "trial"
    EM = "EM"


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Parameters to be measured, about the frame's shift.

    Parameters
    ----------
    step : MStep
    reached : Reached
    needed : float
        What the objective must reach there for them to be kept, in nats per row.
    """

    step: MStep
    reached: Reached
    needed: float

    @classmethod
    def by_em(cls, base: Base, precision: str) -> "Trial":
        """Go where EM leads from the best parameters: the objective never falls there."""
        return cls(base.em, Reached.EM, base.value - _noise(base.value, precision))

    @classmethod
    def along(cls, base: Base, direction: Array, precision: str) -> "Trial":
        """Go along a direction (n,), or by EM where that is too bold."""
        mixture = base.step.mixture
        boldness = boldest_move(mixture, direction) / BOLDEST
        step = direction / max(1.0, boldness)
        found = (
            _usable(from_vector(base.vector + step, mixture, base.fixed))
            if boldness < WILD
            else None
        )
        if found is None:
            return cls.by_em(base, precision)
        gained = SUFFICIENT * float(base.gradient @ step)
        needed = base.value + gained - _noise(base.value, precision)
        return cls(MStep(found, ()), Reached.TRIAL, needed)


def _noise(value: float, precision: str) -> float:
    return NOISE[precision] * max(1.0, abs(value))


def _usable(mixture: Mixture) -> Mixture | None:
    try:
        factors = mixture.precision_factors()
    except np.linalg.LinAlgError:
        return None
    arrays = (mixture.weights, mixture.means, factors)
    return mixture if all(np.isfinite(each).all() for each in arrays) else None
