import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.mixture.features import Array
from dask_gmm.mixture.lbfgs import LONGEST, Memory
from tests.mixture.examples import LAW, seeds


def itself(gradient: Array) -> Array:
    return gradient


def negative_definite(seed: int, n: int) -> Array:
    """A Hessian (n, n) with eigenvalues from -1 to -1000."""
    axes = np.linalg.qr(np.random.default_rng(seed).standard_normal((n, n))).Q
    return np.asarray(-(axes * np.geomspace(1, 1000, n)) @ axes.T)


def climb(hessian: Array, start: Array, steps: int) -> list[Array]:
    """Gradients on the way up ``x' H x / 2``, each step going to the top of its line."""
    memory, at, gradients = Memory(), start, [hessian @ start]
    for _ in range(steps):
        direction = memory.direction(gradients[-1], itself)
        slope, curvature = gradients[-1] @ direction, -direction @ hessian @ direction
        step = slope / curvature * direction
        at = at + step
        gradients.append(hessian @ at)
        memory = memory.with_pair(step, gradients[-2] - gradients[-1])
    return gradients


@given(seed=seeds, n=st.integers(1, 8))
@LAW
def test_the_top_of_a_quadratic_is_found_in_as_many_steps_as_it_has_columns(
    seed: int, n: int
) -> None:
    start = np.random.default_rng(seed + 1).standard_normal(n)
    gradients = climb(negative_definite(seed, n), start, n)
    sizes = [np.abs(each).max() for each in gradients]
    assert sizes[-1] < 1e-7 * sizes[0]
    assert min(sizes[:-1]) > 1e-7 * sizes[0]


@given(seed=seeds, n=st.integers(2, 30))
@LAW
def test_the_last_pair_is_reproduced(seed: int, n: int) -> None:
    generator = np.random.default_rng(seed)
    hessian, memory = negative_definite(seed, n), Memory()
    for step in generator.standard_normal((4, n)):
        memory = memory.with_pair(step, -hessian @ step)
    step, change = memory.pairs[-1]
    np.testing.assert_allclose(memory.direction(change, itself), step, rtol=1e-7, atol=1e-9)


@given(seed=seeds, n=st.integers(1, 20))
@LAW
def test_every_direction_ascends(seed: int, n: int) -> None:
    generator = np.random.default_rng(seed)
    memory = Memory()
    for step, change in generator.standard_normal((15, 2, n)):
        memory = memory.with_pair(step, change)
    gradient = generator.standard_normal(n)
    assert gradient @ memory.direction(gradient, lambda each: 3 * each) > 0


def test_an_empty_memory_gives_the_preconditioned_gradient() -> None:
    gradient = np.array([1.0, -2.0])
    assert np.array_equal(Memory().direction(gradient, lambda each: 4 * each), 4 * gradient)


def test_the_oldest_pair_is_forgotten() -> None:
    memory = Memory()
    for number in range(LONGEST + 3):
        memory = memory.with_pair(np.full(2, number + 1.0), np.ones(2))
    assert [step[0] for step, _ in memory.pairs] == list(np.arange(4.0, LONGEST + 4.0))


@pytest.mark.parametrize(
    ("step", "change"),
    [
        ([1.0, 0.0], [-1.0, 0.0]),
        ([1.0, 0.0], [0.0, 1.0]),
        ([1e8, 1e8], [1.0, -1.0 + 1e-13]),
        ([0.0, 0.0], [0.0, 0.0]),
        ([1.0, 1.0], [np.nan, 1.0]),
    ],
)
def test_a_pair_without_curvature_is_left_out(step: list[float], change: list[float]) -> None:
    memory = Memory().with_pair(np.ones(2), np.ones(2))
    assert memory.with_pair(np.array(step), np.array(change)) is memory


@pytest.mark.parametrize("unit", [1e-150, 1.0, 1e140])
def test_a_pair_counts_whatever_its_units(unit: float) -> None:
    memory = Memory().with_pair(np.array([unit, 1.0]), np.array([1 / unit, 1.0]))
    assert len(memory.pairs) == 1


def test_where_the_memory_descends_the_preconditioned_gradient_is_taken() -> None:
    memory = Memory(((np.array([1.0, 0.0]), np.array([-1.0, 0.0])),))
    gradient = np.array([1.0, 0.1])
    assert np.array_equal(memory.direction(gradient, itself), gradient)


def test_where_the_memory_overflows_the_preconditioned_gradient_is_taken() -> None:
    memory = Memory().with_pair(np.array([1e300, 1.0]), np.array([1e-300, 1e-300]))
    gradient = np.array([1e10, 0.0])
    with np.errstate(over="ignore", invalid="ignore"):
        assert np.isfinite(memory.direction(gradient, itself)).all()


def test_pairs_are_kept_as_they_were() -> None:
    step = np.ones(2)
    memory = Memory().with_pair(step, np.ones(2))
    step[0] = 5
    assert memory.pairs[0][0][0] == 1
    with pytest.raises(ValueError, match="read-only"):
        memory.pairs[0][0][0] = 2


def test_the_same_steps_give_the_same_bytes() -> None:
    start = np.random.default_rng(3).standard_normal(12)
    hessian = negative_definite(3, 12)
    first, second = climb(hessian, start, 20), climb(hessian, start, 20)
    assert [each.tobytes() for each in first] == [each.tobytes() for each in second]
