from functools import reduce
from itertools import pairwise
from operator import add
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.mixture.features import Array
from dask_gmm.mixture.summary import DataSummary, summarize
from tests.mixture.examples import LAW, seeds

ROWS = 60


def in_parts(rows: Array, cuts: list[int]) -> DataSummary:
    """The sum of the summaries of parts, some of them empty, in a chain."""
    edges = [0, *sorted(cuts), len(rows)]
    parts = [summarize(rows[a:b], a) for a, b in pairwise(edges)]
    return reduce(add, parts)


def in_a_tree(parts: list[DataSummary]) -> DataSummary:
    while len(parts) > 1:
        parts = [reduce(add, parts[i : i + 2]) for i in range(0, len(parts), 2)]
    return parts[0]


def exact(rows: Array) -> tuple[Array, Array]:
    """Mean and scatter about it, computed in extended precision."""
    extended = rows.astype(np.longdouble)
    centered = extended - extended.mean(axis=0)
    return (extended.mean(axis=0)).astype(np.float64), (centered.T @ centered).astype(np.float64)


def assert_same_moments(found: DataSummary, rows: Array, tolerance: float) -> None:
    mean, scatter = exact(rows)
    deviation = np.sqrt(np.diagonal(scatter) / len(rows))
    assert found.rows == len(rows)
    np.testing.assert_allclose(found.mean, mean, rtol=1e-15, atol=1e-15 * deviation.max())
    unit = len(rows) * np.outer(deviation, deviation) + np.finfo(float).tiny
    about = found.scatter_about(found.mean + found.remainder / len(rows))
    assert np.abs((about - scatter) / unit).max() < tolerance
    assert np.array_equal(found.minimum, rows.min(axis=0))
    assert np.array_equal(found.maximum, rows.max(axis=0))


@given(
    seed=seeds,
    n_features=st.integers(1, 5),
    cuts=st.lists(st.integers(0, ROWS), max_size=6),
    offset=st.sampled_from([0.0, 1.0, -1e6, 1e8]),
    trend=st.sampled_from([0.0, 1.0, 1e4]),
)
@LAW
def test_parts_add_to_the_whole(
    seed: int, n_features: int, cuts: list[int], offset: float, trend: float
) -> None:
    generator = np.random.default_rng(seed)
    rows = generator.standard_normal((ROWS, n_features)) * generator.uniform(0.1, 10, n_features)
    rows += trend * np.linspace(0, 1, ROWS)[:, None] + offset
    assert_same_moments(in_parts(rows, cuts), rows, 1e-13)
    assert_same_moments(summarize(rows), rows, 1e-13)


@given(
    seed=seeds, cut=st.integers(0, ROWS), offset=st.sampled_from([0.0, 1e6]), weighed=st.booleans()
)
@LAW
def test_without_products_of_columns_the_squares_are_the_same(
    seed: int, cut: int, offset: float, weighed: bool
) -> None:
    generator = np.random.default_rng(seed)
    rows = generator.standard_normal((ROWS, 4)) * [1.0, 1e-3, 7.0, 1.0] + offset
    rows[:, 3] = 5.0
    weights = generator.uniform(0.5, 3, ROWS) if weighed else None
    halves = [slice(None, cut), slice(cut, None)]
    whole, parts = (
        reduce(
            add,
            [
                summarize(rows[each], 0, None if weights is None else weights[each], matrix)
                for each in halves
            ],
        )
        for matrix in (True, False)
    )
    assert parts.scatter.shape == (4,)
    np.testing.assert_allclose(parts.variance, whole.variance, rtol=1e-13)
    np.testing.assert_array_equal(parts.mean, whole.mean)
    center = whole.mean + np.array([1.0, -1.0, 0.0, 2.0])
    about = np.diagonal(whole.times(2.0).scatter_about(center))
    np.testing.assert_allclose(parts.times(2.0).scatter_about(center), about, rtol=1e-12)


@pytest.mark.parametrize("n_parts", [1, 4, 64, 500])
def test_an_offset_does_not_cost_the_thinnest_direction(n_parts: int) -> None:
    """Parts whose means differ, a million deviations off: a rounded mean is not near enough."""
    generator = np.random.default_rng(5)
    thickness = np.array([1.0, 1e-2, 1e-4])
    centers = 3 * generator.standard_normal((n_parts, 1, 3))
    rows = (centers + thickness * generator.standard_normal((n_parts, 40, 3))).reshape(-1, 3)
    turned = rows @ np.linalg.qr(generator.standard_normal((3, 3))).Q.T + 1e6
    found = in_a_tree([summarize(part) for part in np.split(turned, n_parts)])
    _, scatter = exact(turned)
    about = found.scatter_about(found.mean + found.remainder / found.rows)
    whitened = np.linalg.solve(np.linalg.cholesky(scatter), about - scatter)
    error = np.linalg.solve(np.linalg.cholesky(scatter), whitened.T)
    assert np.abs(error).max() < 1e-9


def test_the_scatter_can_be_had_about_any_center() -> None:
    rows = np.random.default_rng(0).standard_normal((50, 3)) + 7
    center = np.array([1.0, 2.0, 3.0])
    wanted = (rows - center).T @ (rows - center)
    np.testing.assert_allclose(summarize(rows).scatter_about(center), wanted, rtol=1e-13)


@given(
    seed=seeds,
    bad=st.dictionaries(
        st.integers(0, ROWS - 1),
        st.tuples(st.integers(0, 2), st.sampled_from([np.nan, np.inf, -np.inf])),
        max_size=5,
    ),
    cuts=st.lists(st.integers(0, ROWS), max_size=4),
)
@LAW
def test_rows_that_are_not_finite_are_counted_located_and_left_out(
    seed: int, bad: dict[int, tuple[int, float]], cuts: list[int]
) -> None:
    rows = np.random.default_rng(seed).standard_normal((ROWS, 3))
    for row, (column, value) in bad.items():
        rows[row, column:] = value
    found = in_parts(rows, cuts)
    assert found.bad_rows == len(bad)
    first = min(bad, default=-1)
    assert found.first_bad == ((first, bad[first][0]) if bad else (-1, -1))
    assert_same_moments(found, np.delete(rows, list(bad), axis=0), 1e-13)


def test_rows_that_are_all_bad_are_no_rows() -> None:
    found = summarize(np.full((4, 2), np.nan), start=100)
    assert (found.rows, found.bad_rows, found.first_bad) == (0, 4, (100, 0))
    whole = found + summarize(np.ones((3, 2)), start=104)
    assert (whole.rows, whole.bad_rows, whole.first_bad) == (3, 4, (100, 0))
    assert whole.mean.tolist() == [1, 1]


def test_no_rows_are_neutral() -> None:
    rows = np.random.default_rng(0).standard_normal((9, 2))
    empty, whole = summarize(rows[:0]), summarize(rows)
    for found in (empty + whole, whole + empty):
        assert np.array_equal(found.scatter, whole.scatter)
        assert np.array_equal(found.minimum, whole.minimum)
    assert (empty + empty).rows == 0


@pytest.mark.parametrize("value", [0.1, -1e300, 1.7e308, 5e-324, 0.0])
def test_a_constant_column_is_exactly_constant(value: float) -> None:
    rows = np.random.default_rng(0).standard_normal((ROWS, 2))
    rows[:, 1] = value
    found = in_parts(rows, [7, 8, 31])
    assert found.constant.tolist() == [False, True]
    assert found.mean[1] == value
    assert found.variance[1] == 0
    assert not found.scatter[1].any()


def test_values_too_far_apart_to_square_are_summarized_without_a_warning() -> None:
    rows = np.array([[-1.7e308, 0.0], [1.7e308, 1.0], [1.0, 2.0]])
    for found in (summarize(rows), in_parts(rows, [1, 2])):
        assert (found.minimum[0], found.maximum[0]) == (-1.7e308, 1.7e308)
        assert not found.scatter[0, 0] < np.inf


def test_float32_rows_are_summarized_in_float64() -> None:
    rows = (np.random.default_rng(0).standard_normal((40, 3)) + 1000).astype(np.float32)
    found, wanted = summarize(rows), summarize(rows.astype(np.float64))
    assert np.array_equal(found.scatter, wanted.scatter)
    assert np.array_equal(found.mean, wanted.mean)


def test_its_arrays_are_read_only() -> None:
    found = summarize(np.ones((3, 2)))
    with pytest.raises(ValueError, match="read-only"):
        found.scatter[0, 0] = 1


@pytest.mark.parametrize("order", ["C", "F"])
def test_where_rows_lie_in_memory_changes_no_byte(order: Literal["C", "F"]) -> None:
    values = np.random.default_rng(0).standard_normal((50_000, 3))
    moved = np.ndarray(values.shape, values.dtype, bytearray(values.nbytes + 1), 1, order=order)
    moved[...] = values
    assert not moved.flags.aligned
    found, expected = summarize(moved), summarize(values)
    for name in ("mean", "remainder", "scatter"):
        assert np.array_equal(getattr(found, name), getattr(expected, name))
