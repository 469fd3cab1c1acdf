"""The plan of a step that ingests rows of another format."""

from dataclasses import replace

from dask_gmm.data.sink import ArraySpec
from dask_gmm.data.tables import Table
from dask_gmm.workflows.ingest import array_of, is_ingested, outlook_of, table_of_request
from dask_gmm.workflows.planned import DONE, PlannedPass, PlannedStep, Size
from dask_gmm.workflows.requests import IngestRequest
from dask_gmm.workflows.to_come import NotKnownYet, ToCome


def plan_ingest(request: IngestRequest, to_come: ToCome) -> tuple[PlannedStep, ToCome]:
    """Plan an ingestion, and give what it will leave besides.

    Raises
    ------
    InputError, DataError, MissingExtraError
        See `dask_gmm.workflows.ingest.ingest`.
    NotKnownYet
        If its rows are made by an earlier step, or only reading counts them.
    """
    if request.source in to_come:
        raise NotKnownYet(f"the rows in {request.source} are not known before they are made")
    table, done = table_of_request(request), is_ingested(request)
    if done:
        return PlannedStep("ingest", request.out, note=DONE), to_come
    if not table.n_rows:
        raise NotKnownYet(f"the rows in {request.source} are counted when they are read")
    array = array_of(table, table.n_rows, request)
    step = PlannedStep("ingest", request.out, _size(table, array), bounded_by="two")
    readings = ("first reading", "ingest") if request.standardize else ("ingest",)
    outlook = outlook_of(table, request)
    passes = tuple(PlannedPass(name, 1, 1, outlook) for name in readings)
    left = to_come.with_group(request.out, (array,))
    return replace(step, passes=passes, outputs=(array,)), left


def _size(table: Table, array: ArraySpec) -> Size:
    return Size(
        name=table.name,
        rows=array.shape[0],
        features=array.shape[1],
        dtype=array.dtype,
        blocks=array.n_chunks,
        chunks=array.n_chunks,
        row_bytes=array.shape[1] * table.dtype.itemsize,
    )
