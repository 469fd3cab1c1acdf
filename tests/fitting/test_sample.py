"""A sample is the same for any layout of the rows, uniform, and nested in every larger one."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.fitting.sample import Sample, key_limit, keys_of, sample_size


def drawn(size: int, seed: int, start: int, stop: int) -> Sample:
    index = np.arange(start, stop)
    rows = np.stack([index, index**2], axis=1).astype(float)
    return Sample.smallest_of([Sample(size, keys_of(seed, np.arange(start, stop)), index, rows)])


@given(st.integers(1, 60), st.integers(0, 2**40), st.lists(st.integers(0, 200), max_size=5))
def test_the_layout_of_the_rows_does_not_change_the_sample(
    size: int, seed: int, cuts: list[int]
) -> None:
    edges = [0, *sorted(cuts), 200]
    parts = [drawn(size, seed, a, b) for a, b in pairwise(edges)]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    whole = drawn(size, seed, 0, 200)
    for name in ("keys", "index", "rows"):
        np.testing.assert_array_equal(getattr(total, name), getattr(whole, name))


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**40))
def test_a_smaller_sample_is_the_front_of_a_larger_one(one: int, other: int, seed: int) -> None:
    small, large = sorted((one, other))
    np.testing.assert_array_equal(
        drawn(small, seed, 0, 100).index, drawn(large, seed, 0, 100).index[:small]
    )


def test_in_row_order_all_rows_are_the_data() -> None:
    rows = drawn(100, 7, 0, 80).in_row_order()
    np.testing.assert_array_equal(rows[:, 0], np.arange(80))


def test_another_seed_draws_other_rows() -> None:
    assert set(drawn(20, 0, 0, 1000).index) != set(drawn(20, 1, 0, 1000).index)


def test_keys_are_uniform() -> None:
    share = keys_of(3, np.arange(200_000)) / 2.0**64
    counts = np.histogram(share, bins=50, range=(0, 1))[0]
    chi_squared = ((counts - 4000) ** 2 / 4000).sum()
    assert 20 < chi_squared < 90  # 49 degrees of freedom


@given(st.integers(1, 10**6), st.integers(1, 10**12))
def test_the_limit_lets_enough_rows_pass(size: int, rows: int) -> None:
    limit = key_limit(size, rows)
    assert limit / 2**64 * rows >= min(size, rows * (1 - 1e-9))


def test_the_limit_keeps_nearly_all_other_rows_out() -> None:
    keys = keys_of(0, np.arange(1_000_000))
    taken = int((keys <= np.uint64(key_limit(10_000, 1_000_000))).sum())
    assert 10_000 <= taken < 11_500


def test_large_mixtures_get_larger_samples() -> None:
    assert sample_size(2, 2) == 20_000
    assert sample_size(64, 64) > 20_000
