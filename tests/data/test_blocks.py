"""Leaves partition the rows, begin where chunks do, and hang on the array's layout alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.data.blocks import (
    ARRAY_LEAF_BYTES,
    LEAF_BYTES,
    array_layout,
    irregular_layout,
    zarr_layout,
)
from dask_gmm.passes.fold import tile_rows

N_ROWS = st.integers(1, 3_000_000)
N_FEATURES = st.integers(1, 2_000)
CHUNK_ROWS = st.integers(1, 1_000_000)
ITEMSIZE = st.sampled_from([4, 8])


@given(N_ROWS, N_FEATURES, st.integers(1_000, 1_000_000), ITEMSIZE)
def test_leaves_of_a_zarr_array_are_the_smallest_runs_of_a_mebibyte(
    n_rows: int, n_features: int, chunk_rows: int, itemsize: int
) -> None:
    layout = zarr_layout((n_rows, n_features), chunk_rows, itemsize)
    sizes = np.diff(layout.edges)
    assert layout.edges[0] == 0
    assert layout.rows == n_rows
    assert (sizes > 0).all()
    assert not (layout.edges[:-1] % chunk_rows).any()
    whole = sizes[:-1]
    assert (whole == whole[:1]).all()
    assert (whole * n_features * itemsize >= LEAF_BYTES).all()
    one_chunk_less = (whole - chunk_rows) * n_features * itemsize
    assert (one_chunk_less < LEAF_BYTES).all()
    assert sizes[-1] <= sizes[0]


@given(N_ROWS, st.integers(1, 50), st.integers(1_000, 1_000_000), st.data())
def test_a_range_of_rows_cuts_the_leaves_of_the_whole_array(
    n_rows: int, n_features: int, chunk_rows: int, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, n_rows - 1))
    stop = data.draw(st.integers(start + 1, n_rows))
    whole = zarr_layout((n_rows, n_features), chunk_rows, 8).edges
    cut = zarr_layout((n_rows, n_features), chunk_rows, 8, range(start, stop)).edges + start
    inside = whole[(whole > start) & (whole < stop)]
    assert cut.tolist() == [start, *inside.tolist(), stop]


def test_an_array_of_one_small_chunk_is_one_leaf() -> None:
    assert zarr_layout((10, 3), 4, 8).edges.tolist() == [0, 10]


@given(N_ROWS, N_FEATURES, ITEMSIZE)
def test_leaves_in_memory_are_powers_of_two_of_about_two_mebibytes(
    n_rows: int, n_features: int, itemsize: int
) -> None:
    layout = array_layout(n_rows, n_features, itemsize)
    sizes = np.diff(layout.edges)
    assert layout.edges[0] == 0
    assert layout.rows == n_rows
    assert (sizes > 0).all()
    assert (sizes[:-1] == layout.largest).all()
    assert layout.largest == n_rows or layout.largest.bit_count() == 1
    if len(layout) > 1:
        assert layout.largest % min(tile_rows(n_features), layout.largest) == 0
        n_bytes = layout.largest * n_features * itemsize
        assert n_bytes <= ARRAY_LEAF_BYTES or layout.largest == 256
        assert n_bytes > ARRAY_LEAF_BYTES / 2


@pytest.mark.parametrize(
    ("blocks", "edges"), [((3, 0, 4, 0), [0, 3, 7]), ((5,), [0, 5]), ((0, 0), [0])]
)
def test_empty_blocks_are_no_leaves(blocks: tuple[int, ...], edges: list[int]) -> None:
    assert irregular_layout(blocks).edges.tolist() == edges


def test_leaves_are_not_written_to() -> None:
    for layout in (zarr_layout((9, 3), 4, 8), array_layout(9, 3, 8), irregular_layout((4, 5))):
        assert not layout.edges.flags.writeable
