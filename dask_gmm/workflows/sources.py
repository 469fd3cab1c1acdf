"""From whatever a user calls data to a source."""

from collections.abc import Sequence
from typing import Any

from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.open import open_source
from dask_gmm.data.source import Source
from dask_gmm.errors import InputError
from dask_gmm.passes.dask_blocks import Origin
from dask_gmm.passes.dask_source import DaskSource, is_dask_array
from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.runner import Runner


def source_of(
    data: Any,
    *,
    array: str | None = None,
    columns: Sequence[int] | None = None,
    rows: slice | None = None,
    missing_chunks: str = "error",
) -> Source:
    """Open a numpy array, dask array, zarr array, or the path of one, as rows in leaves.

    Raises
    ------
    InputError
        If it is nothing of the kind, or the choice of array, columns or rows is not in it.
    DataError
        If what is said of a stored array is damaged.
    """
    if is_dask_array(data) and array is None:
        return DaskSource.of(data, columns, rows)
    return open_source(data, array=array, columns=columns, rows=rows, missing_chunks=missing_chunks)


def spread(source: Source, runner: Runner) -> Source:
    """Give rows of this process to the workers, once, when passes run there.

    Raises
    ------
    InputError
        If no other process can open the source.
    """
    if not isinstance(runner, DistributedRunner):
        return source
    if isinstance(source, ArraySource):
        reader = source.open()
        leaves = [reader.read(index).rows for index in range(len(source.layout))]
        origin = Origin(source.name, source.first_row, source.columns)
        return DaskSource.persisted(leaves, origin, runner.client)
    if not source.shareable:
        raise InputError(
            f"Wanted rows that workers can open, found {source.name}, which lies in this "
            "process's memory. Give the path of a folder, or fit without a cluster."
        )
    return source
