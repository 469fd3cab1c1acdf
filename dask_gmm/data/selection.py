"""Which rows and columns of an array are read, and as what: checked, and pure."""

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dask_gmm.errors import InputError

Index = slice | npt.NDArray[np.intp]

# So many columns are named in a message.
NAMED = 20


@dataclass(frozen=True, slots=True, eq=False)
class ColumnPart:
    """The selected columns that lie in one column of chunks.

    Parameters
    ----------
    chunk : int
        Number of the column of chunks.
    source : slice or ndarray of int
        The columns within the chunk.
    target : slice or ndarray of int
        The columns of the rows that they become.
    """

    chunk: int
    source: Index
    target: Index


def column_parts(
    columns: tuple[int, ...] | None, n_features: int, chunk_columns: int
) -> tuple[ColumnPart, ...]:
    """Sort the selected columns by the chunks that they lie in; None selects all."""
    chosen = np.arange(n_features) if columns is None else np.array(columns, dtype=np.intp)
    chunks = chosen // chunk_columns
    return tuple(
        ColumnPart(
            int(chunk),
            as_index(chosen[chunks == chunk] - chunk * chunk_columns),
            as_index(np.flatnonzero(chunks == chunk)),
        )
        for chunk in np.unique(chunks)
    )


def n_columns(parts: tuple[ColumnPart, ...]) -> int:
    """Number of columns that the parts hold together."""
    return sum(
        part.target.stop - part.target.start if isinstance(part.target, slice) else part.target.size
        for part in parts
    )


def as_index(columns: npt.NDArray[np.intp]) -> Index:
    """Columns as a slice where they are a run, so that selecting them makes a view."""
    if np.array_equal(columns, np.arange(columns[0], columns[0] + len(columns))):
        return slice(int(columns[0]), int(columns[0]) + len(columns))
    return columns


def selected_columns(
    columns: Sequence[int | str] | None, n_features: int, name: str
) -> tuple[int, ...] | None:
    """Columns that are read, in the order asked for; None for all of them as they are.

    Raises
    ------
    InputError
        If there is none, or one is not there or is asked for twice.
    """
    if columns is None:
        return None
    wrong = f"{columns!r} was given"
    try:
        chosen = tuple(map(_number, columns))
    except TypeError as error:
        raise _bad_columns(wrong, n_features, name) from error
    outside = [column for column in chosen if not 0 <= column < n_features]
    twice = [column for column in chosen if chosen.count(column) > 1]
    if outside or twice or not chosen:
        found = f"{twice[0]} was given twice" if twice else "none was given"
        found = f"{outside[0]} was given" if outside else found
        raise _bad_columns(found, n_features, name)
    return None if chosen == tuple(range(n_features)) else chosen


def numbered(columns: Sequence[int | str], names: Sequence[str], name: str) -> Sequence[int | str]:
    """Give columns that are asked for by names or numbers as numbers.

    Parameters
    ----------
    columns : sequence of int or str
    names : sequence of str
        Those of all columns, in their order.
    name : str
        Of the data.

    Raises
    ------
    InputError
        If there is no column of a name.
    """
    if isinstance(columns, str) or not isinstance(columns, Iterable):
        return columns  # which `selected_columns` refuses
    unknown = [each for each in columns if isinstance(each, str) and each not in names]
    if unknown:
        listed = ", ".join(names[:NAMED]) + ", ..." * (len(names) > NAMED)
        raise InputError(
            f"columns must be among those of {name}, which are {listed or 'none'}, but "
            f"{unknown[0]} was given. Correct the name, or give numbers."
        )
    return [names.index(each) if isinstance(each, str) else each for each in columns]


def _number(value: object) -> int:
    """The number of a column; a mask, which would be taken for zeros and ones, has none."""
    if isinstance(value, bool | np.bool_):
        raise TypeError("a boolean is no number of a column")
    return operator.index(value)  # type: ignore[arg-type]


def _bad_columns(found: str, n_features: int, name: str) -> InputError:
    return InputError(
        f"columns must be different numbers from 0 to {n_features - 1}, but {found}, for "
        f"{name}. Give each column once, or leave columns out to read all."
    )


def selected_rows(rows: slice | None, n_rows: int, name: str) -> range:
    """Rows that a slice selects.

    Raises
    ------
    InputError
        If it selects none, or not every one between its ends.
    """
    try:
        selected = range(n_rows) if rows is None else range(*rows.indices(n_rows))
    except (AttributeError, TypeError) as error:
        raise InputError(
            f"rows must be a slice of whole numbers, such as slice(0, 1000), but {rows!r} was "
            f"given, for {name}. Give a slice, or leave rows out to read all."
        ) from error
    if selected.step != 1 or not selected:
        found = "selects none" if not selected else f"has a step of {selected.step}"
        raise InputError(
            f"rows must be a slice of at least one row, with a step of 1, but {rows} {found}, of "
            f"the {n_rows:,} rows of {name}. Give one that begins before it ends."
        )
    return selected


def row_dtype(dtype: np.dtype[Any], name: str) -> np.dtype[np.floating]:
    """Type in which rows are given: float64, or float32 for what fits in it without loss.

    Raises
    ------
    InputError
        If the elements are not numbers that fit in float64.
    """
    if dtype.kind in "biu" or (dtype.kind == "f" and dtype.itemsize <= 8):
        single = dtype.kind == "f" and dtype.itemsize <= 4
        return np.dtype(np.float32 if single else np.float64)
    raise InputError(
        f"Data must be float64, float32 or integers, but {name} is of type {dtype}. "
        f"Select the columns of numbers, or convert them."
    )


def refuse_bad_shape(shape: tuple[int, ...], name: str) -> tuple[int, int]:
    """Give the numbers of rows and columns.

    Raises
    ------
    InputError
        If there are not two axes, or there are no rows or no columns.
    """
    if len(shape) != 2:
        raise InputError(
            f"Data must have two axes (rows, columns), but {name} has {len(shape)}, of shape "
            f"{shape}. {'Reshape it to (-1, 1)' if len(shape) == 1 else 'Reshape it to two axes'}."
        )
    if 0 in shape:
        raise InputError(
            f"Data must have at least one row and one column, but {name} is empty, of shape "
            f"{shape}. Check how it was made."
        )
    return shape[0], shape[1]
