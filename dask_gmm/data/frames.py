"""pandas data frames as arrays of numbers, without importing pandas."""

import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from dask_gmm.errors import InputError


def is_frame(data: object) -> bool:
    """Whether data are a pandas data frame; where pandas is not imported, there is none."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(data, pandas.DataFrame)


def frame_values(frame: Any) -> npt.NDArray[Any]:
    """Give the values of a frame of numbers as an array; what is absent is NaN.

    Columns of one numpy type are looked at where they are. Nullable columns, and booleans among
    numbers, are copied, to float32 if all columns fit in it without loss, and else to float64.

    Raises
    ------
    InputError
        If a column is not of numbers that fit in float64.
    """
    types = list(frame.dtypes)
    for name, dtype in zip(frame.columns, types, strict=True):
        if not _is_number(dtype):
            raise InputError(
                f"Data must be float64, float32 or integers, but column {name!r} of the data frame "
                f"is of type {dtype}. Select the columns of numbers, or convert them."
            )
    plain = all(isinstance(dtype, np.dtype) for dtype in types)
    if plain and len({dtype.kind == "b" for dtype in types}) <= 1:
        return np.asarray(frame)
    single = all(_is_float(dtype, 4) for dtype in types)
    values: npt.NDArray[Any] = frame.to_numpy("f4" if single else "f8", na_value=np.nan)
    return values


def _is_number(dtype: Any) -> bool:
    return dtype.kind in "biu" or _is_float(dtype, 8)


def _is_float(dtype: Any, most: int) -> bool:
    """Whether elements are floating point numbers of so many bytes; a sparse type has them too."""
    return dtype.kind == "f" and bool(getattr(dtype, "subtype", dtype).itemsize <= most)
