"""A weight is how often a row counts: in a fit, in scores and criteria, wherever rows lie."""

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import zarr
from distributed import Client
from hypothesis import given
from sklearn.utils.estimator_checks import estimator_checks_generator

from dask_gmm import GaussianMixture
from dask_gmm.data import blocks
from dask_gmm.errors import DataError, InputError
from dask_gmm.mixture.features import Array
from tests.mixture.examples import FAMILY_NAMES, LAW, blobs, families, seeds, start_of

N = 240
ROWS = blobs(0, N, 3, 3)
TIMES = np.random.default_rng(0).integers(0, 4, N)


def at_start(rows: Array, name: str, **asked: Any) -> GaussianMixture:
    start = start_of(rows, 3, name)
    return GaussianMixture(
        3,
        covariance_type=name,
        weights_init=start.weights,
        means_init=start.means,
        precisions_init=start.precisions,
        **{"max_iter": 8, "tol": 1e-12, **asked},
    )


def parameters(model: GaussianMixture) -> dict[str, Any]:
    return {name: getattr(model, name) for name in ("weights_", "means_", "covariances_")}


def assert_same(one: GaussianMixture, other: GaussianMixture, digits: float = 1e-10) -> None:
    for name, values in parameters(one).items():
        np.testing.assert_allclose(
            values, getattr(other, name), rtol=digits, atol=digits, err_msg=name
        )
    np.testing.assert_allclose(one.lower_bounds_, other.lower_bounds_, rtol=digits, atol=digits)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@given(name=families, seed=seeds)
@LAW
def test_a_row_of_weight_two_is_the_row_twice(name: str, seed: int) -> None:
    rows = blobs(seed % 1000, 90, 2, 3)
    times = np.random.default_rng(seed).integers(0, 4, 90)
    repeated = np.repeat(rows, times, axis=0)
    weighed = at_start(rows, name).fit(rows, sample_weight=times)
    twice = at_start(rows, name).fit(repeated)
    assert_same(weighed, twice)
    for criterion in ("score", "aic", "bic"):
        found = getattr(weighed, criterion)(rows, sample_weight=times)
        assert found == pytest.approx(getattr(twice, criterion)(repeated), rel=1e-10)


def fitted_from(init: str, rows: Array, weights: Array | None, **asked: Any) -> GaussianMixture:
    model = GaussianMixture(3, init_params=init, random_state=0, **asked)
    return model.fit(rows, sample_weight=weights)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("init", ["kmeans", "k-means++", "random", "random_from_data"])
def test_starts_respect_weights(init: str) -> None:
    rows = np.concatenate([blobs(1, 200, 2, 2), np.full((40, 2), 1e3)])
    weights = np.repeat([1.0, 0.0], [200, 40])
    found = fitted_from(init, rows, weights)
    without = fitted_from(init, rows[:200], None)
    np.testing.assert_allclose(found.lower_bound_, without.lower_bound_, rtol=0.05)
    assert np.abs(found.means_).max() < 100
    other = fitted_from(init, rows[:200], np.linspace(0.1, 3, 200), max_iter=1)
    plain = fitted_from(init, rows[:200], None, max_iter=1)
    assert not np.allclose(other.means_, plain.means_, rtol=1e-3)


def test_scale_changes_no_parameter_of_a_fit() -> None:
    weights = TIMES * 1.0
    one = GaussianMixture(3, random_state=0).fit(ROWS, sample_weight=weights)
    many = GaussianMixture(3, random_state=0).fit(ROWS, sample_weight=16 * weights)
    assert_same(one, many, 1e-9)
    assert one.score(ROWS, sample_weight=weights) == pytest.approx(
        one.score(ROWS, sample_weight=16 * weights), rel=1e-12
    )


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Rows and weights in zarr, in six leaves, of one of which no row counts."""
    monkeypatch.setattr(blocks, "LEAF_BYTES", 1)
    group = zarr.open_group(tmp_path / "x.zarr")
    group.create_array("x", shape=ROWS.shape, chunks=(40, 3), dtype="f8")[...] = ROWS
    options: dict[str, Any] = {"dtype": "f8", "config": {"write_empty_chunks": True}}
    group.create_array("w", shape=(N,), chunks=(40,), **options)[...] = weights_of_leaves()
    return tmp_path / "x.zarr"


def weights_of_leaves() -> Array:
    weights = TIMES.astype(float)
    weights[80:120] = 0
    return weights


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["em", "fast"])
def test_rows_and_weights_may_lie_anywhere(stored: Path, client: Client, solver: str) -> None:
    weights = weights_of_leaves()
    asked: dict[str, Any] = {"random_state": 0, "solver": solver, "init_params": "kmeans"}
    memory = GaussianMixture(3, **asked).fit(ROWS, sample_weight=weights)
    path = GaussianMixture(3, **asked).fit(stored, sample_weight=stored / "w")
    opened = zarr.open_array(stored / "w")
    array = GaussianMixture(3, **asked).fit(stored, sample_weight=opened)
    mixed = GaussianMixture(3, **asked).fit(stored, sample_weight=weights)
    there = GaussianMixture(3, **asked, client=client).fit(stored, sample_weight=stored / "w")
    for each in (array, mixed, there):
        for name, values in parameters(path).items():
            assert values.tobytes() == getattr(each, name).tobytes(), name
    rows = da.from_array(ROWS, chunks=(40, 2))
    lazy = GaussianMixture(3, **asked).fit(rows, sample_weight=da.from_array(weights, chunks=55))
    both = GaussianMixture(3, **asked).fit(rows, sample_weight=weights)
    moved = GaussianMixture(3, **asked, client=client).fit(ROWS, sample_weight=weights)
    for each in (path, lazy, both, moved):
        np.testing.assert_allclose(each.means_, memory.means_, rtol=1e-8)
    for name, values in parameters(memory).items():
        assert values.tobytes() == getattr(moved, name).tobytes(), name
    found = path.bic(stored, sample_weight=stored / "w")
    assert found == pytest.approx(memory.bic(ROWS, sample_weight=weights), rel=1e-8)
    assert lazy.score(rows, sample_weight=da.from_array(weights)) == pytest.approx(
        memory.score(ROWS, sample_weight=weights), rel=1e-8
    )


@pytest.mark.parametrize(
    ("weights", "found"),
    [
        (np.zeros(N), r"at least 3 rows of weights above zero, found 0 in the array"),
        (np.arange(N) < 2, r"at least 3 rows of weights above zero, found 2"),
        (np.full(N, 1e308), r"found a sum of inf of the weights"),
        (np.full(N, 1e-20), r"sum of at least 1e-06 .* Multiply them by a constant"),
    ],
)
def test_weights_that_say_nothing_are_refused(weights: Array, found: str) -> None:
    with pytest.raises(DataError, match=found):
        GaussianMixture(3).fit(ROWS, sample_weight=weights)
    if not weights.any():
        with pytest.raises(DataError, match="a number above zero as sum"):
            GaussianMixture(3).fit(ROWS).score(ROWS, sample_weight=weights)


def test_a_weight_of_a_dask_array_is_named() -> None:
    rows, weights = da.from_array(ROWS, chunks=(50, 3)), TIMES.astype(float)
    weights[123] = -1
    for each in (weights, da.from_array(weights)):
        with pytest.raises(DataError, match=r"found -1 at row 123, in block 2 \(rows 100 to 150"):
            GaussianMixture(3).fit(rows, sample_weight=each)


@pytest.mark.parametrize(
    ("rows", "weights"),
    [
        (da.from_array(ROWS), da.from_array(TIMES[1:])),
        (da.from_array(ROWS), da.from_array(TIMES).astype(complex)),
        (da.from_array(ROWS), "w.zarr"),
        (ROWS, "w.zarr"),
        (ROWS, TIMES[1:]),
    ],
)
def test_weights_of_other_rows_are_refused(rows: Any, weights: Any) -> None:
    with pytest.raises(InputError, match=r"weights"):
        GaussianMixture(3).fit(rows, sample_weight=weights)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_given_parameters_pass_the_checks_of_scikit_learn(name: str) -> None:
    start = start_of(np.random.default_rng(0).random((15, 30)), 3, name)
    model = GaussianMixture(
        3,
        covariance_type=name,
        weights_init=start.weights,
        means_init=start.means,
        precisions_init=start.precisions,
    )
    checks = {
        check.func.__name__: check
        for _, check in estimator_checks_generator(GaussianMixture())
        if "sample_weight_equivalence" in check.func.__name__
    }
    assert list(checks) == ["check_sample_weight_equivalence_on_dense_data"]
    for check in checks.values():
        check.func("GaussianMixture", model)
