"""A sample is the same for any layout of the rows, uniform, and nested in every larger one."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.fitting.held_out import NONE_HELD_OUT, HeldOut
from dask_gmm.fitting.sample import (
    Sample,
    key_limit,
    keys_by_weight,
    keys_of,
    ranks_of,
    sample_size,
)
from dask_gmm.fitting.weighing import Weigh, Weighing
from dask_gmm.mixture.features import Array
from dask_gmm.passes.fold import Tile, Workspace


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


def by_weight(size: int, seed: int, start: int, stop: int, weights: Array) -> Sample:
    """A sample by weight, whatever the ranks that may be in it."""
    index = np.arange(start, stop)
    part = weights[start:stop]
    keys = keys_by_weight(keys_of(seed, index), part)
    rows = index[:, None].astype(float)
    return Sample.smallest_of([Sample(size, keys, index, rows, part)])


@given(st.integers(1, 60), st.integers(0, 2**40), st.lists(st.integers(0, 200), max_size=5))
def test_the_layout_does_not_change_a_sample_by_weight(
    size: int, seed: int, cuts: list[int]
) -> None:
    weights = np.random.default_rng(seed).pareto(1.0, 200) + 1e-3
    parts = [by_weight(size, seed, a, b, weights) for a, b in pairwise([0, *sorted(cuts), 200])]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    whole = by_weight(size, seed, 0, 200, weights)
    for name in ("keys", "index", "rows", "weights", "counts"):
        np.testing.assert_array_equal(getattr(total, name), getattr(whole, name))
    assert total.beyond == whole.beyond
    smaller = by_weight(max(size // 2, 1), seed, 0, 200, weights)
    np.testing.assert_array_equal(whole.first(smaller.size).counts, smaller.counts)


def test_equal_weights_draw_the_rows_that_are_drawn_without() -> None:
    weighed, plain = by_weight(50, 3, 0, 1000, np.full(1000, 2.5)), drawn(50, 3, 0, 1000)
    np.testing.assert_array_equal(weighed.index, plain.index)
    assert weighed.counts is not None
    np.testing.assert_allclose(weighed.counts, 1.0, rtol=1e-12)


def test_all_rows_count_as_often_as_they_weigh() -> None:
    weights = np.random.default_rng(0).pareto(1.0, 100)
    whole = by_weight(100, 0, 0, 100, weights)
    assert whole.beyond == np.inf
    np.testing.assert_array_equal(whole.in_order.counts, weights)


def test_a_row_of_nearly_all_the_weight_is_always_there() -> None:
    weights = np.ones(10_000)
    weights[1234] = 1e7
    for seed in range(20):
        found = by_weight(50, seed, 0, 10_000, weights)
        assert 1234 in found.index
        counts = found.counts
        assert counts is not None
        assert counts[found.index == 1234] > 0.99 * counts.sum()


def test_sums_over_a_sample_are_those_over_all_rows_on_average() -> None:
    generator = np.random.default_rng(1)
    weights, values = generator.pareto(1.5, 2000) + 0.01, generator.normal(3, 1, 2000)
    estimates = []
    for seed in range(400):
        found = by_weight(100, seed, 0, 2000, weights)
        assert found.weights is not None
        chances = -np.expm1(-found.weights * found.beyond)
        estimates.append((found.weights / chances) @ values[found.index])
    wanted, error = weights @ values, np.std(estimates) / 20
    assert abs(np.mean(estimates) - wanted) < 4 * error < 0.02 * wanted


def test_a_sample_counts_for_as_many_rows_as_would_tell_as_much() -> None:
    weights = np.ones(5000)
    counts = by_weight(100, 0, 0, 5000, weights).counts
    assert counts is not None
    assert counts.sum() == pytest.approx(100)
    weights[:50] = 1e3
    counts = by_weight(100, 0, 0, 5000, weights).counts
    assert counts is not None
    assert 50 < counts.sum() < 80


@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e-5, 1e5])
def test_a_sample_says_how_many_rows_of_one_weight_tell_as_much_as_all(scale: float) -> None:
    weights = np.random.default_rng(2).gamma(2.0, 1.0, 5000)
    wanted = weights.sum() ** 2 / (weights @ weights)
    whole = by_weight(5000, 0, 0, 5000, scale * weights)
    assert whole.equal_rows == pytest.approx(wanted)
    part = by_weight(500, 0, 0, 5000, scale * weights)
    assert part.equal_rows == pytest.approx(wanted, rel=0.1)
    assert drawn(50, 0, 0, 100).equal_rows is None
    weights[1234] = 1e9
    assert by_weight(50, 0, 0, 5000, scale * weights).equal_rows == pytest.approx(1, rel=1e-3)


def weighed(weights: Array) -> Weighing:
    meter = Weigh().begin(None)  # type: ignore[arg-type]  # it looks at tiles alone
    for part in np.array_split(weights, 3):
        meter.add(Tile(part[:, None], 0, Workspace(), part))
    return meter.answer()


@pytest.mark.parametrize("share", [0.0, 0.3])
@pytest.mark.parametrize("power", [-290, 0, 250])
def test_few_more_rows_than_are_needed_are_below_the_limit(power: int, share: float) -> None:
    held_out = HeldOut(share) if share else NONE_HELD_OUT
    for seed in range(5):
        generator = np.random.default_rng(seed)
        weights = generator.lognormal(0, 2, 100_000) * 10.0**power
        found = weighed(weights)
        assert found.rows == 100_000
        assert found.mass == pytest.approx(weights.sum())
        limit = found.limit(1000, held_out, 1.0)
        below = int((ranks_of(keys_of(seed, np.arange(100_000)), weights) <= limit).sum())
        assert 1000 / (1 - share) < below < 3600 / (1 - share)


def test_where_all_rows_may_be_needed_there_is_no_limit() -> None:
    assert weighed(np.ones(1000)).limit(1000, NONE_HELD_OUT, 1.0) == np.inf
    next_to_nothing = np.repeat([1.0, 5e-324], [1000, 3000])
    assert weighed(next_to_nothing).limit(1000, NONE_HELD_OUT, 1.0) == np.inf


def test_what_is_kept_of_a_sample_has_room_for_what_lies_beside_rows() -> None:
    plain, weighed = drawn(50, 0, 0, 100), by_weight(50, 0, 0, 100, np.ones(100))
    assert (plain.kept_bytes, weighed.kept_bytes) == (4 * 8 * 50 * (2 + 2), 4 * 8 * 50 * (1 + 3))
