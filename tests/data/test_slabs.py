"""Boxes of an array: they are all of it, in order, and as large as they may be."""

from math import prod

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.data.slabs import elements, largest_slab, slabs

SIZES = st.integers(1, 7)


@given(data=st.data(), most=st.integers(1, 60), largest=st.integers(1, 200))
def test_boxes_are_the_elements_of_the_array_in_their_order(
    data: st.DataObject, most: int, largest: int
) -> None:
    shape = tuple(data.draw(st.lists(SIZES, min_size=1, max_size=4)))
    chunks = tuple(data.draw(SIZES) for _ in shape)
    array = np.arange(prod(shape)).reshape(shape)
    boxes = list(slabs(shape, chunks, most, largest))
    assert np.array_equal(np.concatenate([array[box].ravel() for box in boxes]), array.ravel())
    assert [elements(box) for box in boxes] == [array[box].size for box in boxes]
    assert max(map(elements, boxes)) == largest_slab(shape, chunks, most, largest)


@given(data=st.data(), most=st.integers(1, 60), largest=st.integers(1, 200))
def test_boxes_are_bounded_and_runs_of_whole_chunks_where_these_fit(
    data: st.DataObject, most: int, largest: int
) -> None:
    shape = tuple(data.draw(st.lists(SIZES, min_size=1, max_size=4)))
    chunks = tuple(data.draw(SIZES) for _ in shape)
    boxes = list(slabs(shape, chunks, most, largest))
    assert max(map(elements, boxes)) <= max(most, largest)
    if chunks[0] * prod(shape[1:]) <= largest:
        assert all(box[0].start % chunks[0] == 0 for box in boxes)


def test_small_chunks_are_read_together() -> None:
    assert len(list(slabs((100, 3), (2, 3), 60, 300))) == 5
    assert len(list(slabs((100, 3), (100, 3), 60, 300))) == 1
    assert [box[:2] for box in slabs((2, 2, 9), (1, 1, 9), 10, 9)][1] == (slice(0, 1), slice(1, 2))
