"""Data frames of pandas: their numbers, whatever the types of the columns."""

import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.frames import frame_values, is_frame
from dask_gmm.errors import InputError

FULL = ("f8", "f4", "f2", "i8", "u2", "?")
NULLABLE = ("Float64", "Float32", "Int64", "UInt8", "boolean", "int32[pyarrow]", "float[pyarrow]")
SINGLE = ("f4", "f2", "Float32", "float[pyarrow]")
SPARSE = pd.DataFrame({"a": pd.arrays.SparseArray([0.0, 0.0, 3.0])})


@given(
    st.lists(st.tuples(st.sampled_from(FULL + NULLABLE), st.integers(0, 5)), min_size=1),
    st.integers(0, 2**32 - 1),
)
def test_the_values_are_those_of_the_columns(kinds: list[tuple[str, int]], seed: int) -> None:
    wanted = np.random.default_rng(seed).integers(0, 2, (5, len(kinds))).astype("f8")
    columns = {}
    for number, (dtype, absent) in enumerate(kinds):
        columns[number] = pd.Series(wanted[:, number]).astype(dtype)
        if dtype in NULLABLE and absent < 5:
            columns[number][absent] = pd.NA
            wanted[absent, number] = np.nan
    found = frame_values(pd.DataFrame(columns))
    assert np.array_equal(found.astype("f8"), wanted, equal_nan=True)
    source = ArraySource.of(pd.DataFrame(columns))
    assert np.array_equal(source.values(), wanted, equal_nan=True)
    if all(dtype in SINGLE for dtype, _ in kinds):
        assert source.dtype == np.float32


def test_columns_of_one_type_are_not_copied() -> None:
    values = np.arange(12.0).reshape(6, 2)
    assert np.shares_memory(frame_values(pd.DataFrame(values, copy=False)), values)


def test_sparse_columns_are_numbers() -> None:
    assert frame_values(SPARSE).tolist() == [[0], [0], [3]]


@pytest.mark.parametrize(
    ("column", "dtype"),
    [
        (["x", "y"], "str"),
        ([1, "y"], "object"),
        (pd.Categorical([1, 2]), "category"),
        (np.array([1, 2], dtype="M8[s]"), "datetime64"),
        ([1j, 2j], "complex128"),
        (np.array([1, 2], dtype=np.longdouble), str(np.dtype(np.longdouble))),
    ],
)
def test_columns_of_anything_else_are_named(column: Any, dtype: str) -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0], "the bad one": column})
    with pytest.raises(InputError, match=f"column 'the bad one' .* is of type {dtype}.* Select"):
        frame_values(frame)


def test_where_pandas_is_not_imported_nothing_is_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_frame(SPARSE)
    assert not is_frame(SPARSE["a"])
    monkeypatch.delitem(sys.modules, "pandas")
    assert not is_frame(np.zeros(3))
    assert "pandas" not in sys.modules
