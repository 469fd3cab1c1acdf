"""Columns of Arrow as rows of an array."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dask_gmm.errors import DataError
from dask_gmm.extras import extra

EXTRA: Final = "parquet"


def module(name: str) -> Any:
    """Import pyarrow, or one of its modules."""
    return extra(name, EXTRA)


def refuse_twice(names: Sequence[str], where: str) -> None:
    """Refuse names of which one stands for two columns."""
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise DataError(
            f"The columns of a source must have different names, but {twice[0]!r} is the name of "
            f"{names.count(twice[0])} columns of {where}. Rename them."
        )


def rows_of(
    batch: Any, names: Sequence[str], dtype: np.dtype[np.floating]
) -> npt.NDArray[np.floating]:
    """Give columns of a record batch as rows (n, columns); what is null is NaN."""
    return np.stack([_values(batch.column(name), dtype) for name in names], axis=1)


def _values(column: Any, dtype: np.dtype[np.floating]) -> npt.NDArray[Any]:
    cast = column.cast(module("pyarrow").from_numpy_dtype(dtype), safe=False)
    values: npt.NDArray[Any] = cast.to_numpy(zero_copy_only=False)
    return values
