"""The rows of a source on their way into chunks: read ahead, checked, standardized."""

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from dask_gmm.data.sink import Digests, Sink
from dask_gmm.data.tables import Piece, Table
from dask_gmm.errors import DataError, output_errors
from dask_gmm.mixture.summary import DataSummary, summarize
from dask_gmm.objects.location import Location
from dask_gmm.passes.progress import Progress
from dask_gmm.passes.threads import ONE_THREAD
from dask_gmm.passes.tree import fold_in_order
from dask_gmm.records.publish import flush_one
from dask_gmm.workflows.requests import NonfiniteIn
from dask_gmm.workflows.scaling import Found, Scaling

Rows: TypeAlias = npt.NDArray[np.floating]

ROWS: Final = "x"
# Rows are summed in blocks of so many numbers, whatever the pieces that they come in.
SUMMED_AT_ONCE: Final = 2**19


class Flow:
    """Rows that come in pieces, and are taken in the numbers that are asked for.

    Parameters
    ----------
    pieces : iterator of ndarray
    """

    def __init__(self, pieces: Iterator[Rows]) -> None:
        self._pieces = pieces
        self._left: Rows | None = None

    def take(self, n_rows: int) -> Iterator[Rows]:
        """Give so many rows in pieces; fewer, if there are no more."""
        while n_rows:
            if self._left is None:
                self._left = next(self._pieces, None)
                if self._left is None:
                    return
            part, rest = self._left[:n_rows], self._left[n_rows:]
            self._left = rest if len(rest) else None
            n_rows -= len(part)
            yield part


def find(table: Table, nonfinite: NonfiniteIn, standardize: bool, progress: Progress) -> Found:
    """Read a source for what has to be known before it is written; not at all, if that is nothing.

    Raises
    ------
    DataError
        If it is damaged, empty, not finite, or cannot be standardized.
    """
    if table.n_rows is not None and not standardize:
        return Found(_some(table.n_rows, table), None)
    progress.start_pass("first reading", table.n_rows or 0)
    n_rows, summary = 0, None
    with ONE_THREAD, closing(_ahead(_checked(table, 0, None, nonfinite))) as pieces:
        if standardize:
            size = max(1, SUMMED_AT_ONCE // table.n_features)
            blocks = _blocks(Flow(_told(pieces, progress)), size)
            first = next(blocks, None)
            if first is not None:
                summary = fold_in_order(_summaries(first, blocks))
                n_rows = summary.rows + summary.bad_rows
        else:
            n_rows = sum(map(len, _told(pieces, progress)))
    progress.end_pass(f"{n_rows:,} rows")
    _some(n_rows, table)
    return Found(n_rows, None if summary is None else Scaling.of(summary, table.name))


def pour(
    table: Table, found: Found, sink: Sink, nonfinite: NonfiniteIn, progress: Progress
) -> tuple[Digests, int]:
    """Write the rows of a source into the chunks of a sink that are not there yet.

    Returns
    -------
    ndarray of uint32 of shape (n_chunks,)
        The digests of all of them.
    int
        The number of those that were there.

    Raises
    ------
    DataError
        If the source is damaged, has other rows than were found, or is not finite.
    OutputError
        If it cannot be written.
    """
    spec = sink.arrays[0]
    edges = [*range(0, found.rows, spec.chunk_rows), found.rows]
    progress.start_pass("ingest", found.rows)
    digests: list[int | None] = []
    for start, stop in pairwise(edges):
        there = sink.finished(ROWS, start, stop)
        digests.append(None if there is None else int(there[0]))
        progress.advance(0 if there is None else stop - start)
    n_kept = len(digests) - digests.count(None)
    while None in digests:
        first = digests.index(None)
        last = next((n for n in range(first, len(digests)) if digests[n] is not None), len(digests))
        written = _write(table, found, sink, edges[first : last + 1], nonfinite, progress)
        digests[first:last] = written
    progress.end_pass(f"{n_kept} finished chunks kept" if n_kept else "")
    return np.array(digests, np.uint32), n_kept


def _write(
    table: Table,
    found: Found,
    sink: Sink,
    edges: list[int],
    nonfinite: NonfiniteIn,
    progress: Progress,
) -> list[int]:
    """Write a run of chunks, and give their digests."""
    checked = _checked(table, edges[0], edges[-1], nonfinite)
    rows = checked if found.scaling is None else map(found.scaling.apply, checked)
    spec, written = sink.arrays[0], []
    with closing(_ahead(rows)) as pieces, _flushing(sink.path) as flush:
        flow = Flow(_told(pieces, progress))
        for start, stop in pairwise(edges):
            part = _exactly(flow, stop - start, table)
            written.append(int(sink.write_pieces(ROWS, start, stop, part)[0]))
            flush(spec.path(sink.path, start // spec.chunk_rows))
    return written


@contextmanager
def _flushing(out: Location) -> Iterator[Callable[[Location], None]]:
    """Give what sends files of an output to the disk, while the next ones are made."""
    with ThreadPoolExecutor(1, thread_name_prefix="flush") as pool:
        coming: list[Future[None]] = []

        def flush(path: Location) -> None:
            if isinstance(path, Path):
                coming.append(pool.submit(flush_one, path))

        yield flush
        for each in coming:
            with output_errors(out):
                each.result()


def _checked(table: Table, start: int, stop: int | None, nonfinite: NonfiniteIn) -> Iterator[Rows]:
    for piece in table.pieces(start, stop):
        if nonfinite == "error" and not np.isfinite(piece.rows).all():
            raise _not_finite(piece, table)
        yield piece.rows


def _not_finite(piece: Piece, table: Table) -> DataError:
    row, column = np.argwhere(~np.isfinite(piece.rows))[0]
    name = repr(table.columns[column]) if table.columns else str(column)
    return DataError(
        f"All values must be finite, but row {piece.first + row:,}, column {name} of {piece.file} "
        f"is {piece.rows[row, column]} or missing. Correct it; or keep such values with nonfinite "
        "keep, and leave their rows out when fitting, with nonfinite drop."
    )


def _ahead(pieces: Iterator[Rows]) -> Generator[Rows, None, None]:
    """Give piece after piece, while a thread makes the next one."""
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as pool:
        coming = pool.submit(next, pieces, None)
        while (piece := coming.result()) is not None:
            coming = pool.submit(next, pieces, None)
            yield piece
            del piece


def _told(pieces: Iterator[Rows], progress: Progress) -> Iterator[Rows]:
    for piece in pieces:
        progress.advance(len(piece))
        yield piece


def _blocks(flow: Flow, size: int) -> Iterator[Rows]:
    while parts := list(flow.take(size)):
        yield np.concatenate(parts)


def _summaries(first: Rows, blocks: Iterator[Rows]) -> Iterator[DataSummary]:
    yield summarize(first)
    yield from map(summarize, blocks)


def _exactly(flow: Flow, n_rows: int, table: Table) -> Iterator[Rows]:
    left = n_rows
    for part in flow.take(n_rows):
        left -= len(part)
        yield part
    if left:
        raise DataError(
            f"A source must have the rows that were counted, but {table.name} ends {left:,} rows "
            "before the end of a chunk. Let nothing write to it meanwhile, and run again."
        )


def _some(n_rows: int, table: Table) -> int:
    if not n_rows:
        raise DataError(
            f"A source must have at least one row, but {table.name} has none. Check how it was "
            "made."
        )
    return n_rows
