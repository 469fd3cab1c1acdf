"""From whatever a user calls data to a source."""

from pathlib import Path
from typing import Any

import dask.array as da
import zarr

from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.open import open_source
from dask_gmm.data.source import Source
from dask_gmm.passes.dask_source import DaskSource
from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.runner import Runner


def source_of(
    data: Any,
    *,
    array: str | None = None,
    columns: tuple[int, ...] | None = None,
    rows: slice | None = None,
    missing_chunks: str = "error",
) -> Source:
    """Open a numpy array, dask array, zarr array, or the path of one, as rows in leaves.

    Raises
    ------
    InputError
        If it is nothing of the kind, or the choice of array, columns or rows is not in it.
    DataError
        If a stored chunk is missing.
    """
    if isinstance(data, da.Array):
        return DaskSource.of(data, columns, rows)
    return open_source(data, array=array, columns=columns, rows=rows, missing_chunks=missing_chunks)


def in_memory(data: Any) -> bool:
    """Whether the rows lie in this process's memory."""
    return not isinstance(data, da.Array | zarr.Array | str | Path)


def spread(source: Source, runner: Runner) -> Source:
    """Give rows of this process to the workers, once, when passes run there."""
    if isinstance(runner, DistributedRunner) and isinstance(source, ArraySource):
        reader = source.open()
        leaves = [da.from_array(reader.read(i).rows, chunks=-1) for i in range(len(source.layout))]
        return DaskSource.of(runner.client.persist(da.concatenate(leaves)))
    return source
