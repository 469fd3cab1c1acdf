"""Parquet files to read, of every kind, and ways to damage them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.data.arrays import Values

# Four row groups of a hundred rows, all different, the last one shorter.
N_ROWS, GROUP_ROWS = 370, 100
ROWS: Values = np.random.default_rng(0).standard_normal((N_ROWS, 3))
NAMES = ("a", "b", "c")


def table_of(rows: Values, names: Sequence[str] = NAMES) -> Any:
    return pa.table({name: rows[:, j] for j, name in enumerate(names)})


def write(path: Path, rows: Values, groups: Sequence[int] = (), **options: Any) -> Path:
    """Write rows in row groups of these sizes, and the rest in one more."""
    return write_table(path, table_of(rows), groups, **options)


def write_table(path: Path, table: Any, groups: Sequence[int] = (), **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(path, table.schema, **options) as writer:
        at = 0
        for size in (*groups, max(table.num_rows - sum(groups), 0)):
            if size or at < table.num_rows:
                writer.write_table(table.slice(at, size), row_group_size=max(size, 1))
            at += size
    return path


def one_file(path: Path, **options: Any) -> Path:
    """Write the rows in four row groups of one file."""
    return write(path, ROWS, (GROUP_ROWS,) * 3, **options)


def two_files(folder: Path, **options: Any) -> Path:
    """Write the rows in two files of two row groups each."""
    write(folder / "1.parquet", ROWS[:200], (GROUP_ROWS,), **options)
    write(folder / "2.parquet", ROWS[200:], (GROUP_ROWS,), **options)
    return folder


def columns_of(path: Path, group: int) -> Mapping[str, tuple[int, int]]:
    """Give where in a file the columns of a row group lie."""
    found = pq.read_metadata(path).row_group(group)
    chunks = [found.column(i) for i in range(found.num_columns)]
    return {
        each.path_in_schema: (
            each.dictionary_page_offset or each.data_page_offset,
            each.total_compressed_size,
        )
        for each in chunks
    }


def flip(path: Path, at: int) -> None:
    stored = bytearray(path.read_bytes())
    stored[at] ^= 0x10
    path.write_bytes(bytes(stored))


def flip_in(path: Path, group: int, column: str = "b") -> None:
    """Flip a bit in the values of a column of a row group."""
    start, size = columns_of(path, group)[column]
    flip(path, start + size - 100)


def _absent(path: Path) -> None:
    path.unlink()


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def _half(path: Path) -> None:
    stored = path.read_bytes()
    path.write_bytes(stored[: len(stored) // 2])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _other(path: Path) -> None:
    path.write_bytes(b"neither rows nor their names" * 10)


def _footer(path: Path) -> None:
    flip(path, path.stat().st_size - 6)


WHOLE_FILE: dict[str, Callable[[Path], None]] = {
    "absent": _absent,
    "truncated": _truncated,
    "half": _half,
    "empty": _empty,
    "other": _other,
    "footer": _footer,
}
