"""What users give beside stored rows, opened in the leaves of the rows."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.beside import Column, RowsBeside
from dask_gmm.data.open import is_stored, open_column
from dask_gmm.data.parquet_source import ParquetSource
from dask_gmm.data.row_data import (
    LABELS,
    WEIGHTS,
    RowData,
    labels_in_memory,
    weights_in_memory,
)
from dask_gmm.data.source import Source
from dask_gmm.data.zarr_source import ZarrSource
from dask_gmm.errors import InputError


def with_beside(source: Source, beside: RowData, missing_chunks: str = "error") -> Source:
    """Give stored rows with what a user gives beside them.

    Parameters
    ----------
    source : ZarrSource or ParquetSource
    beside : RowData
        Arrays in memory, or zarr arrays of one axis, which are read as strictly as the rows.
    missing_chunks : {"error", "fill"}
        What an absent chunk of these arrays means.

    Raises
    ------
    InputError
        If there is not one number for each row of the array, or chunks hold other rows.
    DataError
        If an array in memory holds what is no weight or label, or what is said of a stored one is
        damaged.
    """
    if not beside.any:
        return source
    assert isinstance(source, ZarrSource | ParquetSource)  # others take theirs when they are made
    return RowsBeside(
        source,
        _column(source, beside, WEIGHTS, missing_chunks),
        _column(source, beside, LABELS, missing_chunks),
        beside.n_labels,
    )


def refuse_stored(beside: RowData) -> None:
    """Refuse stored arrays beside rows that are not stored.

    Raises
    ------
    InputError
    """
    for name, given in ((WEIGHTS, beside.weights), (LABELS, beside.labels)):
        if is_stored(given):
            raise InputError(
                f"Wanted {name} in memory for rows that are not stored, found {given}. Load them, "
                "or store the rows, too."
            )


def _column(
    source: ZarrSource | ParquetSource, beside: RowData, name: str, missing_chunks: str
) -> Column | None:
    given = beside.weights if name == WEIGHTS else beside.labels
    if given is None:
        return None
    n_rows = _rows_of_all(source)
    if not is_stored(given):
        return _column_in_memory(source, _numbers(beside, name, n_rows))
    column = open_column(given, name, missing_chunks)
    if column.chunks.format.shape[0] != n_rows:
        raise InputError(
            f"Wanted {name} of the {n_rows:,} rows of {source.name}, found "
            f"{column.chunks.format.shape[0]:,} numbers in {column.name}. Give one for each row."
        )
    _refuse_other_chunks(source, column, name)
    return replace(column, rows=source.rows, layout=source.layout)


def _numbers(beside: RowData, name: str, n_rows: int) -> npt.NDArray[Any]:
    if name == WEIGHTS:
        return weights_in_memory(beside.weights, n_rows)
    return labels_in_memory(beside.labels, n_rows, beside.n_labels)


def _column_in_memory(source: ZarrSource | ParquetSource, numbers: npt.NDArray[Any]) -> ArraySource:
    read = numbers[source.rows.start : source.rows.stop, None]
    return ArraySource.of(read, layout=source.layout)


def _rows_of_all(source: ZarrSource | ParquetSource) -> int:
    if isinstance(source, ZarrSource):
        return source.chunks.format.shape[0]
    return source.strict.groups.rows


def _refuse_other_chunks(source: ZarrSource | ParquetSource, column: ZarrSource, name: str) -> None:
    """Refuse a column of which a chunk would have to be read for several leaves."""
    between, height = source.layout.edges[1:-1] + source.rows.start, column.chunks.format.chunk[0]
    if (between % height).any():
        wanted = int(np.gcd.reduce(between))
        raise InputError(
            f"Wanted {name} in chunks of the same rows as those of {source.name}, found chunks of "
            f"{height:,} rows in {column.name}. Write them in chunks of {wanted:,} rows, or load "
            "them and give them in memory."
        )
