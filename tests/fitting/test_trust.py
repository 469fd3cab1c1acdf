"""How far Newton's step is trusted."""

import numpy as np
import pytest

from dask_gmm.fitting.base import Base
from dask_gmm.fitting.members import Evaluation
from dask_gmm.fitting.trust import FARTHEST, LEAST_LEFT, MOST_LEFT, after_gain, after_loss
from dask_gmm.mixture.coordinates import boldest_move, from_vector, to_vector
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import MStep

AT = Mixture.of(np.array([0.4, 0.6]), np.array([[0.0], [3.0]]), np.ones((2, 1, 1)), "full")
VALUE, SLOPE = -2.0, 0.1
# To the right, by both means.
WAY = np.array([0.0, 0.0, 1.0, 1.0, 0.0, 0.0])


def base(decrement: float) -> Base:
    step, vector = MStep(AT, ()), to_vector(AT)
    gradient = SLOPE * WAY / (WAY @ WAY)
    return Base(step, VALUE, Evaluation(VALUE, "float64", ()), vector, gradient, decrement, step)


def reached(length: float) -> Mixture:
    """Where a step of a length leads."""
    share = length / boldest_move(AT, WAY)
    return from_vector(to_vector(AT) + share * WAY, AT)


def test_where_a_step_to_the_edge_gains_what_was_said_twice_as_far_is_trusted() -> None:
    assert after_gain(0.2, base(0.01), reached(0.2), VALUE + 0.01) == 0.4
    assert after_gain(0.7, base(0.01), reached(0.7), VALUE + 0.01) == FARTHEST


def test_a_step_inside_says_nothing_of_what_is_farther() -> None:
    assert after_gain(0.2, base(0.01), reached(0.1), VALUE + 0.01) == 0.2


def test_half_of_what_was_said_leaves_the_region_as_it_is() -> None:
    assert after_gain(0.2, base(0.01), reached(0.2), VALUE + 0.005) == 0.2


def test_a_step_that_gains_little_halves_the_region() -> None:
    assert after_gain(0.4, base(0.01), reached(0.2), VALUE + 0.001) == pytest.approx(0.1)


@pytest.mark.parametrize("length", [0.1, 0.2])
def test_after_a_loss_the_top_of_the_parabola_is_trusted(length: float) -> None:
    to = reached(length)
    slope = float(base(0.0).gradient @ (to_vector(to) - to_vector(AT)))
    found = after_loss(0.2, base(0.0), to, VALUE - slope)
    assert found == pytest.approx(length / 4)


@pytest.mark.parametrize(
    ("value", "share"), [(VALUE - 1e6, LEAST_LEFT), (VALUE, MOST_LEFT), (np.nan, LEAST_LEFT)]
)
def test_what_is_trusted_after_a_loss_has_bounds(value: float, share: float) -> None:
    assert after_loss(1.0, base(0.0), reached(0.2), value) == pytest.approx(0.2 * share)


def test_an_infinite_loss_is_one() -> None:
    assert after_loss(1.0, base(0.0), reached(0.2), -np.inf) == pytest.approx(0.2 * LEAST_LEFT)
