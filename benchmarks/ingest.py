"""Rows per second of ingesting a parquet file, against reading it by pyarrow alone.

    python -m benchmarks.ingest [--rows N] [--folder DIR]

Four million rows of 16 columns of float64, in row groups of a million and of 100,000 rows. Reading
alone takes one row group after the other, on all threads, and drops it. Writing alone puts rows
that are in memory into the same chunks, and flushes them to the disk, as ingesting does: no ingest
can take less than that. The three take turns; the ratios are taken turn by turn.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from dask_gmm.data.sink import ArraySpec, Sink
from dask_gmm.objects.either import remove
from dask_gmm.passes.progress import Silent
from dask_gmm.records.publish import flush
from dask_gmm.workflows.drawing import usual_chunk_rows
from dask_gmm.workflows.ingest import ingest
from dask_gmm.workflows.requests import IngestRequest

FEATURES = 16
GROUPS = (1_000_000, 100_000)
TURNS = 6


def write(path: Path, rows: int, group_rows: int) -> None:
    """Write random rows in row groups of so many."""
    generator = np.random.default_rng(0)
    schema = pa.schema([(f"c{number}", pa.float64()) for number in range(FEATURES)])
    with pa.parquet.ParquetWriter(path, schema, use_dictionary=False) as writer:
        for start in range(0, rows, group_rows):
            n_rows = min(group_rows, rows - start)
            columns = [generator.standard_normal(n_rows) for _ in range(FEATURES)]
            writer.write_table(pa.table(columns, schema=schema), row_group_size=group_rows)


def read(path: Path) -> None:
    """Read by pyarrow alone."""
    with pa.parquet.ParquetFile(path) as file:
        for number in range(file.num_row_groups):
            file.read_row_group(number)


def put(out: Path, rows: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> None:
    """Write rows into the chunks that an ingest makes of them."""
    array = ArraySpec("x", rows.shape, "float64", usual_chunk_rows(len(rows), rows.shape[1], 8))
    sink = Sink(out, (array,))
    sink.create({})
    for start in range(0, len(rows), array.chunk_rows):
        sink.write("x", start, rows[start : start + array.chunk_rows])
    flush(out)


def seconds(what: Callable[[], object]) -> float:
    """Time one call."""
    started = time.perf_counter()
    what()
    return time.perf_counter() - started


def main() -> None:
    """Write the files, then measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=4_000_000)
    parser.add_argument("--folder", type=Path, default=None)
    arguments = parser.parse_args()
    for group_rows in GROUPS:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            path, out = Path(folder) / "x.parquet", Path(folder) / "x.zarr"
            write(path, arguments.rows, group_rows)
            request = IngestRequest(path, out)
            values = np.random.default_rng(0).standard_normal((arguments.rows, FEATURES))
            turns = []
            for _ in range(TURNS):
                remove(out)
                alone = seconds(partial(read, path))
                written = seconds(partial(put, out, values))
                remove(out)
                turns.append((alone, written, seconds(partial(ingest, request, Silent()))))
        each = (statistics.median(times) for times in zip(*turns[1:], strict=True))
        read_, put_, ingested = (f"{arguments.rows / one / 1e6:.2f}" for one in each)
        ratio = statistics.median(first / last for first, _, last in turns[1:])
        bound = statistics.median(first / second for first, second, _ in turns[1:])
        print(f"row groups of {group_rows:,} rows: {read_} million rows per second read, {put_}")
        print(
            f"written, {ingested} ingested: {ratio:.2f} of reading (of which writing, {bound:.2f})"
        )


if __name__ == "__main__":
    main()
