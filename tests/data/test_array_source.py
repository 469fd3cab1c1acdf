"""Arrays in memory: read where they are, or copied leaf by leaf where that is needed."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.source import Layout
from dask_gmm.errors import InputError
from tests.data.arrays import values_of

ROWS = np.random.default_rng(1).integers(0, 100, (700, 6))
TYPES = {"f4": "f4", "f8": "f8", "f2": "f4", ">f8": "f8", ">f4": "f4"}
TYPES |= dict.fromkeys(("i1", "u2", ">i4", "i8", "u8", "?"), "f8")


@given(st.sampled_from(sorted(TYPES)), st.booleans(), st.data())
def test_any_rows_and_columns_of_any_numbers_are_read(
    dtype: str, fortran: bool, data: st.DataObject
) -> None:
    array = np.asarray(ROWS.astype(dtype), order="F" if fortran else "C")
    columns = data.draw(st.none() | st.lists(st.integers(0, 5), min_size=1, unique=True))
    start = data.draw(st.integers(0, 699))
    rows = data.draw(st.none() | st.just(slice(start, data.draw(st.integers(start + 1, 900)))))
    source = ArraySource.of(array, columns, rows)
    expected = array[rows or slice(None)][:, columns or slice(None)].astype(TYPES[dtype])
    for found in (values_of(source), source.values()):
        assert found.dtype == source.dtype == TYPES[dtype]
        assert np.array_equal(found, expected)
    assert source.n_features == expected.shape[1]
    assert source.layout.rows == len(expected)


def test_rows_are_views_that_cannot_be_written() -> None:
    array = ROWS.astype("f8")
    for columns in (None, [2, 3, 4]):
        rows = ArraySource.of(array, columns).open().read(0).rows
        assert np.shares_memory(rows, array)
        assert not rows.flags.writeable
    assert array.flags.writeable


def test_leaves_can_be_given() -> None:
    source = ArraySource.of(ROWS, layout=Layout(np.array([0, 300, 700])))
    block = source.open().read(1)
    assert (block.index, block.start, block.stop) == (1, 300, 700)
    assert block.digests.size == 0
    assert source.task_bytes() == 3 * 400 * 6 * 8


def test_it_stays_in_this_process_and_is_not_pinned() -> None:
    source = ArraySource.of(ROWS)
    assert not source.shareable
    assert source.pinned(np.empty(0, dtype=np.uint32)) is source


def test_frames_and_lists_are_arrays() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3, 4]})
    assert ArraySource.of(frame).values().tolist() == [[1, 3], [2, 4]]
    assert ArraySource.of([[1, 2], [3, 4]]).values().tolist() == [[1, 2], [3, 4]]


BAD: list[tuple[Any, str]] = [
    (np.zeros(3), r"the array has 1, of shape \(3,\)\. Reshape it to \(-1, 1\)"),
    (np.zeros((2, 3, 4)), r"the array has 3, of shape \(2, 3, 4\)"),
    (np.float64(3), "has 0"),
    (np.zeros((0, 3)), "at least one row and one column.*is empty"),
    (np.zeros((3, 0)), "at least one row and one column.*is empty"),
    (np.zeros((2, 2), dtype=complex), "is of type complex128"),
    (np.zeros((2, 2), dtype=object), "is of type object"),
    (np.zeros((2, 2), dtype="M8[s]"), "is of type datetime64"),
    (np.array([["a", "b"]]), "is of type <U1"),
    (pd.DataFrame({"a": [1.0], "b": ["x"]}), "column 'b' of the data frame is of type"),
    (np.ma.masked_array(np.zeros((2, 2)), mask=True), "is a masked array"),
    (None, "is of type object"),
    (object(), "is of type object"),
]
if np.dtype(np.longdouble).itemsize > 8:
    BAD += [(np.zeros((2, 2), dtype=np.longdouble), "is of type float")]


@pytest.mark.parametrize(("data", "message"), BAD)
def test_what_is_no_array_of_numbers_is_refused(data: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ArraySource.of(data)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ([0, 6], "numbers from 0 to 5, but 6 was given"),
        ([-1], "but -1 was given"),
        ([2, 3, 2], "but 2 was given twice"),
        ([], "but none was given"),
    ],
)
def test_columns_that_are_not_there_once_are_refused(columns: list[int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ArraySource.of(ROWS, columns)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (slice(0, 10, 2), "has a step of 2, of the 700 rows of the array"),
        (slice(10, 0, -1), "has a step of -1"),
        (slice(5, 5), "selects none"),
        (slice(700, 800), "selects none"),
    ],
)
def test_rows_that_are_no_run_are_refused(rows: slice, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ArraySource.of(ROWS, rows=rows)


def test_negative_ends_count_from_the_end() -> None:
    found: npt.NDArray[np.floating] = ArraySource.of(ROWS, rows=slice(-3, -1)).values()
    assert np.array_equal(found, ROWS[-3:-1])
