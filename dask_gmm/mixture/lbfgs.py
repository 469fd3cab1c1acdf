"""The memory of a quasi-Newton ascent: the curvature that past steps have shown."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from dask_gmm.mixture.features import Array, freeze

LONGEST: Final = 10
# A curvature below this share of the sum of its absolute terms is rounding, or none.
SMALLEST_CURVATURE: Final = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """The last steps of an ascent, and what each changed in the negative gradient.

    Parameters
    ----------
    pairs : tuple of (ndarray of shape (n,), ndarray of shape (n,))
        Oldest first, at most 10: a step, and the gradient before it less the one after it.
    """

    pairs: tuple[tuple[Array, Array], ...] = ()

    def __post_init__(self) -> None:
        for step, change in self.pairs:
            freeze(step, change)

    def with_pair(self, step: Array, change: Array) -> "Memory":
        """Remember a pair too, and forget the oldest if there are too many.

        A pair along which the function is not concave says nothing of a maximum: it is left out.

        Parameters
        ----------
        step : ndarray of shape (n,)
        change : ndarray of shape (n,)
            The gradient before the step less the gradient after it.
        """
        terms = step * change
        if not terms.sum() > SMALLEST_CURVATURE * np.abs(terms).sum():
            return self
        return Memory((*self.pairs, (step.copy(), change.copy()))[-LONGEST:])

    def direction(self, gradient: Array, precondition: Callable[[Array], Array]) -> Array:
        """Give a direction of ascent (n,).

        Parameters
        ----------
        gradient : ndarray of shape (n,)
        precondition : callable
            The inverse of a first guess of the negative Hessian, positive definite, as a map from
            gradients to steps. It may be another one at every point.

        Notes
        -----
        The two-loop recursion of Nocedal (1980). Where rounding, or a memory of other regions,
        makes of it no direction of ascent, the preconditioned gradient is.
        """
        found = self._two_loops(gradient, precondition)
        if gradient @ found > 0 and np.isfinite(found).all():
            return found
        return precondition(gradient)

    def _two_loops(self, gradient: Array, precondition: Callable[[Array], Array]) -> Array:
        rest, shares = gradient.copy(), []
        for step, change in reversed(self.pairs):
            share = (step @ rest) / (step @ change)
            rest -= share * change
            shares.append(share)
        found = precondition(rest)
        for (step, change), share in zip(self.pairs, reversed(shares), strict=True):
            found = found + (share - (change @ found) / (step @ change)) * step
        return found
