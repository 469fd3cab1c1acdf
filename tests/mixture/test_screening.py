"""Float32 decides no label that rounding could change, and nearly all others."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.in_memory import log_joint, standardized
from dask_gmm.mixture.estep import JointDensity
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.posterior import Marks, Numbers, component_numbers
from dask_gmm.mixture.scoring import scoring_density
from dask_gmm.mixture.screening import Screen, decide
from tests.mixture.examples import LAW, families, random_mixture, rows_of, seeds


def screen_of(mixture: Mixture) -> Screen:
    name, factors = mixture.covariance_type, mixture.precision_factors()
    shaped = {
        "full": factors,
        "tied": factors[0],
        "diag": np.einsum("kdd->kd", factors),
        "spherical": factors[:, 0, 0],
    }[name]
    screen = Screen.of(scoring_density(mixture.weights, mixture.means, shaped, name))
    assert screen is not None
    return screen


def decided(screen: Screen, rows: Array) -> tuple[Numbers, Marks] | None:
    """Labels, and which of them are certain; None where the bounds are too large."""
    with np.errstate(over="ignore", invalid="ignore"):
        z = standardized(rows, screen.density.frame, "float32")
        bound = screen.bound(z)
        if bound is None:
            return None
        logits = log_joint(screen.density, z)
        numbers = component_numbers(len(logits))
        labels, equal = np.empty(len(rows), numbers), np.empty(logits.shape, bool)
        certain = decide(logits, bound, labels, equal, np.empty(logits.shape, numbers))
    return labels, certain


def exact(mixture: Mixture, rows: Array) -> Array:
    """Log joint densities (K, B) by differences from the means."""
    factors = mixture.precision_factors()
    apart = np.einsum("kbi,kij->kbj", rows[None] - mixture.means[:, None], factors)
    constants = np.log(mixture.weights) + np.log(np.einsum("kdd->kd", factors)).sum(axis=1)
    return np.asarray(constants[:, None] - np.square(apart).sum(axis=2) / 2)


@given(
    name=families,
    seed=seeds,
    k=st.integers(1, 6),
    d=st.integers(1, 8),
    condition=st.sampled_from([1.0, 10.0, 1e3]),
    near=st.sampled_from([1.0, 1e-2, 1e-4]),
)
@LAW
def test_what_is_certain_is_right(
    name: str, seed: int, k: int, d: int, condition: float, near: float
) -> None:
    """Components near each other, and rows between them, of which some are close to call."""
    mixture = random_mixture(seed, name, k, d, condition)
    means = mixture.means[0] + near * (mixture.means - mixture.means[0])
    mixture = Mixture.of(mixture.weights, means, mixture.covariances, name)
    rows = rows_of(mixture, 40, seed)
    found = decided(screen_of(mixture), rows)
    if found is not None:
        labels, certain = found
        assert (labels == exact(mixture, rows).argmax(axis=0))[certain].all()


def test_nearly_all_rows_of_a_common_mixture_are_certain() -> None:
    mixture = random_mixture(1, "full", 8, 10)
    found = decided(screen_of(mixture), rows_of(mixture, 500, 1))
    assert found is not None
    assert found[1].mean() > 0.99


@pytest.mark.parametrize("apart", [1e-4, 1e-6])
def test_what_rounding_could_decide_is_not_certain(apart: float) -> None:
    """Each component has a twin beside it, nearer than float32 can tell."""
    single = random_mixture(2, "full", 3, 6)
    beside = single.means + apart * np.random.default_rng(0).standard_normal((3, 6))
    means = np.concatenate([single.means, beside])
    covariances = np.concatenate([single.covariances] * 2)
    mixture = Mixture.of(np.full(6, 1 / 6), means, covariances)
    rows = rows_of(single, 2000, 0)
    found = decided(screen_of(mixture), rows)
    assert found is not None
    labels, certain = found
    right = labels == exact(mixture, rows).argmax(axis=0)
    assert right[certain].all()
    assert not right.all()


def test_ties_are_never_certain() -> None:
    mixture = Mixture.of([0.5, 0.5], [[0.0], [0.0]], [[1.0], [1.0]], "diag")
    found = decided(screen_of(mixture), np.linspace(-3, 3, 50)[:, None])
    assert found is not None
    assert not found[1].any()


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e200, 1e30])
def test_rows_that_no_float32_describes_are_left_to_float64(value: float) -> None:
    mixture = random_mixture(1, "full", 3, 2)
    assert decided(screen_of(mixture), np.array([[0.0, 0.0], [value, 0.0]])) is None


def test_thin_components_are_left_to_float64() -> None:
    mixture = random_mixture(1, "full", 3, 2, condition=1e10)
    assert decided(screen_of(mixture), rows_of(mixture, 5, 1)) is None


def test_a_component_of_weight_zero_is_left_to_float64() -> None:
    factors = np.ones((2, 1))
    density = scoring_density(np.array([1.0, 0.0]), np.array([[0.0], [1.0]]), factors, "diag")
    assert Screen.of(density) is None


def narrow(width: float) -> JointDensity:
    """Two components at one place: deviations of one and of a width, whatever the frame."""
    weights, factors = np.array([0.5, 0.5]), np.array([[1.0], [1 / width]])
    return scoring_density(weights, np.zeros((2, 1)), factors, "diag")


def test_coefficients_that_no_float32_holds_are_left_to_float64() -> None:
    """Infinity would say of the narrow component that it is never chosen, and be certain of it."""
    assert Screen.of(narrow(1e-20)) is None
    assert Screen.of(narrow(1e-15)) is not None


def test_what_coefficients_lose_below_the_smallest_float32_is_in_the_bound() -> None:
    """Equal constants, and squares so small beside the columns that float32 has none of them."""
    form = np.array([[-1e-46, 0.0, 0.0], [-2e-46, 0.0, 0.0]])
    screen = Screen.of(replace(narrow(1.0), form=form))
    assert screen is not None
    reach = 1e19
    found = screen.bound(np.array([[-reach, reach]], np.float32))
    assert found is not None
    assert 2 * found >= 1e-46 * reach**2
