"""The covariance of typical rows: that of all but a few, and defined where these say nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.in_memory import summarize_all
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.summary import summarize
from dask_gmm.mixture.typical import typical_covariance
from tests.mixture.examples import LAW, blobs, seeds


def typical(rows: Array) -> Array:
    return typical_covariance(rows, summarize_all(rows))


@given(seed=seeds, k=st.integers(1, 4), d=st.sampled_from([1, 3, 64]))
@LAW
def test_of_ordinary_rows_it_is_that_of_all(seed: int, k: int, d: int) -> None:
    rows = blobs(seed, 200, d, k)
    wanted = np.cov(rows.T, bias=True).reshape(d, d)
    np.testing.assert_allclose(typical(rows), wanted, rtol=1e-9, atol=1e-11 * abs(wanted).max())


@pytest.mark.parametrize("far", [1e4, 1e6, -1e9])
@pytest.mark.parametrize("count", [1, 40])
def test_rows_far_away_in_a_column_are_left_out(far: float, count: int) -> None:
    rows = blobs(2, 4000, 3, 2)
    usual = np.cov(rows[count:].T, bias=True)
    rows[:count, 1] = far
    np.testing.assert_allclose(typical(rows), usual, rtol=1e-9)


def test_what_is_far_is_decided_by_what_rows_weigh() -> None:
    rows, light = blobs(7, 200, 3, 1), 120
    rows[:light, 1] += 1e5
    times = np.where(np.arange(200) < light, 1, 50)
    weights, repeated = times.astype(float), np.repeat(rows, times, axis=0)
    found = typical_covariance(rows, summarize(rows, weights=weights), weights)
    np.testing.assert_allclose(found, typical(repeated), rtol=1e-9)
    np.testing.assert_allclose(found, np.cov(rows[light:].T, bias=True), rtol=1e-9)
    assert typical(rows)[1, 1] > 1e9


def test_of_a_column_of_mostly_zeros_the_others_are_its_width() -> None:
    rows = blobs(3, 4000, 2, 1)
    rows[: 4000 * 9 // 10, 1] = 0
    wanted = np.cov(rows.T, bias=True)
    np.testing.assert_allclose(typical(rows), wanted, rtol=1e-9)
    rows[0, 1] = 1e9
    assert typical(rows)[1, 1] < 2 * wanted[1, 1]


def test_where_typical_rows_do_not_vary_it_is_that_of_all() -> None:
    rows = blobs(4, 4000, 2, 1)
    rows[:, 1] = 0
    rows[:8, 1] = 5.0
    np.testing.assert_allclose(typical(rows), np.cov(rows.T, bias=True), rtol=1e-9, atol=1e-12)
    rows[8:16, 0] = 1e7
    variance = np.cov(rows.T, bias=True)
    rows[:8, 0] = 1e7
    found = typical(rows)
    assert found[1, 1] == pytest.approx(variance[1, 1], rel=1e-6)
    assert found[0, 0] < 100
    assert np.linalg.eigvalsh(found)[0] > 0


def test_directions_without_variance_stay_without() -> None:
    rows = blobs(5, 4000, 2, 2)
    rows[0] = 1e5
    rows = np.column_stack([rows, rows @ [1.0, -3.0], np.full(4000, 7.0)])
    found = typical(rows)
    flat = np.array([1.0, -3.0, -1.0, 0.0])
    assert flat @ found @ flat < 1e-8 * np.trace(found)
    assert not found[3].any()


def test_where_most_rows_are_far_from_others_all_of_them_count() -> None:
    rows = blobs(6, 100, 64, 1)
    rows[np.arange(60), np.arange(60)] = 1e6
    np.testing.assert_allclose(typical(rows), np.cov(rows.T, bias=True), rtol=1e-9)
