"""How far Newton's step is trusted: as far as steps have gained what its model said.

Distances are boldest moves of a component, in the metric of its own rows (Nocedal and Wright,
Numerical Optimization, 2006, algorithm 4.1).
"""

from typing import Final

from dask_gmm.fitting.base import Base
from dask_gmm.mixture.coordinates import boldest_move, to_vector
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import Mixture

# Before any step.
FIRST: Final = 0.25
FARTHEST: Final = 1.0
# Shares of the predicted gain.
GOOD: Final = 0.7
POOR: Final = 0.25
# A step that goes so far, as a share of what was trusted, would have gone farther.
AT_THE_EDGE: Final = 0.8
# Of the length of a step that was not kept, what is trusted next.
LEAST_LEFT: Final = 1 / 16
MOST_LEFT: Final = 1 / 2


def after_gain(radius: float, base: Base, to: Mixture, value: float) -> float:
    """Give how far to trust the next step, after one that was kept.

    Parameters
    ----------
    radius : float
        How far this one was trusted.
    base : Base
        Where it began.
    to : Mixture
        Where it led.
    value : float
        Of the objective there, in nats per row.
    """
    moved, gained = _way(base, to)[1], value - base.value
    if gained < POOR * base.decrement:
        return min(radius, moved) / 2
    if gained > GOOD * base.decrement and moved > AT_THE_EDGE * radius:
        return min(2 * radius, FARTHEST)
    return radius


def after_loss(radius: float, base: Base, to: Mixture, value: float) -> float:
    """Give how far to trust the next step from the same place, after one that was not kept.

    Parameters
    ----------
    radius, base, to, value
        See `after_gain`.

    Notes
    -----
    The maximum of the parabola through both ends with the slope at the first.
    """
    way, moved = _way(base, to)
    slope = float(base.gradient @ way)
    share = slope / (2 * (slope + base.value - value))
    return min(max(LEAST_LEFT, share), MOST_LEFT) * min(radius, moved)


def _way(base: Base, to: Mixture) -> tuple[Array, float]:
    """The way (n,) from a base, and its boldest move."""
    way = to_vector(to) - base.vector
    return way, boldest_move(base.step.mixture, way)
