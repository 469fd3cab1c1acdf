"""Rows per second of ingesting a parquet file, against reading it by pyarrow alone.

    python -m benchmarks.ingest [--rows N] [--folder DIR]

Four million rows of 16 columns of float64, in row groups of a million and of 100,000 rows. Reading
alone takes one row group after the other, on all threads, and drops it. The two take turns; the
ratio is taken turn by turn. What is written is flushed to the disk, as for users.
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

from dask_gmm.objects.either import remove
from dask_gmm.passes.progress import Silent
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
            turns = []
            for _ in range(TURNS):
                remove(out)
                alone = seconds(partial(read, path))
                turns.append((alone, seconds(partial(ingest, request, Silent()))))
        alone, ingested = (statistics.median(each) for each in zip(*turns[1:], strict=True))
        ratio = statistics.median(first / second for first, second in turns[1:])
        print(f"row groups of {group_rows:,} rows: {arguments.rows / alone / 1e6:.2f} million rows")
        print(f"per second read, {arguments.rows / ingested / 1e6:.2f} ingested; ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
