"""The step to the maximum of a quadratic model, from products of its Hessian with directions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from dask_gmm.mixture.features import Array, freeze

# A curvature below this share of the metric's is taken for none.
FLATTEST: Final = 1e-5
# The curvature, as a share of the metric's, at which what the rest of the gradient may still gain
# is judged: flatter directions are rare, and show late.
USUAL_FLATNESS: Final = 0.01
# What the rest may gain, as a share of what has been gained.
REST: Final = 0.1
MOST_PRODUCTS: Final = 25
HALVINGS: Final = 30


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """Where a model is trusted.

    Parameters
    ----------
    precondition : callable
        The inverse of a metric, from gradients (n,) to steps.
    length : callable
        Of a step, convex.
    radius : float
        The longest step that is trusted.
    enough : float
        A gain of which a third is not worth a product.
    """

    precondition: Callable[[Array], Array]
    length: Callable[[Array], float]
    radius: float
    enough: float

    def edge(self, inside: Array, direction: Array) -> Array:
        """Give the farthest trusted step along a direction from a step that is trusted."""
        low, high = 0.0, 2 * self.radius / max(self.length(direction), np.finfo(float).tiny)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            trusted = self.length(inside + middle * direction) <= self.radius
            low, high = (middle, high) if trusted else (low, middle)
        return np.asarray(inside + low * direction)


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """The step (n,) that was looked for, and whether it ends inside the region, not at its edge."""

    step: Array
    inside: bool = True

    def __post_init__(self) -> None:
        freeze(self.step)


@dataclass(frozen=True, slots=True, eq=False)
class ConjugateGradients:
    """A search for the step that gains most, one product with the Hessian after another.

    Parameters
    ----------
    rest : ndarray of shape (n,)
        What the step has left of the gradient.
    direction : ndarray of shape (n,)
        Of which the product is wanted.
    found : ndarray of shape (n,)
        The step so far.
    products : int
    gained : float
        By the step, if the model is right.

    Notes
    -----
    Conjugate gradients that end at the edge of the region, or there where the function is not
    concave (Steihaug, 1983).
    """

    rest: Array
    direction: Array
    found: Array
    products: int = 0
    gained: float = 0.0

    def __post_init__(self) -> None:
        freeze(self.rest, self.direction, self.found)

    @classmethod
    def begin(cls, gradient: Array, region: Region) -> "ConjugateGradients":
        """Begin at no step, in the direction of the preconditioned gradient (n,)."""
        return cls(gradient.copy(), region.precondition(gradient), np.zeros_like(gradient))

    def grown(self, change: Array, region: Region) -> "ConjugateGradients | Solution":
        """Take in the negative Hessian times the direction (n,)."""
        size = float(self.rest @ region.precondition(self.rest))
        curvature = float(self.direction @ change)
        if not curvature > FLATTEST * size:
            return Solution(region.edge(self.found, self.direction), inside=False)
        share = size / curvature
        found = self.found + share * self.direction
        if not region.length(found) <= region.radius:
            return Solution(region.edge(self.found, self.direction), inside=False)
        rest = self.rest - share * change
        white = region.precondition(rest)
        left = float(rest @ white)
        gained = self.gained + 0.5 * share * size
        worth = max(REST * gained, region.enough / 3)
        if 0.5 * left / USUAL_FLATNESS < worth or self.products + 1 == MOST_PRODUCTS:
            return Solution(found)
        direction = white + (left / size) * self.direction
        return ConjugateGradients(rest, direction, found, self.products + 1, gained)
