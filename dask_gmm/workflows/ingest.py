"""Ingest rows of other formats: read them once, and write them as a zarr group with digests."""

import platform
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

from dask_gmm.data.sink import ArraySpec, Sink
from dask_gmm.data.table_files import identity_of_files, open_table
from dask_gmm.data.tables import Table
from dask_gmm.errors import DataError, InputError
from dask_gmm.objects.location import Location, location
from dask_gmm.passes.memory import Projection
from dask_gmm.passes.outlook import Outlook, Room
from dask_gmm.passes.progress import Progress
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.records.exclusive import only_writer
from dask_gmm.records.kinds import INGESTED
from dask_gmm.records.publish import aside, publish, refuse_existing
from dask_gmm.workflows.drawing import PACKAGES, usual_chunk_rows
from dask_gmm.workflows.ingest_rows import ROWS, SUMMED_AT_ONCE, find, pour
from dask_gmm.workflows.requests import IngestRequest
from dask_gmm.workflows.scaling import Found
from dask_gmm.workflows.text import table as text_table

NOT_SETTINGS: Final = ("source", "out", "overwrite")
TOLD: Final = ("source", "rows", "features", "columns", "dtype", "chunk_rows", "standardization")
DONE_BEFORE: Final = "nothing to do: the data set is there, of the same source"


@dataclass(frozen=True, slots=True, eq=False)
class IngestResult:
    """A source that was ingested.

    Parameters
    ----------
    out : Path or Address
        The group.
    facts : dict
        What its attributes say of the source, the rows, their columns and standardization.
    kept : int
        Number of the chunks that an interrupted run had finished.
    done_before : bool
        Whether the same data set was there already, and nothing had to be done.
    """

    out: Location
    facts: dict[str, Any]
    kept: int
    done_before: bool = False

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {
            "out": str(self.out),
            "done_before": self.done_before,
            **{name: self.facts[name] for name in TOLD},
            "chunks": self._chunks,
            "chunks_kept": self.kept,
        }

    def to_text(self) -> str:
        """Give it as plain text: what was written, and by what columns were scaled."""
        facts, source = self.facts, self.facts["source"]
        kept = f" ({self.kept} kept from an interrupted run)" if self.kept else ""
        lines = [
            *([DONE_BEFORE] if self.done_before else []),
            f"{facts['rows']:,} rows x {facts['features']} columns of {facts['dtype']} "
            f"in {self.out}",
            f"{self._chunks:,} chunks of {facts['chunk_rows']:,} rows{kept}, from {source['path']} "
            f"({source['format']})",
        ]
        return "\n".join([*lines, *self._columns()])

    @property
    def _chunks(self) -> int:
        return -(-int(self.facts["rows"]) // int(self.facts["chunk_rows"]))

    def _columns(self) -> list[str]:
        names, scaling = self.facts["columns"], self.facts["standardization"]
        if scaling is None:
            return [f"columns: {', '.join(names)}"] if names else []
        called = names or [str(number) for number in range(self.facts["features"])]
        mean, scale = ([f"{each:.8g}" for each in scaling[name]] for name in ("mean", "scale"))
        columns = (("column", *called), ("mean", *mean), ("divided by", *scale))
        return ["", text_table(columns)]


def ingest(
    request: IngestRequest, progress: Progress, memory_limit: int | None = None
) -> IngestResult:
    """Write the rows of a source as a zarr group, in chunks with digests.

    The same source gives the same bytes after any interruption. A group that was made of the same
    source, as far as names, sizes and times of its files tell, is not made again.

    Parameters
    ----------
    request : IngestRequest
    progress : Progress
        Who hears of it.
    memory_limit : int, optional
        Bytes that this process may hold; by default those of the machine, or of its control group.

    Raises
    ------
    InputError
        If there is no such source, or it is not of numbers, or has not what is chosen of it.
    DataError
        If it is damaged, changes while it is read, or has a value that is not finite.
    OutputExistsError
        If another group is there already and may not be overwritten.
    OutputError
        If it cannot be written.
    MemoryLimitError
        If the projected memory does not fit.
    MissingExtraError
        If the package that reads it is not there.
    """
    source, out = location(request.source), location(request.out)
    _refuse_own_source(source, out)
    identity = identity_of_files(source)
    with only_writer(out) as lease:
        if is_ingested(request):
            return _done(out)
        refuse_existing(out, request.overwrite, INGESTED)
        table = table_of_request(request)
        outlook_of(table, request, memory_limit).require(table.name)
        asked = _facts(request, table, identity)
        found = _found_before(asked, aside(out)) or find(
            table, request.nonfinite, request.standardize, progress
        )
        array = array_of(table, found.rows, request)
        facts = {**asked, **found.to_json(), **_layout(array)}
        sink = Sink(aside(out), (array,))
        sink.take_up({"dask_gmm": facts})
        digests, kept = pour(table, found, sink, request.nonfinite, progress)
        _refuse_changed(source, identity)
        sink.finalize({ROWS: digests})
        lease.check()
        publish(sink.path, out, request.overwrite, INGESTED)
    return IngestResult(out, facts, kept)


def is_ingested(request: IngestRequest) -> bool:
    """Whether the group is there already, of the same source, and is to be kept."""
    facts = INGESTED.facts(location(request.out))
    if request.overwrite or facts is None or facts.get("settings") != _settings(request):
        return False
    source = location(request.source)
    return source.exists() and facts.get("source") == identity_of_files(source)


def table_of_request(request: IngestRequest) -> Table:
    """Open the source of a request; see `open_table`."""
    return open_table(
        location(request.source),
        array=request.array,
        variables=request.variables,
        columns=request.columns,
        missing_chunks=request.missing_chunks,
    )


def array_of(table: Table, n_rows: int, request: IngestRequest) -> ArraySpec:
    """Give the array that so many rows are written in."""
    usual = usual_chunk_rows(n_rows, table.n_features, table.dtype.itemsize)
    chunk_rows = min(request.chunk_rows or usual, n_rows)
    return ArraySpec(ROWS, (n_rows, table.n_features), str(table.dtype), chunk_rows)


def outlook_of(table: Table, request: IngestRequest, memory_limit: int | None = None) -> Outlook:
    """Say what reading and writing a source will take, in one thread of this process."""
    runner = ThreadRunner(1) if memory_limit is None else ThreadRunner(1, memory_limit)
    rows = table.n_rows or 1
    sink = Sink(aside(location(request.out)), (array_of(table, rows, request),))
    summed = 4 * SUMMED_AT_ONCE * 8 if request.standardize else 0
    # Of a chunk that is padded, or compared with its checksum.
    tile = max(sink.arrays[0].chunk_bytes + sink.bytes_on_the_way, summed)
    room = Room(Projection(table.held_bytes, tile, 1), runner.memory_limit)
    return Outlook.of((1, rows), [room])


def _settings(request: IngestRequest) -> dict[str, Any]:
    """Everything that was asked but of what and where to put it, as JSON values."""
    names = (name for name in request.__slots__ if name not in NOT_SETTINGS)
    values = ((name, getattr(request, name)) for name in names)
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values}


def _facts(request: IngestRequest, table: Table, identity: dict[str, Any]) -> dict[str, Any]:
    """All that decides the rows, as far as it is known before any is read."""
    versions = {each: version(each) for each in dict.fromkeys((*PACKAGES, *table.packages))}
    return {
        "format": INGESTED.form,
        "version": 1,
        "settings": _settings(request),
        "source": identity,
        "columns": None if table.columns is None else list(table.columns),
        "versions": {"python": platform.python_version(), **versions},
    }


def _found_before(asked: dict[str, Any], wip: Location) -> Found | None:
    """Give what an interrupted run about the same found, if there is one."""
    left = INGESTED.facts(wip)
    if left is None or any(left.get(name) != value for name, value in asked.items()):
        return None
    return Found.of_json(left)


def _done(out: Location) -> IngestResult:
    return IngestResult(out, INGESTED.facts(out) or {}, 0, done_before=True)


def _layout(array: ArraySpec) -> dict[str, Any]:
    features = array.shape[1]
    return {"features": features, "dtype": array.dtype, "chunk_rows": array.chunk_rows}


def _refuse_own_source(source: Location, out: Location) -> None:
    ours, theirs = out.resolve(), source.resolve()
    if ours == theirs or ours in theirs.parents or theirs in ours.parents:
        raise InputError(
            f"A source and what is made of it must lie apart, but the source is {source}, and the "
            f"output is {out}. Choose another place."
        )


def _refuse_changed(source: Location, identity: dict[str, Any]) -> None:
    if identity_of_files(source) != identity:
        raise DataError(
            f"A source must stay as it is while it is read, but files of {source} have other sizes "
            "or times now. Stop what writes there, and run again."
        )
