"""The same start and iterations as scikit-learn, and as a reference in extended precision."""

import warnings
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from benchmarks.in_memory import Climb, climb
from benchmarks.reference import IS_EXTENDED, cholesky, expectation_maximization
from dask_gmm.mixture.criteria import aic, bic
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import Mixture
from tests.mixture.examples import (
    FAMILY_NAMES,
    LAW,
    assume_well_posed,
    blobs,
    families,
    seeds,
    start_of,
)

DATA_SETS: Final[dict[str, Callable[..., Any]]] = {
    "wine": load_wine,
    "iris": load_iris,
    "breast cancer": load_breast_cancer,
}
SAME: Final = 1e-8
HARD: Final = 1e-6


def scikit_learn(rows: Array, start: Mixture, iterations: int, reg_covar: float) -> GaussianMixture:
    model = GaussianMixture(
        start.n_components,
        covariance_type=start.covariance_type,
        tol=0.0,
        max_iter=iterations,
        reg_covar=reg_covar,
        weights_init=start.weights,
        means_init=start.means,
        precisions_init=start.precisions,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(rows)


def assert_agrees(found: Climb, model: GaussianMixture, rows: Array) -> None:
    deviation, mixture = rows.std(axis=0), found.mixture
    assert np.abs(mixture.weights - model.weights_).max() < SAME
    assert np.abs((mixture.means - model.means_) / deviation).max() < SAME
    size = np.abs(model.covariances_).max()
    assert np.abs(mixture.covariances - model.covariances_).max() < SAME * size
    assert abs(found.log_likelihoods[-1] - model.score(rows)) < SAME
    assert not any(found.repairs)


@given(
    name=families,
    seed=seeds,
    k=st.integers(1, 4),
    d=st.integers(1, 6),
    reg_covar=st.sampled_from([0.0, 1e-6, 0.1]),
)
@LAW
def test_it_does_what_scikit_learn_does(
    name: str, seed: int, k: int, d: int, reg_covar: float
) -> None:
    rows = blobs(seed, 150 * k, d, k)
    start = start_of(rows, k, name, seed)
    found = climb(rows, start, 8, reg_covar)
    assume_well_posed(found, len(rows))
    assert_agrees(found, scikit_learn(rows, start, 8, reg_covar), rows)


@pytest.mark.parametrize("name", FAMILY_NAMES)
@pytest.mark.parametrize("data", DATA_SETS)
def test_it_agrees_with_scikit_learn_on_data_sets(data: str, name: str) -> None:
    rows = DATA_SETS[data]().data
    rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    start = start_of(rows, 3, name, 3)
    found = climb(rows, start, 25)
    model = scikit_learn(rows, start, 25, 1e-6)
    assert_agrees(found, model, rows)
    value, n_parameters = found.log_likelihoods[-1], found.mixture.n_parameters
    assert aic(value, len(rows), n_parameters) == pytest.approx(model.aic(rows), rel=1e-10)
    assert bic(value, len(rows), n_parameters) == pytest.approx(model.bic(rows), rel=1e-10)


def test_full_covariances_agree_with_scikit_learn_in_the_units_of_the_data() -> None:
    rows = load_wine().data
    start = start_of(rows, 3, "full", 3)
    assert_agrees(climb(rows, start, 25), scikit_learn(rows, start, 25, 1e-6), rows)


def test_float32_stays_near_float64() -> None:
    rows = blobs(1, 2000, 4, 3)
    for name in FAMILY_NAMES:
        start = start_of(rows, 3, name, 1)
        double, single = climb(rows, start, 20), climb(rows, start, 20, precision="float32")
        gap = abs(single.log_likelihoods[-1] - double.log_likelihoods[-1])
        assert 0 < gap < 1e-6


def hard_rows(seed: int, aligned: bool, condition: float, offset: float) -> Array:
    """Three thin clusters (600 rows in three runs), so many standard deviations off."""
    generator = np.random.default_rng(seed)
    thickness = np.geomspace(1, condition**-0.5, 4)
    axes = np.linalg.qr(generator.standard_normal((3, 4, 4))).Q
    if aligned:
        axes[:] = np.eye(4)
    normals = generator.standard_normal((3, 200, 4)) * thickness
    centers = generator.standard_normal((3, 1, 4)) * np.where(aligned, thickness**0.5, 1.0)
    rows = (normals @ axes.transpose(0, 2, 1) + centers).reshape(-1, 4)
    return np.asarray(rows + offset * rows.std(axis=0))


def near_the_truth(rows: Array, name: str) -> Mixture:
    """The parameters of the three runs, mixed up a little."""
    runs = np.stack(np.split(rows, 3))
    means = 0.9 * runs.mean(axis=1) + 0.1 * rows.mean(axis=0)
    centered = runs - runs.mean(axis=1, keepdims=True)
    covariances = 2 * centered.transpose(0, 2, 1) @ centered / 200
    variances = np.einsum("kdd->kd", covariances)
    by_family = {
        "full": covariances,
        "tied": covariances.mean(axis=0),
        "diag": variances,
        "spherical": variances.mean(axis=1),
    }
    return Mixture.of([0.3, 0.3, 0.4], means, by_family[name], name)


@pytest.mark.skipif(not IS_EXTENDED, reason="long double is no longer than double here")
@pytest.mark.parametrize("name", FAMILY_NAMES)
@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize(
    ("condition", "offset"), [(1e8, 1e6), (1e8, 0.0), (1e4, 1e6), (1.0, -1e6), (1.0, 1e8)]
)
def test_thin_clusters_far_from_zero_are_right(
    name: str, aligned: bool, condition: float, offset: float
) -> None:
    rows = hard_rows(7, aligned, condition, offset)
    start = near_the_truth(rows, name)
    found = climb(rows, start, 10, 0.0)
    parameters = (start.weights, start.means, start.full_covariances())
    wanted = expectation_maximization(rows, parameters, name, 10)
    have, want = found.mixture, wanted.parameters
    deviation = rows.std(axis=0)
    assert np.abs(have.weights - want.weights).max() < HARD
    assert (np.abs(have.means - want.means) / deviation).max() < max(HARD, 1e-15 * abs(offset))
    for covariance, exact in zip(have.full_covariances(), want.covariances, strict=True):
        whitening = np.linalg.inv(cholesky(exact).astype(np.float64))
        relative = whitening @ (covariance - exact).astype(np.float64) @ whitening.T
        assert np.abs(relative).max() < HARD
    values = np.array(wanted.log_likelihoods)
    assert np.abs(values - found.log_likelihoods).max() < HARD * max(1, np.abs(values).max())
    assert abs(values[-1] - found.log_likelihoods[-1]) < HARD
    assert not any(found.repairs)


@pytest.mark.skipif(not IS_EXTENDED, reason="long double is no longer than double here")
@given(name=families, seed=seeds, exponent=st.floats(0, 8))
@settings(LAW, max_examples=15)
def test_thin_clusters_are_right_at_any_condition(name: str, seed: int, exponent: float) -> None:
    rows = hard_rows(seed, False, 10.0**exponent, 1e6)
    start = near_the_truth(rows, name)
    found = climb(rows, start, 3, 0.0)
    assume_well_posed(found, len(rows))
    parameters = (start.weights, start.means, start.full_covariances())
    wanted = expectation_maximization(rows, parameters, name, 3)
    assert abs(wanted.log_likelihoods[-1] - found.log_likelihoods[-1]) < HARD
