"""From whatever a user calls data to a source."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.beside import RowsBeside
from dask_gmm.data.open import is_stored, open_source
from dask_gmm.data.open_beside import refuse_stored, with_beside
from dask_gmm.data.row_data import NOTHING_BESIDE, RowData
from dask_gmm.data.source import Source
from dask_gmm.data.stored import StoredSource
from dask_gmm.errors import InputError
from dask_gmm.objects.address import Address
from dask_gmm.objects.location import Location
from dask_gmm.passes.dask_blocks import Origin
from dask_gmm.passes.dask_source import DaskSource, is_dask_array
from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.held import HeldHere
from dask_gmm.passes.pieces import HeldThere, Pieces
from dask_gmm.passes.runner import Runner
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.inputs import as_array
from dask_gmm.workflows.requests import Cache
from dask_gmm.workflows.row_requests import PredictRequest, ScoreRequest
from dask_gmm.workflows.select_request import SelectRequest

RowsRequest: TypeAlias = FitRequest | SelectRequest | PredictRequest | ScoreRequest


def source_of(
    data: Any,
    *,
    array: str | None = None,
    columns: Sequence[int | str] | None = None,
    rows: slice | None = None,
    missing_chunks: str = "error",
    beside: RowData = NOTHING_BESIDE,
    client: Any = None,
) -> Source:
    """Open what a user calls data as rows in leaves.

    Parameters
    ----------
    data : object
        A numpy array or what numpy makes one of, a pandas data frame, a dask array, a data frame
        of Dask, a zarr array or group or the path of one, the path of
        parquet files, or an xarray.DataArray. Data frames
        have columns of numbers only. The rows of the partitions of one of Dask are counted, for
        which it is computed once more. The values of a DataArray that holds no dask array are
        loaded, if they are not yet.
    array, columns, rows, missing_chunks
        See `open_source`; columns have numbers, also where they have names, and
        those of parquet files both.
    beside : RowData
        Weights and labels: arrays in memory; for stored rows also zarr arrays or their paths, for
        dask arrays and frames also dask arrays.
    client : distributed.Client, optional
        Cluster on which rows are counted; by default the current client if there is one.

    Raises
    ------
    InputError
        If it is nothing of the kind, or the choice of array, columns or rows is not in it, or there
        is not one number for each row beside it.
    DataError
        If what is said of a stored array is damaged, or a weight or a label in memory is wrong.
    """
    data = as_array(data, counted=True, client=client)
    if not is_stored(data):
        refuse_stored(beside)
    if is_dask_array(data) and array is None:
        return DaskSource.of(data, columns, rows, beside)
    if beside.any and not is_stored(data) and array is None:
        return ArraySource.of(data, columns, rows, beside=beside)
    source = open_source(
        data, array=array, columns=columns, rows=rows, missing_chunks=missing_chunks
    )
    return with_beside(source, beside, missing_chunks)


def source_for(request: RowsRequest, rows: slice | None = None) -> Source:
    """Open the rows of a request, or others of its data.

    Raises
    ------
    InputError, DataError
        See `source_of`.
    """
    return source_of(
        request.data,
        array=request.array,
        columns=request.columns,
        rows=request.rows if rows is None else rows,
        missing_chunks=request.missing_chunks,
        beside=beside_of(request),
    )


def beside_of(request: RowsRequest) -> RowData:
    """Give what is said of each row of a request beside its values."""
    match request:
        case FitRequest() | SelectRequest():
            return RowData(request.sample_weight, request.labels, request.n_labels)
        case ScoreRequest():
            return RowData(request.sample_weight)
    return NOTHING_BESIDE


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
        leaves = [reader.read(index) for index in range(len(source.layout))]
        origin = Origin(source.name, source.first_row, source.columns)
        return DaskSource.persisted(leaves, source.beside, origin, runner.client)
    if not source.shareable:
        raise InputError(
            f"Wanted rows that workers can open, found {_in_memory(source)}, which lies in this "
            "process's memory. Give the path of a folder, or fit without a cluster."
        )
    return source


def _in_memory(source: Source) -> str:
    """Name what no other process can open."""
    if isinstance(source, RowsBeside) and source.source.shareable:
        return f"what lies beside {source.name}"
    return source.name


def refuse_apart(out: Location, runner: Runner) -> None:
    """Refuse to have workers write what this process alone would find.

    Raises
    ------
    InputError
    """
    apart = isinstance(out, Address) and not out.shareable
    if apart and isinstance(runner, DistributedRunner):
        raise InputError(
            f"Wanted a place that workers can write to, found {out}, which lies in the memory of "
            "each process. Give the path of a folder, or do without a cluster."
        )


@contextmanager
def rows_for(source: Source, runner: Runner, cache: Cache) -> Iterator[Source]:
    """Give rows as `spread` does; with the cache ``memory``, stored ones that are read once.

    What is held for that is let go of in the end.

    Raises
    ------
    InputError
        See `spread`.
    """
    rows = spread(source, runner)
    if cache == "none" or not isinstance(rows, StoredSource):
        yield rows
        return
    held: HeldHere | HeldThere = HeldHere(rows)
    if isinstance(runner, DistributedRunner):
        held = HeldThere(rows, Pieces(runner.client))
    try:
        yield held
    finally:
        held.release()
