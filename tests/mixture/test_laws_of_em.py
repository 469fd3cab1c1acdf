"""What EM must do whatever the data: never fall, and not care for units, origin or order."""

from typing import Final

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.in_memory import Climb, climb
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import Mixture
from tests.mixture.examples import LAW, assume_well_posed, blobs, families, seeds, start_of

ITERATIONS: Final = 6
FEWEST_ROWS: Final = 300
SAME: Final = 1e-9


def on_a_grid(rows: Array) -> Array:
    """Rows that stay exact when a million is added to them."""
    return np.round(rows * 2.0**20) / 2.0**20


def assert_same(found: Climb, wanted: Climb, added: float = 0.0) -> None:
    """The same but for rounding, all log-likelihoods ``added`` higher."""
    assume_well_posed(wanted, FEWEST_ROWS)
    have, want = found.mixture, wanted.mixture
    np.testing.assert_allclose(have.weights, want.weights, atol=SAME)
    deviation = np.sqrt(np.einsum("kdd->d", want.full_covariances()))
    np.testing.assert_allclose(
        have.means / deviation, want.means / deviation, rtol=1e-14, atol=SAME
    )
    unit = np.sqrt(np.einsum("kii,kjj->kij", want.full_covariances(), want.full_covariances()))
    apart = have.full_covariances() - want.full_covariances()
    assert np.abs(apart / unit).max() < SAME
    values = np.array(wanted.log_likelihoods) + added
    np.testing.assert_allclose(found.log_likelihoods, values, atol=1e-10, rtol=1e-12)


@given(name=families, seed=seeds, k=st.integers(1, 5), d=st.integers(1, 5))
@LAW
def test_the_log_likelihood_never_falls(name: str, seed: int, k: int, d: int) -> None:
    rows = blobs(seed, 60 * k, d, k)
    found = climb(rows, start_of(rows, k, name, seed), 20, 0.0)
    repaired = [i for i, repairs in enumerate(found.repairs) if repairs]
    values = np.array(found.log_likelihoods[: min(repaired, default=20) + 1])
    assert (np.diff(values) >= -1e-12 * np.maximum(1, np.abs(values[1:]))).all()


@given(name=families, seed=seeds)
@LAW
def test_it_moves_with_the_rows(name: str, seed: int) -> None:
    rows = on_a_grid(blobs(seed, FEWEST_ROWS, 3, 2))
    by = np.array([1e6, -1e6, 3.0])
    start = start_of(rows, 2, name, seed)
    moved = climb(rows + by, start.moved(by), ITERATIONS, 0.0)
    back = Climb(moved.mixture.moved(-by), moved.log_likelihoods, moved.repairs)
    assert_same(back, climb(rows, start, ITERATIONS, 0.0))


@given(name=families, seed=seeds)
@LAW
def test_it_does_not_care_for_the_order_of_rows_and_components(name: str, seed: int) -> None:
    generator = np.random.default_rng(seed)
    rows = blobs(seed, 700, 3, 3)
    start = start_of(rows, 3, name, seed)
    wanted = climb(rows, start, ITERATIONS, 0.0)
    assert_same(climb(generator.permutation(rows), start, ITERATIONS, 0.0), wanted)
    order = generator.permutation(3)
    assert_same(
        climb(rows, reordered(start, order), ITERATIONS, 0.0),
        Climb(reordered(wanted.mixture, order), wanted.log_likelihoods, wanted.repairs),
    )


def reordered(mixture: Mixture, order: npt.NDArray[np.intp]) -> Mixture:
    covariances = mixture.covariances
    if not mixture.family.shared:
        covariances = covariances[order]
    name = mixture.covariance_type
    return Mixture.of(mixture.weights[order], mixture.means[order], covariances, name)


@pytest.mark.parametrize("name", ["full", "tied", "diag"])
@given(seed=seeds, exponents=st.tuples(*[st.floats(-6, 6)] * 3))
@LAW
def test_it_does_not_care_for_the_units_of_columns(
    name: str, seed: int, exponents: tuple[float, ...]
) -> None:
    scale = 10.0 ** np.array(exponents)
    rows = blobs(seed, FEWEST_ROWS, 3, 2)
    start = start_of(rows, 2, name, seed)
    scaled = climb(rows * scale, in_units(start, scale), ITERATIONS, 0.0)
    back = Climb(in_units(scaled.mixture, 1 / scale), scaled.log_likelihoods, scaled.repairs)
    assert_same(back, climb(rows, start, ITERATIONS, 0.0), -float(np.log(scale).sum()))


def in_units(mixture: Mixture, scale: Array) -> Mixture:
    factor = scale**2 if mixture.covariance_type == "diag" else np.outer(scale, scale)
    name = mixture.covariance_type
    return Mixture.of(mixture.weights, mixture.means * scale, mixture.covariances * factor, name)


@pytest.mark.parametrize("name", ["full", "tied", "spherical"])
@given(seed=seeds, exponent=st.floats(-6, 6))
@LAW
def test_it_does_not_care_for_axes_and_a_common_unit(name: str, seed: int, exponent: float) -> None:
    generator = np.random.default_rng(seed)
    axes = np.linalg.qr(generator.standard_normal((3, 3))).Q
    unit = 10.0**exponent
    rows = blobs(seed, FEWEST_ROWS, 3, 2)
    start = start_of(rows, 2, name, seed)
    turned = climb(rows @ axes.T * unit, on_axes(start, axes, unit), ITERATIONS, 0.0)
    back = on_axes(turned.mixture, axes.T, 1 / unit)
    assert_same(
        Climb(back, turned.log_likelihoods, turned.repairs),
        climb(rows, start, ITERATIONS, 0.0),
        -3 * float(np.log(unit)),
    )


def on_axes(mixture: Mixture, axes: Array, unit: float) -> Mixture:
    covariances = mixture.covariances
    if mixture.covariance_type != "spherical":
        covariances = axes @ covariances @ axes.T
        covariances = (covariances + np.swapaxes(covariances, -1, -2)) / 2
    means = mixture.means @ axes.T * unit
    return Mixture.of(mixture.weights, means, covariances * unit**2, mixture.covariance_type)
