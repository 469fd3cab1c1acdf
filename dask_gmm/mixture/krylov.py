"""Curvature where it is least: the directions in which a function is flattest, or not concave.

They are found from a few products of its Hessian with vectors, in a metric (Lanczos, 1950).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from dask_gmm.mixture.features import Array, freeze

# What rounding leaves of a step of which nothing is left, as a share of it.
NOTHING: Final = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """What directions are measured by.

    Parameters
    ----------
    precondition : callable
        Its inverse, from gradients (n,) to steps.
    length : callable
        Of a step.
    """

    precondition: Callable[[Array], Array]
    length: Callable[[Array], float]


@dataclass(frozen=True, slots=True, eq=False)
class Bend:
    """A direction, and how the function bends along it.

    Parameters
    ----------
    curvature : float
        Of the negative function, in units of the metric.
    step : ndarray of shape (n,)
        Of length 1 in the metric.
    """

    curvature: float
    step: Array

    def __post_init__(self) -> None:
        freeze(self.step)


@dataclass(frozen=True, slots=True, eq=False)
class Krylov:
    """Directions that span what the Hessian makes of the first of them, again and again.

    Parameters
    ----------
    gradients : tuple of ndarray of shape (n,)
        What the metric makes of each direction.
    directions : tuple of ndarray of shape (n,)
        Orthogonal and of length 1 in the metric, in which they are the gradients.
    changes : tuple of ndarray of shape (n,)
        The negative Hessian times each direction; that of the last is wanted.
    exhausted : bool
        Whether the directions span all that the Hessian leads to.
    """

    gradients: tuple[Array, ...]
    directions: tuple[Array, ...]
    changes: tuple[Array, ...] = ()
    exhausted: bool = False

    def __post_init__(self) -> None:
        freeze(*self.gradients, *self.directions, *self.changes)

    @classmethod
    def begin(cls, gradient: Array, metric: Metric) -> "Krylov":
        """Begin with the direction of a preconditioned gradient (n,)."""
        step = metric.precondition(gradient)
        length = metric.length(step)
        return cls((gradient / length,), (step / length,))

    def grown(self, change: Array, metric: Metric) -> "Krylov":
        """Take in the negative Hessian times the last direction, and find the next direction."""
        changes, rest = (*self.changes, change), change
        for _ in range(2):  # what rounding leaves of the others after once is gone after twice
            shares = [direction @ rest for direction in self.directions]
            rest = rest - np.array(shares) @ np.array(self.gradients)
        step = metric.precondition(rest)
        length = metric.length(step)
        if not length > NOTHING * metric.length(metric.precondition(change)):
            return Krylov(self.gradients, self.directions, changes, exhausted=True)
        gradients = (*self.gradients, rest / length)
        return Krylov(gradients, (*self.directions, step / length), changes)

    def bends(self) -> tuple[Bend, ...]:
        """Give directions that are conjugate and orthogonal, from the least curvature on."""
        changes = np.array(self.changes)
        steps = np.array(self.directions[: len(changes)])
        found = steps @ changes.T
        values, vectors = np.linalg.eigh((found + found.T) / 2)
        return tuple(
            Bend(float(value), vector @ steps)
            for value, vector in zip(values, vectors.T, strict=True)
        )

    def chance_below(self, curvature: float, n_directions: int) -> float:
        """Bound the chance that some direction has less than a curvature, though none here has.

        Parameters
        ----------
        curvature : float
            Less than that of all bends.
        n_directions : int
            Of the whole space, of which the first direction is one at random.

        Notes
        -----
        Kuczynski and Wozniakowski (1992), with the largest curvature as found.
        """
        found = self.bends()
        least, largest = found[0].curvature - curvature, found[-1].curvature - curvature
        if not least > 0:
            return 1.0
        if self.exhausted:
            return 0.0
        powers = 2 * len(found) - 1
        return float(1.648 * np.sqrt(n_directions) * np.exp(-np.sqrt(least / largest) * powers))
