"""Rows with missing values are sorted by what they lack, and every value has a number."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.mixture.gaps import Gaps, Indices, Marks
from dask_gmm.mixture.inverses import applied, inverted, summed_at
from tests.mixture.examples import LAW, seeds


def marks(seed: int, rows: int, columns: int, share: float) -> Marks:
    return np.random.default_rng(seed).random((rows, columns)) < share


def assert_describes(gaps: Gaps, missing: Marks, at: Indices) -> None:
    """Compare gaps with what is missing of some rows, row by row."""
    assert sorted(gaps.rows) == sorted(at)
    np.testing.assert_array_equal(gaps.missing, missing[gaps.rows].T)
    rows, columns = gaps.rows[gaps.owners], gaps.columns
    np.testing.assert_array_equal(np.sort(rows * missing.shape[1] + columns), flat(missing, at))
    assert (np.diff(columns) >= 0).all()
    last = 0
    for group in gaps.groups():
        assert group.first == last
        last = group.stop
        assert (np.diff(group.columns, axis=0) > 0).all()
        assert len(np.unique(group.columns, axis=1).T) == len(group.starts)
        np.testing.assert_array_equal(group.which[group.starts], np.arange(len(group.starts)))
        for row, which, values in zip(
            range(group.first, group.stop), group.which, group.values.T, strict=True
        ):
            lacking = np.flatnonzero(missing[gaps.rows[row]])
            np.testing.assert_array_equal(lacking, group.columns[:, which])
            np.testing.assert_array_equal(gaps.columns[values], lacking)
            assert (gaps.owners[values] == row).all()
        one, other = group.pairs
        np.testing.assert_array_equal(gaps.owners[one], gaps.owners[other])
        assert (gaps.columns[one] > gaps.columns[other]).all()
        assert len(one) == len(group.which) * group.lacking * (group.lacking - 1) // 2
        assert len({*zip(one, other, strict=True)}) == len(one)
        sizes = group.summed(np.ones(len(group.which)))
        np.testing.assert_array_equal(sizes, np.bincount(group.which))
    assert last == len(gaps.rows)


def flat(missing: Marks, at: Indices) -> Indices:
    rows, columns = np.nonzero(missing)
    return np.sort((rows * missing.shape[1] + columns)[np.isin(rows, at)])


@given(
    seed=seeds,
    rows=st.integers(1, 40),
    columns=st.sampled_from([1, 3, 8, 70]),
    share=st.sampled_from([0.01, 0.2, 0.9]),
)
@LAW
def test_each_missing_value_has_its_row_its_column_and_its_pattern(
    seed: int, rows: int, columns: int, share: float
) -> None:
    missing = marks(seed, rows, columns, share)
    gaps, at = Gaps.of(missing), np.flatnonzero(missing.any(axis=1))
    if gaps is None:
        assert not missing.any()
    else:
        assert_describes(gaps, missing, at)


@pytest.mark.parametrize("limit", [1.0, 7.0, 1000.0])
def test_portions_hold_each_row_once_and_cost_little(limit: float) -> None:
    missing = marks(0, 60, 5, 0.4)
    gaps = Gaps.of(missing)
    assert gaps is not None
    parts = gaps.portions(lambda lacking: 2 * lacking.astype(np.float64), limit)
    np.testing.assert_array_equal(np.concatenate([each.rows for each in parts]), gaps.rows)
    for each in parts:
        assert_describes(each, missing, each.rows)
        assert each.missing.sum() * 2 <= limit or len(each.rows) == 1
    assert (len(parts) == 1) == (limit == 1000.0)


@given(seed=seeds, q=st.integers(1, 5))
@LAW
def test_sweeps_invert_matrices_and_say_their_determinants(seed: int, q: int) -> None:
    generator = np.random.default_rng(seed)
    factors = generator.standard_normal((2, 3, q, q)) + 2 * np.eye(q)
    matrices = factors @ factors.transpose(0, 1, 3, 2)
    given_ = np.array(matrices.transpose(2, 3, 0, 1))
    log_determinants, thinnest = inverted(given_)
    wanted = np.linalg.inv(matrices).transpose(2, 3, 0, 1)
    np.testing.assert_allclose(given_, wanted, rtol=1e-8, atol=1e-10 * np.abs(wanted).max())
    np.testing.assert_allclose(log_determinants, np.linalg.slogdet(matrices)[1], atol=1e-9)
    conditional = 1 / (
        np.einsum("ijqq->ijq", matrices) * np.einsum("ijqq->ijq", np.linalg.inv(matrices))
    )
    assert (thinnest <= 1).all()
    assert (thinnest <= conditional[..., -1] * (1 + 1e-6)).all()
    which, vectors = np.array([1, 0, 1, 1]), generator.standard_normal((q, 4, 3))
    products = np.einsum("strk,trk->srk", given_[:, :, which], vectors)
    np.testing.assert_allclose(applied(given_, which, vectors), products, atol=1e-10)


def test_a_matrix_without_an_inverse_is_known_by_its_pivots() -> None:
    singular = np.ones((2, 2, 1, 1))
    assert not inverted(singular)[1].min() > 0


def test_lines_are_added_where_they_are_named() -> None:
    generator = np.random.default_rng(0)
    sums, values = generator.standard_normal((4, 2)), generator.standard_normal((7, 2))
    at, wanted = np.array([3, 1, 1, 3, 0, 3, 3]), sums.copy()
    np.add.at(wanted, at, values)
    summed_at(sums, at, values)
    np.testing.assert_allclose(sums, wanted, atol=1e-14)
    summed_at(sums, at[:0], values[:0])
    np.testing.assert_allclose(sums, wanted, atol=1e-14)
