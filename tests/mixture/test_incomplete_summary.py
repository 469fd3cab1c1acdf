"""The summary of rows of which values are missing: column by column, however they are parted."""

from functools import reduce
from itertools import pairwise
from operator import add

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.mixture.features import Array
from dask_gmm.mixture.summary import summarize
from tests.mixture.examples import LAW, seeds


def rows_with_gaps(seed: int, n: int, share: float, offset: float = 0.0) -> Array:
    generator = np.random.default_rng(seed)
    rows = generator.standard_normal((n, 3)) * [1.0, 10.0, 0.1] + offset
    return np.where(generator.random(rows.shape) < share, np.nan, rows)


@given(
    seed=seeds,
    parts=st.lists(st.integers(1, 8), min_size=1, max_size=6),
    share=st.sampled_from([0.0, 0.2, 0.8]),
    weighed=st.booleans(),
)
@LAW
def test_parts_add_to_what_is_there_in_each_column(
    seed: int, parts: list[int], share: float, weighed: bool
) -> None:
    rows = rows_with_gaps(seed, sum(parts), share, 1e3)
    generator = np.random.default_rng(seed)
    weights = generator.uniform(0.5, 2, len(rows)) if weighed else np.ones(len(rows))
    edges = np.cumsum([0, *parts])
    pieces = [
        summarize(rows[a:b], weights=weights[a:b] if weighed else None, incomplete=True)
        for a, b in pairwise(edges)
    ]
    found = reduce(add, pieces)
    there = ~np.isnan(rows)
    some = there.any(axis=1)
    assert (found.rows, found.empty_rows) == (some.sum(), (~some).sum())
    assert found.mass == pytest.approx(weights[some].sum())
    if found.present is None:
        assert not np.isnan(rows[some]).any()
        return
    np.testing.assert_allclose(found.present, weights @ there, atol=1e-12)
    more = found.times(3.0)
    assert more.present is not None
    np.testing.assert_allclose(more.present, 3 * found.present)
    np.testing.assert_allclose(more.variance, found.variance)
    for j in np.flatnonzero(there.any(axis=0)):
        values, masses = rows[there[:, j], j], weights[there[:, j]]
        mean = np.average(values, weights=masses)
        variance = np.average((values - mean) ** 2, weights=masses)
        assert found.mean[j] == pytest.approx(mean, rel=1e-13)
        assert found.variance[j] == pytest.approx(variance, rel=1e-9, abs=1e-15)
        assert (found.minimum[j], found.maximum[j]) == (values.min(), values.max())


def test_infinities_and_empty_rows_are_told_apart() -> None:
    rows = np.array([[1.0, 2.0], [np.nan, np.nan], [np.nan, np.inf], [np.nan, 4.0]])
    found = summarize(rows, 10, incomplete=True)
    assert (found.rows, found.bad_rows, found.empty_rows) == (2, 1, 1)
    assert found.first_bad == (12, 1)
    assert found.present is not None
    np.testing.assert_array_equal(found.present, [1.0, 2.0])


def test_without_gaps_a_summary_is_the_same_to_the_byte() -> None:
    rows = rows_with_gaps(0, 30, 0.0)
    one, other = summarize(rows), summarize(rows, incomplete=True)
    assert other.present is None
    assert one.scatter.tobytes() == other.scatter.tobytes()
    assert one.completed(np.eye(3)) is one


def test_a_completed_summary_varies_as_what_is_there() -> None:
    found = summarize(rows_with_gaps(0, 300, 0.3), incomplete=True)
    correlation = np.array([[1.0, 0.5, 0.0], [0.5, 1.0, -0.2], [0.0, -0.2, 1.0]])
    completed = found.completed(correlation)
    assert completed.present is None
    np.testing.assert_allclose(completed.variance, found.variance)
    np.testing.assert_allclose(completed.correlation, correlation, atol=1e-12)
    deviations = np.sqrt(found.variance)
    np.testing.assert_allclose(
        completed.scatter_about(completed.mean) / completed.mass,
        correlation * np.outer(deviations, deviations),
        atol=1e-9,
    )


def test_a_column_of_which_nothing_is_there_stays_without_a_spread() -> None:
    rows = rows_with_gaps(0, 30, 0.3)
    rows[:, 1] = np.nan
    completed = summarize(rows, incomplete=True).completed(np.eye(3))
    assert completed.variance[1] == 0
    assert (completed.variance[[0, 2]] > 0).all()
    assert np.isfinite(completed.scatter_about(completed.mean)).all()
